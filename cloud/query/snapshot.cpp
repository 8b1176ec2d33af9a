#include "cloud/query/snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "cloud/answers/relabels.h"
#include "common/base/log.h"
#include "common/model/events.h"

namespace tidemark::query {
namespace {
}

Snapshot::Snapshot(sqlite::Database& db)
    : database_(db),
      ordered_(db),
      folded_(db),
      dropped_(db),
      waiver_rows_(db),
      select_edges_(db, "SELECT id,name,site,connected,seen,missing,away FROM edges"),
      sources_called_(db, "SELECT id FROM sources WHERE edge=? AND name=?"),
      off_times_(db, "SELECT edge,off_from,off_until FROM off_times ORDER BY off_from"),
      uncounted_(db, "SELECT edge,blocks,from_time,until_time FROM uncounted"),
      aside_(db, "SELECT id,time_min,time_max,readings,state,reason,outcome FROM deadletters"
                 " WHERE edge=? AND booked=1 AND state<>1 AND readings>0 ORDER BY id DESC LIMIT ?"),
      select_views_(db, "SELECT id,definition,current,(SELECT COUNT(*) FROM views o WHERE"
                        " o.name=v.name AND o.id<=v.id) FROM views v ORDER BY id"),
      view_at_(db, "SELECT view FROM view_log WHERE name=?1 AND id>=(SELECT MAX(id) FROM (SELECT id"
                   " FROM view_log WHERE name=?1 AND at<=?2 UNION ALL SELECT MIN(id) FROM view_log"
                   " WHERE name=?1)) ORDER BY id LIMIT 1"),
      force_(db, "SELECT at,(SELECT MIN(n.at) FROM view_log n WHERE n.name=l.name AND n.id>l.id)"
                 " FROM view_log l WHERE view=? ORDER BY id DESC LIMIT 1"),
      select_series_(db, "SELECT s.id,s.edge,s.source,e.name,s.description,s.widest_sum,"
                         "s.thinned_from,s.thinned_until FROM series s"
                         " JOIN edges e ON e.id=s.edge"),
      sources_(db, "SELECT series,source FROM series_sources"),
      version_(db, "SELECT value FROM meta WHERE key='series_changes'"),
      select_groups_(db, "SELECT id,view,key FROM groups WHERE id>? ORDER BY id"),
      members_(db, "SELECT series,since,until FROM members WHERE grp=?"),
      source_(db, "SELECT frontier FROM sources WHERE id=?"),
      minutes_(db, "SELECT state FROM minutes WHERE source=? AND minute>=? AND minute<?"),
      forgotten_(db, "SELECT until FROM forgotten WHERE source=?"),
      waiting_(db, "SELECT CAST(TOTAL(readings) AS INTEGER) FROM late INDEXED BY set_aside"
                   " WHERE placement IN ('late_ledger','quarantine') AND series=? AND start>=?"
                   " AND start<?"),
      spans_(db, "SELECT position FROM spans WHERE source=?1 AND time_min>=?2-(SELECT span_max"
                 " FROM sources WHERE id=?1) AND time_min<?3 AND time_max>=?2 ORDER BY position"),
      first_(db, "SELECT start FROM panes WHERE series=? AND tier=? ORDER BY start LIMIT 1"),
      last_(db, "SELECT start,state FROM panes WHERE series=? AND tier=?"
                " ORDER BY start DESC LIMIT 1"),
      panes_(db, "SELECT start,state FROM panes WHERE series=? AND tier=? AND start>=?"
                 " AND start<=? ORDER BY start"),
      before_(db, "SELECT start,state FROM panes WHERE series=? AND tier=? AND start<?"
                  " ORDER BY start DESC"),
      meta_(db, "SELECT value FROM meta WHERE key=?") {}

void Snapshot::begin() {
  database_.run("BEGIN");
  edges_.clear();
  select_edges_.start();
  while (select_edges_.next()) {
    EdgeEntry e;
    e.name = select_edges_.text(1);
    e.site = select_edges_.text(2);
    e.connected = select_edges_.integer(3) != 0;
    e.seen = event_time(select_edges_.integer(4));
    e.missing = select_edges_.count(5);
    e.away = select_edges_.text(6);
    edges_[static_cast<store::EdgeId>(select_edges_.integer(0))] = std::move(e);
  }
  off_times_.start();
  while (off_times_.next()) {
    edges_[static_cast<store::EdgeId>(off_times_.integer(0))].off.add(
        {event_time(off_times_.integer(1)), event_time(off_times_.integer(2))});
  }
  uncounted_.start();
  while (uncounted_.next()) {
    edges_[static_cast<store::EdgeId>(uncounted_.integer(0))].uncounted.push_back(
        {uncounted_.count(1), event_time(uncounted_.integer(2)),
         event_time(uncounted_.integer(3))});
  }
  aside_of_.clear();
  ordered_.forget_read();
  words_.clear();
  for (const auto& waiver : waiver_rows_.all(true)) {
    sources_called_.start(waiver.edge, waiver.source);
    while (sources_called_.next()) {
      words_[static_cast<store::SourceId>(sources_called_.integer(0))].add(waiver);
    }
  }
  views_.clear();
  select_views_.start();
  while (select_views_.next()) {
    auto view = answers::View::from_definition(select_views_.blob(1));
    if (view) {
      const auto hash = view->hash();
      views_.push_back({select_views_.integer(0), std::move(view).value(),
                        select_views_.count(3), select_views_.integer(2) != 0, hash});
    } else {
      log::error("a view of the node cannot be read, its answers are not shown", "id={} error={}",
                 select_views_.integer(0), view.error().text());
    }
  }
  relabels_ = answers::load_relabels(database_);
  for (std::size_t t = 0; t < horizons_.age.size(); ++t) {
    if (meta_.start(fmt::format("horizon_{}", t)).next()) {
      horizons_.age[t] = Nanoseconds(meta_.integer(0));
    }
    meta_.rewind();
  }
  load_series();
}

void Snapshot::end() { database_.run("COMMIT"); }

const store::Words& Snapshot::words(store::SourceId source) const {
  static const store::Words kNone;
  const auto it = words_.find(source);
  return it == words_.end() ? kNone : it->second;
}

EventTime Snapshot::sealing_frontier(store::SourceId source) {
  const auto known = frontier(source);
  return std::max(known, words(source).until());
}

std::vector<const ViewEntry*> Snapshot::views() const {
  std::vector<const ViewEntry*> all;
  for (const auto& v : views_) {
    if (v.current) all.push_back(&v);
  }
  return all;
}

std::int64_t Snapshot::view_at(const std::string& name, EventTime t) {
  const auto view = view_at_.start(name, count_ns(t)).next() ? view_at_.integer(0) : 0;
  view_at_.rewind();
  return view;
}

Snapshot::Force Snapshot::force(const ViewEntry& view) {
  Force force;
  if (force_.start(view.id).next()) {
    force.since = event_time(force_.integer(0));
    if (!view.current) force.until = event_time(force_.integer(1));
  }
  force_.rewind();
  return force;
}

void Snapshot::load_series() {
  std::int64_t changes = 0;
  if (version_.start().next()) changes = version_.integer(0);
  version_.rewind();
  if (changes == series_changes_) return;
  series_changes_ = changes;
  series_.clear();
  select_series_.start();
  while (select_series_.next()) {
    auto description = store::decode_description(select_series_.blob(4));
    if (!description) continue;
    SeriesEntry s;
    s.id = static_cast<store::SeriesId>(select_series_.integer(0));
    s.edge = static_cast<store::EdgeId>(select_series_.integer(1));
    s.source = static_cast<store::SourceId>(select_series_.integer(2));
    s.name = select_series_.text(3) + "/" + description->local_name();
    s.description = std::move(description).value();
    s.widest_sum = Nanoseconds(select_series_.integer(5));
    s.thinned = {select_series_.integer(6), select_series_.integer(7)};
    series_[s.id] = std::move(s);
  }
  sources_.start();
  while (sources_.next()) {
    const auto it = series_.find(static_cast<store::SeriesId>(sources_.integer(0)));
    const auto source = static_cast<store::SourceId>(sources_.integer(1));
    if (it != series_.end() && it->second.source != source) it->second.earlier.push_back(source);
  }
}

answers::Labels Snapshot::labels(const SeriesEntry& series) {
  const auto& edge = edges_[series.edge];
  return answers::labels_of(edge.name, edge.site, series.description, relabels_);
}

std::vector<const SeriesEntry*> Snapshot::match(const answers::Selection& select) {
  std::vector<const SeriesEntry*> all;
  for (const auto& [id, s] : series_) {
    if (is_events(s.description)) continue;
    const auto known = select.labels.empty() ? answers::Labels() : labels(s);
    if (select.matches(s.name, known)) all.push_back(&s);
  }
  std::sort(all.begin(), all.end(), [](const auto* a, const auto* b) {
    return a->name == b->name ? a->id < b->id : a->name < b->name;
  });
  return all;
}

void Snapshot::load_groups() {
  const auto gone = meta_.start(answers::kGroupsGone).next() ? meta_.integer(0) : 0;
  meta_.rewind();
  if (std::exchange(groups_gone_, gone) != gone) groups_.clear();
  select_groups_.start(groups_.empty() ? std::int64_t{0} : groups_.rbegin()->first);
  while (select_groups_.next()) {
    const auto id = select_groups_.integer(0);
    groups_[id] = {-id, select_groups_.integer(1),
                   answers::GroupKey::decode(select_groups_.blob(2))};
  }
}

std::vector<const GroupEntry*> Snapshot::groups(std::int64_t view) {
  load_groups();
  std::vector<const GroupEntry*> all;
  for (const auto& [id, group] : groups_) {
    if (group.view == view) all.push_back(&group);
  }
  return all;
}

const GroupEntry* Snapshot::group(answers::Subject subject) {
  auto known = groups_.find(-subject);
  if (known == groups_.end()) {
    load_groups();
    known = groups_.find(-subject);
  }
  return known == groups_.end() ? nullptr : &known->second;
}

std::vector<answers::Member> Snapshot::members(answers::Subject group) {
  std::vector<answers::Member> all;
  members_.start(-group);
  while (members_.next()) {
    all.push_back({static_cast<store::SeriesId>(members_.integer(0)),
                   event_time(members_.integer(1)), event_time(members_.integer(2))});
  }
  return all;
}

const SeriesEntry* Snapshot::series(store::SeriesId id) {
  const auto it = series_.find(id);
  return it == series_.end() ? nullptr : &it->second;
}

const std::vector<answers::Aside>& Snapshot::aside(store::EdgeId id) {
  const auto [at, fresh] = aside_of_.try_emplace(id);
  if (!fresh) return at->second;
  aside_.start(edge(id).name, answers::kAsideMax);
  while (aside_.next()) {
    answers::Aside a;
    a.letter = aside_.integer(0);
    a.from = event_time(aside_.integer(1));
    a.until = event_time(std::min(aside_.integer(2), count_ns(kEventTimeMax) - 1) + 1);
    a.readings = aside_.count(3);
    a.state = static_cast<store::LetterState>(aside_.integer(4));
    a.why = aside_.text(a.state == store::LetterState::kept ? 5 : 6);
    at->second.push_back(std::move(a));
  }
  std::reverse(at->second.begin(), at->second.end());
  return at->second;
}

EventTime Snapshot::frontier(store::SourceId source) {
  const auto frontier = source_.start(source).next() ? event_time(source_.integer(0))
                                                     : kEventTimeMin;
  source_.rewind();
  return frontier;
}

std::vector<store::SourceId> SeriesEntry::sources() const {
  auto all = earlier;
  all.insert(all.begin(), source);
  return all;
}

reconcile::ManifestSum Snapshot::manifest(const std::vector<store::SourceId>& sources,
                                          EventTime from, EventTime to) {
  const auto first = minute_of(from);
  const auto end = minute_of(to - Nanoseconds(1)) + 1;
  reconcile::ManifestSum sum;
  for (const auto source : sources) {
    minutes_.start(source, first, end);
    while (minutes_.next()) {
      ByteReader in(minutes_.blob(0));
      sum += reconcile::MinuteManifest::decode(in).sum();
    }
    sum += folded_.sum(source, from, to);
    dropped_.add_to(sum, source, from, to);
  }
  return sum;
}

EventTime Snapshot::archived_from(const SeriesEntry& series) {
  auto from = kEventTimeMin;
  const auto look = [&](store::SourceId source) {
    if (forgotten_.start(source).next()) {
      from = std::max(from, event_time(forgotten_.integer(0)) + Nanoseconds(1));
    }
    forgotten_.rewind();
  };
  look(series.source);
  for (const auto source : series.earlier) look(source);
  return from;
}

std::uint64_t Snapshot::waiting(const SeriesEntry& series, EventTime from, EventTime to) {
  const auto day = floor_to(from, reconcile::width_of(reconcile::Tier::day));
  waiting_.start(series.id, count_ns(day), count_ns(to));
  const auto readings = waiting_.next() ? waiting_.count(0) : 0;
  waiting_.rewind();
  return readings;
}

std::vector<store::ArchivePosition> Snapshot::blocks(const SeriesEntry& series, EventTime from,
                                                     EventTime to) {
  std::set<std::uint64_t> found;
  const auto add = [&](store::SourceId source) {
    spans_.start(source, count_ns(from), count_ns(to));
    while (spans_.next()) found.insert(spans_.count(0));
  };
  add(series.source);
  for (const auto source : series.earlier) add(source);
  std::vector<store::ArchivePosition> all;
  for (const auto position : found) all.push_back({position});
  return all;
}

std::optional<std::pair<EventTime, EventTime>> Snapshot::extent(store::SeriesId id) {
  std::optional<std::pair<EventTime, EventTime>> extent;
  for (std::size_t t = 0; t < reconcile::kTiers; ++t) {
    const auto tier = reconcile::number_of(static_cast<reconcile::Tier>(t));
    if (first_.start(id, tier).next() && last_.start(id, tier).next()) {
      const auto first = event_time(first_.integer(0));
      const auto end = event_time(last_.integer(0)) +
                       reconcile::width_of(static_cast<reconcile::Tier>(t));
      if (!extent) extent = {first, end};
      extent = {std::min(extent->first, first), std::max(extent->second, end)};
    }
    first_.rewind();
    last_.rewind();
  }
  return extent;
}

std::optional<window::Partial> Snapshot::newest(const SeriesEntry& series) {
  std::optional<window::Partial> newest;
  EventTime at = kEventTimeMin;
  for (std::size_t t = 0; t < reconcile::kTiers; ++t) {
    const auto tier = reconcile::number_of(static_cast<reconcile::Tier>(t));
    if (last_.start(series.id, tier).next() &&
        event_time(last_.integer(0)) > at) {
      at = event_time(last_.integer(0));
      auto pane = reconcile::Pane::decode(last_.blob(1));
      if (pane) {
        newest.emplace(series.description.type);
        pane->add_to(*newest);
      }
    }
    last_.rewind();
  }
  return newest;
}

void Snapshot::each_pane(
    const SeriesEntry& series, EventTime from, EventTime to,
    const std::function<void(EventTime, Nanoseconds, const reconcile::Pane&)>& visit) {
  for (std::size_t t = 0; t < reconcile::kTiers; ++t) {
    const auto tier = static_cast<reconcile::Tier>(t);
    const auto width = reconcile::width_of(tier);
    panes_.start(series.id, reconcile::number_of(tier), count_ns(floor_to(from, width)),
                 count_ns(to - Nanoseconds(1)));
    while (panes_.next()) {
      const auto pane = reconcile::Pane::decode(panes_.blob(1));
      if (pane) visit(event_time(panes_.integer(0)), width, *pane);
    }
  }
}

reconcile::Before Snapshot::before(const SeriesEntry& series, EventTime t) {
  reconcile::Before found;
  for (std::size_t i = 0; i < reconcile::kTiers; ++i) {
    before_.start(series.id, reconcile::number_of(static_cast<reconcile::Tier>(i)), count_ns(t));
    while (before_.next()) {
      const auto pane = reconcile::Pane::decode(before_.blob(1));
      if (pane && found.take(event_time(before_.integer(0)), *pane, t)) break;
    }
    before_.rewind();
  }
  return found;
}

EventTime Snapshot::known_from() {
  const auto from = meta_.start("known_from").next() ? event_time(meta_.integer(0))
                                                     : kEventTimeMin;
  meta_.rewind();
  return from;
}

EventTime Snapshot::frozen_before(reconcile::Tier tier, EventTime frontier) const {
  return horizons_.floor(tier, frontier);
}

}  // namespace tidemark::query
