#include "cloud/query/sqlite_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <tuple>

#include "cloud/query/parts.h"
#include "cloud/store/late_rows.h"
#include "cloud/store/part_folder.h"
#include "cloud/store/schema.h"

namespace tidemark::query {

Result<std::vector<SeriesState>> SqliteReader::series(const answers::Selection& select) {
  const Moment moment(snapshot_);
  std::vector<SeriesState> all;
  for (const auto* entry : snapshot_.match(select)) {
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
    e.away = edges_.text(11);
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
  for (const auto* v : snapshot_.views()) names.push_back(v->view.name);
  TIDE_TRY(database_->fault());
  return names;
}

Result<std::vector<ViewVersion>> SqliteReader::view_versions() {
  const Moment moment(snapshot_);
  std::vector<ViewVersion> all;
  for (const auto& v : snapshot_.all_views()) {
    const auto force = snapshot_.force(v);
    if (!v.current && force.since == kEventTimeMin) continue;  // other nodes' alone
    all.push_back({v.view.name, v.version, force.since, force.until});
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return std::tie(a.view, a.version) < std::tie(b.view, b.version);
  });
  TIDE_TRY(database_->fault());
  return all;
}

Result<std::vector<LateRow>> SqliteReader::late(const answers::Selection& select,
                                                        std::size_t limit) {
  const Moment moment(snapshot_);
  std::vector<LateRow> all;
  late_.start();
  while (all.size() < limit && late_.next()) {
    const auto* series = snapshot_.series(static_cast<store::SeriesId>(late_.integer(0)));
    if (series == nullptr) continue;
    const auto labels = select.labels.empty() ? answers::Labels() : snapshot_.labels(*series);
    if (!select.matches(series->name, labels)) continue;
    all.push_back({series->name, event_time(late_.integer(1)), late_.count(2), late_.text(3)});
    if (all.back().placement == store::LateRows::kLedger) continue;
    TIDE_ASSIGN(all.back().window, window_of(*series, all.back().start));
  }
  late_.rewind();
  TIDE_TRY(database_->fault());
  return all;
}

Result<std::optional<LateRow::Window>> SqliteReader::window_of(const SeriesEntry& series,
                                                               EventTime time) {
  const auto subject = of_series(series);
  for (const auto& v : snapshot_.all_views()) {
    if (!v.current || !v.view.by_series() || !v.view.emitted()) continue;
    current_.start(v.id, subject.id, count_ns(kEventTimeMin), count_ns(time) + 1, 1);
    if (!current_.next()) continue;
    TIDE_ASSIGN(const auto a, row(current_, v, subject));
    current_.rewind();
    if (a.end <= time) continue;
    return std::optional(LateRow::Window{v.view.name, a.start, a.state, a.completeness,
                                         a.revision});
  }
  return std::optional<LateRow::Window>();
}

Result<Ledger> SqliteReader::ledger() {
  TIDE_ASSIGN(const auto all, edges());
  Ledger sum;
  for (const auto& e : all) sum += e.ledger;
  return sum;
}

Result<std::uint64_t> SqliteReader::position() {
  const auto position = position_.start().next() ? position_.count(0) : 0;
  position_.rewind();
  TIDE_TRY(database_->fault());
  return position;
}

Result<std::vector<WaivedSource>> SqliteReader::waived_sources() {
  const Moment moment(snapshot_);
  std::vector<WaivedSource> all;
  for (const auto& w : snapshot_.waivers()) {
    all.push_back({w.name(), w.retired, w.until, w.by, w.reason, w.at,
                   w.ended.value_or(kEventTimeMin), w.ended_by});
  }
  TIDE_TRY(database_->fault());
  return all;
}

Result<std::vector<MeterSwap>> SqliteReader::swaps(const answers::Selection& select) {
  const Moment moment(snapshot_);
  std::vector<MeterSwap> all;
  for (const auto* series : snapshot_.match(select)) {
    const auto& d = series->description;
    const auto shown = [&](std::int64_t kept) {
      const auto sample = store::sample_of(kept, d.type);
      return d.type == ValueType::f64 ? sample.f64 : decimal_to_double(sample.i64, d.exponent);
    };
    for (const auto& s : snapshot_.swaps(*series)) {
      all.push_back({series->name, s.at, shown(s.old_end), shown(s.new_start), s.known_at});
    }
  }
  TIDE_TRY(database_->fault());
  return all;
}

Result<std::vector<store::Event>> SqliteReader::events(const EventQuery& query) {
  const Moment moment(snapshot_);
  // Labels are those of the series that an event is of.
  std::set<std::string> labelled;
  if (!query.select.labels.empty()) {
    for (const auto* series : snapshot_.match(query.select)) labelled.insert(series->name);
  }
  const auto selected = [&](const std::string& series) {
    return query.select.labels.empty() ? query.select.matches(series, {})
                                       : labelled.contains(series);
  };
  std::vector<store::Event> all;
  events_.start(count_ns(query.from), count_ns(query.to), query.cause, query.state);
  while (all.size() < query.limit && events_.next()) {
    auto event = store::read_event(events_);
    if (selected(event.series)) all.push_back(std::move(event));
  }
  events_.rewind();
  TIDE_TRY(database_->fault());
  return all;
}

Result<std::vector<store::Event>> SqliteReader::events_since(std::int64_t id, std::size_t limit) {
  std::vector<store::Event> all;
  events_since_.start(id, static_cast<std::uint64_t>(limit));
  while (events_since_.next()) all.push_back(store::read_event(events_since_));
  TIDE_TRY(database_->fault());
  return all;
}

Result<std::vector<store::Letter>> SqliteReader::dead_letters(const LetterQuery& query) {
  std::vector<store::Letter> all;
  letters_.start(query.why ? static_cast<int>(*query.why) : 0,
                 query.state ? static_cast<int>(*query.state) : -1,
                 static_cast<std::uint64_t>(query.limit));
  while (letters_.next()) all.push_back(store::read_letter(letters_));
  TIDE_TRY(database_->fault());
  return all;
}

Result<std::optional<store::Letter>> SqliteReader::dead_letter(std::int64_t id,
                                                               std::optional<int> partition) {
  std::optional<store::Letter> letter;
  if (partition) return letter;
  if (letter_.start(id).next()) {
    letter = store::read_whole_letter(letter_);
  }
  letter_.rewind();
  TIDE_TRY(database_->fault());
  return letter;
}

Result<std::vector<store::Letter>> SqliteReader::letters_since(std::int64_t id,
                                                                std::size_t limit) {
  std::vector<store::Letter> all;
  letters_since_.start(id, static_cast<std::uint64_t>(limit));
  while (letters_since_.next()) all.push_back(store::read_whole_letter(letters_since_));
  TIDE_TRY(database_->fault());
  return all;
}

Result<std::vector<store::Outcome>> SqliteReader::outcomes_since(std::int64_t order,
                                                                 std::size_t limit) {
  std::vector<store::Outcome> all;
  outcomes_.start(order, static_cast<std::uint64_t>(limit));
  while (outcomes_.next()) all.push_back(store::read_outcome(outcomes_));
  TIDE_TRY(database_->fault());
  return all;
}

Result<std::vector<ByteVector>> SqliteReader::definitions(bool all) {
  const Moment moment(snapshot_);
  std::vector<ByteVector> found;
  for (const auto& v : snapshot_.all_views()) {
    if (all || v.current) found.push_back(v.view.definition());
  }
  TIDE_TRY(database_->fault());
  return found;
}

Result<std::vector<Reader::Said>> SqliteReader::said_since(std::uint64_t position,
                                                           std::size_t limit) {
  std::vector<Said> all;
  said_.start(position, static_cast<std::uint64_t>(limit));
  while (said_.next()) {
    TIDE_ASSIGN(auto partial, answers::SaidPartial::decode(said_.blob(3)));
    const auto view = said_.blob(1);
    all.push_back({said_.count(0), {view.begin(), view.end()}, event_time(said_.integer(2)),
                   std::move(partial)});
  }
  TIDE_TRY(database_->fault());
  return all;
}

Result<Reader::LetterCounts> SqliteReader::letter_counts() {
  const Moment moment(snapshot_);
  LetterCounts counts;
  letters_kept_.start();
  while (letters_kept_.next()) {
    const auto why = static_cast<std::size_t>(letters_kept_.count(0)) - 1;
    if (why < counts.kept.size()) counts.kept[why] = letters_kept_.count(1);
  }
  letters_dropped_.start();
  while (letters_dropped_.next()) {
    counts.dropped[letters_dropped_.text(0)] = letters_dropped_.count(1);
  }
  TIDE_TRY(database_->fault());
  return counts;
}

namespace {

Result<std::unique_ptr<Reader>> open_parts(const std::filesystem::path& folder) {
  const auto parts = Parts::make(0);
  std::error_code fault;
  for (const auto& entry : std::filesystem::directory_iterator(folder, fault)) {
    const auto name = entry.path().filename().string();
    int number = 0;
    const auto* end = name.data() + name.size();
    if (std::from_chars(name.data(), end, number).ptr != end) continue;
    TIDE_TRY(parts->open(number, [path = entry.path()] { return Reader::open(path); }));
  }
  if (fault) return system_error(folder.string(), fault.value());
  return parts->reader();
}

}  // namespace

Result<std::unique_ptr<Reader>> Reader::open(const std::filesystem::path& data_dir) {
  const auto file = store::database_path(data_dir);
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) {
    const auto parts = store::parts_folder(data_dir);
    if (std::filesystem::is_directory(parts, ignored)) return open_parts(parts);
    return Error(Fault::unavailable, fmt::format("{} is not there: no cloud node has run with this "
                                                 "data_dir yet", file.string()));
  }
  TIDE_ASSIGN(auto database, store::open_reader(file));
  return std::unique_ptr<Reader>(new SqliteReader(std::move(database), data_dir));
}

}  // namespace tidemark::query
