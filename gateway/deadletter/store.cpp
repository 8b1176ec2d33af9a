#include "gateway/deadletter/store.h"

#include "common/base/log.h"

namespace tidemark::gateway {
namespace {

constexpr int kVersion = 1;
constexpr std::string_view kSchema = R"(
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
  TIDE_ASSIGN(auto db, Database::open(path, kSchema, kVersion));
  return std::unique_ptr<DeadLetters>(new DeadLetters(std::move(db), options, clock));
}

Result<> DeadLetters::add(const std::string& edge, const std::string& reason, wire::FrameType type,
                          ByteSpan payload) {
  TIDE_ASSIGN(auto transaction, Transaction::begin(*db_));
  TIDE_ASSIGN(auto insert, db_->prepare("INSERT INTO letters(at,edge,reason,type,size,retry,"
                                        "payload) VALUES(?,?,?,?,?,0,?)"));
  TIDE_TRY(insert.integer(count_ns(clock_.wall()))
               .text(edge)
               .text(reason.substr(0, kReasonBytesMax))
               .integer(static_cast<std::int64_t>(type))
               .integer(static_cast<std::int64_t>(payload.size()))
               .blob(payload)
               .run());
  TIDE_TRY(make_room());
  return transaction.commit();
}

Result<> DeadLetters::make_room() {
  for (;;) {
    TIDE_ASSIGN(const auto now, totals());
    if (now.bytes <= options_.bytes_max.count) return {};
    TIDE_TRY(db_->run("DELETE FROM letters WHERE id=(SELECT min(id) FROM letters);"
                      "UPDATE totals SET discarded=discarded+1"));
    log::warning("dead letter discarded: the store is full", "bytes_max={}",
                 options_.bytes_max.count);
  }
}

Result<std::vector<DeadLetter>> DeadLetters::rows(Statement query) {
  std::vector<DeadLetter> out;
  for (;;) {
    TIDE_ASSIGN(const bool row, query.step());
    if (!row) return out;
    DeadLetter d;
    d.id = query.integer_at(0);
    d.at = event_time(query.integer_at(1));
    d.edge = query.text_at(2);
    d.reason = query.text_at(3);
    d.type = static_cast<wire::FrameType>(query.integer_at(4));
    d.size = static_cast<std::uint64_t>(query.integer_at(5));
    d.retry = query.integer_at(6) != 0;
    d.payload = query.blob_at(7);
    out.push_back(std::move(d));
  }
}

Result<std::vector<DeadLetter>> DeadLetters::list(std::size_t limit) {
  TIDE_ASSIGN(auto query, db_->prepare("SELECT id,at,edge,reason,type,size,retry,NULL FROM letters "
                                       "ORDER BY id DESC LIMIT ?"));
  query.integer(static_cast<std::int64_t>(limit));
  return rows(std::move(query));
}

Result<std::optional<DeadLetter>> DeadLetters::get(std::int64_t id) {
  TIDE_ASSIGN(auto query, db_->prepare("SELECT id,at,edge,reason,type,size,retry,payload FROM "
                                       "letters WHERE id=?"));
  query.integer(id);
  TIDE_ASSIGN(auto found, rows(std::move(query)));
  if (found.empty()) return std::optional<DeadLetter>{};
  return std::optional{std::move(found.front())};
}

Result<bool> DeadLetters::drop(std::int64_t id) {
  TIDE_ASSIGN(auto query, db_->prepare("DELETE FROM letters WHERE id=?"));
  TIDE_TRY(query.integer(id).run());
  return db_->rows_changed() > 0;
}

Result<bool> DeadLetters::retry(std::int64_t id) {
  TIDE_ASSIGN(auto query, db_->prepare("UPDATE letters SET retry=1 WHERE id=?"));
  TIDE_TRY(query.integer(id).run());
  return db_->rows_changed() > 0;
}

Result<std::vector<DeadLetter>> DeadLetters::to_retry(std::size_t limit) {
  TIDE_ASSIGN(auto query, db_->prepare("SELECT id,at,edge,reason,type,size,retry,payload FROM "
                                       "letters WHERE retry=1 ORDER BY id LIMIT ?"));
  query.integer(static_cast<std::int64_t>(limit));
  return rows(std::move(query));
}

Result<> DeadLetters::retry_failed(std::int64_t id, const std::string& reason) {
  TIDE_ASSIGN(auto query, db_->prepare("UPDATE letters SET retry=0,reason=? WHERE id=?"));
  return query.text(reason.substr(0, kReasonBytesMax)).integer(id).run();
}

Result<DeadLetters::Totals> DeadLetters::totals() {
  TIDE_ASSIGN(auto query, db_->prepare("SELECT (SELECT count(*) FROM letters),bytes,discarded FROM "
                                       "totals"));
  TIDE_TRY(query.step());
  return Totals{static_cast<std::uint64_t>(query.integer_at(0)),
                static_cast<std::uint64_t>(query.integer_at(1)),
                static_cast<std::uint64_t>(query.integer_at(2))};
}

}  // namespace tidemark::gateway
