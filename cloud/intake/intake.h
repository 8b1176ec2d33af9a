// The intake: frames of edges in, commits, and the frames that answer them out.
//
// Promise    what commit() answers is on the medium: archive, books, panes and answers in one step.
//            A node that dies before has never heard of the batch, and edges send it again.
// Faults     commit() failing is final for this object: open it anew from what is on disk.
//            Frames of a start that no hello named wait for it, kUnnamedBytesMax of them; a minute
//            or two later they are not taken, and come again.
// Bounds     blocks whose dictionary is unknown wait within kParkedBytesMax an edge and
//            kParkedBytesAllMax together; others are asked for again. A dictionary that does not
//            come, kAsksMax minutes long, of an edge that is there, is given up: blocks that name
//            it are kept aside, named and counted, until it comes after all. Dead letters past the
//            bounds of letter_rows.h go, of who has most, and what they hold is lost. Emissions
//            per commit are bounded, the rest follows with the next; a batch is full() past
//            kTouchedMax panes and minutes, and earlier with a backlog in it. What an edge would
//            make grow past a bound of its books (edge_books.h) or of its series (catalogue.h) is
//            put off, that is not acknowledged, or kept aside, and is an alarm of that edge; the
//            others do not notice.
// Threads    one.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "cloud/answers/emitter.h"
#include "cloud/answers/view.h"
#include "cloud/intake/catalogue.h"
#include "cloud/intake/order_turns.h"
#include "cloud/intake/placer.h"
#include "common/base/disk.h"
#include "common/base/time.h"
#include "common/wire/frame.h"

namespace tidemark::intake {

inline constexpr std::size_t kParkedBytesMax = 8 << 20;
inline constexpr std::size_t kParkedBytesAllMax = 256 << 20;
inline constexpr std::size_t kUnnamedBytesMax = 4 << 20;  // an edge
inline constexpr unsigned kAsksMax = 5;
inline constexpr std::size_t kTouchedMax = 100'000;
// Of a batch with blocks of a backlog: what is live waits until it is committed. A live second of
// 100,000 series fits the other bound.
inline constexpr std::size_t kTouchedByBacklogMax = 3'000;
inline constexpr std::size_t kLetterBytesMax = 16 << 20;  // of dead letters, an edge and minute
inline constexpr std::size_t kEmissionsPerCommitMax = 500;  // 10 ms, that live data wait at most,
// and of a large batch one more for so many readings: what it seals is answered while its panes are
// in memory, in less time than it took to place them.
inline constexpr std::size_t kReadingsOfAnEmission = 200;

// What a person says of series beyond what their edges do. The first that matches counts.
struct SeriesRule {
  std::string select;       // glob
  Nanoseconds max_hold = store::OrderedRows::kMaxHold;
  double rollover = 0;      // where a counter begins anew, in the unit of the series; 0: nowhere
};

struct Options {
  std::filesystem::path data_dir;
  std::vector<SeriesRule> series_rules = {};
  std::vector<answers::View> views;  // in force
  std::vector<answers::Relabel> relabels = {};
  // Those that the configuration names by now, for the order `views`.
  std::function<Result<answers::Definitions>()> read_views = nullptr;
  reconcile::Horizons horizons;
  Nanoseconds keep_blocks = std::chrono::hours(24 * 90);
  Nanoseconds keep_revisions = std::chrono::hours(24 * 90);
  // Frames come from a log that has acknowledged them to their edges: what would otherwise come
  // again is kept aside, and connections outlive this object.
  bool from_log = false;
  // Of which the store has one: groups of series are put together from what all of them say
  // (answers/second_stage.h). 0: it has all there is.
  std::uint32_t partitions = 0;
};

// A frame for an edge, once its cause is committed.
struct Reply {
  std::string edge;
  wire::FrameType type{};
  ByteVector payload;
  std::uint64_t session = 0;  // for this connection only; 0: for the edge's newest
};

struct Counters {
  std::uint64_t frames = 0, blocks = 0, readings = 0, duplicates = 0, dead_letters = 0;
  std::uint64_t events = 0;  // of anomalies
  std::uint64_t commits = 0, answers = 0, parked = 0;
  std::uint64_t alarms = 0;   // raised, repetitions included
  std::uint64_t put_off = 0;  // frames not taken because a bound of their edge was reached
  std::uint64_t refused = 0;  // frames of a second box that says it is an edge
  std::uint64_t blocks_compared = 0;  // read from the archive to find repeats (repeat_finder.h)
  std::uint64_t orders = 0;          // of persons, that are done
  std::uint64_t orders_waiting = 0;  // not yet
  std::uint64_t blocks_ordered = 0;  // read from the archive to put panes in order (orderer.h)
  store::LetterRows::Counts letters{};  // that are kept now
};

// How far the log was read, with the batch at hand.
struct InputRead {
  store::InputPosition to;
  bool live_ended = false, backlog_ended = false;  // no more is there just now
  bool caught_up = false;  // all that was there at the start was read
};

// Where a frame came from, if that can be said: a record of Kafka.
struct Origin {
  std::string_view topic = {};
  int partition = 0;
  std::int64_t offset = 0;
  [[nodiscard]] std::string text() const;  // "topic/partition/offset"
};

// An order to make panes anew that is under way: `replay` of what the late ledger has of these
// series, or `backfill` of a view.
struct Replay {
  std::int64_t order = 0;
  answers::Selection select;
  bool backfill = false;
  EventTime from{}, to{};
  store::LateRows::Line after{0, kEventTimeMin, 0};  // the ledger is looked at up to here
  std::size_t series_next = 0;                       // the series are, and this one up to
  EventTime day_next = kEventTimeMin;
  std::set<store::SeriesId> series;
  std::uint64_t days = 0;      // that are made anew
  std::uint64_t returned = 0;  // readings
  std::uint64_t stayed = 0;
  std::uint64_t failed = 0;    // days
  std::string why;             // of the last that stayed
};

// An order about dead letters that is under way.
struct LetterOrder {
  std::int64_t order = 0;
  bool drop = false;
  std::string outcome;  // of those that are dropped: by whom, and why
  std::vector<std::int64_t> letters;
  std::size_t next = 0;
  std::uint64_t done = 0, readings = 0, stayed = 0;
  std::string why;  // the last one stayed
};

class Intake {
 public:
  static Result<std::unique_ptr<Intake>> open(Disk& disk, const Clock& clock, Options options);
  ~Intake();

  // Into the running batch. `session` tells connections of one edge apart.
  void take(const std::string& edge, std::uint64_t session, const wire::Frame& frame,
            const Origin& origin = {});
  // This connection has ended without a bye, and why, in words; unless a frame of it comes yet.
  void lose(const std::string& edge, std::uint64_t session, const std::string& why);
  [[nodiscard]] bool has_batch() const;
  // The batch is as large as it should become: commit() next.
  [[nodiscard]] bool full() const;
  // Blocks of a backlog are in the batch.
  [[nodiscard]] bool has_backlog() const { return backlog_in_batch_; }
  // That a start began, as said by another than its hello, which is still to come.
  void introduce(const std::string& edge, Incarnation start, std::uint64_t ordinal);
  // Of blocks that wait for a dictionary.
  [[nodiscard]] std::size_t parked_bytes() const { return parked_bytes_; }
  // What a partition said of groups that this store answers for, into the running batch; `number`
  // rises from record to record. Fault::bad_input, unsupported: nothing of it was taken.
  Result<> take_partial(ByteSpan record, std::uint64_t number);
  // What the store has to say of groups has been said up to that position.
  void note_said(std::uint64_t position) { emitter_->note_said(position); }
  // A number that is committed with the batch: how far an input has been read. 0: none.
  void note(const std::string& name, std::uint64_t value);
  [[nodiscard]] std::uint64_t noted(const std::string& name);
  // Commits what was noted since the last commit, and answers nothing.
  Result<> save_notes();
  // Answers that other nodes have published of what is here (answers::Emitter).
  void number_behind(std::uint64_t position) { emitter_->number_behind(position); }
  void note_published(const answers::Answer& answer);
  [[nodiscard]] bool has_published() const { return emitter_->has_published(); }
  void hold_published(bool hold);
  std::uint64_t settle_unsaid(std::uint64_t said, std::uint64_t partials_said);
  // The store was restored without what its archive holds (store::Archive): `fetch` brings what
  // is read before fill_archive() has put it there.
  void on_hole(std::function<Result<>(store::ArchivePosition)> fetch);
  // Nothing below it can be fetched any more.
  void forget_archive_before(store::ArchivePosition at);
  // A block of the log, taken before: where it lies in the archive, from now on; nowhere (0) when
  // it is not one of those.
  Result<store::ArchivePosition> fill_archive(const std::string& edge, const BlockRecord& record);
  // An order of the log, into the running batch, which obeys it if the log was read to its end, or
  // so far as it was when the order was obeyed before.
  void take_order(const store::Order& order);
  // What came of one, as the log has it.
  void take_outcome(const store::Outcome& outcome);
  // Where the next of them was obeyed before: the log is read no further before the commit that
  // obeys it.
  [[nodiscard]] std::optional<store::InputPosition> next_order();
  void note_read(const InputRead& read) { read_ = read; }
  // A record that is of no edge, or no frame; kept aside. `from`: as of Origin::text().
  void keep_foreign(const std::string& from, const std::string& reason, ByteSpan bytes);
  // Ends the batch, if there is anything to write. Also to be called when due() has passed.
  Result<std::vector<Reply>> commit();
  // The last commit before this object goes: what is written lazily is written, too.
  Result<std::vector<Reply>> finish();
  // When commit() has something to do without new frames.
  [[nodiscard]] SteadyTime due() const;
  [[nodiscard]] Counters counters() const { return counters_; }
  // Conservation, for tests and metrics: the ledger of all edges.
  [[nodiscard]] Ledger ledger() const;
  // What acknowledgements tell an edge of its readings; nothing of one that is not known.
  [[nodiscard]] std::optional<Ledger> found(const std::string& edge) const;
  [[nodiscard]] std::vector<std::string> connected() const;  // names of edges
  // Of one edge: starts that are not folded (edge_books.h).
  [[nodiscard]] std::size_t starts_in_memory(const std::string& edge) const;

 private:
  struct Session;  // what is in flight for one edge
  Intake(const Clock& clock, Options options);
  Result<> load();
  // The views of options_, which go on where their rows say, and the placer that touches them.
  Result<> start_views();
  Result<std::string> change_views();
  // As answers::Emitter::ReadRaw.
  Result<std::uint64_t> read_raw(std::span<const store::SeriesRow* const> rows, EventTime from,
                                 EventTime to, std::vector<std::vector<answers::Sample>>& samples);
  void describe_panes(Series& series, const answers::Labels& labels) const;
  [[nodiscard]] answers::Labels labels_of(const Series& series) const;
  void begin();
  Session& session_of(const std::string& edge);
  void take_hello(Session& s, std::uint64_t session, const wire::Frame& frame);
  // Whether the start that says hello is the edge's; refuses a clone.
  bool admit(Session& s, std::uint64_t session, const wire::Hello& hello);
  [[nodiscard]] bool refuses(const Session& s, Incarnation i);
  // Brings a start back into memory of which a frame speaks.
  void unfold(Session& s, Incarnation i);
  void take_dictionary(Session& s, const wire::Frame& frame);
  void note_dictionary(Session& s, DictionaryHash hash);  // it is here now
  // A block or a seal.
  // `session`: the connection that it came by, 0 for one that waited.
  void take_numbered(Session& s, std::uint64_t session, const wire::Frame& frame);
  void take_block(Session& s, Lane lane, BlockRecord record);
  void take_seal(Session& s, std::uint64_t session, const wire::Frame& frame);
  struct Opened {
    Block block;
    std::vector<window::Partial> partials;
    std::vector<Bound> series;  // of its dictionaries
  };
  struct Refusal {
    store::LetterReason why{};
    std::string text;
    std::vector<DictionaryHash> unknown = {};  // it would have to wait for these
  };
  // What a block holds, if it can be taken.
  std::variant<Opened, Refusal> open_block(Session& s, const BlockRecord& record);
  // `aside`: it lay among the dead letters, and is in the books as one of them.
  void place_block(Session& s, Lane lane, const BlockRecord& record, const Opened& opened,
                   answers::Cause cause, bool aside);
  void take_events(Session& s, const Opened& opened);
  void take_minutes(Session& s, const Seal& seal);
  void take_dropped(Session& s, const Seal& seal, std::uint64_t known);
  void resolve_dropped(Session& s, Incarnation start);
  void touch_resolved(Session& s, const store::DroppedRows::Resolved& resolved);
  // Nobody counts what the start took behind its last statement, until then.
  void mark_uncounted(Session& s, Incarnation start, EventTime until, DroppedCounts::Why why);
  void mark_source(Session& s, reconcile::SourceIndex index, Incarnation start, EventTime from,
                   EventTime until, DroppedCounts::Why why);
  // What an edge lists of its starts: those that it no longer knows, and those that it does.
  void mark_forgotten(Session& s, const std::vector<reconcile::EdgeBooks::Forgotten>& forgotten,
                      const wire::Hello& hello);
  // Before the seal is taken that it comes with, and behind it.
  void compare_told(Session& s, const Opening& opening);
  void take_opening(Session& s, const Seal& seal);
  void touch_minutes(const reconcile::SourceBooks& source, std::int64_t first, std::int64_t last);
  void load_letters();
  [[nodiscard]] std::string origin() const;
  // Whether its bytes are: else what it holds is lost, and counts so.
  bool keep_letter(Session& s, store::Letter letter);
  void remark(Session& s, store::LetterReason why, const std::string& text);  // without bytes
  Result<> take_letter(store::Letter& letter, answers::Cause cause);
  Result<> take_block_of(Session& s, store::Letter& letter, answers::Cause cause);
  Result<> take_dictionary_of(Session& s, const store::Letter& letter);
  Result<> take_seal_of(Session& s, const store::Letter& letter);
  void close_letter(const store::Letter& letter, store::LetterState state,
                    const std::string& outcome);
  // What it holds is lost from here on.
  void drop_letter(store::Letter& letter, store::LetterState state, const std::string& outcome);
  bool book_as_dropped(Session& s, store::Letter& letter);
  void note_aside(const store::Letter& letter, const std::string& why);
  void touch_time_of(Session& s, const store::Letter& letter);
  // Those that wait for what has come, a few a batch.
  void take_letters();
  [[nodiscard]] bool still_lacks(const store::Letter& letter) const;  // its dictionary
  void want_letters(const std::string& edge);
  void bound_letters();
  Result<std::optional<std::string>> obey_letters(std::int64_t order,
                                                  const std::vector<std::string_view>& words);
  [[nodiscard]] Result<LetterOrder> letter_order(std::int64_t order,
                                                 const std::vector<std::string_view>& words);
  void alarm(Session& s, store::AlarmKind kind, const std::string& text);
  // The counts of its source's seals contradict the blocks: named, alarmed, kept aside, doubted.
  void note_counts(Session& s, const store::SeriesRow& series, answers::Answer& answer,
                   const answers::Basis& basis);
  // Blocks of a start hold more than its seals ever count.
  void look_at_counts(Session& s, Incarnation i);
  // The frame is not taken and not acknowledged: it comes again. From a log it does not, and the
  // caller keeps it aside.
  void put_off(Session& s, const std::string& why);
  void take_orders();
  [[nodiscard]] bool may_obey(const store::Order& order) const;
  // Nothing while it is not finished: it goes on with the next batch.
  Result<std::optional<std::string>> obey(const store::Order& order);
  Result<std::string> decide(const std::string& words, const std::vector<std::string_view>& parts,
                             EventTime at);
  struct NamedSources {
    Edge* edge = nullptr;
    std::vector<std::string> names;
  };
  [[nodiscard]] Result<NamedSources> sources_called(const std::string& text) const;
  Result<std::string> waive(const std::vector<std::string_view>& parts, EventTime at);
  Result<std::string> end_waiver(const std::vector<std::string_view>& parts, EventTime at);
  void tell_words(const Edge& edge, const std::string& name);
  void forget_words(const Edge& edge, const std::string& name);
  [[nodiscard]] Result<Series*> counter_called(const std::string& name) const;
  Result<std::string> swap_meter(const std::vector<std::string_view>& parts, EventTime said_at);
  void forget_order(const Series& series, EventTime at);
  void apply_rule(const Series& series);
  // Panes of which some reading came in the middle of others are put in order, a few a batch;
  // before frontiers move it is noted which of them come late.
  void note_unordered();
  void order_panes();
  std::uint64_t order(const std::vector<store::OrderedRows::Pane>& panes);
  void order_where_folded(const store::OrderedRows::Pane& pane);
  Result<std::optional<std::string>> replay(std::int64_t order,
                                            const std::vector<std::string_view>& words);
  [[nodiscard]] Result<Replay> replay_of(std::int64_t order,
                                         const std::vector<std::string_view>& words) const;
  // The next series and day that are meant; nothing at the end.
  std::optional<std::pair<Series*, EventTime>> next_of_ledger(Replay& replay);
  std::optional<std::pair<Series*, EventTime>> next_of_view(Replay& replay);
  // What it cost, in blocks.
  std::uint64_t replay_day(Series& series, EventTime day, Replay& replay);
  // `readings` that were counted as late, or in quarantine, are answered.
  void bring_back(Session& s, std::uint64_t readings, bool from_quarantine,
                  const std::map<Incarnation, std::uint64_t>& by_start);
  void park(Session& s, Lane lane, BlockRecord record, const std::vector<DictionaryHash>& unknown);
  void take_parked(Session& s);
  // Whether one of these did not come though it was asked for long enough.
  [[nodiscard]] static bool given_up(const Session& s,
                                     const std::vector<DictionaryHash>& dictionaries);
  // Whether a hello has named this start; otherwise the frame waits for that, or is put off.
  bool named(Session& s, Incarnation i, const wire::Frame& frame);
  void take_unnamed(Session& s);
  void forget_unnamed(Session& s);
  void note_way(Session& s, Lane lane, BlockName block);
  void dead_letter(Session& s, Lane lane, const BlockRecord& record, const Refusal& refusal);
  void refuse_frame(Session& s, const wire::Frame& frame, store::LetterReason why,
                    const std::string& text);
  void advance(Session& s);
  void look_at_given_up(Session& s);
  void answer(Session& s, std::vector<Reply>& replies);
  void maintain();
  void keep_within_horizons(Series& series);
  void fold_minutes(const Edge& edge);
  void look_for_gaps(Session& s);
  void look_for_dictionaries(Session& s);
  void remove_old_segments();

  const Clock& clock_;
  Options options_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Catalogue> catalogue_;
  std::unique_ptr<answers::Emitter> emitter_;
  std::unique_ptr<Placer> placer_;
  std::unique_ptr<OrderTurns> turns_;
  std::vector<std::unique_ptr<Edge>> edges_;
  std::unordered_map<std::string, std::unique_ptr<Session>> sessions_;
  std::set<Session*> touched_;
  std::unordered_map<store::EdgeId, Session*> by_id_;
  SteadyTime maintained_{};
  SteadyTime slow_maintained_{};
  bool backlog_in_batch_ = false;
  std::uint64_t readings_committed_ = 0;
  std::size_t fold_next_ = 0;
  std::size_t fold_next_edge_ = 0;
  InputRead read_;
  bool orders_wait_ = true;   // some of the log may
  bool orders_moved_ = true;  // since next_order_ was looked up
  std::set<std::int64_t> homeless_orders_;  // of the log, of edges or sources that are not here yet
  bool names_moved_ = false;                // some of these may have come
  std::optional<store::InputPosition> next_order_;
  std::optional<Replay> replay_;
  std::optional<LetterOrder> letter_order_;
  std::set<std::int64_t> letters_due_;  // to be looked at again
  Origin origin_;                       // of the frame at hand
  bool holds_published_ = false;
  std::string parked_origin_;           // or of the block, where it had waited
  std::size_t parked_bytes_ = 0;  // of all edges
  Counters counters_;
};

}  // namespace tidemark::intake
