#include "cloud/reconcile/off_times.h"

#include <algorithm>

namespace tidemark::reconcile {

bool OffTimes::add(Span span) {
  if (span.from == kEventTimeMin || span.from >= span.until) return false;
  const auto at = std::lower_bound(spans_.begin(), spans_.end(), span);
  if (at != spans_.end() && *at == span) return false;
  spans_.insert(at, span);
  if (spans_.size() > kSpansMax) spans_.erase(spans_.begin());
  return true;
}

std::vector<OffTimes::Span> OffTimes::meeting(EventTime from, EventTime to) const {
  std::vector<Span> met;
  for (const auto& span : spans_) {
    if (span.from >= to) break;
    if (span.until > from) met.push_back(span);
  }
  return met;
}

Nanoseconds covered(const std::vector<OffTimes::Span>& spans, EventTime from, EventTime to) {
  Nanoseconds sum{};
  auto reached = from;
  for (const auto& span : spans) {
    const auto begin = std::max(reached, span.from);
    const auto end = std::min(to, span.until);
    if (begin >= end) continue;
    sum += end - begin;
    reached = end;
  }
  return sum;
}

}  // namespace tidemark::reconcile
