// What the cloud's face (HTTP, CLI, page) reads: consistent snapshots of the last commit.
//
// Promise    a reader never sees half a commit, and never blocks the intake. An answer's revision
//            never goes back.
// Threads    one Reader per thread; open() is cheap. Works on the store of a stopped node too.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cloud/answers/answer.h"
#include "cloud/answers/second_stage.h"
#include "cloud/answers/selection.h"
#include "cloud/store/event_rows.h"
#include "cloud/store/letter_rows.h"
#include "cloud/store/order_rows.h"
#include "common/base/result.h"
#include "common/base/time.h"
#include "common/model/seal.h"
#include "common/model/series.h"

namespace tidemark::query {

struct SeriesState {
  std::string name;  // edge/device/metric
  std::string edge;
  std::string site;
  SeriesDescription description;
  EventTime first{};          // event times seen
  EventTime last{};
  std::optional<double> value;  // of the last
  std::string text;
  std::uint64_t readings = 0;
  // Else only its answers are known: name, edge, site, unit, from the first window's start to the
  // last one's end, and the value of the newest window that has one.
  bool described = true;
};

struct SourceState {
  std::string name;
  std::string poll_class;
  EventTime sealed_until = kEventTimeMin;  // the newest seal
  EventTime frontier = kEventTimeMin;      // how far that is covered by what was received or lost
  bool device_stamped = false;
  std::uint64_t due = 0, good = 0, taken = 0;
};

// What a person should look at; gone a day after its last time, a clone's when it is decided.
struct Alarm {
  std::string kind;  // store::AlarmKind in words
  std::string text;
  EventTime first{};
  EventTime last{};
  std::uint64_t times = 0;
};

struct EdgeState {
  std::string name;
  std::string site;
  std::string program_version;
  Incarnation incarnation;
  std::uint64_t start_ordinal = 0;
  bool connected = false;
  EventTime seen{};                 // last frame of any kind
  std::string away;                 // why it is not connected, where nobody said bye
  std::uint64_t blocks = 0;
  std::uint64_t blocks_missing = 0; // below the highest that is known of
  Ledger ledger;
  std::vector<SourceState> sources;
  std::vector<Alarm> alarms;
};

struct LateRow {  // a reading that came after its window's first answer, folded by view window
  std::string series;
  EventTime start{};
  std::uint64_t readings = 0;
  std::string placement;  // "pane", "1min", "15min", "1day", "late_ledger"
  // What they came into, as it is answered now: of the built-in view, or of the first that has the
  // series. None where they wait to be brought back.
  struct Window {
    std::string view;
    EventTime start{};
    answers::State state = answers::State::open;
    std::optional<double> completeness;
    std::uint64_t revision = 0;
  };
  std::optional<Window> window = std::nullopt;
};

struct MeterSwap {  // as a person said it; values in the unit of the series
  std::string series;
  EventTime at{};
  double old_end = 0;
  double new_start = 0;
  EventTime known_at{};
};

struct WaivedSource {  // as a person said it
  std::string source;  // edge/source
  bool retired = false;
  EventTime until{};
  std::string by;
  std::string reason;
  EventTime at{};
  EventTime ended = kEventTimeMin;  // the lowest number: it is in force
  std::string ended_by;
};

struct ViewVersion {
  std::string view;
  std::uint64_t version = 0;
  EventTime since = kEventTimeMin;  // when it came into force, as the node's clock said
  EventTime until = kEventTimeMax;  // when another did; the end of time: it is in force
};

// Of a node that shares the partitions of its input with others.
struct PartitionState {
  int number = 0;
  bool here = false;         // its store is open on this node
  std::string owner = {};    // the name of the node that has it; empty: nobody, or not known
  EventTime since{};         // here
  std::uint64_t behind = 0;  // here: records that are there and have not been taken
  std::uint64_t unpublished = 0;  // here: answers that are to go into their topic, at most
  std::string problem = {};  // here: why it is not read or published; empty: none
  bool restored = false;     // here: from a checkpoint
  std::optional<Nanoseconds> ready = std::nullopt;  // here: what the takeover took; empty: goes on
  EventTime checkpoint{};    // here: of when the newest one is; 0: there is none
  std::string checkpoint_problem = {};  // here: why no newer one was written
};

// Of a node that makes no answers of its own, and serves those that others said (cloud/serve).
struct Serving {
  struct Refused {
    std::string record;  // TOPIC/PARTITION/OFFSET
    std::string reason;
    EventTime at{};
  };
  // Of a running node alone:
  bool running = false;
  bool ready = false;        // what was there at its start has been read
  std::uint64_t behind = 0;  // records that are there and have not been taken
  std::string problem = {};  // empty: none
  // Ever:
  std::uint64_t records = 0;   // taken
  std::uint64_t repeated = 0;  // of them the same again
  std::uint64_t older = 0;     // of them behind what was here
  std::uint64_t refused = 0;   // that cannot be read
  std::uint64_t lost = 0;      // that went before they were read
  EventTime known_from = kEventTimeMin;  // as-of reaches back to there
  std::vector<Refused> newest_refused = {};
};

struct AnswerQuery {
  std::string view;                 // a view's name, or empty with `aggregate`, `select`, `window`
  // Of the view's definition; nothing: that of now, or of `as_of`. Of revisions: all.
  std::optional<std::uint64_t> view_version;
  std::vector<std::string> aggregates;  // empty: the view's
  answers::Selection select;        // of series; of groups those that one of them belongs to
  // Of an expression: groups of all series that have these labels and the unit in common, instead
  // of answers for each series.
  std::optional<std::vector<std::string>> group_by;
  Nanoseconds window{};             // of an expression: AGG GLOB by WINDOW; 0: the whole range
  std::string calendar;             // day | week | month: windows of that kind in `zone`
  std::string zone = "UTC";
  EventTime from = kEventTimeMin;
  EventTime to = kEventTimeMax;
  std::optional<EventTime> as_of;   // what was known then
  bool sealed_only = false;
  std::size_t newest = 0;           // of each series at most its so many newest windows; 0: all
  std::size_t limit = 100'000;      // Fault::full beyond it, naming the limit
};

struct LetterQuery {
  std::size_t limit = 1'000;
  std::optional<store::LetterReason> why = {};  // empty: any
  std::optional<store::LetterState> state = {};
};

struct EventQuery {
  answers::Selection select;
  EventTime from = kEventTimeMin;
  EventTime to = kEventTimeMax;
  std::string cause, state;  // empty: any
  std::size_t limit = 1'000;
};

class Reader {
 public:
  // Over those of all partitions where the node keeps a store for each.
  static Result<std::unique_ptr<Reader>> open(const std::filesystem::path& data_dir);
  virtual ~Reader() = default;

  virtual Result<std::vector<SeriesState>> series(const answers::Selection& select) = 0;
  virtual Result<std::vector<EdgeState>> edges() = 0;
  virtual Result<std::vector<std::string>> views() = 0;
  // Every definition that views had, in order of their names.
  virtual Result<std::vector<ViewVersion>> view_versions() = 0;
  // In order of series, then start; of groups in that of their labels. An expression whose window,
  // selection and groups are those of a view gives that view's answers; any other is computed from
  // panes on read (revision 0).
  virtual Result<std::vector<answers::Answer>> answers(const AnswerQuery& query) = 0;
  // Every revision, in order of series and view, oldest first; without a view and a window, those
  // of every view.
  virtual Result<std::vector<answers::Answer>> revisions(const AnswerQuery& query) = 0;
  virtual Result<std::vector<LateRow>> late(const answers::Selection& select,
                                             std::size_t limit) = 0;
  virtual Result<Ledger> ledger() = 0;
  // In force or not, the oldest first.
  virtual Result<std::vector<WaivedSource>> waived_sources() = 0;
  virtual Result<std::vector<MeterSwap>> swaps(const answers::Selection& select) = 0;
  // Emissions after `position`, oldest first, for SSE and its resume.
  virtual Result<std::vector<answers::Answer>> since(std::uint64_t position, std::size_t limit) = 0;
  virtual Result<std::uint64_t> position() = 0;
  // The newest first, by the time that they speak of.
  virtual Result<std::vector<store::Event>> events(const EventQuery& query) = 0;
  // Behind that number, in the order in which they came.
  virtual Result<std::vector<store::Event>> events_since(std::int64_t /*id*/,
                                                         std::size_t /*limit*/) {
    return std::vector<store::Event>{};
  }
  // The newest first, without their bytes.
  virtual Result<std::vector<store::Letter>> dead_letters(const LetterQuery& query) = 0;
  // Kept ones behind that number, the oldest first, with their bytes.
  virtual Result<std::vector<store::Letter>> letters_since(std::int64_t /*id*/,
                                                           std::size_t /*limit*/) {
    return std::vector<store::Letter>{};
  }
  struct Said {  // of groups, by the store of one partition (answers/second_stage.h)
    std::uint64_t position = 0;
    ByteVector view;  // its definition
    EventTime start{};
    answers::SaidPartial partial;
  };
  // Behind that position, the oldest first.
  virtual Result<std::vector<Said>> said_since(std::uint64_t /*position*/,
                                               std::size_t /*limit*/) {
    return std::vector<Said>{};
  }
  // What came of orders of the log, as the log does not have it yet: behind that order.
  virtual Result<std::vector<store::Outcome>> outcomes_since(std::int64_t /*order*/,
                                                             std::size_t /*limit*/) {
    return std::vector<store::Outcome>{};
  }
  // Definitions of the views in force, or of all that are known.
  virtual Result<std::vector<ByteVector>> definitions(bool /*all*/) {
    return std::vector<ByteVector>{};
  }
  // One of them, with its bytes; of that partition, where a node has a store for each.
  virtual Result<std::optional<store::Letter>> dead_letter(std::int64_t id,
                                                           std::optional<int> partition) = 0;
  struct LetterCounts {
    store::LetterRows::Counts kept{};                // by reason
    // Readings by edge that persons dropped; of letters of which there is a row.
    std::map<std::string, std::uint64_t> dropped{};
  };
  virtual Result<LetterCounts> letter_counts() { return LetterCounts{}; }
  // Nothing where a node has all of its input to itself.
  virtual Result<std::vector<PartitionState>> partitions() { return std::vector<PartitionState>{}; }
  // Nothing where the answers are the node's own. Where they are not, what follows from edges and
  // readings (edges, ledger, late, waived_sources, swaps, events, dead letters) is
  // Fault::unsupported.
  virtual Result<std::optional<Serving>> serving() { return std::optional<Serving>{}; }
  // "AGG SELECTION [by WINDOW] [per LABEL,…|all]" or a view's name, as on the command line.
  static Result<AnswerQuery> parse(std::string_view expression);
  // The windows of `query` are that long; "1month" too, which is no duration.
  static Result<> set_window(AnswerQuery& query, std::string_view text);
  // They begin as a clock in that zone has it. Fault::bad_input for a zone that is none, and for
  // windows that no calendar has.
  static Result<> set_zone(AnswerQuery& query, const std::string& zone);
};

}  // namespace tidemark::query
