// What a window holds of one series, and the figures that people see of it. Beyond the partial,
// which everything has, there are parts that only those carry of whom somebody asks for it.
//
// Parts      ordered: twa, integral, increase · states: time_in_state · sketch: p50, p99.9 ·
//            distinct: distinct.
// Order      readings, panes and sums of edges are added in any order; close() then looks at the
//            borders of the window. The closed summaries of other series, of the same type and
//            exponent, are merged in any order.
// Exact      a figure is exact when its part holds every reading that the partial holds.
// Threads    one at a time.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/window/distinct.h"
#include "common/window/ordered.h"
#include "common/window/partial.h"
#include "common/window/quantile.h"
#include "common/window/runs.h"
#include "common/window/sketch.h"

namespace tidemark::window {

struct Parts {
  bool ordered = false;
  bool states = false;  // ordered, too
  bool sketch = false;
  bool distinct = false;

  // Those that figures of these names need of a series of this type.
  static Parts of(std::span<const std::string> aggregates, ValueType type);
  void add(const Parts& other);
  [[nodiscard]] bool any() const { return ordered || sketch || distinct; }
  friend bool operator==(const Parts&, const Parts&) = default;
};

// Fault::bad_input for a name that is no aggregate, with those that are known.
Result<> check_aggregate(std::string_view name);

// The parts of a pane.
struct Extras {
  std::optional<Runs> runs;
  std::optional<Sketch> sketch;
  std::optional<Distinct> distinct;

  // Makes what is missing of `parts`. What a pane held before is not in it.
  void want(const Parts& parts, ValueType type, const OrderedOptions& options);
  // All but the runs, of what enters values: for good and finite ones only.
  void add(const Column& column, std::size_t value);
  void add(const Column& column, std::size_t first, std::size_t n);  // all of these do
  // What `other` holds, too, in none of the parts that this one lacks. False when runs interleave,
  // or were made with other options: then those of `other` are left out.
  bool merge(const Extras& other, ValueType type, const OrderedOptions& options);

  void encode(ByteWriter& out) const;
  static Extras decode(ByteReader& in, ValueType type);  // what is none makes `in` fail
};

// The i-th value of a column as a sample. Nothing for what enters no values: bad, not finite, text.
std::optional<OrderedSample> sample_of(std::int64_t time, const Column& column, std::size_t value);

class Summary {
 public:
  explicit Summary(ValueType type, const Parts& parts = {});

  // One reading, as Partial::add().
  void add(std::int64_t time, const Column& column, std::size_t value);
  // A pane: `extras` of its raw readings, if it has any.
  void add(const Partial& rows, const Extras* extras, const OrderedOptions& options);
  // What an edge summed: of its order the ends are left, and no sketch.
  void add_sum(const Partial& state, const OrderedOptions& options);
  // All that another one has gathered or, when both are closed, says.
  void merge(const Summary& other);
  // Readings come no more, and all lie in [begin, end). `before` is the reading before it, if there
  // is one. False when parts of what was gathered interleave: their order is not known.
  bool close(std::int64_t begin, std::int64_t end, const std::optional<OrderedSample>& before,
             const OrderedOptions& options);
  // What depends on order is approximate. Of a closed one.
  void doubt();

  // Of a closed one. Canonical: equal state, equal bytes (FORMAT.md).
  void encode(ByteWriter& out) const;
  // Fault::bad_input for what encode() cannot have written, unsupported for a newer version.
  static Result<Summary> decode(ByteReader& in);

  [[nodiscard]] const Partial& partial() const { return partial_; }
  [[nodiscard]] const Parts& parts() const { return parts_; }
  [[nodiscard]] const std::optional<Totals>& totals() const { return totals_; }  // once closed
  [[nodiscard]] const std::optional<Sketch>& sketch() const { return sketch_; }
  [[nodiscard]] const std::optional<Distinct>& distinct() const { return distinct_; }
  [[nodiscard]] std::uint64_t in_order() const { return in_order_; }  // readings in totals()

 private:
  Partial partial_;
  Parts parts_;
  std::optional<Sketch> sketch_;
  std::optional<Distinct> distinct_;
  std::optional<Totals> totals_;
  std::uint64_t in_order_ = 0;
  std::vector<Ordered> runs_;         // in any order, until it is closed
  std::vector<OrderedSample> loose_;  // likewise
};

// The figures of a closed summary, each rounded once from exact state.
class Figures {
 public:
  // `exponent` is the series' decimal exponent; `stddev` as for Aggregates::of().
  Figures(const Summary& summary, int exponent, bool stddev = true);
  // Empty where there is none: no readings, nothing to compare with, not of this type.
  [[nodiscard]] std::optional<double> get(std::string_view name) const;
  // False when get() does not stand on every reading, or is an estimate.
  [[nodiscard]] bool exact(std::string_view name) const;
  [[nodiscard]] const Aggregates& plain() const { return plain_; }
  [[nodiscard]] const Totals::Figures& ordered() const { return ordered_; }
  // time_in_state: seconds by state, as numbers, true, false, and "other".
  [[nodiscard]] const std::vector<std::pair<std::string, double>>& states() const {
    return states_;
  }

 private:
  const Summary& summary_;
  int exponent_;
  Aggregates plain_;
  Totals::Figures ordered_;
  std::vector<std::pair<std::string, double>> states_;
};

}  // namespace tidemark::window
