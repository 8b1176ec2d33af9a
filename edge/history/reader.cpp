#include "edge/history/reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/text.h"
#include "common/sqlite/database.h"
#include "edge/history/schema.h"

namespace tidemark::history {
namespace {

constexpr auto kEventColumns =
    "SELECT e.id, s.name, s.unit, e.cause, e.detector, e.text, e.time, e.value, e.expected, "
    "e.score, e.context, e.cleared, e.acked, e.acked_by, e.note FROM events e JOIN series s ON "
    "s.id = e.series ";

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

  Result<std::vector<StoredEvent>> events(const Selection& selection, bool open) override {
    TIDE_ASSIGN(auto query, db_->prepare(fmt::format(
                                "{} WHERE e.time >= ? AND e.time < ? {} ORDER BY e.id DESC",
                                kEventColumns, open ? "AND e.acked IS NULL" : "")));
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
    TIDE_ASSIGN(auto query, db_->prepare(fmt::format("{} WHERE e.id = ?", kEventColumns)));
    query.start(id);
    TIDE_ASSIGN(const bool row, query.step());
    if (!row) return std::optional<StoredEvent>();
    return std::optional(event_of(query));
  }

 private:
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
  if (!std::filesystem::exists(folder / kFile)) return none_in(folder);
  TIDE_ASSIGN(auto db,
              sqlite::Database::open(folder / kFile,
                                     {.pragmas = "PRAGMA synchronous=NORMAL",
                                      .schema = kSchema,
                                      .version = kVersion,
                                      .io_error = Fault::unavailable}));
  TIDE_ASSIGN(auto update,
              db->prepare("UPDATE events SET acked = ifnull(acked, ?1), acked_by = ?2, "
                          "note = ?3 WHERE id = ?4"));
  TIDE_TRY(update.execute(count_ns(now), by, note, id));
  if (db->rows_changed() == 0) {
    return Error{Fault::bad_input, fmt::format("there is no event {}; tidemark event list", id)};
  }
  return {};
}

}  // namespace tidemark::history
