#include "cloud/query/sums.h"

#include <algorithm>

namespace tidemark::query {

window::Summary& Sums::slice(EventTime time) {
  return slices_.try_emplace(slice_of(time), type_, parts_).first->second;
}

void Sums::add(EventTime start, EventTime end, const window::Summary& state) {
  const auto& partial = state.partial();
  if (partial.count() == 0 || partial.type() != type_ || end <= from_ || start >= to_) return;
  const auto slice_end = width_ == Nanoseconds{} ? to_ : slice_of(start) + width_;
  if (start >= from_ && end <= std::min(slice_end, to_)) {
    slice(start).merge(state);
    return;
  }
  wide_.emplace(start, Wide{end, state});
  widest_ = std::max(widest_, end - start);
}

void Sums::lack(EventTime start, EventTime end, std::uint64_t readings) {
  lacks_.push_back({start, end, readings});
}

void Sums::find(EventTime start, EventTime end, Found& found) const {
  for (auto it = slices_.lower_bound(slice_of(start)); it != slices_.end() && it->first < end;
       ++it) {
    found.sum.merge(it->second);
  }
  for (auto it = wide_.lower_bound(start - widest_); it != wide_.end() && it->first < end; ++it) {
    if (it->second.end <= start) continue;
    if (it->first >= start && it->second.end <= end) {
      found.sum.merge(it->second.state);
    } else {
      found.unplaced += it->second.state.partial().count();
    }
  }
  const auto first = std::partition_point(lacks_.begin(), lacks_.end(),
                                          [&](const Lack& l) { return l.end <= start; });
  for (auto it = first; it != lacks_.end() && it->start < end; ++it) {
    found.forgotten += it->readings;
  }
}

std::optional<window::OrderedSample> Sums::before(EventTime start) const {
  std::optional<window::OrderedSample> last;
  if (type_ == ValueType::text) return last;
  const auto take = [&](const window::Summary& state) {
    if (state.partial().count() == 0) return false;
    const auto sample = window::sample_of(state.partial().last());
    if (!last || window::comes_before(type_, *last, sample)) last = sample;
    return true;
  };
  for (auto it = slices_.lower_bound(start); it != slices_.begin();) {
    if (take((--it)->second)) break;
  }
  for (auto it = wide_.lower_bound(start); it != wide_.begin();) {
    --it;
    if (it->second.end <= start && take(it->second.state)) break;
  }
  return last;
}

}  // namespace tidemark::query
