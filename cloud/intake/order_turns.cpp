#include "cloud/intake/order_turns.h"

#include <algorithm>
#include <tuple>

namespace tidemark::intake {

void OrderTurns::note(store::EdgeId edge, store::SeriesId series, EventTime first_end,
                      SteadyTime now) {
  const auto frontier = frontier_(series);
  const auto [it, fresh] = edges_[edge].try_emplace(series, Waiting{first_end, {}, {}});
  auto& waiting = it->second;
  waiting.first.reset();
  if (first_end <= frontier && (fresh || waiting.first_end > frontier)) {
    waiting.due = now + kLateWait;
    timed_.emplace(waiting.due, edge);
  }
  waiting.first_end = std::min(waiting.first_end, first_end);
}

void OrderTurns::moved(store::EdgeId edge) {
  if (edges_.contains(edge)) to_look_at_.insert(edge);
}

std::vector<OrderTurns::Pane> OrderTurns::next(SteadyTime now) {
  while (!timed_.empty() && timed_.begin()->first <= now) {
    to_look_at_.insert(timed_.begin()->second);
    timed_.erase(timed_.begin());
  }
  while (!to_look_at_.empty()) {
    auto turn = to_look_at_.upper_bound(last_);
    if (turn == to_look_at_.end()) turn = to_look_at_.begin();
    last_ = *turn;
    auto& waiting = edges_[last_];
    auto panes = turn_of(waiting, now);
    if (!panes.empty()) return panes;
    to_look_at_.erase(turn);
    if (waiting.empty()) edges_.erase(last_);
  }
  return {};
}

std::vector<OrderTurns::Pane> OrderTurns::turn_of(OfEdge& waiting, SteadyTime now) {
  const auto earlier = [](const Pane& a, const Pane& b) {
    return std::tie(a.tier, a.start) < std::tie(b.tier, b.start);
  };
  std::optional<Pane> first;
  for (auto it = waiting.begin(); it != waiting.end();) {
    auto& [series, w] = *it;
    if (is_due(series, w, now) && !w.first) {
      w.first = rows_.first_unordered(series, frontier_(series));
      if (!w.first) {  // all that the frontier has passed is done
        const auto end = rows_.first_end(series);
        if (!end) {
          it = waiting.erase(it);
          continue;
        }
        w = {*end, {}, {}};
      }
    }
    if (w.first && is_due(series, w, now) && (!first || earlier(*w.first, *first))) {
      first = w.first;
    }
    ++it;
  }
  std::vector<Pane> panes;
  if (!first) return panes;
  const auto width = reconcile::width_of(first->tier);
  const auto end = first->start + std::max(width, kStretch);
  for (auto& [series, w] : waiting) {
    if (!w.first || w.first->tier != first->tier || w.first->start >= end) continue;
    if (!is_due(series, w, now)) continue;
    const auto until = std::min(end, frontier_(series) - width + Nanoseconds(1));
    const auto some = rows_.unordered(series, first->tier, first->start, until, kPanesMax);
    panes.insert(panes.end(), some.begin(), some.end());
    w.first.reset();
  }
  std::sort(panes.begin(), panes.end(), [](const Pane& a, const Pane& b) {
    return std::tie(a.start, a.series) < std::tie(b.start, b.series);
  });
  return panes;
}

SteadyTime OrderTurns::due() const {
  if (!to_look_at_.empty()) return SteadyTime::min();
  return timed_.empty() ? SteadyTime::max() : timed_.begin()->first;
}

}  // namespace tidemark::intake
