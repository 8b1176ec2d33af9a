#include "gateway/deadletter/store.h"

#include "common/base/log.h"

namespace tidemark::gateway {
namespace {

constexpr int kVersion = 1;
constexpr auto kSchema = R"(
  CREATE TABLE letters(id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL,
    edge TEXT NOT NULL, reason TEXT NOT NULL, type INTEGER NOT NULL, size INTEGER NOT NULL,
    retry INTEGER NOT NULL, payload BLOB NOT NULL);
  CREATE INDEX letters_retry ON letters(retry) WHERE retry=1;
  CREATE TABLE totals(bytes INTEGER NOT NULL, discarded INTEGER NOT NULL);
  INSERT INTO totals VALUES(0, 0);
  CREATE TRIGGER letters_in AFTER INSERT ON letters
    BEGIN UPDATE totals SET bytes=bytes+NEW.size; END;
  CREATE TRIGGER letters_out AFTER DELETE ON letters
    BEGIN UPDATE totals SET bytes=bytes-OLD.size; END;
)";
constexpr std::size_t kReasonBytesMax = 512;

}  // namespace

Result<std::unique_ptr<DeadLetters>> DeadLetters::open(const std::filesystem::path& path,
                                                       const Options& options,
                                                       const Clock& clock) {
  TIDE_ASSIGN(auto db, sqlite::Database::open(path, {.schema = kSchema, .version = kVersion}));
  return std::unique_ptr<DeadLetters>(new DeadLetters(std::move(db), options, clock));
}

Result<> DeadLetters::add(const std::string& edge, const std::string& reason, wire::FrameType type,
                          ByteSpan payload) {
  TIDE_ASSIGN(auto transaction, sqlite::Transaction::begin(*db_));
  TIDE_ASSIGN(auto insert, db_->prepare("INSERT INTO letters(at,edge,reason,type,size,retry,"
                                        "payload) VALUES(?,?,?,?,?,0,?)"));
  TIDE_TRY(insert.execute(count_ns(clock_.wall()), edge, reason.substr(0, kReasonBytesMax),
                          static_cast<std::int64_t>(type), payload.size(), payload));
  TIDE_TRY(make_room());
  return transaction.commit();
}

Result<> DeadLetters::make_room() {
  for (;;) {
    TIDE_ASSIGN(const auto now, totals());
    if (now.bytes <= options_.bytes_max.count) return {};
    TIDE_TRY(db_->execute("DELETE FROM letters WHERE id=(SELECT min(id) FROM letters);"
                          "UPDATE totals SET discarded=discarded+1"));
    log::warning("dead letter discarded: the store is full", "bytes_max={}",
                 options_.bytes_max.count);
  }
}

Result<std::vector<DeadLetter>> DeadLetters::rows(sqlite::Statement query) {
  std::vector<DeadLetter> out;
  for (;;) {
    TIDE_ASSIGN(const bool row, query.step());
    if (!row) return out;
    DeadLetter d;
    d.id = query.integer(0);
    d.at = event_time(query.integer(1));
    d.edge = query.text(2);
    d.reason = query.text(3);
    d.type = static_cast<wire::FrameType>(query.integer(4));
    d.size = query.count(5);
    d.retry = query.integer(6) != 0;
    const auto payload = query.blob(7);
    d.payload.assign(payload.begin(), payload.end());
    out.push_back(std::move(d));
  }
}

Result<std::vector<DeadLetter>> DeadLetters::list(std::size_t limit) {
  TIDE_ASSIGN(auto query, db_->prepare("SELECT id,at,edge,reason,type,size,retry,NULL FROM letters "
                                       "ORDER BY id DESC LIMIT ?"));
  query.start(limit);
  return rows(std::move(query));
}

Result<std::optional<DeadLetter>> DeadLetters::get(std::int64_t id) {
  TIDE_ASSIGN(auto query, db_->prepare("SELECT id,at,edge,reason,type,size,retry,payload FROM "
                                       "letters WHERE id=?"));
  query.start(id);
  TIDE_ASSIGN(auto found, rows(std::move(query)));
  if (found.empty()) return std::optional<DeadLetter>{};
  return std::optional{std::move(found.front())};
}

Result<bool> DeadLetters::drop(std::int64_t id) {
  TIDE_ASSIGN(auto query, db_->prepare("DELETE FROM letters WHERE id=?"));
  TIDE_TRY(query.execute(id));
  return db_->rows_changed() > 0;
}

Result<bool> DeadLetters::retry(std::int64_t id) {
  TIDE_ASSIGN(auto query, db_->prepare("UPDATE letters SET retry=1 WHERE id=?"));
  TIDE_TRY(query.execute(id));
  return db_->rows_changed() > 0;
}

Result<std::vector<DeadLetter>> DeadLetters::to_retry(std::size_t limit) {
  TIDE_ASSIGN(auto query, db_->prepare("SELECT id,at,edge,reason,type,size,retry,payload FROM "
                                       "letters WHERE retry=1 ORDER BY id LIMIT ?"));
  query.start(limit);
  return rows(std::move(query));
}

Result<> DeadLetters::retry_failed(std::int64_t id, const std::string& reason) {
  TIDE_ASSIGN(auto query, db_->prepare("UPDATE letters SET retry=0,reason=? WHERE id=?"));
  return query.execute(reason.substr(0, kReasonBytesMax), id);
}

Result<DeadLetters::Totals> DeadLetters::totals() {
  TIDE_ASSIGN(auto query, db_->prepare("SELECT (SELECT count(*) FROM letters),bytes,discarded FROM "
                                       "totals"));
  TIDE_TRY(query.step());
  return Totals{query.count(0), query.count(1), query.count(2)};
}

}  // namespace tidemark::gateway
