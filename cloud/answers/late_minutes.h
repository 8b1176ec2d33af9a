// Minutes of sources of which something became known after they were sealed: counts that were
// amended, readings of one series perhaps. Every series of the source has windows there whose
// completeness rests on it; they are looked at when the minute's turn comes.
//
// Promise    what was added and not finished is found again after a restart; a minute that waits is
//            one line, however many series its source has.
// Order      of the sources by due; the minutes of one source in one turn, by time.
// Bounds     kHeldMax minutes in memory; more wait in their rows until there is room.
// Threads    that of its Database, inside a batch.
#pragma once

#include <deque>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cloud/answers/cause.h"
#include "cloud/answers/window_map.h"
#include "cloud/store/rows.h"
#include "common/base/time.h"

namespace tidemark::answers {

class LateMinutes {
 public:
  static constexpr std::size_t kHeldMax = 100'000;

  explicit LateMinutes(sqlite::Database& database);

  // `minute` is its start. The cause that came first stands.
  void add(store::SourceId source, EventTime minute, Cause cause, SteadyTime due);
  // Minutes of this batch as rows.
  void write();

  // How far the windows of one source's minutes have been looked at: who does it moves the indices.
  struct Turn {
    store::SourceId source = 0;
    std::vector<std::pair<EventTime, Cause>> minutes;
    std::size_t series = 0, slot = 0, minute = 0;
  };
  // The one under way, or the next that is due; null when there is none.
  [[nodiscard]] Turn* turn(SteadyTime now);
  void finish();
  [[nodiscard]] bool under_way() const { return under_way_; }
  // The start of time while a turn is under way, the end of time when nothing waits.
  [[nodiscard]] SteadyTime due() const;

 private:
  struct Source {
    SteadyTime due;
    WindowMap<Cause> waiting;
  };
  struct Row {
    store::SourceId source;
    EventTime minute;
    Cause cause;
  };
  void hold(store::SourceId source, EventTime minute, Cause cause, SteadyTime due);
  void load();

  std::unordered_map<store::SourceId, Source> sources_;
  std::deque<std::pair<SteadyTime, store::SourceId>> order_;
  std::vector<Row> rows_;
  Turn turn_;
  bool under_way_ = false;
  std::size_t held_ = 0;
  bool more_in_rows_ = true;  // perhaps: what an earlier run left
  sqlite::Statement add_, remove_, some_;
};

}  // namespace tidemark::answers
