#include "edge/ring/sqlite.h"

#include <sqlite3.h>

namespace tidemark::ring {
namespace {

Error fault_of(sqlite3* db, int code) {
  const auto text = std::string("ring.db: ") + sqlite3_errmsg(db);
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_IOERR:
      return {Fault::corrupt, text};
    case SQLITE_FULL:
      return {Fault::full, text};
    case SQLITE_BUSY:
      return {Fault::unavailable, text + ": another agent has it open"};
    default:
      return {Fault::unavailable, text};
  }
}

}  // namespace

void Database::Close::operator()(sqlite3* db) const { sqlite3_close_v2(db); }
void Statement::Finalize::operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }

Result<Database> Database::open(const std::filesystem::path& path) {
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &raw,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
                                       SQLITE_OPEN_NOMUTEX,  // the ring has its own lock
                                   nullptr);
  Database db;
  db.handle_.reset(raw);
  if (code != SQLITE_OK) return fault_of(raw, code);
  return db;
}

Result<> Database::run(const char* sql) {
  const int code = sqlite3_exec(handle(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return fault_of(handle(), code);
  return {};
}

Result<> Statement::prepare(const Database& database, const char* sql) {
  sqlite3_stmt* raw = nullptr;
  const int code =
      sqlite3_prepare_v3(database.handle(), sql, -1, SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  if (code != SQLITE_OK) return fault_of(database.handle(), code);
  handle_.reset(raw);
  return {};
}

void Statement::restart() { sqlite3_reset(handle_.get()); }
void Statement::bind_one(int at, std::int64_t value) {
  sqlite3_bind_int64(handle_.get(), at, value);
}
Statement& Statement::bind_blob(int at, ByteSpan bytes) {
  sqlite3_bind_blob64(handle_.get(), at, bytes.data(), bytes.size(), SQLITE_TRANSIENT);
  return *this;
}

Result<bool> Statement::step() {
  const int code = sqlite3_step(handle_.get());
  if (code == SQLITE_ROW) return true;
  auto* db = sqlite3_db_handle(handle_.get());
  if (code != SQLITE_DONE) {
    auto fault = fault_of(db, code);
    restart();
    return fault;
  }
  restart();
  return false;
}

Result<> Statement::run() {
  TIDE_ASSIGN(const bool row, step());
  if (row) restart();
  return {};
}

std::int64_t Statement::column(int at) const { return sqlite3_column_int64(handle_.get(), at); }
ByteVector Statement::blob(int at) const {
  const auto* bytes = static_cast<const std::uint8_t*>(sqlite3_column_blob(handle_.get(), at));
  const auto n = static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), at));
  return bytes == nullptr ? ByteVector{} : ByteVector(bytes, bytes + n);
}

}  // namespace tidemark::ring
