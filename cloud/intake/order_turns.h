// Which panes are put in order when (orderer.h).
//
// Order      a pane waits until the frontier of its source has passed it, so that what comes in any
//            order is put in order once and not with every block; one that a later reading reaches
//            waits kLateWait, for more of them. Edges take turns.
// Found      after a restart by their rows (store::OrderedRows).
// Bounds     remembers a line for each series that has some.
// Threads    that of its rows.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "cloud/store/ordered_rows.h"
#include "cloud/store/rows.h"

namespace tidemark::intake {

class OrderTurns {
 public:
  using Pane = store::OrderedRows::Pane;
  // How far the source of the series is proved.
  using FrontierOf = std::function<EventTime(store::SeriesId)>;

  static constexpr std::chrono::seconds kLateWait{5};
  static constexpr Nanoseconds kStretch = std::chrono::hours(1);
  static constexpr std::size_t kPanesMax = 10'000;  // of a series in a turn

  OrderTurns(store::OrderedRows& rows, FrontierOf frontier)
      : rows_(rows), frontier_(std::move(frontier)) {}

  // Panes of the series wait; the first of them ends then.
  void note(store::EdgeId edge, store::SeriesId series, EventTime first_end, SteadyTime now);
  // Frontiers of the edge may have moved.
  void moved(store::EdgeId edge);
  // What is next: panes of one edge and one tier that begin within kStretch, by their start. They
  // come again until their rows are removed. Nothing when none is due.
  std::vector<Pane> next(SteadyTime now);
  // The end of time where all wait for their frontiers.
  [[nodiscard]] SteadyTime due() const;

 private:
  struct Waiting {  // of a series
    EventTime first_end{};
    SteadyTime due{};
    std::optional<Pane> first;  // that is due; empty: to be looked up
  };
  using OfEdge = std::map<store::SeriesId, Waiting>;
  std::vector<Pane> turn_of(OfEdge& waiting, SteadyTime now);
  [[nodiscard]] bool is_due(store::SeriesId series, const Waiting& waiting, SteadyTime now) const {
    return waiting.first_end <= frontier_(series) && waiting.due <= now;
  }

  store::OrderedRows& rows_;
  FrontierOf frontier_;
  std::map<store::EdgeId, OfEdge> edges_;
  std::set<store::EdgeId> to_look_at_;
  std::set<std::pair<SteadyTime, store::EdgeId>> timed_;
  store::EdgeId last_ = 0;  // whose turn it was
};

}  // namespace tidemark::intake
