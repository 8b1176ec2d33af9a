// When which window of which view is answered: early while readings come, at the seal, and again
// when late readings change it.
//
// Promise    each changed emission raises the window's revision and the node's position; a window
//            is sealed only when its source's frontier has passed its end; what is pending is found
//            again after a restart.
// Revisions  of a window come at most once in its view's revision_interval, and once at the seal.
// Bounds     emit() looks at about `budget` windows; the rest waits for the next call. A silent
//            stretch is answered with at most kSilentWindowsMax windows of no readings; those that
//            one batch opens before the first windows of its series are kExtendedMax together.
// Threads    that of its Store, inside a batch.
#pragma once

#include <deque>
#include <set>
#include <unordered_map>

#include "cloud/answers/cause.h"
#include "cloud/answers/judge.h"
#include "cloud/answers/late_minutes.h"
#include "cloud/answers/view.h"
#include "cloud/store/store.h"

namespace tidemark::answers {

class Emitter {
 public:
  static constexpr std::size_t kSilentWindowsMax = 10'080;
  // Silent windows before the first one, that readings of one batch have answered.
  static constexpr std::size_t kExtendedMax = 100'000;

  // Names what a window still waits for, or why it stays incomplete.
  using NameMissing = std::function<void(const store::SeriesRow&, const Answer&,
                                         const Basis&, std::vector<Missing>&)>;

  // Times in [from, to) at which the edge of a series was switched off.
  using Off = std::function<std::vector<reconcile::OffTimes::Span>(const store::SeriesRow&,
                                                                   EventTime, EventTime)>;

  // Whether the edge of a series may have evicted or lost blocks of about that time.
  using GaveUp = std::function<bool(const store::SeriesRow&, EventTime)>;

  Emitter(store::Store& store, std::vector<View> views, const reconcile::Horizons& horizons,
          NameMissing name_missing, Off off, GaveUp gave_up);
  // Reads what an earlier run left. Before add_series().
  Result<> load();
  void add_series(const store::SeriesRow& row, const std::string& full_name, EventTime frontier,
                  SteadyTime now);
  // Its source is another from now on, and so is the frontier that seals its windows. News of its
  // earlier sources go on reaching it.
  void move_series(const store::SeriesRow& row, EventTime frontier);
  // Its row says something else of it, and its source is the same.
  void describe(const store::SeriesRow& row);
  // The frontier that is furthest behind of all series that belong to the source, or ever did.
  [[nodiscard]] EventTime slowest(store::SourceId source) const;
  // The finest panes that the views over this series need.
  [[nodiscard]] reconcile::Tier finest(const std::string& full_name) const;

  // Readings came into [start, start + size) of the series.
  void touch(store::SeriesId series, EventTime start, Nanoseconds size, std::uint64_t readings,
             Cause cause, SteadyTime now);
  // What is known of a minute of a source changed after it was proved: the source amended its
  // counts, or readings came, perhaps of one series only. The completeness of all of them rests on
  // it. Those that were sealed are looked at in their turn.
  void touch_minute(store::SourceId source, EventTime minute, Cause cause, SteadyTime now);
  // A person had the panes of [from, to) made anew: windows that are still kept as finely are
  // revised, and frozen ones that are exact all the same.
  void reopen(store::SeriesId series, EventTime from, EventTime to, SteadyTime now);
  void advance(store::SourceId source, EventTime frontier);
  // The edge says that it has taken all that is older, wherever that is now: windows of views that
  // ask for a share of it may be answered.
  void stated(store::SourceId source, EventTime sealed_until);
  // Pending revisions as rows: before emit() of the same batch they are here only. emit() does it.
  void write_pending();
  // Writes what is due; how many.
  std::size_t emit(SteadyTime now, EventTime wall, std::size_t budget);
  // When emit() has something to do next; the end of time when nothing is pending.
  [[nodiscard]] SteadyTime due() const;
  // Windows that wait for their turn: by the time that coalesces them, or by the budget.
  [[nodiscard]] std::size_t waiting() const;
  [[nodiscard]] std::uint64_t position() const { return position_; }
  [[nodiscard]] std::uint64_t emitted() const { return emitted_; }
  // Removes superseded revisions that became known before this, up to `limit` of them.
  void prune(EventTime known_before, std::size_t limit);
  // Removes the answers of windows that start before what `before` says of their view.
  void forget(store::SeriesId series, const std::function<EventTime(const View&)>& before);

 private:
  using SlotId = std::uint32_t;
  struct Pending {
    SteadyTime due;
    Cause cause = Cause::none;
  };
  struct Slot {  // one series of one view
    std::uint32_t view = 0;  // index into views_
    store::SeriesId series = 0;
    EventTime begins = kEventTimeMin;     // first window, once anything is sealed
    EventTime sealed_to = kEventTimeMin;  // all windows before are sealed
    std::size_t silent = 0;               // windows without readings in a row
    bool queued = false;                  // in sealing_
    std::map<EventTime, Pending> pending;
    bool near = false;                    // in near_
    std::set<EventTime> told;             // windows answered for their share, not sealed yet
    [[nodiscard]] bool begun() const { return begins != kEventTimeMin; }
  };
  struct Queued {
    SteadyTime due;
    SlotId slot;
    EventTime start;
  };
  struct ViewState {
    View view;
    Grid grid{Nanoseconds{}};
    std::int64_t id = 0;
    std::deque<Queued> early;      // in order of due
    std::deque<Queued> revisions;  // in order of due
  };
  struct SeriesState {
    store::SeriesRow row;
    std::string name;
    std::vector<SlotId> slots;
  };

  void add_slot(SeriesState& series, std::uint32_t view, SteadyTime now);
  void pend(SlotId id, EventTime start, Cause cause, SteadyTime now);
  void extend_back(SlotId id, EventTime start, Cause cause, SteadyTime now);
  std::size_t emit_queue(std::deque<Queued>& queue, SteadyTime now, EventTime wall,
                         std::size_t budget);
  std::size_t seal(SlotId id, EventTime wall, std::size_t budget);
  // Answers windows that are taken in full and here for the share that the view asks for.
  std::size_t answer_near(SlotId id, EventTime wall);
  void note_near(SlotId id);
  std::size_t answer_late(SteadyTime now, EventTime wall, std::size_t budget);
  // Windows of one slot that the turn's next minute reaches; how many.
  std::size_t answer_minute(SlotId id, LateMinutes::Turn& turn, SteadyTime now, EventTime wall);
  void revise(SlotId id, EventTime start, Cause cause, SteadyTime now, EventTime wall);
  // True when the window has readings. `before`: what it says now.
  bool emit_window(SlotId id, EventTime start, Cause cause, EventTime wall,
                   const std::optional<Answer>& before);
  bool emit_window(SlotId id, EventTime start, Cause cause, EventTime wall);
  // The readings of a window are merged into `sum`.
  Basis look(const ViewState& view, const SeriesState& series, EventTime start,
             window::Partial& sum);
  Answer compute(const ViewState& view, const SeriesState& series, EventTime start, Cause cause,
                 const std::optional<Answer>& before, const Basis& basis,
                 const window::Partial& sum);
  std::optional<Answer> current(const ViewState& view, const Slot& slot, EventTime start);
  [[nodiscard]] EventTime frontier_of(store::SourceId source) const;
  void add_to_source(store::SourceId source, store::SeriesId series);
  // Of all sources that the series has belonged to.
  reconcile::ManifestSum minutes_of(const store::SeriesRow& row, EventTime from, EventTime to);
  // Windows that start before are frozen: their panes have merged into wider ones.
  [[nodiscard]] EventTime frozen_before(const Slot& slot) const;

  store::Store& store_;
  reconcile::Horizons horizons_;
  NameMissing name_missing_;
  Off off_;
  GaveUp gave_up_;
  std::vector<ViewState> views_;
  std::vector<Slot> slots_;
  std::unordered_map<store::SeriesId, SeriesState> series_;
  std::unordered_map<store::SourceId, std::vector<store::SeriesId>> by_source_;
  std::unordered_map<store::SourceId, EventTime> frontiers_;
  std::unordered_map<store::SourceId, EventTime> stated_;
  std::deque<SlotId> sealing_;
  LateMinutes late_;
  Nanoseconds late_wait_{};   // the shortest revision_interval
  std::vector<SlotId> near_;  // something happened to their windows in this batch
  std::uint64_t position_ = 0;
  std::uint64_t emitted_ = 0;
  std::size_t extended_ = 0;  // since the last emit()
  sqlite::Statement select_views_, add_view_, retire_views_, slot_, save_slot_, current_,
      add_history_, save_answer_, add_due_, remove_due_, due_, position_of_, prune_end_, prune_,
      forget_history_, forget_answers_;
  struct Due {  // pending revisions of this batch, written when it ends
    std::uint32_t view;
    store::SeriesId series;
    EventTime start;
    Cause cause;
  };
  std::vector<Due> due_rows_;
  ByteVector scratch_;
};

}  // namespace tidemark::answers
