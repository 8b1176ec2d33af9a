#include "edge/history/reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/text.h"
#include "common/sqlite/database.h"
#include "edge/history/schema.h"

namespace tidemark::history {
namespace {

constexpr std::string_view kEventColumns =
    "SELECT e.id, s.name, s.unit, e.cause, e.detector, e.text, e.time, e.value, e.expected, "
    "e.score, e.context, e.cleared, e.acked, e.acked_by, e.note";

// Of a file with shelves, and of one that nobody has put anything aside in.
std::string event_query(bool shelves) {
  return fmt::format("{}, {} FROM events e JOIN series s ON s.id = e.series {}", kEventColumns,
                     shelves ? "h.until, h.by" : "NULL, ''",
                     shelves ? "LEFT JOIN shelves h ON h.series = e.series AND h.cause = e.cause"
                             : "");
}

struct Known {
  std::int64_t id = 0;
  std::string name;
  std::string unit;
};

StoredEvent event_of(const sqlite::Statement& row) {
  StoredEvent out;
  auto& e = out.event;
  e.id = row.count(0);
  e.series = row.text(1);
  e.unit = row.text(2);
  e.cause = row.text(3);
  e.detector = row.text(4);
  e.text = row.text(5);
  e.time = event_time(row.integer(6));
  e.value = row.real(7);
  e.expected = row.real(8);
  e.score = row.real(9);
  e.context = row.integer(10) != 0;
  if (!row.is_null(11)) out.cleared = event_time(row.integer(11));
  if (!row.is_null(12)) out.acked = event_time(row.integer(12));
  out.acked_by = row.text(13);
  out.note = row.text(14);
  if (!row.is_null(15)) out.shelved = event_time(row.integer(15));
  out.shelved_by = row.text(16);
  return out;
}

class FileReader final : public Reader {
 public:
  explicit FileReader(std::unique_ptr<sqlite::Database> db) : db_(std::move(db)) {}

  Result<std::vector<std::string>> series() override {
    TIDE_ASSIGN(const auto known, known_series("**"));
    std::vector<std::string> names;
    for (const auto& k : known) names.push_back(k.name);
    return names;
  }

  Result<std::vector<Window>> windows(const Selection& selection) override {
    TIDE_ASSIGN(const auto known, known_series(selection.glob));
    TIDE_ASSIGN(auto query, db_->prepare(R"(
        SELECT start, "end", type, revision, readings, flags, "values" FROM windows
        WHERE series = ? AND start >= ? AND start < ? ORDER BY start DESC, "end" DESC LIMIT ?)"));
    std::vector<Window> out;
    for (const auto& k : known) {
      const auto first = out.size();
      query.start(k.id, count_ns(selection.from), count_ns(selection.to), selection.limit);
      while (true) {
        TIDE_ASSIGN(const bool row, query.step());
        if (!row) break;
        Window w;
        w.series = k.name;
        w.unit = k.unit;
        w.start = query.integer(0);
        w.end = query.integer(1);
        w.type = query.text(2);
        w.revision = query.count(3);
        w.readings = query.count(4);
        w.cut = (query.integer(5) & kCut) != 0;
        w.approximate = (query.integer(5) & kApproximate) != 0;
        w.values = query.text(6);
        out.push_back(std::move(w));
      }
      std::reverse(out.begin() + static_cast<std::ptrdiff_t>(first), out.end());
    }
    return out;
  }

  Result<std::optional<Span>> span(const std::string& glob) override {
    TIDE_ASSIGN(const auto known, known_series(glob));
    TIDE_ASSIGN(auto query,
                db_->prepare(R"(SELECT min(start), max("end") FROM windows WHERE series = ?)"));
    std::optional<Span> all;
    for (const auto& k : known) {
      query.start(k.id);
      TIDE_ASSIGN(const bool row, query.step());
      if (!row || query.is_null(0)) continue;
      const Span one{event_time(query.integer(0)), event_time(query.integer(1))};
      all = all ? Span{std::min(all->from, one.from), std::max(all->to, one.to)} : one;
    }
    return all;
  }

  Result<std::vector<Gap>> gaps(const Selection& selection) override {
    std::vector<Gap> out;
    TIDE_ASSIGN(const bool any, has_table("gaps"));
    if (!any) return out;
    TIDE_ASSIGN(auto query, db_->prepare(R"(SELECT "from", "to" FROM gaps
        WHERE "from" < ? AND "to" >= ? ORDER BY "from" DESC LIMIT ?)"));
    query.start(count_ns(selection.to), count_ns(selection.from), selection.limit);
    while (true) {
      TIDE_ASSIGN(const bool row, query.step());
      if (!row) break;
      out.push_back({event_time(query.integer(0)), event_time(query.integer(1))});
    }
    std::reverse(out.begin(), out.end());
    return out;
  }

  Result<std::vector<StoredEvent>> events(const Selection& selection, bool open) override {
    TIDE_ASSIGN(const bool shelves, has_table("shelves"));
    TIDE_ASSIGN(auto query, db_->prepare(fmt::format(
                                "{} WHERE e.time >= ? AND e.time < ? {} ORDER BY e.id DESC",
                                event_query(shelves), open ? "AND e.acked IS NULL" : "")));
    query.start(count_ns(selection.from), count_ns(selection.to));
    std::vector<StoredEvent> out;
    while (out.size() < selection.limit) {
      TIDE_ASSIGN(const bool row, query.step());
      if (!row) break;
      if (series_match(selection.glob, query.text(1))) out.push_back(event_of(query));
    }
    return out;
  }

  Result<std::optional<StoredEvent>> event(std::uint64_t id) override {
    TIDE_ASSIGN(const bool shelves, has_table("shelves"));
    TIDE_ASSIGN(auto query, db_->prepare(event_query(shelves) + " WHERE e.id = ?"));
    query.start(id);
    TIDE_ASSIGN(const bool row, query.step());
    if (!row) return std::optional<StoredEvent>();
    return std::optional(event_of(query));
  }

 private:
  // Some are made with their first row.
  Result<bool> has_table(std::string_view name) {
    TIDE_ASSIGN(auto query, db_->prepare("SELECT 1 FROM sqlite_schema WHERE name = ?"));
    query.start(name);
    return query.step();
  }
  Result<std::vector<Known>> known_series(const std::string& glob) {
    TIDE_ASSIGN(auto query, db_->prepare("SELECT id, name, unit FROM series ORDER BY name"));
    std::vector<Known> out;
    query.start();
    while (true) {
      TIDE_ASSIGN(const bool row, query.step());
      if (!row) return out;
      if (series_match(glob, query.text(1))) {
        out.push_back({query.integer(0), query.text(1), query.text(2)});
      }
    }
  }

  std::unique_ptr<sqlite::Database> db_;
};

Error none_in(const std::filesystem::path& folder) {
  return {Fault::bad_input,
          fmt::format("no history in {}: it begins with the first [[rule]] that has a window or a "
                      "detector",
                      folder.string())};
}

Error no_event(std::uint64_t id) {
  return {Fault::bad_input, fmt::format("there is no event {}; tidemark event list", id)};
}

Result<std::unique_ptr<sqlite::Database>> open_to_write(const std::filesystem::path& folder) {
  if (!std::filesystem::exists(folder / kFile)) return none_in(folder);
  return sqlite::Database::open(folder / kFile, {.pragmas = "PRAGMA synchronous=NORMAL",
                                                 .schema = kSchema,
                                                 .version = kVersion,
                                                 .io_error = Fault::unavailable});
}

}  // namespace

Result<std::unique_ptr<Reader>> Reader::open(const std::filesystem::path& folder) {
  if (!std::filesystem::exists(folder / kFile)) return none_in(folder);
  TIDE_ASSIGN(auto db, sqlite::Database::open(folder / kFile, {.pragmas = "",
                                                               .version = kVersion,
                                                               .reader = true,
                                                               .io_error = Fault::unavailable}));
  return std::unique_ptr<Reader>(std::make_unique<FileReader>(std::move(db)));
}

Result<> acknowledge(const std::filesystem::path& folder, std::uint64_t id, const std::string& by,
                     const std::string& note, EventTime now) {
  TIDE_ASSIGN(auto db, open_to_write(folder));
  TIDE_ASSIGN(auto update,
              db->prepare("UPDATE events SET acked = ifnull(acked, ?1), acked_by = ?2, "
                          "note = CASE WHEN ?3 = '' THEN note ELSE ?3 END WHERE id = ?4"));
  TIDE_TRY(update.execute(count_ns(now), by, note, id));
  return db->rows_changed() == 0 ? Result<>(no_event(id)) : Result<>();
}

Result<> shelve(const std::filesystem::path& folder, std::uint64_t id, EventTime until,
                const std::string& by, const std::string& note, EventTime now) {
  if (until - now > kShelfMax) {
    return Error{Fault::bad_input, "an event is put aside for a week at most; what is never wanted "
                                   "belongs out of the rule's detectors"};
  }
  TIDE_ASSIGN(auto db, open_to_write(folder));
  TIDE_ASSIGN(auto make, db->prepare(kShelves));
  TIDE_TRY(make.execute());
  TIDE_ASSIGN(auto put,
              db->prepare("INSERT OR REPLACE INTO shelves(series, cause, until, by, note) "
                          "SELECT series, cause, ?1, ?2, ?3 FROM events WHERE id = ?4"));
  TIDE_TRY(put.execute(count_ns(until), by, note, id));
  return db->rows_changed() == 0 ? Result<>(no_event(id)) : Result<>();
}

}  // namespace tidemark::history
