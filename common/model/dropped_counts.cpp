#include "common/model/dropped_counts.h"

#include <algorithm>
#include <iterator>
#include <limits>

namespace tidemark {
namespace {

DroppedCounts both(const DroppedCounts& a, const DroppedCounts& b) {
  return {std::min(a.first, b.first), std::max(a.last, b.last), std::max(a.number, b.number),
          a.readings + b.readings,
          // Blocks prove nothing of the one that is not by a bound, so of both they do not.
          a.why == b.why ? a.why : DroppedCounts::Why::start};
}

std::int64_t minutes_of(const DroppedCounts& d) { return d.last - d.first + 1; }

// Minutes that one of the two would say, and does not say yet or under so new a number.
std::int64_t cost_of(const DroppedCounts& a, const DroppedCounts& b) {
  constexpr std::int64_t kOfTwoKinds = std::int64_t{1} << 50;
  const auto kept = a.number == b.number ? std::max(minutes_of(a), minutes_of(b))
                                         : minutes_of(a.number > b.number ? a : b);
  return minutes_of(both(a, b)) - kept + (a.why == b.why ? 0 : kOfTwoKinds);
}

void bound(std::vector<DroppedCounts>& all, std::size_t max) {
  while (all.size() > max) {
    auto best = std::numeric_limits<std::int64_t>::max();
    std::size_t at = 0;
    for (std::size_t i = 0; i + 1 < all.size(); ++i) {
      const auto cost = cost_of(all[i], all[i + 1]);
      if (cost > best) continue;
      const bool older = std::max(all[i].number, all[i + 1].number) <
                         std::max(all[at].number, all[at + 1].number);
      if (cost == best && !older) continue;
      best = cost;
      at = i;
    }
    all[at] = both(all[at], all[at + 1]);
    all.erase(all.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
}

bool by_time(const DroppedCounts& a, const DroppedCounts& b) {
  return a.first != b.first ? a.first < b.first : a.last < b.last;
}

}  // namespace

void add_dropped(std::vector<DroppedCounts>& all, const DroppedCounts& more, std::size_t max) {
  auto at = std::lower_bound(all.begin(), all.end(), more, by_time);
  for (auto same = at; same != all.end() && !by_time(more, *same); ++same) {
    if (same->why != more.why) continue;
    *same = both(*same, more);
    return;
  }
  all.insert(at, more);
  bound(all, max);
}

std::vector<DroppedCounts> dropped_since(const std::vector<DroppedCounts>& all,
                                         std::uint64_t acknowledged, std::size_t max) {
  std::vector<DroppedCounts> out;
  for (const auto& d : all) {
    if (d.number <= acknowledged) continue;
    const auto meets = std::find_if(out.rbegin(), out.rend(), [&](const DroppedCounts& o) {
      return o.why == d.why && d.first <= o.last + 1;
    });
    if (meets == out.rend()) {
      out.push_back(d);
    } else {
      *meets = both(*meets, d);
    }
  }
  bound(out, max);
  return out;
}

}  // namespace tidemark
