// The tables of cloud.db as the Reader sees them, inside one read transaction.
#pragma once

#include <unordered_map>

#include "cloud/answers/view.h"
#include "cloud/query/reader.h"
#include "cloud/reconcile/manifest.h"
#include "cloud/reconcile/pane.h"
#include "cloud/store/rows.h"
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
};

struct EdgeEntry {
  std::string name;
  std::string site;
  bool connected = false;
  EventTime seen{};
  std::uint64_t missing = 0;
  reconcile::OffTimes off;
};

struct ViewEntry {
  std::int64_t id = 0;
  answers::View view;
};

class Snapshot {
 public:
  explicit Snapshot(sqlite::Database& database);
  // One consistent state until end().
  void begin();
  void end();

  // Those that match, in order of their names.
  std::vector<const SeriesEntry*> match(const std::string& glob);
  const SeriesEntry* series(store::SeriesId id);
  const EdgeEntry& edge(store::EdgeId id) { return edges_[id]; }
  [[nodiscard]] const std::vector<ViewEntry>& views() const { return views_; }
  EventTime frontier(store::SourceId source);
  reconcile::ManifestSum manifest(const SeriesEntry& series, EventTime from, EventTime to);
  // The archive has all that came of the series from there on.
  EventTime archived_from(const SeriesEntry& series);
  // Readings of the series in the late ledger and in quarantine, of the days that [from, to) meets.
  std::uint64_t waiting(const SeriesEntry& series, EventTime from, EventTime to);
  // Archived blocks with readings of the series' sources in [from, to), oldest first.
  std::vector<store::ArchivePosition> blocks(const SeriesEntry& series, EventTime from,
                                             EventTime to);
  // First and last pane of the series as [first, end); nothing without panes.
  std::optional<std::pair<EventTime, EventTime>> extent(store::SeriesId id);
  // The newest pane that is there.
  std::optional<window::Partial> newest(const SeriesEntry& series);
  // All panes that meet [from, to): visit(start, width, pane).
  void each_pane(
      const SeriesEntry& series, EventTime from, EventTime to,
      const std::function<void(EventTime, Nanoseconds, const reconcile::Pane&)>& visit);
  // Windows of this resolution that begin before are frozen.
  EventTime frozen_before(reconcile::Tier tier, store::SourceId source);
  // What was known before cannot be told any more.
  EventTime known_from();
  [[nodiscard]] sqlite::Database& database() { return database_; }

 private:
  void load_series();
  sqlite::Database& database_;
  std::unordered_map<store::SeriesId, SeriesEntry> series_;
  std::int64_t series_changes_ = -1;
  std::unordered_map<store::EdgeId, EdgeEntry> edges_;
  std::vector<ViewEntry> views_;
  reconcile::Horizons horizons_;
  sqlite::Statement select_edges_, off_times_, select_views_, select_series_, sources_,
      version_, source_, minutes_, forgotten_, waiting_, spans_, first_, last_, panes_, meta_;
};

}  // namespace tidemark::query
