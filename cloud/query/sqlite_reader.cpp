#include <fmt/format.h>

#include <algorithm>

#include "cloud/answers/body.h"
#include "cloud/query/reader.h"
#include "cloud/query/snapshot.h"
#include "cloud/query/windows.h"
#include "cloud/store/schema.h"
#include "cloud/store/store.h"
#include "common/base/text.h"

namespace tidemark::query {
namespace {

using answers::Answer;
using answers::State;

bool proved(State s) { return s == State::sealed || s == State::revised || s == State::frozen; }

// A read transaction for one call.
class Moment {
 public:
  explicit Moment(Snapshot& snapshot) : snapshot_(snapshot) { snapshot_.begin(); }
  ~Moment() { snapshot_.end(); }
  Moment(const Moment&) = delete;
  Moment& operator=(const Moment&) = delete;

 private:
  Snapshot& snapshot_;
};

class SqliteReader final : public Reader {
 public:
  SqliteReader(std::unique_ptr<sqlite::Database> database, const std::filesystem::path& data_dir)
      : database_(std::move(database)),
        snapshot_(*database_),
        archive_(disk_, store::archive_folder(data_dir)),
        windows_(snapshot_, archive_),
        current_(*database_, "SELECT a.start,h.position,h.known_at,h.body FROM answers a"
                             " JOIN history h ON h.position=a.position WHERE a.view=?"
                             " AND a.series=? AND a.start>=? AND a.start<?"
                             " ORDER BY a.start DESC LIMIT ?"),
        as_of_(*database_, "SELECT h.start,h.position,h.known_at,h.body FROM history h JOIN"
                           " (SELECT MAX(position) AS p FROM history WHERE view=? AND series=? AND"
                           " start>=? AND start<? AND known_at<=? GROUP BY start) m"
                           " ON m.p=h.position ORDER BY h.start DESC LIMIT ?"),
        revisions_(*database_, "SELECT start,position,known_at,body FROM history WHERE view=?"
                               " AND series=? AND start>=? AND start<? AND known_at<=?"
                               " ORDER BY position LIMIT ?"),
        since_(*database_, "SELECT start,position,known_at,body,view,series FROM history"
                           " WHERE position>? ORDER BY position LIMIT ?"),
        position_(*database_, "SELECT MAX(position) FROM history"),
        series_(*database_, "SELECT first,last,readings FROM series WHERE id=?"),
        edges_(*database_, "SELECT id,name,site,version,incarnation,ordinal,connected,seen,blocks,"
                           "missing,ledger FROM edges ORDER BY name"),
        sources_(*database_, "SELECT name,class,sealed_until,frontier,stamped,due,good,taken"
                             " FROM sources WHERE edge=? ORDER BY name,class"),
        alarms_(*database_, "SELECT kind,text,first,last,times FROM alarms WHERE edge=?"),
        late_(*database_, "SELECT series,start,readings,placement FROM late ORDER BY start DESC"),
        dead_letters_(*database_, "SELECT id,edge,reason,at,length(bytes),readings FROM deadletters"
                                  " ORDER BY id DESC LIMIT ?") {}

  Result<std::vector<SeriesState>> series(const std::string& glob) override;
  Result<std::vector<EdgeState>> edges() override;
  Result<std::vector<std::string>> views() override;
  Result<std::vector<Answer>> answers(const AnswerQuery& query) override;
  Result<std::vector<Answer>> revisions(const AnswerQuery& query) override;
  Result<std::vector<LateRow>> late(const std::string& glob, std::size_t limit) override;
  Result<Ledger> ledger() override;
  Result<std::vector<Answer>> since(std::uint64_t position, std::size_t limit) override;
  Result<std::uint64_t> position() override;
  Result<std::vector<DeadLetter>> dead_letters(std::size_t limit) override;

 private:
  // The view that answers the query, or none; bad_input for an unknown name.
  Result<const ViewEntry*> view_for(const AnswerQuery& query);
  Result<> add_kept(const ViewEntry& view, const SeriesEntry& series, const AnswerQuery& query,
                    std::vector<Answer>& all);
  Result<> add_revisions(const ViewEntry& view, const SeriesEntry& series,
                         const AnswerQuery& query, std::vector<Answer>& all);
  Result<Answer> row(const sqlite::Statement& statement, const ViewEntry& view,
                     const SeriesEntry& series);
  // Names, labels, and what changes without an emission.
  void dress(Answer& answer, const SeriesEntry& series, const std::vector<std::string>& group_by);
  void name_missing(Answer& answer, const SeriesEntry& series);
  static void keep_aggregates(Answer& answer, const std::vector<std::string>& wanted);

  SystemDisk disk_;
  std::unique_ptr<sqlite::Database> database_;
  Snapshot snapshot_;
  store::ArchiveReader archive_;
  Windows windows_;
  sqlite::Statement current_, as_of_, revisions_, since_, position_, series_, edges_, sources_,
      alarms_, late_, dead_letters_;
};

bool same_windows(const answers::View& view, const AnswerQuery& query) {
  const auto& c = view.window.calendar;
  if (!view.by_calendar()) return query.calendar.empty() && view.window.size == query.window;
  return query.calendar == c.unit && query.zone == c.zone && c.week_start == "monday";
}

Error too_many(std::size_t limit) {
  return {Fault::full, fmt::format("more than {} answers; ask for less at once or for longer "
                                   "windows", limit)};
}

Result<std::vector<SeriesState>> SqliteReader::series(const std::string& glob) {
  const Moment moment(snapshot_);
  std::vector<SeriesState> all;
  for (const auto* entry : snapshot_.match(glob)) {
    SeriesState s;
    s.name = entry->name;
    s.edge = snapshot_.edge(entry->edge).name;
    s.site = snapshot_.edge(entry->edge).site;
    s.description = entry->description;
    if (series_.start(entry->id).next()) {
      s.first = event_time(series_.integer(0));
      s.last = event_time(series_.integer(1));
      s.readings = series_.count(2);
    }
    series_.rewind();
    if (const auto newest = snapshot_.newest(*entry)) {
      const auto figures = window::Aggregates::of(*newest, entry->description.exponent);
      s.value = figures.last;
      s.text = figures.last_text;
      if (newest->count() > 0) {
        s.first = std::min(s.first, event_time(newest->first().time));
        s.last = std::max(s.last, event_time(newest->last().time));
      }
    }
    all.push_back(std::move(s));
  }
  TIDE_TRY(database_->fault());
  return all;
}

Result<std::vector<EdgeState>> SqliteReader::edges() {
  const Moment moment(snapshot_);
  std::vector<EdgeState> all;
  edges_.start();
  while (edges_.next()) {
    EdgeState e;
    e.name = edges_.text(1);
    e.site = edges_.text(2);
    e.program_version = edges_.text(3);
    e.incarnation = Incarnation{edges_.count(4)};
    e.start_ordinal = edges_.count(5);
    e.connected = edges_.integer(6) != 0;
    e.seen = event_time(edges_.integer(7));
    e.blocks = edges_.count(8);
    e.blocks_missing = edges_.count(9);
    ByteReader in(edges_.blob(10));
    e.ledger = Ledger::decode(in);
    sources_.start(edges_.integer(0));
    while (sources_.next()) {
      SourceState s;
      s.name = sources_.text(0);
      s.poll_class = sources_.text(1);
      s.sealed_until = event_time(sources_.integer(2));
      s.frontier = event_time(sources_.integer(3));
      s.device_stamped = sources_.integer(4) != 0;
      s.due = sources_.count(5);
      s.good = sources_.count(6);
      s.taken = sources_.count(7);
      e.sources.push_back(std::move(s));
    }
    alarms_.start(edges_.integer(0));
    while (alarms_.next()) {
      e.alarms.push_back({std::string(alarms_.text(0)), std::string(alarms_.text(1)),
                          event_time(alarms_.integer(2)), event_time(alarms_.integer(3)),
                          alarms_.count(4)});
    }
    all.push_back(std::move(e));
  }
  TIDE_TRY(database_->fault());
  return all;
}

Result<std::vector<std::string>> SqliteReader::views() {
  const Moment moment(snapshot_);
  std::vector<std::string> names;
  for (const auto& v : snapshot_.views()) names.push_back(v.view.name);
  TIDE_TRY(database_->fault());
  return names;
}

Result<const ViewEntry*> SqliteReader::view_for(const AnswerQuery& query) {
  const ViewEntry* none = nullptr;
  if (!query.view.empty()) {
    std::string known;
    for (const auto& v : snapshot_.views()) {
      if (v.view.name == query.view) return &v;
      known += (known.empty() ? "" : ", ") + v.view.name;
    }
    return Error(Fault::bad_input, fmt::format("no view is called '{}'; there are: {}", query.view,
                                               known));
  }
  for (const auto& v : snapshot_.views()) {
    if (v.view.hopping() || !same_windows(v.view, query)) continue;
    if (v.view.select != "**" && v.view.select != query.select) continue;
    const bool has_all = std::all_of(
        query.aggregates.begin(), query.aggregates.end(), [&](const std::string& a) {
          const auto& have = v.view.aggregates;
          return std::find(have.begin(), have.end(), a == "avg" ? "mean" : a) != have.end();
        });
    if (has_all) return &v;
  }
  return none;
}

void SqliteReader::keep_aggregates(Answer& answer, const std::vector<std::string>& wanted) {
  if (wanted.empty()) return;
  const auto unwanted = [&](const auto& item) {
    return std::none_of(wanted.begin(), wanted.end(), [&](const std::string& w) {
      return (w == "avg" ? "mean" : w) == item.first;
    });
  };
  std::erase_if(answer.values, unwanted);
  std::erase_if(answer.previous, unwanted);
  std::erase_if(answer.texts, unwanted);
}

Result<Answer> SqliteReader::row(const sqlite::Statement& statement, const ViewEntry& view,
                                 const SeriesEntry& series) {
  Answer a;
  a.start = event_time(statement.integer(0));
  a.position = statement.count(1);
  a.known_at = event_time(statement.integer(2));
  TIDE_TRY(decode_body(statement.blob(3), a));
  a.view = view.view.name;
  dress(a, series, view.view.group_by);
  return a;
}

void SqliteReader::dress(Answer& a, const SeriesEntry& series,
                         const std::vector<std::string>& group_by) {
  const auto& edge = snapshot_.edge(series.edge);
  a.series = series.name;
  a.unit = series.description.unit;
  for (const auto& key : group_by) {
    if (key == "edge") a.labels[key] = edge.name;
    if (key == "site") a.labels[key] = edge.site;
    const auto label = series.description.labels.find(key);
    if (label != series.description.labels.end()) a.labels[key] = label->second;
  }
}

void SqliteReader::name_missing(Answer& a, const SeriesEntry& series) {
  if (proved(a.state)) return;
  const auto& edge = snapshot_.edge(series.edge);
  const auto source = edge.name + "/" + series.description.source;
  std::erase_if(a.missing, [](const answers::Missing& m) {
    return m.reason.find(" offline since ") != std::string::npos ||
           m.reason.ends_with(" blocks under way");
  });
  if (!edge.connected) {
    a.missing.push_back({source, fmt::format("edge {} offline since {}", edge.name,
                                             format_utc(edge.seen))});
  }
  if (edge.missing > 0) {
    a.missing.push_back({source, fmt::format("{} blocks under way", edge.missing)});
  }
}

Result<> SqliteReader::add_kept(const ViewEntry& view, const SeriesEntry& series,
                                const AnswerQuery& query, std::vector<Answer>& all) {
  // Newest first, so that the newest so many cost no walk over all. What is not proved is skipped
  // below: then the number of rows cannot be said here, and the loop ends by itself.
  const auto before = all.size();
  const auto most = static_cast<std::int64_t>(query.limit - before) + 1;
  const auto left = query.sealed_only ? std::int64_t{-1} : most;
  auto& rows = query.as_of ? as_of_ : current_;
  if (query.as_of) {
    rows.start(view.id, series.id, count_ns(query.from), count_ns(query.to),
               count_ns(*query.as_of), left);
  } else {
    rows.start(view.id, series.id, count_ns(query.from), count_ns(query.to), left);
  }
  const auto frozen = snapshot_.frozen_before(view.view.kept_as(), series.source);
  while ((query.newest == 0 || all.size() - before < query.newest) && rows.next()) {
    TIDE_ASSIGN(auto a, row(rows, view, series));
    if (query.sealed_only && !proved(a.state)) continue;
    if (a.start < frozen && proved(a.state)) a.state = State::frozen;
    if (!query.as_of) name_missing(a, series);
    keep_aggregates(a, query.aggregates);
    all.push_back(std::move(a));
    if (all.size() > query.limit) {
      rows.rewind();
      return too_many(query.limit);
    }
  }
  rows.rewind();
  std::reverse(all.begin() + static_cast<std::ptrdiff_t>(before), all.end());
  return {};
}

Result<std::vector<Answer>> SqliteReader::answers(const AnswerQuery& query) {
  const Moment moment(snapshot_);
  TIDE_ASSIGN(const auto* view, view_for(query));
  const bool kept = view != nullptr && !view->view.hopping();
  if (!kept && query.as_of) {
    return Error(Fault::bad_input, "as-of works on the windows that a view keeps: name a view, or "
                                   "ask 'by' the size of one");
  }
  if (query.as_of && *query.as_of < snapshot_.known_from()) {
    return Error(Fault::bad_input, fmt::format("what was known at {} is no longer kept: as-of "
                                               "reaches back to {}", format_utc(*query.as_of),
                                               format_utc(snapshot_.known_from())));
  }
  std::vector<Answer> all;
  for (const auto* series : snapshot_.match(query.select)) {
    if (kept) {
      TIDE_TRY(add_kept(*view, *series, query, all));
      continue;
    }
    if (view != nullptr && !series_match(view->view.select, series->name)) continue;
    Windows::Grid grid{query.window, query.window};
    if (!query.calendar.empty()) {
      TIDE_ASSIGN(grid.calendar,
                  answers::Grid::calendar({query.calendar, query.zone, "monday", {}}));
    }
    auto aggregates = query.aggregates;
    if (view != nullptr) {
      grid = {view->view.window.size, view->view.window.every};
      if (aggregates.empty()) aggregates = view->view.aggregates;
    }
    for (auto& a : aggregates) a = a == "avg" ? "mean" : a;
    if (aggregates.empty()) aggregates = answers::all_aggregates();
    auto to = query.to;
    if (query.sealed_only && query.newest > 0 && grid.size > Nanoseconds{}) {
      // The newest of those that can be sealed: they end where the frontier is, or before.
      const auto frontier = snapshot_.frontier(series->source);
      if (frontier < kEventTimeMin + grid.size) continue;
      to = std::min(to, grid.calendar ? grid.calendar->floor(frontier)
                                      : frontier - grid.size + Nanoseconds(1));
    }
    TIDE_ASSIGN(auto computed, windows_.of(*series, grid, aggregates, query.from, to, query.newest,
                                           query.limit - all.size()));
    for (auto& a : computed) {
      if (query.sealed_only && !proved(a.state)) continue;
      if (view != nullptr) a.view = view->view.name;
      dress(a, *series, view != nullptr ? view->view.group_by : std::vector<std::string>{});
      name_missing(a, *series);
      all.push_back(std::move(a));
    }
  }
  TIDE_TRY(database_->fault());
  return all;
}

Result<> SqliteReader::add_revisions(const ViewEntry& view, const SeriesEntry& series,
                                     const AnswerQuery& query, std::vector<Answer>& all) {
  revisions_.start(view.id, series.id, count_ns(query.from), count_ns(query.to),
                   count_ns(query.as_of.value_or(kEventTimeMax)),
                   static_cast<std::uint64_t>(query.limit - all.size()) + 1);
  while (revisions_.next()) {
    TIDE_ASSIGN(auto a, row(revisions_, view, series));
    if (query.sealed_only && !proved(a.state)) continue;
    keep_aggregates(a, query.aggregates);
    all.push_back(std::move(a));
    if (all.size() > query.limit) {
      revisions_.rewind();
      return too_many(query.limit);
    }
  }
  return {};
}

Result<std::vector<Answer>> SqliteReader::revisions(const AnswerQuery& query) {
  const Moment moment(snapshot_);
  std::vector<const ViewEntry*> views;
  if (query.view.empty() && query.window == Nanoseconds{}) {
    for (const auto& v : snapshot_.views()) views.push_back(&v);
  } else {
    TIDE_ASSIGN(const auto* view, view_for(query));
    if (view != nullptr) views.push_back(view);
  }
  std::vector<Answer> all;
  for (const auto* series : snapshot_.match(query.select)) {
    for (const auto* view : views) TIDE_TRY(add_revisions(*view, *series, query, all));
  }
  TIDE_TRY(database_->fault());
  return all;
}

Result<std::vector<LateRow>> SqliteReader::late(const std::string& glob, std::size_t limit) {
  const Moment moment(snapshot_);
  std::vector<LateRow> all;
  late_.start();
  while (all.size() < limit && late_.next()) {
    const auto* series = snapshot_.series(static_cast<store::SeriesId>(late_.integer(0)));
    if (series == nullptr || !series_match(glob, series->name)) continue;
    all.push_back({series->name, event_time(late_.integer(1)), late_.count(2), late_.text(3)});
  }
  late_.rewind();
  TIDE_TRY(database_->fault());
  return all;
}

Result<Ledger> SqliteReader::ledger() {
  TIDE_ASSIGN(const auto all, edges());
  Ledger sum;
  for (const auto& e : all) sum += e.ledger;
  return sum;
}

Result<std::vector<Answer>> SqliteReader::since(std::uint64_t position, std::size_t limit) {
  const Moment moment(snapshot_);
  std::vector<Answer> all;
  since_.start(position, static_cast<std::uint64_t>(limit));
  while (since_.next()) {
    const auto* series = snapshot_.series(static_cast<store::SeriesId>(since_.integer(5)));
    const auto view = std::find_if(snapshot_.views().begin(), snapshot_.views().end(),
                                   [&](const ViewEntry& v) { return v.id == since_.integer(4); });
    if (series == nullptr || view == snapshot_.views().end()) continue;
    TIDE_ASSIGN(auto a, row(since_, *view, *series));
    all.push_back(std::move(a));
  }
  TIDE_TRY(database_->fault());
  return all;
}

Result<std::uint64_t> SqliteReader::position() {
  const auto position = position_.start().next() ? position_.count(0) : 0;
  position_.rewind();
  TIDE_TRY(database_->fault());
  return position;
}

Result<std::vector<Reader::DeadLetter>> SqliteReader::dead_letters(std::size_t limit) {
  std::vector<DeadLetter> all;
  dead_letters_.start(static_cast<std::uint64_t>(limit));
  while (dead_letters_.next()) {
    DeadLetter d;
    d.id = dead_letters_.count(0);
    d.edge = dead_letters_.text(1);
    d.reason = dead_letters_.text(2);
    d.at = event_time(dead_letters_.integer(3));
    d.bytes = dead_letters_.count(4);
    d.readings = dead_letters_.count(5);
    all.push_back(std::move(d));
  }
  TIDE_TRY(database_->fault());
  return all;
}

}  // namespace

Result<std::unique_ptr<Reader>> Reader::open(const std::filesystem::path& data_dir) {
  const auto file = store::database_path(data_dir);
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) {
    return Error(Fault::unavailable, fmt::format("{} is not there: no cloud node has run with this "
                                                 "data_dir yet", file.string()));
  }
  TIDE_ASSIGN(auto database, store::open_reader(file));
  return std::unique_ptr<Reader>(new SqliteReader(std::move(database), data_dir));
}

}  // namespace tidemark::query
