#include "edge/history/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <variant>

#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/sqlite/database.h"
#include "edge/history/schema.h"

namespace tidemark::history {
namespace {

constexpr std::uint64_t kPageBytes = 4096;
constexpr std::uint64_t kFrameBytes = kPageBytes + 24;  // of the log
constexpr std::uint64_t kCheckpointPages = 256;
constexpr std::chrono::seconds kRetry{5};
constexpr std::size_t kRowsOfRoom = 64;  // in a sixteenth of the least size, 1 KiB each

// Ids of events that are put by, so that no crash gives one twice; half of them may wait, which is
// ten times what an agent tells the cloud at once.
constexpr std::uint64_t kIdsAhead = 20'000;

// A window that waits. What the rows of a series have in common is held once: some 150 bytes a row
// instead of 350.
struct WaitingWindow {
  struct Head {
    std::string series, unit, type;
    friend auto operator<=>(const Head&, const Head&) = default;
  };
  const Head* head;
  std::int64_t start, end;
  std::uint64_t revision, readings;
  bool withdrawn, cut, approximate;
  std::string values;
};
using Row = std::variant<WaitingWindow, std::unique_ptr<Event>>;

// The tables, on one thread at a time.
class Tables {
 public:
  Tables(std::unique_ptr<sqlite::Database> db, Bytes size)
      : db_(std::move(db)),
        size_(size),
        put_series_(*db_, "INSERT INTO series(name, unit) VALUES(?1, ?2) "
                          "ON CONFLICT(name) DO UPDATE SET unit = ?2 RETURNING id"),
        put_window_(*db_, R"(INSERT INTO windows(series, start, "end", type, revision, readings,
                                                 flags, "values") VALUES(?,?,?,?,?,?,?,?)
                             ON CONFLICT(series, start, "end") DO UPDATE SET
                             type = excluded.type, revision = excluded.revision,
                             readings = excluded.readings, flags = excluded.flags,
                             "values" = excluded."values"
                             WHERE excluded.flags & 1 = 0 OR excluded.readings >= readings)"),
        drop_window_(*db_, R"(DELETE FROM windows WHERE series = ? AND start = ? AND "end" = ?)"),
        drop_others_(*db_, R"(DELETE FROM windows WHERE series = ? AND start = ? AND "end" <> ?)"),
        put_event_(*db_, "INSERT OR REPLACE INTO events(id, series, time, cause, detector, text, "
                         "value, expected, score, context) VALUES(?,?,?,?,?,?,?,?,?,?)"),
        clear_events_(*db_, "UPDATE events SET cleared = ?3 WHERE series = ?1 AND cause = ?2 AND "
                            "cleared IS NULL AND (expected = ?4 OR id < ?5)"),
        put_mark_(*db_, "INSERT OR REPLACE INTO marks VALUES(?1, ifnull((SELECT max(id) FROM "
                        "windows), 0), ifnull((SELECT max(id) FROM events), 0))") {}

  [[nodiscard]] Result<> fault() const { return db_->fault(); }

  // Whether the file says yet what the end before this start may have taken.
  [[nodiscard]] bool gap_is_told() const { return !ended_; }

  // `newest`: id that was given; `opened`: when this start began.
  Result<> write(const std::deque<Row>& rows, std::uint64_t newest, EventTime now, EventTime opened,
                 Nanoseconds keep) {
    if (is_low(newest, reserved_)) TIDE_TRY(reserve(newest + kIdsAhead));
    TIDE_ASSIGN(auto transaction, sqlite::Transaction::begin(*db_));
    if (ended_) TIDE_TRY(tell_gap(*ended_, std::max(*ended_, count_ns(opened))));
    TIDE_TRY(drop_old(count_ns(now - keep) / 1'000'000'000));
    // Room first, so that the file never passes its size.
    std::size_t until_room = 0;
    for (const auto& row : rows) {
      if (until_room == 0) {
        TIDE_TRY(make_room());
        until_room = kRowsOfRoom;
      }
      --until_room;
      TIDE_TRY(std::visit([this](const auto& r) { return put(r); }, row));
    }
    TIDE_TRY(put_mark_.execute(count_ns(now) / 1'000'000'000));
    TIDE_TRY(transaction.commit());
    ended_.reset();
    return checkpoint();
  }
  // Ids up to this one are of this start, whatever ends it.
  [[nodiscard]] std::uint64_t reserved() const { return reserved_; }
  static bool is_low(std::uint64_t newest, std::uint64_t reserved) {
    return newest + kIdsAhead / 2 > reserved;
  }
  // Nobody gives ids any more: the next start goes on behind the newest.
  Result<> end(std::uint64_t newest) { return reserve(newest); }

  // In use; the file itself may be larger and keeps what was freed for the next rows.
  Result<std::uint64_t> bytes() {
    TIDE_ASSIGN(const auto pages, number("PRAGMA page_count"));
    TIDE_ASSIGN(const auto free, number("PRAGMA freelist_count"));
    return static_cast<std::uint64_t>(pages - free) * kPageBytes;
  }
  [[nodiscard]] std::uint64_t bytes_written() const {
    return db_->pages_written() * kFrameBytes + checkpointed_ * kPageBytes;
  }
  // The id of this start's first event.
  Result<std::uint64_t> begin() {
    TIDE_ASSIGN(auto last, db_->prepare("SELECT max(stored) FROM marks"));
    TIDE_TRY(last.step());
    if (!last.is_null(0)) ended_ = last.integer(0) * 1'000'000'000;
    TIDE_ASSIGN(auto id, number("SELECT ifnull(max(id), 0) FROM events"));
    TIDE_ASSIGN(const auto has_ids,
                number("SELECT count(*) FROM sqlite_master WHERE name = 'ids'"));
    if (has_ids > 0) {
      TIDE_ASSIGN(const auto event, number("SELECT ifnull(max(event), 0) FROM ids"));
      id = std::max(id, event);
    }
    first_event_ = static_cast<std::uint64_t>(id) + 1;
    // Where there is no room just now, the first commit tries again.
    const auto put_by = reserve(first_event_ + kIdsAhead);
    if (!put_by && put_by.error().fault() == Fault::corrupt) return put_by.error();
    return first_event_;
  }
  Result<std::vector<Standing>> standing() {
    TIDE_ASSIGN(auto query, db_->prepare(
        "SELECT e.id, s.name, e.cause, e.expected FROM events e JOIN series s ON s.id = e.series "
        "WHERE e.cleared IS NULL AND e.cause IN ('hihi', 'hi', 'lo', 'lolo') ORDER BY e.id"));
    std::vector<Standing> all;
    while (true) {
      TIDE_ASSIGN(const bool any, query.step());
      if (!any) return all;
      all.push_back({query.count(0), query.text(1), query.text(2), query.real(3)});
    }
  }

 private:
  // Synced: a power cut must not bring them back.
  Result<> reserve(std::uint64_t event) {
    TIDE_TRY(db_->execute("PRAGMA synchronous=FULL"));
    auto done = note_reserved(event);
    TIDE_TRY(db_->execute("PRAGMA synchronous=NORMAL"));
    if (done) reserved_ = event;
    return done;
  }
  Result<> note_reserved(std::uint64_t event) {
    TIDE_ASSIGN(auto transaction, sqlite::Transaction::begin(*db_));
    TIDE_TRY(db_->execute(fmt::format("{}; DELETE FROM ids; INSERT INTO ids VALUES({})", kIds,
                                      event)));
    return transaction.commit();
  }

  Result<> tell_gap(std::int64_t from, std::int64_t to) {
    TIDE_TRY(db_->execute(kGaps));
    TIDE_ASSIGN(auto put, db_->prepare("INSERT OR REPLACE INTO gaps VALUES(?, ?)"));
    return put.execute(from, to);
  }

  Result<std::int64_t> number(std::string_view sql) {
    TIDE_ASSIGN(auto query, db_->prepare(sql));
    TIDE_TRY(query.step());
    return query.integer(0);
  }

  Result<std::int64_t> series_id(const std::string& name, const std::string& unit) {
    if (const auto known = ids_.find(name); known != ids_.end()) return known->second;
    put_series_.start(name, unit);
    TIDE_TRY(put_series_.step());
    const auto id = put_series_.integer(0);
    put_series_.rewind();
    ids_.emplace(name, id);
    return id;
  }

  Result<> put(const WaitingWindow& w) {
    TIDE_ASSIGN(const auto series, series_id(w.head->series, w.head->unit));
    if (w.withdrawn) return drop_window_.execute(series, w.start, w.end);
    // A session that grew has another end than before.
    if (w.head->type == "session" && w.revision > 0) {
      TIDE_TRY(drop_others_.execute(series, w.start, w.end));
    }
    const int flags = (w.cut ? kCut : 0) | (w.approximate ? kApproximate : 0);
    return put_window_.execute(series, w.start, w.end, w.head->type, w.revision, w.readings, flags,
                               w.values);
  }

  Result<> put(const std::unique_ptr<Event>& event) {
    const auto& e = *event;
    TIDE_ASSIGN(const auto series, series_id(e.series, e.unit));
    if (e.clears) {
      return clear_events_.execute(series, e.cause, count_ns(e.time), e.expected, first_event_);
    }
    return put_event_.execute(e.id, series, count_ns(e.time), e.cause, e.detector, e.text, e.value,
                              e.expected, e.score, e.context ? 1 : 0);
  }

  Result<> drop_old(std::int64_t stored_before) {
    TIDE_ASSIGN(auto old, db_->prepare("SELECT window, event FROM marks WHERE stored < ? "
                                       "ORDER BY stored DESC LIMIT 1"));
    old.start(stored_before);
    TIDE_ASSIGN(const bool any, old.step());
    if (!any) return {};
    const auto window = old.integer(0), event = old.integer(1);
    old.rewind();
    TIDE_TRY(db_->execute(kGaps));
    return db_->execute(fmt::format("DELETE FROM windows WHERE id <= {0}; "
                                    "DELETE FROM events WHERE id <= {1}; "
                                    "DELETE FROM marks WHERE stored < {2}; "
                                    "DELETE FROM gaps WHERE \"to\" < {2} * 1000000000",
                                    window, event, stored_before));
  }

  // For kRowsOfRoom rows: the oldest go.
  Result<> make_room() {
    for (int turn = 0; turn < 32; ++turn) {
      TIDE_ASSIGN(const auto used, bytes());
      if (used <= size_.count / 16 * 15) return {};
      for (const char* table : {"windows", "events"}) {
        TIDE_TRY(db_->execute(fmt::format(
            "DELETE FROM {0} WHERE id <= (SELECT min(id) + (max(id) - min(id)) / 16 FROM {0})",
            table)));
        if (db_->rows_changed() > 0) break;
      }
    }
    return {};
  }

  Result<> checkpoint() {
    if (db_->pages_written() - checkpointed_at_ < kCheckpointPages) return {};
    TIDE_ASSIGN(auto query, db_->prepare("PRAGMA wal_checkpoint(PASSIVE)"));
    TIDE_TRY(query.step());
    checkpointed_ += query.count(2);
    checkpointed_at_ = db_->pages_written();
    return {};
  }

  std::unique_ptr<sqlite::Database> db_;
  Bytes size_;
  sqlite::Statement put_series_, put_window_, drop_window_, drop_others_, put_event_, clear_events_,
      put_mark_;
  std::map<std::string, std::int64_t> ids_;
  std::uint64_t first_event_ = 1;
  std::uint64_t reserved_ = 0;
  std::optional<std::int64_t> ended_;  // last commit of the start before, ns; told: none
  std::uint64_t checkpointed_ = 0;  // pages
  std::uint64_t checkpointed_at_ = 0;
};

class Store final : public History {
 public:
  Store(std::unique_ptr<Tables> tables, const Options& options, const Clock& clock,
        std::uint64_t next_event, std::vector<Standing> standing)
      : options_(options),
        clock_(clock),
        opened_(clock.steady()),
        next_event_(next_event),
        newest_(next_event - 1),
        reserved_(tables->reserved()),
        standing_(std::move(standing)),
        tables_(std::move(tables)) {
    usage_.size = options.size;
    paid_ = opened_ - std::chrono::hours(1);
    if (const auto used = tables_->bytes(); used.ok()) usage_.bytes = {*used};
    thread_ = std::thread([this] { run(); });
  }
  ~Store() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
    auto last = write();
    if (last) last = tables_->end(newest_);
    if (!last) {
      log::warning("history cannot be written", "error=\"{}\"", last.error().text());
    }
  }

  void add(Window window) override {
    const std::lock_guard lock(mutex_);
    if (!afford(window)) return;
    ++usage_.windows;
    const auto head = heads_.insert({std::move(window.series), std::move(window.unit),
                                     std::move(window.type)}).first;
    wait_with(WaitingWindow{&*head, window.start, window.end, window.revision, window.readings,
                            window.withdrawn, window.cut, window.approximate,
                            std::move(window.values)});
  }
  void add(Event event) override {
    const std::lock_guard lock(mutex_);
    ++usage_.events;
    newest_ = std::max(newest_, event.id);
    wait_with(std::make_unique<Event>(std::move(event)));
    if (Tables::is_low(newest_, reserved_)) wake_.notify_all();
  }
  Result<> commit() override { return write(); }
  [[nodiscard]] std::uint64_t next_event() const override { return next_event_; }
  [[nodiscard]] const std::vector<Standing>& standing() const override { return standing_; }
  [[nodiscard]] Usage usage() const override {
    const std::lock_guard lock(mutex_);
    return usage_;
  }

 private:
  // A row is written twice, to the log and to the file, with its share of the index. Under the
  // lock, as wait_with().
  bool afford(const Window& window) {
    constexpr double kDay = 86'400, kHand = 3'600, kRowBytes = 160;
    const auto now = clock_.steady();
    const double a_second = static_cast<double>(options_.budget.count) / kDay;
    in_hand_ += std::chrono::duration<double>(now - paid_).count() * a_second;
    in_hand_ = std::min(in_hand_, kHand * a_second);
    paid_ = now;
    const double cost = kRowBytes + 2 * static_cast<double>(window.values.size());
    if (in_hand_ < cost) {
      ++usage_.dropped;
      return false;
    }
    in_hand_ -= cost;
    return true;
  }

  void wait_with(Row row) {
    if (waiting_.size() >= kWaitingMax) {
      waiting_.pop_front();
      ++usage_.dropped;
    }
    waiting_.push_back(std::move(row));
    if (waiting_.size() == kWaitingMax / 2) wake_.notify_all();
  }

  void run() {
    std::unique_lock lock(mutex_);
    bool failing = false;
    while (!stopping_) {
      wake_.wait_for(lock, failing ? Nanoseconds(kRetry) : options_.commit_interval, [&] {
        const bool low = !waiting_.empty() && Tables::is_low(newest_, reserved_);
        return stopping_ || (!failing && (low || waiting_.size() >= kWaitingMax / 2));
      });
      if (stopping_ || waiting_.empty()) continue;
      lock.unlock();
      const auto written = write();
      failing = !written.ok();
      if (failing) {
        log::warning("history cannot be written; it keeps the newest in memory", "error=\"{}\"",
                     written.error().text());
      }
      lock.lock();
    }
  }

  EventTime believed_now() {
    constexpr Nanoseconds kSlewed = std::chrono::minutes(1);  // is no jump
    const auto steady = clock_.steady();
    const auto base = clock_.wall() - steady.time_since_epoch();
    if (!base_ || base <= *base_ + kSlewed) {
      base_ = base;
      ahead_since_.reset();
    } else if (!ahead_since_) {
      ahead_since_ = steady;
    } else if (steady - *ahead_since_ >= kBelievedAfter) {
      base_ = base;
      ahead_since_.reset();
    }
    return *base_ + steady.time_since_epoch();
  }

  // All that waits, as one transaction; what fails goes on waiting.
  Result<> write() {
    const std::lock_guard turn(tables_mutex_);
    std::deque<Row> rows;
    std::uint64_t newest = 0;
    {
      const std::lock_guard lock(mutex_);
      rows.swap(waiting_);
      newest = newest_;
    }
    if (rows.empty() && tables_->gap_is_told()) return {};
    const auto now = believed_now();
    auto done = tables_->write(rows, newest, now, now - (clock_.steady() - opened_),
                               options_.keep);
    const auto used = tables_->bytes();
    const std::lock_guard lock(mutex_);
    usage_.error = done.ok() ? "" : done.error().text();
    if (used.ok()) usage_.bytes = {*used};
    usage_.written = {tables_->bytes_written()};
    reserved_ = tables_->reserved();
    if (done.ok()) {
      ++usage_.commits;
      return done;
    }
    rows.insert(rows.end(), std::make_move_iterator(waiting_.begin()),
                std::make_move_iterator(waiting_.end()));
    while (rows.size() > kWaitingMax) {
      rows.pop_front();
      ++usage_.dropped;
    }
    waiting_.swap(rows);
    return done;
  }

  const Options options_;
  const Clock& clock_;
  const SteadyTime opened_;
  const std::uint64_t next_event_;
  std::uint64_t newest_;    // id that was added; with the next, under mutex_
  std::uint64_t reserved_;
  const std::vector<Standing> standing_;
  std::mutex tables_mutex_;  // of the tables; taken before mutex_
  std::unique_ptr<Tables> tables_;
  std::optional<EventTime> base_;  // the time as the steady clock began, as far as believed
  std::optional<SteadyTime> ahead_since_;
  mutable std::mutex mutex_;  // of all below
  std::condition_variable wake_;
  std::deque<Row> waiting_;
  std::set<WaitingWindow::Head> heads_;  // one a series, never fewer: rows point to them
  Usage usage_;
  double in_hand_ = 0;  // bytes that windows may write at once
  SteadyTime paid_;     // up to when they were added
  bool stopping_ = false;
  std::thread thread_;
};

Result<std::unique_ptr<History>> open_store(const Options& options, const Clock& clock) {
  // No sync at a commit, and checkpoints of our own, so that they can be counted.
  TIDE_ASSIGN(auto db,
              sqlite::Database::open(
                  options.folder / kFile,
                  {.pragmas = fmt::format("PRAGMA page_size={}; PRAGMA journal_mode=WAL; PRAGMA "
                                          "synchronous=NORMAL; PRAGMA secure_delete=0; PRAGMA "
                                          "cache_size=-512; PRAGMA wal_autocheckpoint=0; PRAGMA "
                                          "journal_size_limit=1048576",
                                          kPageBytes),
                   .schema = kSchema,
                   .version = kVersion,
                   .busy_wait = std::chrono::seconds(2),
                   .io_error = Fault::unavailable}));
  auto tables = std::make_unique<Tables>(std::move(db), options.size);
  TIDE_TRY(tables->fault());
  TIDE_ASSIGN(const auto next, tables->begin());
  TIDE_ASSIGN(auto standing, tables->standing());
  return std::unique_ptr<History>(
      std::make_unique<Store>(std::move(tables), options, clock, next, std::move(standing)));
}

}  // namespace

Result<std::unique_ptr<History>> History::open(const Options& options, const Clock& clock) {
  TIDE_TRY(make_folder(options.folder));
  auto store = open_store(options, clock);
  if (store.ok() || (store.error().fault() != Fault::corrupt &&
                     store.error().fault() != Fault::unsupported)) {
    return store;
  }
  const auto file = options.folder / kFile;
  const auto aside = file.string() + ".damaged";
  log::warning("history cannot be read: kept aside, begun anew", "file={} error=\"{}\"", aside,
               store.error().text());
  std::error_code ignored;
  std::filesystem::rename(file, aside, ignored);
  std::filesystem::remove(file.string() + "-wal", ignored);
  std::filesystem::remove(file.string() + "-shm", ignored);
  return open_store(options, clock);
}

}  // namespace tidemark::history
