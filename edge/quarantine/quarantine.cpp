#include "edge/quarantine/quarantine.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <mutex>

#include "common/base/disk.h"
#include "common/base/log.h"

namespace tidemark::quarantine {

namespace {

constexpr int kVersion = 1;  // PRAGMA user_version
constexpr std::size_t kReasonBytesMax = 1024;
constexpr std::size_t kWaitingMax = 64;  // items between two commits
constexpr std::chrono::seconds kCommitEvery{1};
constexpr std::string_view kOther = "other";

constexpr const char* kSchema = R"(
CREATE TABLE IF NOT EXISTS items(
  id INTEGER PRIMARY KEY, time INTEGER NOT NULL, reason TEXT NOT NULL, source TEXT NOT NULL,
  topic TEXT NOT NULL, excerpt BLOB NOT NULL, readings INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS counts(
  reason TEXT PRIMARY KEY, items INTEGER NOT NULL, readings INTEGER NOT NULL) WITHOUT ROWID;
)";

struct CloseDatabase {
  void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
};
struct Finalize {
  void operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
};
using Database = std::unique_ptr<sqlite3, CloseDatabase>;
using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

Error fault_of(sqlite3* db, int code) {
  const auto fault = (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB
                         ? Fault::corrupt
                     : (code & 0xff) == SQLITE_FULL ? Fault::full
                                                    : Fault::unavailable;
  return {fault, db == nullptr ? "out of memory" : sqlite3_errmsg(db)};
}

Result<> run(sqlite3* db, const char* sql) {
  const int code = sqlite3_exec(db, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return fault_of(db, code);
  return {};
}

Result<Statement> prepare(sqlite3* db, const char* sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v2(db, sql, -1, &statement, nullptr);
  if (code != SQLITE_OK) return fault_of(db, code);
  return Statement(statement);
}

void bind(const Statement& s, int at, std::int64_t v) { sqlite3_bind_int64(s.get(), at, v); }
void bind_text(const Statement& s, int at, std::string_view v) {
  sqlite3_bind_text64(s.get(), at, v.data(), v.size(), SQLITE_STATIC, SQLITE_UTF8);
}
void bind_blob(const Statement& s, int at, std::string_view v) {
  sqlite3_bind_blob64(s.get(), at, v.data(), v.size(), SQLITE_STATIC);
}
std::string bytes_of(const Statement& s, int column) {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(s.get(), column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(s.get(), column));
  return data == nullptr ? std::string() : std::string(data, size);
}
std::uint64_t count_of(const Statement& s, int column) {
  return static_cast<std::uint64_t>(sqlite3_column_int64(s.get(), column));
}

// What a reason is counted under: the words before the first colon, where the details begin.
std::string_view kind_of(std::string_view reason) { return reason.substr(0, reason.find(':')); }

Result<Database> open_database(const std::filesystem::path& file) {
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(file.c_str(), &raw,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                                   nullptr);
  Database db(raw);
  if (code != SQLITE_OK) return fault_of(raw, code);
  sqlite3_busy_timeout(raw, 1000);
  // No sync at a commit: after a power cut the last items may be missing, the file stays whole.
  TIDE_TRY(run(raw, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-256"));
  TIDE_ASSIGN(const auto version, prepare(raw, "PRAGMA user_version"));
  if (sqlite3_step(version.get()) == SQLITE_ROW && count_of(version, 0) > kVersion) {
    return Error(Fault::unsupported,
                 fmt::format("its format {} is newer than {}, which this program knows",
                             count_of(version, 0), kVersion));
  }
  TIDE_TRY(run(raw, kSchema));
  TIDE_TRY(run(raw, fmt::format("PRAGMA user_version={}", kVersion).c_str()));
  TIDE_ASSIGN(const auto check, prepare(raw, "PRAGMA quick_check(1)"));
  if (sqlite3_step(check.get()) != SQLITE_ROW || bytes_of(check, 0) != "ok") {
    return Error(Fault::corrupt, "it fails its quick check");
  }
  return db;
}

class Store final : public Quarantine {
 public:
  explicit Store(Database db) : db_(std::move(db)) {}
  ~Store() override {
    const std::lock_guard lock(mutex_);
    commit();
  }

  Result<> load() {
    TIDE_ASSIGN(const auto rows, prepare(db_.get(), "SELECT reason, items, readings FROM counts"));
    while (sqlite3_step(rows.get()) == SQLITE_ROW) {
      counts_[bytes_of(rows, 0)] = {count_of(rows, 1), count_of(rows, 2), false};
    }
    return {};
  }

  void add(std::string_view reason, std::string_view source, ByteSpan topic, ByteSpan payload,
           std::uint64_t readings, EventTime arrived) override {
    const auto now = std::chrono::steady_clock::now();
    const std::lock_guard lock(mutex_);
    auto known = counts_.find(kind_of(reason));
    if (known == counts_.end()) {
      const bool room = counts_.size() < kReasonsMax;
      known = counts_.try_emplace(std::string(room ? kind_of(reason) : kOther)).first;
    }
    known->second.items += 1;
    known->second.readings += readings;
    known->second.fresh = true;

    // A flood between two commits keeps its newest: they are what newest() would have left anyway.
    if (waiting_.size() >= kItemsMax) waiting_.pop_front();
    waiting_.push_back({arrived, std::string(reason.substr(0, kReasonBytesMax)),
                        std::string(source), std::string(as_text(topic)),
                        std::string(as_text(payload.first(std::min(payload.size(),
                                                                   kExcerptBytes)))),
                        readings});
    const bool wait = failing_ || waiting_.size() < kWaitingMax;
    if (wait && now - committed_ < kCommitEvery) return;
    committed_ = now;
    commit();
  }

  std::vector<Item> newest(std::size_t limit) override {
    const std::lock_guard lock(mutex_);
    commit();
    std::vector<Item> items;
    for (auto it = waiting_.rbegin(); it != waiting_.rend() && items.size() < limit; ++it) {
      items.push_back(*it);
    }
    auto rows = prepare(db_.get(), "SELECT time, reason, source, topic, excerpt, readings "
                                   "FROM items ORDER BY id DESC LIMIT ?1");
    if (!rows) {
      log::warning("quarantine cannot be read", "error=\"{}\"", rows.error().text());
      return items;
    }
    bind(*rows, 1, static_cast<std::int64_t>(std::min(limit, kItemsMax) - items.size()));
    while (sqlite3_step(rows->get()) == SQLITE_ROW) {
      items.push_back({event_time(sqlite3_column_int64(rows->get(), 0)), bytes_of(*rows, 1),
                       bytes_of(*rows, 2), bytes_of(*rows, 3), bytes_of(*rows, 4),
                       count_of(*rows, 5)});
    }
    return items;
  }

  std::vector<Count> counts() override {
    const std::lock_guard lock(mutex_);
    std::vector<Count> counts;
    for (const auto& [reason, tally] : counts_) {
      counts.push_back({reason, tally.items, tally.readings});
    }
    std::sort(counts.begin(), counts.end(),
              [](const Count& a, const Count& b) { return a.items > b.items; });
    return counts;
  }

 private:
  struct Tally {
    std::uint64_t items = 0;
    std::uint64_t readings = 0;
    bool fresh = false;  // not committed yet
  };

  void commit() {
    if (waiting_.empty()) return;
    const auto written = write();
    failing_ = !written.ok();
    if (failing_) {
      (void)run(db_.get(), "ROLLBACK");
      log::warning("quarantine cannot be written", "waiting={} error=\"{}\"", waiting_.size(),
                   written.error().text());
      return;
    }
    waiting_.clear();
    for (auto& [reason, tally] : counts_) tally.fresh = false;
  }

  Result<> write() {
    auto* db = db_.get();
    TIDE_TRY(run(db, "BEGIN IMMEDIATE"));
    TIDE_ASSIGN(const auto item, prepare(db, "INSERT INTO items(time, reason, source, topic, "
                                             "excerpt, readings) VALUES(?1,?2,?3,?4,?5,?6)"));
    for (const auto& i : waiting_) {
      bind(item, 1, count_ns(i.time));
      bind_text(item, 2, i.reason);
      bind_text(item, 3, i.source);
      bind_text(item, 4, i.topic);
      bind_blob(item, 5, i.excerpt);
      bind(item, 6, static_cast<std::int64_t>(i.readings));
      TIDE_TRY(step(item));
    }
    TIDE_ASSIGN(const auto count, prepare(db, "INSERT OR REPLACE INTO counts VALUES(?1,?2,?3)"));
    for (const auto& [reason, tally] : counts_) {
      if (!tally.fresh) continue;
      bind_text(count, 1, reason);
      bind(count, 2, static_cast<std::int64_t>(tally.items));
      bind(count, 3, static_cast<std::int64_t>(tally.readings));
      TIDE_TRY(step(count));
    }
    TIDE_TRY(run(db, fmt::format("DELETE FROM items WHERE id <= (SELECT max(id) FROM items) - {}",
                                 kItemsMax).c_str()));
    return run(db, "COMMIT");
  }

  Result<> step(const Statement& statement) {
    const int code = sqlite3_step(statement.get());
    sqlite3_reset(statement.get());
    if (code != SQLITE_DONE) return fault_of(db_.get(), code);
    return {};
  }

  std::mutex mutex_;
  Database db_;
  std::deque<Item> waiting_;
  std::map<std::string, Tally, std::less<>> counts_;
  std::chrono::steady_clock::time_point committed_{};
  bool failing_ = false;  // the last commit failed: no hurry with the next
};

}  // namespace

Result<std::unique_ptr<Quarantine>> Quarantine::open(const std::filesystem::path& folder) {
  TIDE_TRY(make_folder(folder));
  const auto file = folder / "quarantine.db";
  auto db = open_database(file);
  if (!db && db.error().fault() == Fault::corrupt) {
    const auto aside = folder / "quarantine.db.damaged";
    log::warning("quarantine is damaged: kept aside, begun anew", "file={} error=\"{}\"",
                 aside.string(), db.error().text());
    std::error_code ignored;
    std::filesystem::rename(file, aside, ignored);
    std::filesystem::remove(file.string() + "-wal", ignored);
    std::filesystem::remove(file.string() + "-shm", ignored);
    db = open_database(file);
  }
  if (!db) return std::move(db).error().within("open " + file.string());
  auto store = std::make_unique<Store>(std::move(db).value());
  TIDE_TRY(store->load());
  return std::unique_ptr<Quarantine>(std::move(store));
}

}  // namespace tidemark::quarantine
