// The ordered part of a pane: what its readings say by their order of time, as runs that do not
// interleave (semantics E16). Blocks come in any order; each brings a run, and runs with nothing
// expected between them are joined. What comes in the middle of a run cannot be put there any
// more: it is left out, so that count() falls behind the pane's, until the runs are made anew from
// readings that are kept elsewhere.
//
// State      how runs are cut depends on the order of arrival; what they say together does not.
// Bounds     kRunsMax runs, beyond it the two that are nearest to each other are joined.
// Threads    one at a time.
#pragma once

#include <span>
#include <vector>

#include "common/window/ordered.h"

namespace tidemark::window {

class Runs {
 public:
  static constexpr std::size_t kRunsMax = 8;

  // Of options only what the runs say inside counts later on; with `states`, the time in each, too.
  Runs(ValueType type, const OrderedOptions& options, bool states);
  // Readings by (time, value). False, and nothing is taken, when others lie between them.
  bool add(std::span<const OrderedSample> readings, const OrderedOptions& options);
  // All of `other` that does not interleave; false when something of it does.
  bool merge(const Runs& other, const OrderedOptions& options);
  bool insert(Ordered run, const OrderedOptions& options);
  // Starts anew with these readings, which are all.
  void replace(std::span<const OrderedSample> readings, const OrderedOptions& options,
               bool states);

  [[nodiscard]] std::uint64_t count() const;
  // Made with these options, and with states if they are asked for.
  [[nodiscard]] bool serve(const OrderedOptions& options, bool states) const;
  [[nodiscard]] bool has_states() const { return states_; }
  [[nodiscard]] const std::vector<Ordered>& runs() const { return runs_; }

  void encode(ByteWriter& out) const;
  static Runs decode(ByteReader& in, ValueType type);  // what is no runs makes `in` fail

 private:
  explicit Runs(ValueType type) : type_(type) {}
  void join_near(const OrderedOptions& options);
  [[nodiscard]] OrderedOptions with_own_states(const OrderedOptions& options) const;

  ValueType type_;
  std::int64_t max_hold_ = 0;
  std::uint64_t rollover_ = 0;  // bits
  bool states_ = false;
  std::vector<Ordered> runs_;  // by time
};

}  // namespace tidemark::window
