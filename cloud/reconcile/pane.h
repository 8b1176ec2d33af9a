// A pane: the readings of one series in one slice of one tier, whichever carrier brought them.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "common/base/strong.h"
#include "common/window/partial.h"
#include "common/window/summary.h"

namespace tidemark::reconcile {

// A window that an edge computed: cumulative within its incarnation, so kept by itself and
// replaced.
struct EdgePartial {
  std::int64_t start = 0;
  std::int64_t size = 0;
  Incarnation incarnation;
  std::uint64_t revision = 0;
  window::Partial state;
};

struct Pane {
  explicit Pane(ValueType type = ValueType::f64) : rows(type) {}
  window::Partial rows;                     // raw readings
  std::unique_ptr<window::Extras> extras;   // of rows; null: nobody asks for any
  std::vector<EdgePartial> windows;         // sorted by (start, size, incarnation)

  // Readings that come from now on enter these parts, too.
  void want(const window::Parts& parts, const window::OrderedOptions& options);
  // Values [first, first + times.size()) of a column; but for their order, which is runs'.
  void add(std::span<const std::int64_t> times, const Column& column, std::size_t first);
  void add(std::int64_t time, const Column& column, std::size_t value);
  // All that another one holds, which has neither windows nor runs.
  void join(const Pane& other);
  // False when this or a higher revision is here already.
  bool replace(EdgePartial partial);
  // All that a finer one holds. False when only the order of some is known then: readings of the
  // two interleave, or the finer one did not know it of all of its own.
  bool take(const Pane& finer, const window::OrderedOptions& options);
  [[nodiscard]] std::uint64_t readings() const;  // bad ones too
  void add_to(window::Partial& sum) const;
  void add_to(window::Summary& sum, const window::OrderedOptions& options) const;
  // Of a pane that reaches beyond [from, to): merges what lies inside for certain. Returns how many
  // readings may lie inside or not.
  std::uint64_t add_certain(EventTime from, EventTime to, window::Summary& sum,
                            const window::OrderedOptions& options) const;
  // The first and the last value of all; nothing without values.
  struct Ends {
    window::OrderedSample first, last;
  };
  [[nodiscard]] std::optional<Ends> ends() const;

  // Every raw reading is in these parts, made with these options.
  [[nodiscard]] bool covers(const window::Parts& parts,
                            const window::OrderedOptions& options) const;

  void encode(ByteWriter& out) const;
  static Result<Pane> decode(ByteSpan bytes);
};

// The last value before a time, found in the panes that start before it.
struct Before {
  std::optional<window::OrderedSample> sample;
  // From there on a pane has values on both sides of the time, of which it says no more than first
  // and last.
  std::optional<EventTime> unsure_from;

  // Panes of a tier, newest first; true when the tier has no later value.
  bool take(EventTime start, const Pane& pane, EventTime t);
};

}  // namespace tidemark::reconcile
