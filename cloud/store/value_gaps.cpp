#include "cloud/store/value_gaps.h"

#include <algorithm>
#include <iterator>

namespace tidemark::store {

void ValueGaps::found(std::uint32_t series, reconcile::Tier tier, EventTime from, EventTime to) {
  if (from >= to) return;
  if (stretches_ >= kStretchesMax) {
    all_.clear();
    stretches_ = 0;
  }
  auto& of = all_[key(series, tier)];
  auto near = of.upper_bound(to);
  while (near != of.begin() && std::prev(near)->second >= from) {
    --near;
    from = std::min(from, near->first);
    to = std::max(to, near->second);
    near = of.erase(near);
    --stretches_;
  }
  of.emplace(from, to);
  ++stretches_;
}

void ValueGaps::changed(std::uint32_t series, reconcile::Tier tier, EventTime start) {
  if (empty()) return;
  const auto it = all_.find(key(series, tier));
  if (it == all_.end()) return;
  auto& of = it->second;
  const auto next = of.upper_bound(start);
  if (next == of.begin()) return;
  const auto [from, to] = *std::prev(next);
  if (start >= to) return;
  of.erase(std::prev(next));
  --stretches_;
  found(series, tier, from, start);
  found(series, tier, start + Nanoseconds(1), to);
}

EventTime ValueGaps::back_from(std::uint32_t series, reconcile::Tier tier, EventTime t) const {
  const auto it = all_.find(key(series, tier));
  if (it == all_.end()) return t;
  const auto next = it->second.lower_bound(t);
  if (next == it->second.begin()) return t;
  const auto [from, to] = *std::prev(next);
  return t <= to ? from : t;
}

EventTime ValueGaps::on_from(std::uint32_t series, reconcile::Tier tier, EventTime t) const {
  const auto it = all_.find(key(series, tier));
  if (it == all_.end()) return t;
  const auto next = it->second.upper_bound(t);
  if (next == it->second.begin()) return t;
  const auto [from, to] = *std::prev(next);
  return t < to ? to : t;
}

}  // namespace tidemark::store
