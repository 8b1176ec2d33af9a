#include "edge/quarantine/quarantine.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <mutex>

#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/sqlite/database.h"

namespace tidemark::quarantine {

std::string_view kind_of(std::string_view reason) { return reason.substr(0, reason.find(':')); }

namespace {

constexpr int kVersion = 1;
constexpr std::size_t kReasonBytesMax = 1024;
constexpr std::chrono::seconds kCommitEvery{1};
constexpr std::string_view kOther = "other";

constexpr auto kSchema = R"(
CREATE TABLE IF NOT EXISTS items(
  id INTEGER PRIMARY KEY, time INTEGER NOT NULL, reason TEXT NOT NULL, source TEXT NOT NULL,
  topic TEXT NOT NULL, excerpt BLOB NOT NULL, readings INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS counts(
  reason TEXT PRIMARY KEY, items INTEGER NOT NULL, readings INTEGER NOT NULL) WITHOUT ROWID;
)";

class Store final : public Quarantine {
 public:
  explicit Store(std::unique_ptr<sqlite::Database> db)
      : db_(std::move(db)),
        put_item_(*db_, "INSERT INTO items(time, reason, source, topic, excerpt, readings) "
                        "VALUES(?,?,?,?,?,?)"),
        put_count_(*db_, "INSERT OR REPLACE INTO counts VALUES(?,?,?)"),
        bound_(*db_, "DELETE FROM items WHERE id <= (SELECT max(id) FROM items) - ?"),
        newest_(*db_, "SELECT time, reason, source, topic, excerpt, readings FROM items "
                      "ORDER BY id DESC LIMIT ?") {}
  ~Store() override {
    const std::lock_guard lock(mutex_);
    commit();
  }

  static Result<std::unique_ptr<Quarantine>> open(const std::filesystem::path& file) {
    // No sync at a commit: after a power cut the last items may be missing, the file stays whole.
    TIDE_ASSIGN(auto db, sqlite::Database::open(
                             file, {.pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
                                               "PRAGMA cache_size=-256",
                                    .schema = kSchema,
                                    .version = kVersion,
                                    .quick_check = true,
                                    .busy_wait = std::chrono::seconds(1),
                                    .io_error = Fault::unavailable}));
    auto store = std::make_unique<Store>(std::move(db));
    sqlite::Statement counts(*store->db_, "SELECT reason, items, readings FROM counts");
    while (counts.next()) {
      store->counts_[counts.text(0)] = {counts.count(1), counts.count(2), false};
    }
    TIDE_TRY(store->db_->fault());
    return std::unique_ptr<Quarantine>(std::move(store));
  }

  void add(std::string_view reason, std::string_view source, ByteSpan topic, ByteSpan payload,
           std::uint64_t readings, EventTime arrived) override {
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
  }

  void look() override {
    const std::lock_guard lock(mutex_);
    if (waiting_.empty()) return;
    const auto now = std::chrono::steady_clock::now();
    if (now - committed_ < kCommitEvery) return;
    committed_ = now;
    commit();
  }

  std::vector<Item> newest(std::size_t limit) override {
    const std::lock_guard lock(mutex_);
    std::vector<Item> items;
    for (auto it = waiting_.rbegin(); it != waiting_.rend() && items.size() < limit; ++it) {
      items.push_back(*it);
    }
    newest_.start(std::min(limit, kItemsMax) - items.size());
    for (;;) {
      const auto row = newest_.step();
      if (!row) log::warning("quarantine cannot be read", "error=\"{}\"", row.error().text());
      if (!row || !*row) return items;
      items.push_back({event_time(newest_.integer(0)), newest_.text(1), newest_.text(2),
                       newest_.text(3), newest_.text(4), newest_.count(5)});
    }
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
    if (!written) {
      log::warning("quarantine cannot be written", "waiting={} error=\"{}\"", waiting_.size(),
                   written.error().text());
      return;
    }
    waiting_.clear();
    for (auto& [reason, tally] : counts_) tally.fresh = false;
  }

  Result<> write() {
    TIDE_ASSIGN(auto transaction, sqlite::Transaction::begin(*db_));
    for (const auto& i : waiting_) {
      TIDE_TRY(put_item_.execute(count_ns(i.time), i.reason, i.source, i.topic,
                                 as_bytes(i.excerpt), i.readings));
    }
    for (const auto& [reason, tally] : counts_) {
      if (tally.fresh) TIDE_TRY(put_count_.execute(reason, tally.items, tally.readings));
    }
    TIDE_TRY(bound_.execute(kItemsMax));
    return transaction.commit();
  }

  std::mutex mutex_;
  std::unique_ptr<sqlite::Database> db_;
  sqlite::Statement put_item_, put_count_, bound_, newest_;
  std::deque<Item> waiting_;
  std::map<std::string, Tally, std::less<>> counts_;
  std::chrono::steady_clock::time_point committed_{};
};

}  // namespace

Result<std::unique_ptr<Quarantine>> Quarantine::open(const std::filesystem::path& folder) {
  TIDE_TRY(make_folder(folder));
  const auto file = folder / "quarantine.db";
  auto store = Store::open(file);
  if (store.ok() || store.error().fault() != Fault::corrupt) return store;
  const auto aside = folder / "quarantine.db.damaged";
  log::warning("quarantine is damaged: kept aside, begun anew", "file={} error=\"{}\"",
               aside.string(), store.error().text());
  std::error_code ignored;
  std::filesystem::rename(file, aside, ignored);
  std::filesystem::remove(file.string() + "-wal", ignored);
  std::filesystem::remove(file.string() + "-shm", ignored);
  return Store::open(file);
}

}  // namespace tidemark::quarantine
