// The tables of cloud.db as the Reader sees them, inside one read transaction.
#pragma once

#include <map>
#include <unordered_map>

#include "cloud/answers/group_rows.h"
#include "cloud/answers/judge.h"
#include "cloud/answers/selection.h"
#include "cloud/answers/view.h"
#include "cloud/query/reader.h"
#include "cloud/reconcile/manifest.h"
#include "cloud/reconcile/pane.h"
#include "cloud/store/ordered_rows.h"
#include "cloud/store/rows.h"
#include "cloud/store/waiver_rows.h"
#include "common/window/partial.h"

namespace tidemark::query {

struct SeriesEntry {
  store::SeriesId id = 0;
  store::EdgeId edge = 0;
  store::SourceId source = 0;
  std::vector<store::SourceId> earlier;  // that it belonged to before
  std::string name;  // edge/device/metric
  SeriesDescription description;
  Nanoseconds widest_sum{};  // store::SeriesRow
  store::ThinnedSpan thinned;

  // All that it ever belonged to.
  [[nodiscard]] std::vector<store::SourceId> sources() const;
};

struct EdgeEntry {
  std::string name;
  std::string site;
  bool connected = false;
  EventTime seen{};
  std::string away;  // store::EdgeRow
  std::uint64_t missing = 0;
  reconcile::OffTimes off;
  std::vector<reconcile::IncarnationBooks::Uncounted> uncounted;  // lost, and nobody counted them
};

struct ViewEntry {
  std::int64_t id = 0;
  answers::View view;
  std::uint64_t version = 0;  // of all that had its name, from 1
  bool current = false;
  std::uint64_t hash = 0;    // View::hash()
};

struct GroupEntry {
  answers::Subject subject = 0;
  std::int64_t view = 0;
  answers::GroupKey key;
};

class Snapshot {
 public:
  explicit Snapshot(sqlite::Database& database);
  // One consistent state until end().
  void begin();
  void end();

  // Those that match, in order of their names; none of events, which are no readings.
  std::vector<const SeriesEntry*> match(const answers::Selection& select);
  answers::Labels labels(const SeriesEntry& series);
  const SeriesEntry* series(store::SeriesId id);
  const EdgeEntry& edge(store::EdgeId id) { return edges_[id]; }
  // Of the edge, the newest kAsideMax, oldest first.
  const std::vector<answers::Aside>& aside(store::EdgeId id);
  // Of a view, in the order in which they came to be.
  std::vector<const GroupEntry*> groups(std::int64_t view);
  const GroupEntry* group(answers::Subject subject);
  std::vector<answers::Member> members(answers::Subject group);
  // In force.
  [[nodiscard]] std::vector<const ViewEntry*> views() const;
  // Those that were, too, the oldest first.
  [[nodiscard]] const std::vector<ViewEntry>& all_views() const { return views_; }
  // The version of a view that was in force then; 0: none was.
  std::int64_t view_at(const std::string& name, EventTime t);
  // When a version came into force, and when it was replaced; its last time.
  struct Force {
    EventTime since = kEventTimeMin;
    EventTime until = kEventTimeMax;
  };
  Force force(const ViewEntry& view);
  EventTime frontier(store::SourceId source);
  // What holds of the source by persons' word; until the next begin().
  const store::Words& words(store::SourceId source) const;
  std::vector<store::Waiver> waivers() { return waiver_rows_.all(false); }
  // Windows that end before are sealed, by proof or by word.
  EventTime sealing_frontier(store::SourceId source);
  reconcile::ManifestSum manifest(const std::vector<store::SourceId>& sources, EventTime from,
                                  EventTime to);
  // The archive has all that came of the series from there on.
  EventTime archived_from(const SeriesEntry& series);
  // Readings of the series in the late ledger and in quarantine, of the days that [from, to) meets.
  std::uint64_t waiting(const SeriesEntry& series, EventTime from, EventTime to);
  // Archived blocks with readings of the series' sources in [from, to), oldest first.
  std::vector<store::ArchivePosition> blocks(const SeriesEntry& series, EventTime from,
                                             EventTime to);
  // How figures that depend on the order of time are made.
  const window::OrderedOptions& ordered(const SeriesEntry& series) {
    return ordered_.of(series.id, series.description);
  }
  std::vector<store::OrderedRows::Swap> swaps(const SeriesEntry& series) {
    return ordered_.swaps(series.id);
  }
  // The last value before a time, as panes know it.
  reconcile::Before before(const SeriesEntry& series, EventTime t);
  // First and last pane of the series as [first, end); nothing without panes.
  std::optional<std::pair<EventTime, EventTime>> extent(store::SeriesId id);
  // The newest pane that is there.
  std::optional<window::Partial> newest(const SeriesEntry& series);
  // All panes that meet [from, to): visit(start, width, pane).
  void each_pane(
      const SeriesEntry& series, EventTime from, EventTime to,
      const std::function<void(EventTime, Nanoseconds, const reconcile::Pane&)>& visit);
  // Windows of this resolution that begin before are frozen.
  [[nodiscard]] EventTime frozen_before(reconcile::Tier tier, EventTime frontier) const;
  // What was known before cannot be told any more.
  EventTime known_from();
  [[nodiscard]] sqlite::Database& database() { return database_; }

 private:
  void load_series();
  void load_groups();
  sqlite::Database& database_;
  std::unordered_map<store::SeriesId, SeriesEntry> series_;
  std::int64_t series_changes_ = -1;
  std::unordered_map<store::EdgeId, EdgeEntry> edges_;
  std::unordered_map<store::EdgeId, std::vector<answers::Aside>> aside_of_;  // that were asked for
  std::vector<ViewEntry> views_;
  std::map<std::int64_t, GroupEntry> groups_;  // by id; rows that are never changed, but may go
  std::int64_t groups_gone_ = 0;
  std::vector<answers::Relabel> relabels_;
  reconcile::Horizons horizons_;
  store::OrderedRows ordered_;
  store::FoldedManifests folded_;
  store::DroppedMinutes dropped_;
  store::WaiverRows waiver_rows_;
  std::unordered_map<store::SourceId, store::Words> words_;
  sqlite::Statement select_edges_, sources_called_, off_times_, uncounted_, aside_, select_views_,
      view_at_,
      force_, select_series_, sources_, version_, select_groups_, members_, source_, minutes_,
      forgotten_, waiting_, spans_, first_, last_, panes_, before_, meta_;
};

}  // namespace tidemark::query
