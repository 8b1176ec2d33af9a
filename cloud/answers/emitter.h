// When which window of which view is answered: early while readings come, at the seal, and again
// when late readings change it.
//
// Promise    each changed emission raises the window's revision and the node's position; a window
//            is sealed only when its source's frontier has passed its end; what is pending is found
//            again after a restart.
// Revisions  of a window come at most once in its view's revision_interval, and once at the seal.
// Groups     a view without "series" in its group_by answers for groups of series, also of several
//            edges (group_rows.h). A window of a group is the sum of its members' panes: what each
//            edge has of it is kept as a row (partial_rows.h) and made anew, whole, when something
//            that it was made of changed (partials.cpp), so that repetition is harmless. It is
//            sealed once every member's source is past its end, provisional answers come as for
//            others. What of a group waits is found again after a restart.
// Parted     where this is the store of one partition of several, such a view has two sides here:
//            what the partition's series have of its groups is written down to be said to others
//            (shares.cpp), and the groups that are this partition's to answer for are put together
//            from what all say (merged.cpp).
// Waived     a source that a person retired or waived holds no window back (waived.cpp).
// Turns      windows that a live source seals come first; of what is left of the budget the seals
//            of who was away take half while others wait, then every view's provisional answers and
//            revisions, then news of sealed minutes.
// Frozen     is a window behind the horizon, when the panes of some of its readings are wider than
//            it. One that was not sealed by then says so for good (State::frozen). Of a group that
//            follows from its members' panes: whose clock is ahead, or who no longer belongs to it,
//            freezes nobody else's windows.
// Bounds     emit() looks at about `budget` windows, of which one counts more the longer it is, and
//            one of a group the more members and rows of edges it reads; the rest waits for the
//            next call. A series beyond kMembersMax is not taken into a group, and the group's
//            answers say so. A series that has changed its group in a view kMovesMax times stays
//            where it is until the first of these is forgotten, which on_bound is told; groups of
//            which no member and no answer is kept go. Of a slot kEarlyMax windows wait for a
//            provisional answer; more, of a backlog, are answered when they are touched again, or
//            sealed. A silent stretch is answered with at most kSilentWindowsMax windows of no
//            readings; those that one batch opens before the first windows of its series are
//            kExtendedMax together.
// Published  are windows that were answered in the topic before this node got the partition
//            (published_rows.h): none is answered anew before this store's input is where that of
//            who answered was; what is the same then stays as it is, else a revision follows it.
//            Those of a series or group that is not known here wait until it is, as long as
//            superseded revisions are kept.
// Threads    that of its Store, inside a batch.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>

#include "cloud/answers/cause.h"
#include "cloud/answers/group_judge.h"
#include "cloud/answers/group_rows.h"
#include "cloud/answers/group_sum.h"
#include "cloud/answers/judge.h"
#include "cloud/answers/late_minutes.h"
#include "cloud/answers/pair_rows.h"
#include "cloud/answers/partial_rows.h"
#include "cloud/answers/published_rows.h"
#include "cloud/answers/second_stage.h"
#include "cloud/answers/slot_rows.h"
#include "cloud/answers/view.h"
#include "cloud/answers/view_log.h"
#include "cloud/answers/window_map.h"
#include "cloud/answers/windows_due.h"
#include "cloud/store/store.h"
#include "cloud/store/waiver_rows.h"

namespace tidemark::answers {

class Emitter {
 public:
  static constexpr std::size_t kSilentWindowsMax = 10'080;
  // Silent windows before the first one, that readings of one batch have answered.
  static constexpr std::size_t kExtendedMax = 100'000;
  // Of a group: the time that its values were held in a window of 31 days, in ns, stays in 64 bits.
  static constexpr std::size_t kMembersMax = 4096;
  // Members, rows, or minutes of panes, that cost a window's look.
  static constexpr std::size_t kPartsOfOneCost = 16;
  static constexpr std::size_t kWindowsOfOneBlock = 2;  // which cost what reading a block does
  // Of one series in one view: groups that it belonged to and of which answers are kept.
  static constexpr std::size_t kMovesMax = 16;
  // Windows of a slot that wait for a provisional answer, and that were answered for their share.
  static constexpr std::size_t kEarlyMax = 1000;
  // Windows that one late reading changes by the value that it holds, or that one frontier proves;
  // more wait in their stretch.
  static constexpr std::size_t kHeldAtOnce = 1000;

  // Names what a window still waits for, or why it stays incomplete.
  // It may also doubt what the answer says by the basis.
  using NameMissing = std::function<void(const store::SeriesRow&, Answer&, const Basis&,
                                         std::vector<Missing>&)>;

  // Times in [from, to) at which the edge of a series was switched off.
  using Off = std::function<std::vector<reconcile::OffTimes::Span>(const store::SeriesRow&,
                                                                   EventTime, EventTime)>;

  // Notes what the edge of a series may have given up of [from, to): none_given_up, uncounted.
  using GaveUp = std::function<void(const store::SeriesRow&, EventTime, EventTime, Basis&)>;

  // Good readings of these series in [from, to) as the archive has them, each in samples of its
  // own, in any order; how many blocks were looked at. Fault::full when there are too many.
  using ReadRaw = std::function<Result<std::uint64_t>(
      std::span<const store::SeriesRow* const>, EventTime from, EventTime to,
      std::vector<std::vector<Sample>>& samples)>;

  // `partitions`: of which the store has one; 0: it has all there is.
  Emitter(store::Store& store, std::vector<View> views, const reconcile::Horizons& horizons,
          NameMissing name_missing, Off off, GaveUp gave_up, ReadRaw read_raw,
          std::uint32_t partitions);
  // A bound of what one edge's series may do was met, in words.
  std::function<void(const store::SeriesRow&, const std::string&)> on_bound;
  // Reads what an earlier run left. Before add_series().
  Result<> load(EventTime wall);
  // All series of earlier runs have been added.
  void note_loaded() { slot_rows_.let_go(); }
  void add_series(const store::SeriesRow& row, const std::string& full_name, const Labels& labels,
                  EventTime frontier, SteadyTime now);
  // Its source is another from now on, and so is the frontier that seals its windows. News of its
  // earlier sources go on reaching it.
  void move_series(const store::SeriesRow& row, EventTime frontier, SteadyTime now);
  // Its row or its labels say something else of it, and its source is the same. Views that select
  // it no longer go on without it; what they answered stays.
  void describe(const store::SeriesRow& row, const Labels& labels, SteadyTime now);
  // The frontier that is furthest behind of all series that belong to the source, or ever did.
  [[nodiscard]] std::optional<EventTime> slowest(store::SourceId source) const;
  // The finest panes that the views over this series need.
  [[nodiscard]] reconcile::Tier finest(const std::string& full_name,
                                       const Labels& labels) const;
  // What their panes hold beyond a partial, for the figures that those views ask for.
  [[nodiscard]] window::Parts parts(const std::string& full_name, const Labels& labels,
                                    ValueType type) const;

  // Readings came into [start, start + size) of the series.
  void touch(store::SeriesId series, EventTime start, Nanoseconds size, std::uint64_t readings,
             Cause cause, SteadyTime now);
  // Behind it: a reading of time `last` came, and what windows up to the next reading begin with
  // may have changed with it, where figures depend on the order of time (semantics E16).
  void touch_following(store::SeriesId series, EventTime last, Cause cause, SteadyTime now);
  // The order of readings of [from, to) is known now.
  void touch_ordered(store::SeriesId series, EventTime from, EventTime to, Cause cause,
                     SteadyTime now);
  // What is known of a minute of a source changed after it was proved: the source amended its
  // counts, or readings came, perhaps of one series only. The completeness of all of them rests on
  // it. Those that were sealed are looked at in their turn.
  void touch_minute(store::SourceId source, EventTime minute, Cause cause, SteadyTime now);
  // The same of what may be months: sealed windows of [from, until), by and by.
  void touch_span(store::SourceId source, EventTime from, EventTime until, Cause cause,
                  SteadyTime now);
  // A person had the panes of [from, to) made anew: windows that are still kept as finely are
  // revised, and frozen ones that are exact all the same.
  void reopen(store::SeriesId series, EventTime from, EventTime to, SteadyTime now);
  void advance(store::SourceId source, EventTime frontier, SteadyTime now);
  // A person said that windows need not wait for the source, or that they do again.
  void waive(store::SourceId source, store::Words words);
  void end_waiver(store::SourceId source, SteadyTime now);
  // From time to time: what is waived is sealed as the node's clock goes on.
  void look_at_waived(EventTime wall);
  // The edge says that it has taken all that is older, wherever that is now: windows of views that
  // ask for a share of it may be answered.
  void stated(store::SourceId source, EventTime sealed_until);
  // What a partition says of groups, this one's of its own among them; `number`: of the record in
  // the order of all, so that what comes again changes nothing. Of groups that this store answers
  // for. Fault::bad_input, unsupported: nothing of it was taken.
  Result<> take(const PartialRecord& record, std::uint64_t number, SteadyTime now);
  // All that was written down to be said up to that position has been.
  void note_said(std::uint64_t position) { said_to_ = std::max(said_to_, position); }
  // Pending revisions, and what partial answers changed, as rows: before emit() of the same batch
  // they are here only. emit() does it.
  void write_pending();
  // Writes what is due; how many.
  std::size_t emit(SteadyTime now, EventTime wall, std::size_t budget);
  // When emit() has something to do next; the end of time when nothing is pending.
  [[nodiscard]] SteadyTime due() const;
  // Windows that wait for their turn: by the time that coalesces them, or by the budget.
  [[nodiscard]] std::size_t waiting() const;
  [[nodiscard]] std::uint64_t position() const { return position_; }
  [[nodiscard]] std::uint64_t emitted() const { return emitted_; }
  // Later emissions have higher positions.
  void number_behind(std::uint64_t position) { position_ = std::max(position_, position); }
  // This is in the topic; later emissions here have higher positions.
  void note_published(const Answer& answer);
  [[nodiscard]] bool has_published() const { return !published_.empty(); }
  // Whether what was published stays as it is: this store's input is not where theirs was yet.
  void hold_published(bool hold) { holds_published_ = hold; }
  // What was emitted here behind `said` may not be in the topic, which has others behind that.
  // Where it has any of the same window, what was emitted goes for what is there; the rest gets
  // positions behind all that is there: behind the one that is returned. So do partial answers
  // behind `partials_said`.
  std::uint64_t settle_unsaid(std::uint64_t said, std::uint64_t partials_said);
  // Removes revisions that were superseded before this, of up to `limit` that superseded them;
  // likewise what views answered that have been out of force since.
  void prune(EventTime known_before, std::size_t limit);
  // Where the answers of a view are kept from, by how far a source is.
  using KeptFrom = std::function<EventTime(const View&, EventTime frontier)>;
  // Removes older answers of the series; of a group those that no member keeps, with the turn of
  // the first of them.
  void forget(store::SeriesId series, const KeptFrom& kept_from, SteadyTime now);
  // Of groups that are put together here: answers that no partition keeps, some groups a call.
  void forget_merged(const KeptFrom& kept_from);

 private:
  using SlotId = std::uint32_t;
  struct Pending {
    SteadyTime due;
    Cause cause = Cause::none;
  };
  struct Span {
    EventTime start, end;
  };
  // Of a view by groups in a parted store there are two states: what is said to others, by the
  // number of the view less than zero, and what is put together.
  enum class Role : std::uint8_t { whole, share, merged };
  struct Slot {  // one series of one view, or one group of series
    std::uint32_t view = 0;  // index into views_
    Subject subject = 0;
    std::vector<Member> members;  // of a series: itself
    EventTime begins = kEventTimeMin;     // first window, once anything is sealed
    EventTime sealed_to = kEventTimeMin;  // all windows before are sealed
    std::size_t silent = 0;               // windows without readings in a row
    bool queued = false;                  // in sealing_
    WindowMap<Pending> pending;
    bool near = false;                    // in near_
    bool left = false;                    // the view no longer selects its series
    std::set<EventTime> told;             // windows answered for their share, not sealed yet
    std::set<EventTime> unproved;         // of a group: windows that wait again for who came later
    bool more_unproved = false;           // past kEarlyMax of them, found again by their rows
    EventTime foremost = kEventTimeMin;   // of its members' frontiers
    EventTime newest_partial = kEventTimeMin;  // no row of a partial answer is of a later window
    std::set<store::SeriesId> refused;    // beyond kMembersMax
    std::unordered_map<store::SourceId, store::SeriesId> speakers;  // of a group
    // Of what is said to others: its first window with panes, and the reach that was said last.
    EventTime opens = kEventTimeMax;
    bool opens_known = false;  // by its panes
    std::optional<GroupReach> told_reach;
    bool stirred = false;  // in stirred_
    // Of what is put together: by partition; nothing before that time is kept.
    std::map<std::uint32_t, GroupReach> parts;
    EventTime kept_from = kEventTimeMin;
    [[nodiscard]] bool begun() const { return begins != kEventTimeMin; }
    [[nodiscard]] bool is_group() const { return subject < 0; }
    // Of a group, whose members lie by their place().
    [[nodiscard]] bool of_several_edges() const {
      return is_group() && !members.empty() && members.front().edge != members.back().edge;
    }
    [[nodiscard]] bool holds(const store::SeriesRow& series, EventTime window) const;
    bool speaks(store::SourceId source, store::SeriesId series);
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
    Role role = Role::whole;
    std::uint64_t hash = 0;        // View::hash()
    std::deque<Queued> early;      // in order of due
    std::deque<Queued> revisions;  // in order of due
    std::unordered_map<Subject, SlotId> groups;
    Formulas formulas;
    std::vector<std::string> needed;  // View::needed()
    std::vector<Join> joins;          // in order of their names
    Nanoseconds reach{};              // the longest of their tolerances
  };
  struct SeriesState {
    store::SeriesRow row;
    std::string name;
    Labels labels;
    std::vector<SlotId> slots;
  };

  // The slots of a series in views that select it.
  void select(SeriesState& series, SteadyTime now);
  bool has_rows(std::uint32_t view, Subject subject);
  void add_slot(SeriesState& series, std::uint32_t view, bool selected, SteadyTime now);
  SlotId open_slot(std::uint32_t view, Subject subject, SteadyTime now, bool left = false);
  void queue_seal(SlotId id);
  // Windows of what the panes of a series hold from there on are to be answered.
  void pend_panes(SlotId id, store::SeriesId series, EventTime from, SteadyTime now);
  // The group of the view that the series belongs to from now on, and those it did.
  void join(SeriesState& series, std::uint32_t view, bool selected, SteadyTime now);
  SlotId slot_of_group(std::uint32_t view, Subject group, SteadyTime now);
  // False past kMembersMax.
  bool set_member(SlotId id, Member member);
  void drop_member(SlotId id, const Member& member);
  void hold_back(const SeriesState& series, const View& view);
  // Answers that none of the members keeps, members that keep none, and a group without both.
  void forget_of_group(SlotId id, const KeptFrom& kept_from, SteadyTime now);
  void forget_answers(std::int64_t view, Subject subject, EventTime from, EventTime to);
  void close_groups();
  bool close_group(SlotId id);
  void forget_group(std::int64_t view, Subject group);
  struct SourceLook {  // of a group's window
    const store::SeriesRow* row = nullptr;  // of one of its series
    Basis basis;
    Answer alone;  // what the source would say
  };
  struct GroupLook {
    PartialAnswer all;                // of its edges
    std::vector<SourceLook> sources;  // of `all`, in their order
    std::vector<JoinSum> joins;
    bool doubtful = false;  // of joins: what is approximate
    std::vector<Waived> waived;
    // Of shares of partitions: how well they know their sources, what they said of who is missing,
    // and that a window is frozen.
    std::optional<GroupJudge> known;
    std::vector<Missing> missing;
    std::uint64_t more_missing = 0;
    std::uint64_t refused = 0;
    bool frozen = false;
    bool heard = true;  // of some of them
  };
  GroupLook look_at_group(SlotId id, const Span& window);
  static std::optional<Span> share_of(const ViewState& view, const Member& member,
                                      const Span& window);
  // What some members, of one edge, have of the window.
  PartialAnswer partial_of(const ViewState& view, std::span<const Member> members,
                           const Span& window);
  std::optional<PartialAnswer> kept_partial(const PartialRows::Row& row) const;
  void keep_partial(SlotId id, EventTime start, store::EdgeId edge, const PartialRows::Row* before,
                    const PartialAnswer& partial);
  // What partial answers were made of has changed in this batch.
  void spoil_changed();
  struct Spoilt {
    SlotId slot;
    store::EdgeId edge;
    EventTime from, to;  // windows that start there
    friend auto operator<=>(const Spoilt&, const Spoilt&) = default;
  };
  void note_spoilt(const SeriesState& series, EventTime from, EventTime to, bool panes,
                   std::vector<Spoilt>& all);
  void spoil(SlotId id, store::EdgeId edge, EventTime from, EventTime to);
  // A row that says something else than before of the series.
  void note_row(const store::SeriesRow& before, const store::SeriesRow& now);
  // Figures and judgement.
  Answer answer_of_group(const ViewState& view, GroupLook& look, const Span& window);
  std::vector<Missing> missing_of(const GroupLook& look);
  void name_missing_of_group(const Slot& slot, const GroupLook& look, Answer& answer);
  // The look at a window of a group that is put together here.
  GroupLook look_at_shares(const Slot& slot, const Span& window);
  // Writes down what this partition has of a window, if that is news; true when it has readings.
  bool say_share(SlotId id, EventTime start, Cause cause, EventTime wall);
  struct Said {
    GroupShare share;
    std::uint64_t position = 0;
  };
  std::optional<Said> said(const ViewState& view, const Slot& slot, EventTime start);
  void say(const ViewState& view, Subject subject, EventTime start, const SaidPartial& partial,
           EventTime wall);
  // Its reach may have changed; say_reaches() looks.
  void stir(SlotId id);
  void say_reaches(EventTime wall);
  void say_reach(SlotId id, GroupReach reach, EventTime wall);
  GroupReach reach_of(SlotId id);
  GroupShare share_of(const Slot& slot, GroupLook look, EventTime window);
  void prepare_second_stage();
  void load_second_stage();
  void load_merged(std::uint32_t view, SteadyTime now);
  Result<std::int64_t> view_defined(const ByteVector& definition);
  void take_reach(std::int64_t view, Subject group, const PartialRecord& record, GroupReach reach,
                  SteadyTime now);
  void take_share(std::uint32_t view, Subject group, EventTime start, const GroupShare& share,
                  SteadyTime now);
  struct Speaker {
    std::uint64_t run = 0;
    std::set<std::uint64_t> views;  // of which it has said all
  };
  void save_speaker(std::uint32_t partition);
  void complete(const PartialRecord& record, SteadyTime now);
  void drop_reaches_before(std::uint32_t partition, std::uint64_t run);
  // Partitions that have not said all of the view.
  [[nodiscard]] std::vector<std::uint32_t> incomplete(const ViewState& view) const;
  void queue_merged(SlotId id);
  // In force here.
  [[nodiscard]] std::optional<std::uint32_t> merged_view(std::int64_t id) const;
  // Windows that start before this one are proved when the slot's frontier is there.
  [[nodiscard]] EventTime proved_windows(const Slot& slot, EventTime frontier) const;
  std::vector<EventTime> unpaired(const ViewState& view, const Slot& slot, const Span& window,
                                  const std::map<EventTime, PairRows::Row>& rows);
  static std::size_t run_of(const Slot& slot, const std::vector<EventTime>& starts,
                            std::size_t first, Nanoseconds width, bool several);
  Result<std::vector<std::vector<Pairs>>> pair_up(const ViewState& view, const Slot& slot,
                                                  std::span<const EventTime> starts);
  std::size_t make_pairs(const ViewState& view, const Slot& slot,
                         const std::vector<EventTime>& starts, std::uint64_t blocks_max,
                         std::map<EventTime, PairRows::Row>& rows);
  // Makes pairs that the window lacks, a turn's worth of them; false when more is to be made.
  bool pairs_ready(SlotId id, const Span& window, std::size_t& done);
  void look_at_pairs(const ViewState& view, const Slot& slot, const Span& window, GroupLook& look);
  void note_pairs(const ViewState& view, const Slot& slot, const Span& window,
                  const std::string& name, std::size_t join, GroupLook& look);
  void touch_pairs(SlotId id, store::SeriesId series, EventTime start, EventTime end, Cause cause,
                   SteadyTime now);
  void forget_pairs(SlotId id, EventTime from);
  void forget_made(SlotId id, store::EdgeId edge, EventTime from);
  // The frontier that the window waits for; the end of time when nobody belongs to it.
  [[nodiscard]] EventTime frontier_of(const Slot& slot, EventTime window) const;
  // How far all are proved who belong to it at `from` or later, each for its time; `by_word`: or
  // need not be waited for.
  [[nodiscard]] EventTime proved_to(const Slot& slot, EventTime from, bool by_word) const;
  // Windows before are sealed next. slot.sealed_to leaps over time in which nobody belongs to it.
  EventTime seal_target(Slot& slot) const;
  // The first window that has panes that are fine enough.
  std::optional<EventTime> first_window(const Slot& slot);
  // `counted`: or of which anything was counted.
  std::optional<EventTime> first_window(const Slot& slot, bool counted);
  std::optional<EventTime> next_pane(const Slot& slot, EventTime from, EventTime to);
  void forget_due(const Slot& slot, EventTime start, Cause cause);
  // Of emit()'s budget, for what was looked at since it was asked last.
  [[nodiscard]] std::size_t cost() { return 1 + std::exchange(parts_read_, 0) / kPartsOfOneCost; }
  void pend(SlotId id, EventTime start, Cause cause, SteadyTime now);
  void extend_back(SlotId id, EventTime start, Cause cause, SteadyTime now);
  std::size_t emit_queue(std::deque<Queued>& queue, SteadyTime now, EventTime wall,
                         std::size_t budget);
  // Early answers and revisions of all views, by turns.
  std::size_t emit_queues(SteadyTime now, EventTime wall, std::size_t budget);
  std::size_t seal_some(std::deque<SlotId>& queue, EventTime wall, std::size_t budget);
  [[nodiscard]] bool others_wait(SteadyTime now) const;
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
  bool emit_span(SlotId id, const Span& window, Cause cause, EventTime wall,
                 const std::optional<Answer>& before);
  void write(const Slot& slot, const Answer& answer, EventTime wall);
  // Of a view by sessions, `pane` being one of its panes: the session that holds it, if there is
  // one, and what it absorbed.
  std::optional<Span> session_at(const Slot& slot, EventTime pane);
  EventTime reach(const Slot& slot, EventTime from, bool forward);
  bool emit_session(SlotId id, EventTime pane, Cause cause, EventTime wall);
  bool emit_session(SlotId id, const Span& session, Cause cause, EventTime wall);
  void withdraw(SlotId id, EventTime session, EventTime survivor, Cause cause, EventTime wall);
  std::size_t seal_sessions(SlotId id, EventTime wall, std::size_t budget);
  // The readings of a window are merged into `sum`.
  // How far the edges of the window's sources say that they have taken all.
  [[nodiscard]] EventTime stated_of(const Slot& slot, EventTime window) const;
  // What is counted of the window, a sum for each of its sources.
  std::vector<reconcile::ManifestSum> counts_of(const Slot& slot, EventTime start, EventTime end);
  // What of the window's basis lies in the panes of one series.
  Basis look_at_panes(const SeriesState& series, const Span& window, window::Summary& sum);
  // How far its source is, and what its edge gave up.
  void look_at_source(const ViewState& view, const store::SeriesRow& row, const Span& window,
                      Basis& basis) const;
  Basis look(const ViewState& view, const SeriesState& series, const Span& window,
             window::Summary& sum);
  // Of one series, as it is known now; without a cause.
  std::pair<Answer, Basis> answer_of_series(const Slot& slot, const Span& window);
  EventTime touch_held(SlotId id, EventTime w, EventTime end, Cause cause, SteadyTime now);
  [[nodiscard]] WindowsDue::Slot stretches_of(SlotId id) const;
  std::size_t answer_stretches(SteadyTime now, EventTime wall, std::size_t budget);
  // Its figures of the series depend on the order of time.
  [[nodiscard]] bool ordered(const Slot& slot, store::SeriesId series) const;
  // What the window said before, and why it says something else.
  static void follow(Answer& answer, Cause cause, const std::optional<Answer>& before);
  // What others published of it is taken over before.
  std::optional<Answer> current(const ViewState& view, const Slot& slot, EventTime start);
  PublishedRows::Window window_of(const ViewState& view, Subject subject, EventTime start);
  [[nodiscard]] bool held(const Slot& slot, const Span& window);
  // Whose a row of history is.
  struct HistoryRow {
    std::int64_t view = 0;
    Subject subject = 0;
    EventTime start{};
    friend bool operator==(const HistoryRow&, const HistoryRow&) = default;
  };
  void make_way(std::uint64_t position, const HistoryRow& for_row);
  void move_behind(std::uint64_t position, const HistoryRow& row);
  // The last of them, if any is there.
  std::optional<Answer> adopt(const Slot& slot, EventTime start);
  // It may be another node's; own ones that were said before are among them.
  [[nodiscard]] bool adopted(const Answer& before) const { return before.position <= adopted_to_; }
  bool whole(SlotId id, const Span& window);
  bool others_know_better(SlotId id, const Answer& theirs);
  // Takes over what others published of the slot, window by window; false while there is more.
  bool claim(SlotId id, SteadyTime now, std::size_t budget, std::size_t& done);
  [[nodiscard]] bool takes_over() const;
  // The same of all; how many.
  std::size_t take_over(SteadyTime now, std::size_t budget);
  [[nodiscard]] EventTime frontier_of(store::SourceId source) const;
  // Windows that end before are sealed, by proof or by word.
  [[nodiscard]] EventTime sealing_frontier(store::SourceId source) const;
  // The word by which a window of the view does without the source; nullptr: it waits.
  [[nodiscard]] const store::Waiver* word_for(store::SourceId source, const ViewState& view,
                                              const Span& window) const;
  [[nodiscard]] bool retired(store::SourceId source) const;
  void look_at(store::SourceId source);
  void unseal(SlotId id, store::SourceId source, SteadyTime now);
  void pend_proved(SlotId id, store::SeriesId series, store::SourceId source, EventTime before,
                   SteadyTime now);
  // What a sealed window said when it was looked at, of a group that somebody joined since.
  void note_proof(SlotId id, EventTime start, bool proved, Cause cause);
  void pend_unproved(SlotId id, SteadyTime now);
  // Sealed windows of [w, end): some at once, the others in their stretch.
  void pend_sealed(SlotId id, EventTime from, EventTime end, Cause cause, SteadyTime now);
  void pend_all(SlotId id, EventTime w, EventTime end, Cause cause, SteadyTime now);
  std::optional<EventTime> next_answered(const Slot& slot, EventTime from, EventTime to);
  void add_to_source(store::SourceId source, store::SeriesId series);
  // Of all sources that the series has belonged to.
  reconcile::ManifestSum minutes_of(const store::SeriesRow& row, EventTime from, EventTime to);
  // Windows that start before may be frozen: panes of one of its series have merged.
  [[nodiscard]] EventTime frozen_before(const Slot& slot) const;
  // Panes of all series that belong to the window have merged.
  [[nodiscard]] bool frozen(const Slot& slot, EventTime window) const;
  // What the window says for good that was not proved before its panes merged.
  static Answer frozen_answer(const Answer& before, EventTime start);

  store::Store& store_;
  reconcile::Horizons horizons_;
  NameMissing name_missing_;
  Off off_;
  GaveUp gave_up_;
  ReadRaw read_raw_;
  std::uint32_t partitions_;
  std::vector<ViewState> views_;
  std::vector<Slot> slots_;
  std::unordered_map<store::SeriesId, SeriesState> series_;
  std::unordered_map<store::SourceId, std::vector<store::SeriesId>> by_source_;
  std::unordered_map<store::SourceId, EventTime> frontiers_;
  std::unordered_map<store::SourceId, EventTime> stated_;
  std::unordered_map<store::SourceId, store::Words> waived_;
  EventTime wall_ = kEventTimeMin;
  std::deque<SlotId> sealing_live_;  // a window or two each
  std::deque<SlotId> sealing_;       // who was away, and what is new
  std::size_t next_view_ = 0;        // whose turn is first
  ViewLog log_;
  LateMinutes late_;
  WindowsDue due_stretches_;
  GroupRows groups_;
  PairRows pairs_;
  PartialRows partials_;
  PublishedRows published_;
  SlotRows slot_rows_;
  bool holds_published_ = false;
  std::uint64_t adopted_to_ = 0;  // the last position that was taken over
  // Of which others' answers may be there to be taken over.
  std::deque<SlotId> unclaimed_;
  bool all_unclaimed_ = false;
  std::size_t parts_read_ = 0;     // members, rows of edges and minutes, since cost()
  std::uint64_t pair_blocks_ = 0;  // looked at for joins
  std::vector<SlotId> emptied_;          // groups without members, that are to go
  std::vector<SlotId> free_slots_;       // of groups that went
  std::vector<SlotId> stirred_;
  std::uint64_t opened_at_ = 0;          // position_ at load()
  std::uint64_t said_to_ = 0;
  std::map<std::uint32_t, Speaker> speakers_;  // by partition
  std::map<ByteVector, std::int64_t> defined_;             // views that records were of
  std::size_t forget_next_ = 0;          // slot, of forget_merged()
  std::set<store::SeriesId> held_back_;  // by kMovesMax
  Nanoseconds late_wait_{};   // the shortest revision_interval
  std::deque<SlotId> near_;   // something happened to their windows in this batch
  std::uint64_t position_ = 0;
  std::uint64_t emitted_ = 0;
  std::size_t extended_ = 0;  // since the last emit()
  sqlite::Statement select_views_, add_view_, retire_views_, save_slot_, answered_,
      next_answered_, last_answered_, current_,
      add_history_, adopt_history_, at_position_, move_history_, move_answer_, save_answer_,
      forget_answer_, add_due_, remove_due_, position_of_, prune_end_, prune_,
      forget_history_, forget_answers_, forget_slot_, forget_due_, said_, prune_said_, drop_said_,
      add_past_,
      select_speakers_, save_speaker_, reaches_, save_reach_, drop_reach_, earlier_reaches_;
  struct Due {  // pending revisions of this batch, written when it ends
    std::uint32_t view;
    Subject subject;
    EventTime start;
    Cause cause;
  };
  std::vector<Due> due_rows_;
  ByteVector scratch_;
};

}  // namespace tidemark::answers
