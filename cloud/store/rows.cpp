#include "cloud/store/rows.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "cloud/reconcile/clone_guard.h"

namespace tidemark::store {
namespace {

std::int64_t ns(EventTime t) { return count_ns(t); }

std::vector<Incarnation> starts_of(sqlite::Statement& select, EdgeId edge) {
  std::vector<Incarnation> all;
  select.start(edge);
  while (select.next()) all.push_back({select.count(0)});
  return all;
}

}  // namespace

ByteVector encode_description(const SeriesDescription& d) { return Dictionary({d}).bytes(); }

Result<SeriesDescription> decode_description(ByteSpan bytes) {
  TIDE_ASSIGN(auto one, Dictionary::decode(bytes));
  if (one.series().size() != 1) return Error(Fault::corrupt, "a row of series holds one");
  return one.series()[0];
}

EdgeRows::EdgeRows(sqlite::Database& database)
    : database_(database),
      all_(database, "SELECT id,name,site,version,incarnation,ordinal,connected,seen,away"
                     " FROM edges"),
      add_(database, "INSERT INTO edges(name,site,version) VALUES(?,'','')"),
      save_(database, "UPDATE edges SET site=?,version=?,incarnation=?,ordinal=?,connected=?,"
                      "seen=?,away=?,blocks=?,missing=?,ledger=? WHERE id=?"),
      save_incarnation_(database, "INSERT INTO incarnations VALUES(?,?,?)"
                                  " ON CONFLICT DO UPDATE SET state=excluded.state"),
      add_source_(database, "INSERT INTO sources(edge,name,class) VALUES(?,?,?)"),
      save_source_(database, "UPDATE sources SET stamped=?,sealed_until=?,frontier=?,due=?,good=?,"
                             "taken=? WHERE id=?"),
      incarnations_(database, "SELECT incarnation,state FROM incarnations WHERE edge=?"),
      sources_(database, "SELECT id,name,class,stamped,sealed_until,frontier,due,good,taken"
                         " FROM sources WHERE edge=? ORDER BY id"),
      one_incarnation_(database, "SELECT state FROM incarnations WHERE edge=? AND incarnation=?"),
      forget_incarnation_(database, "DELETE FROM incarnations WHERE edge=? AND incarnation=?"),
      off_times_(database, "SELECT off_from,off_until FROM off_times WHERE edge=?"
                           " ORDER BY off_from"),
      add_off_(database, "INSERT OR IGNORE INTO off_times VALUES(?,?,?)"),
      bound_off_(database, "DELETE FROM off_times WHERE edge=?1 AND (off_from,off_until) NOT IN"
                           " (SELECT off_from,off_until FROM off_times WHERE edge=?1"
                           " ORDER BY off_from DESC,off_until DESC LIMIT ?2)"),
      uncounted_(database, "SELECT incarnation,blocks,from_time,until_time FROM uncounted"
                           " WHERE edge=?"),
      save_uncounted_(database, "INSERT OR REPLACE INTO uncounted VALUES(?,?,?,?,?)"),
      forget_uncounted_(database, "DELETE FROM uncounted WHERE edge=? AND incarnation=?"),
      gone_(database, "SELECT state FROM starts_gone WHERE edge=?"),
      save_gone_(database, "INSERT OR REPLACE INTO starts_gone VALUES(?,?)"),
      refused_(database, "SELECT incarnation FROM refused WHERE edge=? ORDER BY since"),
      refuse_(database, "INSERT OR IGNORE INTO refused VALUES(?,?,?)"),
      bound_refused_(database, "DELETE FROM refused WHERE edge=?1 AND incarnation NOT IN (SELECT"
                               " incarnation FROM refused WHERE edge=?1 ORDER BY since DESC"
                               " LIMIT ?2)"),
      forget_refused_(database, "DELETE FROM refused WHERE edge=? AND incarnation=?"),
      accepted_(database, "SELECT incarnation FROM accepted WHERE edge=? ORDER BY since"),
      accept_(database, "INSERT OR REPLACE INTO accepted VALUES(?,?,?)"),
      bound_accepted_(database, "DELETE FROM accepted WHERE edge=?1 AND incarnation NOT IN (SELECT"
                                " incarnation FROM accepted WHERE edge=?1 ORDER BY since DESC"
                                " LIMIT ?2)"),
      forget_accepted_(database, "DELETE FROM accepted WHERE edge=? AND incarnation=?") {}

std::vector<EdgeRow> EdgeRows::all() {
  std::vector<EdgeRow> rows;
  all_.start();
  while (all_.next()) {
    EdgeRow row;
    row.id = static_cast<EdgeId>(all_.integer(0));
    row.name = all_.text(1);
    row.site = all_.text(2);
    row.program_version = all_.text(3);
    row.incarnation = Incarnation{all_.count(4)};
    row.ordinal = all_.count(5);
    row.connected = all_.integer(6) != 0;
    row.seen = event_time(all_.integer(7));
    row.away = all_.text(8);
    rows.push_back(std::move(row));
  }
  return rows;
}

EdgeId EdgeRows::add(const std::string& name) {
  add_.run(name);
  return static_cast<EdgeId>(database_.last_row_id());
}

void EdgeRows::save(const EdgeRow& row, const reconcile::EdgeBooks& books) {
  scratch_.clear();
  ByteWriter out(scratch_);
  books.ledger().encode(out);
  save_.run(row.site, row.program_version, row.incarnation.count, row.ordinal,
            row.connected ? 1 : 0, ns(row.seen), row.away, books.blocks(), books.missing(),
            scratch_, row.id);
}

void EdgeRows::save_incarnation(EdgeId edge, Incarnation i,
                                const reconcile::IncarnationBooks& books) {
  scratch_.clear();
  ByteWriter out(scratch_);
  books.encode(out);
  save_incarnation_.run(edge, i.count, scratch_);
}

void EdgeRows::save_sources(EdgeId edge, reconcile::EdgeBooks& books) {
  for (auto& s : books.sources()) {
    if (!s.changed) continue;
    if (s.id == 0) {
      add_source_.run(edge, s.name, s.poll_class);
      s.id = static_cast<SourceId>(database_.last_row_id());
    }
    save_source_.run(s.device_stamped ? 1 : 0, ns(s.sealed_until), ns(s.frontier), s.due, s.good,
                     s.taken, s.id);
    s.changed = false;
  }
}

Result<> EdgeRows::load_books(EdgeId edge, reconcile::EdgeBooks& books) {
  sources_.start(edge);
  while (sources_.next()) {
    reconcile::SourceBooks s;
    s.id = static_cast<SourceId>(sources_.integer(0));
    s.name = sources_.text(1);
    s.poll_class = sources_.text(2);
    s.device_stamped = sources_.integer(3) != 0;
    s.sealed_until = event_time(sources_.integer(4));
    s.frontier = event_time(sources_.integer(5));
    s.due = sources_.count(6);
    s.good = sources_.count(7);
    s.taken = sources_.count(8);
    books.restore_source(std::move(s));
  }
  incarnations_.start(edge);
  while (incarnations_.next()) {
    ByteReader in(incarnations_.blob(1));
    auto state = reconcile::IncarnationBooks::decode(in);
    if (!in.done()) return Error(Fault::corrupt, "cloud.db: the books of an incarnation");
    books.restore(Incarnation{incarnations_.count(0)}, std::move(state));
  }
  off_times_.start(edge);
  while (off_times_.next()) {
    books.restore_off({event_time(off_times_.integer(0)), event_time(off_times_.integer(1))});
  }
  if (gone_.start(edge).next()) {
    ByteReader in(gone_.blob(0));
    books.restore_gone(reconcile::EdgeBooks::Gone::decode(in));
    if (!in.done()) return Error(Fault::corrupt, "cloud.db: the sums of starts that have gone");
  }
  gone_.rewind();
  uncounted_.start(edge);
  while (uncounted_.next()) {
    books.set_uncounted({uncounted_.count(0)},
                        {uncounted_.count(1), event_time(uncounted_.integer(2)),
                         event_time(uncounted_.integer(3))});
  }
  return {};
}

Result<> EdgeRows::let_starts_go(EdgeId edge, reconcile::EdgeBooks& books) {
  const auto names = books.to_let_go();
  if (names.empty()) return {};
  for (const auto i : names) {
    TIDE_ASSIGN(const auto state, read_incarnation(edge, i));
    books.let_go(i, state);
    forget_incarnation_.run(edge, i.count);
    forget_uncounted_.run(edge, i.count);
  }
  scratch_.clear();
  ByteWriter out(scratch_);
  books.gone().encode(out);
  save_gone_.run(edge, scratch_);
  return {};
}

Result<> EdgeRows::load_incarnation(EdgeId edge, Incarnation i, reconcile::EdgeBooks& books) {
  TIDE_ASSIGN(auto state, read_incarnation(edge, i));
  books.restore(i, std::move(state));
  return {};
}

Result<reconcile::IncarnationBooks> EdgeRows::read_incarnation(EdgeId edge, Incarnation i) {
  const bool there = one_incarnation_.start(edge, i.count).next();
  ByteReader in(there ? one_incarnation_.blob(0) : ByteSpan{});
  auto state = reconcile::IncarnationBooks::decode(in);
  const bool good = there && in.done();
  one_incarnation_.rewind();
  if (!good) return Error(Fault::corrupt, "cloud.db: the books of an incarnation");
  return state;
}

void EdgeRows::forget_incarnation(EdgeId edge, Incarnation i) {
  forget_incarnation_.run(edge, i.count);
}

void EdgeRows::add_off(EdgeId edge, const reconcile::OffTimes::Span& span) {
  add_off_.run(edge, ns(span.from), ns(span.until));
}

void EdgeRows::bound_off(EdgeId edge) {
  bound_off_.run(edge, static_cast<std::uint64_t>(reconcile::OffTimes::kSpansMax));
}

void EdgeRows::save_uncounted(EdgeId edge, Incarnation i,
                              const reconcile::IncarnationBooks::Uncounted& u) {
  if (u.blocks == 0) return forget_uncounted_.run(edge, i.count);
  save_uncounted_.run(edge, i.count, ns(u.from), ns(u.until), u.blocks);
}

std::vector<Incarnation> EdgeRows::refused(EdgeId edge) { return starts_of(refused_, edge); }
void EdgeRows::refuse(EdgeId edge, Incarnation i, EventTime since) {
  refuse_.run(edge, i.count, ns(since));
  bound_refused_.run(edge, std::uint64_t{reconcile::CloneGuard::kRefusedMax});
}
void EdgeRows::forget_refused(EdgeId edge, Incarnation i) { forget_refused_.run(edge, i.count); }

std::vector<Incarnation> EdgeRows::accepted(EdgeId edge) { return starts_of(accepted_, edge); }
void EdgeRows::accept(EdgeId edge, Incarnation i, EventTime since) {
  accept_.run(edge, i.count, ns(since));
  bound_accepted_.run(edge, std::uint64_t{reconcile::CloneGuard::kRefusedMax});
}
void EdgeRows::forget_accepted(EdgeId edge, Incarnation i) { forget_accepted_.run(edge, i.count); }

bool ThinnedSpan::extend(std::int64_t time_min, std::int64_t time_max) {
  if (from <= time_min && time_max < until) return false;
  constexpr Nanoseconds kHour = std::chrono::hours(1);
  from = std::min(from, count_ns(floor_to(event_time(time_min), kHour)));
  until = std::max(until, count_ns(floor_to(event_time(time_max), kHour) + kHour));
  return true;
}

std::vector<SourceId> SeriesRow::sources() const {
  auto all = earlier;
  all.push_back(source);
  return all;
}

SeriesRows::SeriesRows(sqlite::Database& database)
    : database_(database),
      all_(database, "SELECT id,edge,source,description,first,last,readings,said_in,widest_sum,"
                     "thinned_from,thinned_until FROM series"),
      add_(database, "INSERT INTO series(edge,name,type,exponent,source,description,first,last,"
                     "readings,said_in) VALUES(?,?,?,?,?,?,?,?,?,?)"),
      save_(database, "UPDATE series SET source=?,description=?,first=?,last=?,readings=?,"
                      "said_in=?,widest_sum=?,thinned_from=?,thinned_until=? WHERE id=?"),
      sources_(database, "SELECT series,source FROM series_sources"),
      add_source_(database, "INSERT OR IGNORE INTO series_sources VALUES(?,?)"),
      count_change_(database, "INSERT INTO meta VALUES('series_changes',1)"
                              " ON CONFLICT DO UPDATE SET value=value+1") {}

Result<std::vector<SeriesRow>> SeriesRows::all() {
  std::unordered_map<SeriesId, std::vector<SourceId>> sources;
  sources_.start();
  while (sources_.next()) {
    sources[static_cast<SeriesId>(sources_.integer(0))].push_back(
        static_cast<SourceId>(sources_.integer(1)));
  }
  std::vector<SeriesRow> rows;
  all_.start();
  while (all_.next()) {
    SeriesRow row;
    row.id = static_cast<SeriesId>(all_.integer(0));
    row.edge = static_cast<EdgeId>(all_.integer(1));
    row.source = static_cast<SourceId>(all_.integer(2));
    TIDE_ASSIGN(row.description, decode_description(all_.blob(3)));
    row.first = all_.integer(4);
    row.last = all_.integer(5);
    row.readings = all_.count(6);
    row.said_in = {all_.count(7)};
    row.widest_sum = Nanoseconds(all_.integer(8));
    row.thinned = {all_.integer(9), all_.integer(10)};
    if (const auto known = sources.find(row.id); known != sources.end()) {
      row.earlier = std::move(known->second);
      std::erase(row.earlier, row.source);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

SeriesId SeriesRows::add(const SeriesRow& row) {
  const auto& d = row.description;
  changed_ = true;
  add_.run(row.edge, d.local_name(), static_cast<int>(d.type), static_cast<int>(d.exponent),
           row.source, encode_description(d), row.first, row.last, row.readings, row.said_in.count);
  return static_cast<SeriesId>(database_.last_row_id());
}

void SeriesRows::save(const SeriesRow& row) {
  save_.run(row.source, encode_description(row.description), row.first, row.last, row.readings,
            row.said_in.count, row.widest_sum.count(), row.thinned.from, row.thinned.until, row.id);
}

void SeriesRows::save_description(const SeriesRow& row) {
  changed_ = true;
  save(row);
}

void SeriesRows::add_source(SeriesId series, SourceId earlier) {
  changed_ = true;
  add_source_.run(series, earlier);
}

void SeriesRows::flush() {
  if (std::exchange(changed_, false)) count_change_.run();
}

BlockIndex::BlockIndex(sqlite::Database& database)
    : add_(database, "INSERT INTO blocks VALUES(?,?,?,?,?,?)"),
      forget_(database, "DELETE FROM blocks WHERE edge=? AND incarnation=? AND sequence=?"),
      hash_(database, "SELECT hash FROM blocks WHERE edge=? AND incarnation=? AND sequence=?"),
      position_(database, "SELECT position FROM blocks WHERE edge=? AND incarnation=?"
                          " AND sequence=? AND hash=?"),
      // TOTAL: a SUM past 2^63, of counts that an edge only claims, would fail the batch.
      readings_(database, "SELECT CAST(TOTAL(readings) AS INTEGER) FROM blocks"
                          " WHERE edge=? AND incarnation=? AND sequence>=? AND sequence<=?"),
      add_span_(database, "INSERT OR REPLACE INTO spans VALUES(?,?,?,?)"),
      overlapping_(database, "SELECT position FROM spans WHERE source=? AND time_min>=?"
                             " AND time_min<=? AND time_max>=? ORDER BY time_min, position"),
      before_(database, "SELECT time_min,time_max FROM spans WHERE source=? AND time_min<?"
                        " AND position<>? ORDER BY time_min DESC"),
      behind_(database, "SELECT time_min FROM spans WHERE source=? AND time_min>=? AND position<>?"
                        " ORDER BY time_min LIMIT 1"),
      span_max_(database, "SELECT span_max FROM sources WHERE id=?"),
      save_span_max_(database, "UPDATE sources SET span_max=? WHERE id=?"),
      forget_blocks_(database, "DELETE FROM blocks WHERE position<?"),
      note_forgotten_(database, "INSERT INTO forgotten SELECT source, MAX(time_max) FROM spans"
                                " WHERE position<? AND time_max<? GROUP BY source"
                                " ON CONFLICT DO UPDATE SET until=MAX(until, excluded.until)"),
      forget_spans_(database, "DELETE FROM spans WHERE position<?"),
      note_forgotten_of_edge_(database, "INSERT INTO forgotten SELECT source, MAX(time_max)"
                                        " FROM spans WHERE position<? AND time_max<? AND source IN"
                                        " (SELECT id FROM sources WHERE edge=?) GROUP BY source"
                                        " ON CONFLICT DO UPDATE"
                                        " SET until=MAX(until, excluded.until)"),
      forget_spans_of_edge_(database, "DELETE FROM spans WHERE position<? AND source IN"
                                      " (SELECT id FROM sources WHERE edge=?)") {}

void BlockIndex::add(EdgeId edge, BlockName name, std::uint64_t hash, ArchivePosition at,
                     std::uint64_t readings) {
  add_.run(edge, name.incarnation.count, name.sequence.count, hash, at.value, readings);
}

void BlockIndex::forget(EdgeId edge, BlockName name) {
  forget_.run(edge, name.incarnation.count, name.sequence.count);
}

std::optional<std::uint64_t> BlockIndex::hash_of(EdgeId edge, BlockName name) {
  std::optional<std::uint64_t> hash;
  hash_.start(edge, name.incarnation.count, name.sequence.count);
  if (hash_.next()) hash = hash_.count(0);
  hash_.rewind();
  return hash;
}

std::optional<ArchivePosition> BlockIndex::position_of(EdgeId edge, BlockName name,
                                                       std::uint64_t hash) {
  std::optional<ArchivePosition> at;
  position_.start(edge, name.incarnation.count, name.sequence.count, hash);
  if (position_.next()) at = ArchivePosition{position_.count(0)};
  position_.rewind();
  return at;
}

std::uint64_t BlockIndex::readings_in(EdgeId edge, Incarnation i, SequenceRange range) {
  readings_.start(edge, i.count, range.first, range.last);
  const auto sum = readings_.next() ? readings_.count(0) : 0;
  readings_.rewind();
  return sum;
}

std::int64_t BlockIndex::span_max(SourceId source) {
  const auto [it, unknown] = span_maxima_.try_emplace(source, 0);
  if (unknown) {
    if (span_max_.start(source).next()) it->second = span_max_.integer(0);
    span_max_.rewind();
  }
  return it->second;
}

void BlockIndex::add_span(SourceId source, std::int64_t time_min, std::int64_t time_max,
                          ArchivePosition at) {
  spans_.push_back({source, time_min, time_max, at.value});
  if (spans_.size() >= kSpansMax) flush();
  if (time_max - time_min <= span_max(source)) return;
  // Rounded up to a power of two, so that the row is seldom written.
  std::int64_t width = 1;
  while (width < time_max - time_min && width < std::numeric_limits<std::int64_t>::max() / 2) {
    width *= 2;
  }
  span_maxima_[source] = width;
  save_span_max_.run(width, source);
}

void BlockIndex::flush() {
  std::sort(spans_.begin(), spans_.end());
  for (const auto& s : spans_) add_span_.run(s.source, s.time_min, s.time_max, s.position);
  spans_.clear();
}

std::vector<ArchivePosition> BlockIndex::overlapping(SourceId source, std::int64_t from,
                                                     std::int64_t to) {
  flush();
  std::vector<ArchivePosition> all;
  const auto width = span_max(source);
  const auto lowest = std::numeric_limits<std::int64_t>::min();
  overlapping_.start(source, from < lowest + width ? lowest : from - width, to, from);
  while (overlapping_.next()) all.push_back({overlapping_.count(0)});
  return all;
}

BlockIndex::Reach BlockIndex::reach(SourceId source, std::int64_t time, ArchivePosition but) {
  flush();
  Reach reach;
  const auto width = span_max(source);
  before_.start(source, time, but.value);
  for (std::size_t n = 0; before_.next(); ++n) {
    const auto ends_by = before_.integer(0) + width;  // all that begin as early
    if (reach.last && ends_by <= *reach.last) break;
    if (n == kReachSpansMax) {
      reach.last = ends_by;
      break;
    }
    reach.last = std::max(reach.last.value_or(before_.integer(1)), before_.integer(1));
  }
  before_.rewind();
  if (behind_.start(source, time, but.value).next()) reach.next = behind_.integer(0);
  behind_.rewind();
  return reach;
}

void BlockIndex::forget_before(ArchivePosition at, EventTime latest) {
  flush();
  forget_blocks_.run(at.value);
  note_forgotten_.run(at.value, count_ns(latest));
  forget_spans_.run(at.value);
}

void BlockIndex::forget_of_edge(EdgeId edge, ArchivePosition at, EventTime latest) {
  note_forgotten_of_edge_.run(at.value, count_ns(latest), edge);
  forget_spans_of_edge_.run(at.value, edge);
}

SmallRows::SmallRows(sqlite::Database& database)
    : meta_(database, "SELECT value FROM meta WHERE key=?"),
      set_meta_(database, "INSERT INTO meta VALUES(?,?)"
                          " ON CONFLICT DO UPDATE SET value=excluded.value") {}

std::uint64_t SmallRows::meta(std::string_view key) {
  meta_.start(key);
  const auto value = meta_.next() ? meta_.count(0) : 0;
  meta_.rewind();
  return value;
}
void SmallRows::set_meta(std::string_view key, std::uint64_t value) { set_meta_.run(key, value); }

}  // namespace tidemark::store
