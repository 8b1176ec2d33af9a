// Puts the readings of a block where they belong: into panes, the late ledger, quarantine, or
// nowhere because they are here already. Decides nothing else; the books are the intake's.
//
// Speed      a column is walked in the order of time, in runs of one pane each, of which the pane
//            takes all at once. No allocation, and no SQLite, per reading or run of additive parts.
#pragma once

#include "cloud/answers/emitter.h"
#include "cloud/intake/catalogue.h"
#include "cloud/intake/incoming.h"
#include "cloud/intake/repeat_finder.h"
#include "cloud/intake/time_order.h"
#include "cloud/reconcile/incarnation_books.h"
#include "common/model/block.h"

namespace tidemark::intake {

// How far an edge's clock may be ahead of this node's: of later times nothing is believed.
inline constexpr Nanoseconds kAheadMax = std::chrono::minutes(10);
// Of minutes so far beyond that nothing is counted: what lies there is in quarantine, and no
// frontier would pass these rows and let them go.
inline constexpr Nanoseconds kCountedAheadMax = std::chrono::hours(24);

class Placer {
 public:
  Placer(store::Store& store, Catalogue& catalogue, answers::Emitter& emitter,
         const reconcile::Horizons& horizons)
      : store_(store),
        catalogue_(catalogue),
        emitter_(emitter),
        horizons_(horizons),
        repeats_(store, catalogue) {}

  // Fault::full for a block that would cost more than its share of all edges' time: readings in
  // more than kPanesMax panes, or beside more than kComparedMax archived blocks. Before place().
  [[nodiscard]] Result<> check(const Incoming& in);
  reconcile::Placed place(const Incoming& in, SteadyTime now);
  // Archived blocks that were read to find repeats.
  [[nodiscard]] std::uint64_t compared() const { return repeats_.compared(); }

 private:
  struct Sealed {  // of a source, looked up once a column
    EventTime frontier;
    std::array<EventTime, reconcile::kTiers> floors;
  };
  static constexpr std::size_t kPanesMax = 262'144;
  static constexpr std::size_t kComparedMax = 8'192;
  static constexpr std::size_t kLooseSpans = 64;  // of a block, where rows lie far apart
  static constexpr std::int64_t kSumMaxNs = 24 * 3'600'000'000'000;  // of an edge: the widest pane

  void place_column(const Incoming& in, const Group& group, const Column& column, SteadyTime now,
                    reconcile::Placed& placed);
  void place_run(Bound bound, const Group& group, const Column& column, std::size_t& row,
                 std::size_t& value, const Sealed& sealed, const Incoming& in, SteadyTime now,
                 reconcile::Placed& placed);
  struct Run {  // of rows into one pane
    std::int64_t begin;
    std::int64_t end;
    bool in_one_minute;
    bool quarantined;
    store::Pane* pane;  // null: set aside
  };
  // Where the run goes that begins with a reading of this time.
  struct Way {
    std::size_t tier = 0;  // reconcile::kTiers: none
    bool quarantined = false;
    Nanoseconds width{};
    EventTime start{};
  };
  static Way way_of(EventTime first, const Series& series, const Sealed& sealed,
                    const Incoming& in);
  // The rows from `row` on that lie in the run; how many of them were not repeats. Moves on.
  std::uint64_t add_plain(const Run& run, const Bound& bound, const Group& group,
                          const Column& column, std::size_t& row, std::size_t& value);
  std::uint64_t add_each(const Run& run, const Bound& bound, const Group& group,
                         const Column& column, std::size_t& row, std::size_t& value);
  // What the rows [row, end) of a run, values from `value` on, say by their order of time.
  struct Rows {
    std::size_t row = 0, end = 0, value = 0;
  };
  void put_in_order(const Series& series, const Group& group, const Column& column,
                    const Rows& rows, const Way& way, const Incoming& in, SteadyTime now);
  static void note_extent(Series& series, std::int64_t low, std::int64_t high);
  void place_partial(const Incoming& in, const PartialRow& row, const window::Partial& state,
                     SteadyTime now, reconcile::Placed& placed);
  void heard(store::SourceId source, std::int64_t time, std::uint64_t readings);
  // What was heard in the block, into the manifests; and what waits for it in proved minutes.
  void note_heard(const Incoming& in, SteadyTime now);
  void note_spans(const Incoming& in);
  void note_wide(const Incoming& in);
  void note_times(store::SourceId source, const std::vector<std::int64_t>& times);
  Sealed sealed_of(const Edge& edge, const Series& series) const;

  store::Store& store_;
  Catalogue& catalogue_;
  answers::Emitter& emitter_;
  const reconcile::Horizons& horizons_;
  struct Heard {
    store::SourceId source;
    std::int64_t minute;
    std::uint64_t readings;
    bool proved;  // the source's frontier is past its start
  };
  std::vector<Heard> heard_;  // of the block at hand
  EventTime proved_{};        // the frontier of the series at hand
  std::int64_t far_ = 0;      // the first minute of which nothing is counted
  TimeOrder time_order_;
  std::vector<window::OrderedSample> samples_;  // of the run at hand
  RepeatFinder repeats_;
  bool any_repeated_ = false;  // in the column at hand
  struct Span {
    store::SourceId source;
    std::int64_t min, max;
    friend auto operator<=>(const Span&, const Span&) = default;
  };
  // Those of one source that meet, or lie no further apart than that, as one.
  [[nodiscard]] std::vector<Span> joined_spans(std::int64_t gap) const;
  std::vector<Span> spans_;  // of the block at hand
  struct Wide {
    store::SourceId source;
    std::int64_t first, last;  // minutes
    EventTime proved;
  };
  std::vector<Wide> wide_;  // of the block at hand
};

}  // namespace tidemark::intake
