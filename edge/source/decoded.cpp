#include <algorithm>
#include <utility>

#include "edge/source/source.h"

namespace tidemark::source {

void Decoded::clear() {
  for (auto& group : groups) {
    if (group.times.size() * group.columns.size() > kSpareCellsMax) continue;
    if (spares_.size() < kSparesMax) {
      spares_.push_back(std::move(group));
    } else {
      spares_[next_spare_++ % kSparesMax] = std::move(group);
    }
  }
  groups.clear();
  expected.clear();
  rejected.clear();
  poll_class.clear();
  historical_from = kNone;
  away_from = kNone;
}

Group& Decoded::add_group(std::size_t columns) {
  const auto spare = std::find_if(spares_.begin(), spares_.end(), [&](const Group& g) {
    return g.columns.size() == columns;
  });
  auto& group = groups.emplace_back();
  if (spare == spares_.end()) {
    group.columns.resize(columns);
    return group;
  }
  std::swap(*spare, spares_.back());
  group = std::move(spares_.back());
  spares_.pop_back();
  group.copy = false;
  group.times.clear();
  for (auto& c : group.columns) {
    c.series = 0;
    c.type = ValueType::f64;
    c.f64.clear();
    c.i64.clear();
    c.text.clear();
    c.present.clear();
    c.quality.clear();
  }
  return group;
}

}  // namespace tidemark::source
