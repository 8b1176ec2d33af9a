// A pane: the readings of one series in one slice of one tier, whichever carrier brought them.
#pragma once

#include <vector>

#include "common/base/strong.h"
#include "common/window/partial.h"

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
  window::Partial rows;              // raw readings
  std::vector<EdgePartial> windows;  // sorted by (start, size, incarnation)

  // False when this or a higher revision is here already.
  bool replace(EdgePartial partial);
  [[nodiscard]] std::uint64_t readings() const;  // bad ones too
  void add_to(window::Partial& sum) const;
  // Of a pane that reaches beyond [from, to): merges what lies inside for certain. Returns how many
  // readings may lie inside or not.
  std::uint64_t add_certain(EventTime from, EventTime to, window::Partial& sum) const;

  void encode(ByteWriter& out) const;
  static Result<Pane> decode(ByteSpan bytes);
};

}  // namespace tidemark::reconcile
