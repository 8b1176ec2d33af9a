// When nobody listened: the spans of event time in which an edge was switched off, as its closings
// say.
//
// Bounds     kSpansMax spans; beyond it the oldest is forgotten, and its time shows as not heard
//            without the reason.
#pragma once

#include <cstddef>
#include <vector>

#include "common/base/time.h"

namespace tidemark::reconcile {

class OffTimes {
 public:
  static constexpr std::size_t kSpansMax = 4096;
  struct Span {
    EventTime from;
    EventTime until;
    friend auto operator<=>(const Span&, const Span&) = default;
  };

  // False when it is empty or known.
  bool add(Span span);
  // Those that meet [from, to), in order.
  [[nodiscard]] std::vector<Span> meeting(EventTime from, EventTime to) const;
  [[nodiscard]] const std::vector<Span>& spans() const { return spans_; }

 private:
  std::vector<Span> spans_;  // sorted; may overlap where an edge's clock jumped
};

// How much of [from, to) they cover. `spans` are in order.
Nanoseconds covered(const std::vector<OffTimes::Span>& spans, EventTime from, EventTime to);

}  // namespace tidemark::reconcile
