// From the journal to the ring: decodes what sources heard, stamps it, quarantines what cannot be
// true, marks and thins by rule, gathers columns and flushes them as one block with its seal.
//
// Promise    what an entry held is, after the flush that names a journal position behind it, in a
//            block, or counted in the ledger under one name (semantics B10). A crash before that
//            flush decodes the entry again; no entry is in two flushes.
// When full  blocks that wait and never left are made smaller (compaction.h); what is left of them
//            the ring evicts, the oldest first (in the ledger). A flush that is larger than the
//            whole ring takes loses its largest blocks: evicted too, and told. When the ring
//            cannot be written, the flush is tried again and the journal fills: sources wait.
//            Of events go up at most 1,000 at once and 100/s sustained (EventPace, by the steady
//            clock); what is beyond is counted, and the next one says how many. Local history and
//            taps have all of them. One in a flush that is larger than the ring, or in a block that
//            the ring evicts, goes with it, and no ledger counts it.
// Events     of series of which anything is sent, as copies in the series `<source>/$events`
//            (common/model/events.h), in the flush of their readings: a crash raises none twice in
//            the ring.
// Clock      all that goes by event time follows a step of the clock, seen within a second; a
//            device that stamps by a clock of its own is left alone. After a step back, times that
//            come again are times like others: nothing waits until the clock has caught up.
// Threads    run() is the pipeline's thread; status() and the SealSource from any.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "common/codec/codec.h"
#include "edge/clock/event_clock.h"
#include "edge/journal/journal.h"
#include "edge/pipeline/collector.h"
#include "edge/pipeline/compaction.h"
#include "edge/pipeline/events.h"
#include "edge/pipeline/manifest.h"
#include "edge/pipeline/progress.h"
#include "edge/pipeline/route.h"
#include "edge/pipeline/tap_hub.h"
#include "edge/pipeline/tier_choice.h"
#include "edge/quarantine/quarantine.h"
#include "edge/ring/ring_buffer.h"
#include "edge/source/source.h"
#include "edge/source/ways_file.h"
#include "edge/untimed/untimed.h"
#include "edge/uplink/uplink.h"

namespace tidemark::pipeline {

struct Options {
  std::string edge;
  Incarnation incarnation;
  Nanoseconds sync_interval = std::chrono::milliseconds(500);
  // How long readings gather, if shorter, while `live` says that their block would leave at once.
  Nanoseconds live_interval = std::chrono::milliseconds(200);
  std::function<bool()> live = {};  // empty: never
  Nanoseconds skew = std::chrono::seconds(2);
  EventTime plausible_from = {};  // wall clocks and readings before it cannot be true
  bool ring_holds_back = false;  // sync() has to be called again for what was put off
  // Whether the clock's wall() is the time; empty: when it is plausible.
  std::function<bool()> clock_known = {};
  Bytes journal_capacity{4 << 20};
  TierOptions tier;
  std::map<std::string, std::string> labels;  // of every series
  std::vector<Rule> rules;  // first match decides
  Bytes recorder_memory{4 << 20};  // of the flight recorder, all series together
};

struct SourceEntry {
  std::uint32_t id = 0;  // journal::Entry::source
  std::string name;
  source::Source* source = nullptr;  // null: configured, but it cannot be made now
  std::map<std::string, std::string> labels = {};  // of its series; stronger than the edge's
};

struct SourceCounts {
  std::string name;
  std::uint64_t series = 0;
  std::uint64_t due = 0, good = 0, taken = 0;
  // What could not be used, items of the quarantine by quarantine::kind_of(); what is beyond
  // kReasonsMax kinds is "other".
  static constexpr std::size_t kReasonsMax = 20;
  std::map<std::string, std::uint64_t, std::less<>> refused = {};
};

struct SeriesCounts {
  SeriesDescription description;
  std::string way = {};  // that it comes by; empty: it is nobody's
  std::uint64_t readings = 0;
  EventTime last{};
};

struct Status {
  Ledger ledger;  // of this edge: earlier incarnations, this one, and what the cloud says
  std::vector<SourceCounts> sources;
  ClockState clock = ClockState::unknown;
  Nanoseconds clock_offset{};
  std::uint64_t clock_steps = 0;
  // Of which anything could not be used: each once, whatever its reasons and readings.
  std::uint64_t rejected_messages = 0;
  Compacted compacted;
  std::string error;  // why flushes fail; empty when they do not
  std::string ways_error;  // why series may be another way's after a restart; empty: they are not
  recorder::Usage recorder;
  std::uint64_t events_sent = 0;     // of this start, as rows of `$events` series
  std::uint64_t events_skipped = 0;  // not sent: beyond EventPace
  std::uint64_t windows_late = 0;    // readings that no local result could take in any more
  std::uint64_t windows_unsure = 0;  // in windows and perhaps repeats (recent_readings.h)
  codec::Tier tier = codec::Tier::standard;  // of the last blocks
  std::string tier_why;
  double packing_share = 0;  // of one CPU, over the last TierChoice::kMeasure
};

class Pipeline final : public uplink::SealSource {
 public:
  // Between statements while nothing was counted for a minute, and no windows are computed.
  static constexpr Nanoseconds kIdleSeal = std::chrono::seconds(30);

  // `local` may be null: results of windows and events are then nobody's. `untimed` may be null:
  // what is heard before the time is known then waits in the journal. `ways` may be null: whose a
  // series is is then forgotten with this.
  Pipeline(Options options, std::vector<SourceEntry> sources, journal::Journal& journal,
           ring::RingBuffer& ring, quarantine::Quarantine& quarantine, TapHub& tap, Clock& clock,
           LocalSink* local = nullptr, untimed::Untimed* untimed = nullptr,
           source::WaysFile* ways = nullptr);

  // Returns after stop(), with all that the journal holds flushed and synced (unless the ring
  // fails). `flushed` is called when a flush is in the ring, before it is durable: the uplink's
  // wake().
  void run(const std::function<void()>& flushed);
  void stop();  // any thread

  // The sources from now on: those of the same name go on with their series and windows. What the
  // journal holds of others goes into quarantine. Series that no way of theirs leads to any more
  // are nobody's; those of a source that cannot be made now stay its.
  void set_sources(std::vector<SourceEntry> sources);
  struct Released {
    source::Owners::Released ways;
    std::optional<EventTime> last;  // when it was last heard, if in this start
  };
  // The series, "device/metric", is no longer the way's that has it: Owners::release(). Durable
  // when it returns; any thread.
  Result<Released> release(const std::string& series);
  // There is something to be taken in of a boot whose time somebody told.
  void look_at_untimed() { untimed_waits_.store(true); }
  // Whether all that was appended to the journal before `end` has been decoded.
  [[nodiscard]] bool has_read(journal::Position end) const;

  [[nodiscard]] Status status() const;
  // Of sources: not the agent's own, in which their events travel.
  [[nodiscard]] std::vector<SeriesCounts> series() const;

  std::optional<Seal> seal_since(std::uint64_t acknowledged, std::uint64_t sent,
                                 bool brief) override;
  void cloud_ledger(const Ledger& ledger) override;

 private:
  struct SeriesState {
    std::size_t line = 0;  // of the manifest
    Route route;
    std::uint64_t readings = 0;
    std::int64_t last = 0;
  };
  struct SourceState {
    SourceEntry entry;
    std::map<std::string, std::size_t> lines;  // by poll class
    Progress progress;
    EventTime last_stamp = kEventTimeMin;
    std::map<std::string, std::uint64_t, std::less<>> refused = {};  // SourceCounts::refused
    std::optional<std::uint32_t> events = {};  // handle of its `$events` series, once it has one
  };
  // Of a group, as source::Decoded says it.
  enum class Origin : std::uint8_t { measured, historical, away };
  struct Line {
    std::size_t source;
  };

  void add_source(SourceEntry entry);
  void take(const journal::Entry& entry);
  void fetch(std::uint32_t handle) const;
  void take_group(SourceState& source, const Group& group, const journal::Entry& entry,
                  EventTime arrival, Origin origin);
  // The row's event time, or nothing after putting the row into quarantine.
  std::optional<std::int64_t> row_time(SourceState& source, const Group& group, std::size_t row,
                                       const journal::Entry& entry, EventTime arrival);
  void count_refused(SourceState& source, std::string_view reason);
  void refuse_row(SourceState& source, const Group& group, std::size_t row,
                  const journal::Entry& entry, EventTime arrival);
  [[nodiscard]] std::int64_t heard_before() const;
  SeriesState& series_state(std::uint32_t handle);
  std::size_t line_of(SourceState& source, const std::string& poll_class);
  void begin_off_time();
  void state_off_time();
  void observe(SteadyTime now);  // the clock
  void clock_set(Nanoseconds by, EventTime now);
  [[nodiscard]] bool time_is_known() const {
    return !options_.clock_known || options_.clock_known();
  }
  void start_reading();
  void put_aside();     // what comes before the time is known
  bool keep_aside();    // makes it durable
  void take_untimed();
  void take_untimed(const untimed::Untimed::Next& next);
  void count_untimed(SourceState& source, const journal::Entry& entry, const std::string& boot);
  void pause();  // a moment, or until stop()
  [[nodiscard]] bool flush_due(SteadyTime now) const;
  [[nodiscard]] bool sync_due(SteadyTime now) const;
  [[nodiscard]] Nanoseconds gather_for() const;
  // Until something may be due, at most kWait.
  [[nodiscard]] std::chrono::milliseconds patience(SteadyTime now) const;
  bool flush();  // false: the ring does not take it now
  // Those from `alarm_from` on take the alarm lane.
  std::vector<BlockRecord> pack(std::vector<Block> blocks, std::size_t alarm_from);
  void give_up_what_does_not_fit(std::vector<BlockRecord>& blocks, std::uint64_t beside);
  Result<> keep_ways();
  bool append_out();
  bool sync_out();  // takes the lock when the ring has answered
  bool note_synced(Result<> synced);
  void flush_windows(const std::vector<EventTime>& frontiers);
  void gather_context();
  std::uint32_t events_series(std::uint32_t raised_by);
  void gather_events();
  bool make_room();
  bool compact(const std::vector<ring::Stored>& ahead);
  Seal seal_of(Sequence next, const std::vector<EventTime>& frontiers);
  [[nodiscard]] std::vector<EventTime> sealed_until() const;

  const Options options_;
  journal::Journal& journal_;
  ring::RingBuffer& ring_;
  quarantine::Quarantine& quarantine_;
  TapHub& tap_;
  Clock& clock_;
  std::atomic<bool> stopping_{false};
  std::mutex pause_mutex_;
  std::condition_variable pause_over_;

  mutable std::mutex mutex_;  // of all below, but for what only the pipeline's thread touches
  std::vector<SourceState> sources_;
  std::unordered_map<std::uint32_t, std::size_t> source_by_id_;
  std::map<std::string, std::size_t> source_by_name_;
  std::vector<Line> lines_;
  source::SeriesTable table_;
  source::WaysFile* ways_;
  std::string ways_error_;
  SteadyTime ways_failed_{};
  std::vector<SeriesState> series_;  // by handle
  std::vector<std::uint32_t> windowed_;  // handles whose route has windows
  clock::EventStamper stamper_;
  Manifest manifest_;
  GroupWindows groups_;
  std::size_t shared_memory_ = RecentReadings::kSharedInWindows;
  recorder::FlightRecorder recorder_;
  std::vector<std::uint32_t> recorded_;  // handles by the recorder's track
  std::vector<RaisedEvent> raised_;  // by the row at hand
  EventPace event_pace_;
  Group context_row_;
  Collector collector_;
  Collector context_;  // of the flight recorder, and events: own blocks, on the alarm lane
  LocalSink* local_;
  DictionaryBook book_;
  codec::Memories memories_;  // what fitted each series in its last block
  TierChoice tier_choice_;
  SequenceRanges evicted_;
  Ledger past_;
  Ledger cloud_;
  std::uint64_t rejected_messages_ = 0;
  std::uint64_t refusals_ = 0;  // of all sources; a message can have several
  std::string error_;

  source::Decoded decoded_;  // reused from entry to entry
  struct {
    std::vector<std::size_t> next, value_at;
    std::vector<bool> keep;
    std::vector<Quality> quality;
  } row_;  // by column of the group at hand, reused
  journal::Position position_;
  std::optional<ring::Flush> unwritten_;
  SteadyTime unwritten_since_{};               // the oldest reading of it was read
  std::optional<SteadyTime> unsynced_since_;   // the same of what the ring has and did not sync
  bool sync_failed_ = false;
  Compaction compaction_;
  untimed::Untimed* untimed_;
  std::atomic<bool> untimed_waits_{true};
  std::optional<std::pair<journal::Entry, journal::Position>> aside_;  // not taken by it yet
  SteadyTime aside_synced_{};
  SteadyTime ring_looked_at_{};
  std::optional<Nanoseconds> other_boot_;  // event time = steady + this, of the entry at hand
  SteadyTime started_;
  struct OffTime {
    EventTime at, until;
  };
  std::optional<OffTime> off_;  // before this start, as far as nothing states it yet
  SequenceRanges incompressible_;  // of this start: blocks of which nothing less can be made
  bool alarm_ = false;  // gathered since the last flush
  EventTime heard_until_ = kEventTimeMin;
  SteadyTime last_flush_{};
  SteadyTime last_counted_{};  // the last flush that stated a count
  std::optional<SteadyTime> gathering_since_;
};

}  // namespace tidemark::pipeline
