#include "gateway/database/database.h"

#include <sqlite3.h>

namespace tidemark::gateway {
namespace {

constexpr int kBusyMs = 10'000;  // another process commits; ours are short

Error sqlite_error(sqlite3* db, int code) {
  const auto primary = code & 0xff;
  const auto fault = primary == SQLITE_FULL                              ? Fault::full
                     : primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB ||
                             primary == SQLITE_IOERR                     ? Fault::corrupt
                     : primary == SQLITE_PERM || primary == SQLITE_AUTH ||
                             primary == SQLITE_READONLY                  ? Fault::denied
                                                                         : Fault::unavailable;
  return Error{fault, std::string("SQLite: ") + (db != nullptr ? sqlite3_errmsg(db)
                                                               : sqlite3_errstr(code))};
}

}  // namespace

Statement::~Statement() { sqlite3_finalize(statement_); }
Statement::Statement(Statement&& o) noexcept : statement_(o.statement_), bound_(o.bound_) {
  o.statement_ = nullptr;
}
Statement& Statement::integer(std::int64_t v) {
  sqlite3_bind_int64(statement_, ++bound_, v);
  return *this;
}
Statement& Statement::text(std::string_view v) {
  const char* p = v.data() == nullptr ? "" : v.data();
  sqlite3_bind_text64(statement_, ++bound_, p, v.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  return *this;
}
Statement& Statement::blob(ByteSpan v) {
  if (v.empty()) {  // a null pointer would be NULL
    sqlite3_bind_zeroblob(statement_, ++bound_, 0);
  } else {
    sqlite3_bind_blob64(statement_, ++bound_, v.data(), v.size(), SQLITE_TRANSIENT);
  }
  return *this;
}
Statement& Statement::null() {
  sqlite3_bind_null(statement_, ++bound_);
  return *this;
}

Result<bool> Statement::step() {
  const int e = sqlite3_step(statement_);
  if (e == SQLITE_ROW) return true;
  if (e == SQLITE_DONE) return false;
  return sqlite_error(sqlite3_db_handle(statement_), e);
}
Result<> Statement::run() {
  for (;;) {
    TIDE_ASSIGN(const bool row, step());
    if (!row) return {};
  }
}
std::int64_t Statement::integer_at(int column) const {
  return sqlite3_column_int64(statement_, column);
}
std::string Statement::text_at(int column) const {
  const auto bytes = blob_at(column);
  return std::string(as_text(bytes));
}
ByteVector Statement::blob_at(int column) const {
  const auto* p = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_, column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
  return p == nullptr ? ByteVector{} : ByteVector(p, p + size);
}
bool Statement::null_at(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

Result<std::unique_ptr<Database>> Database::open(const std::filesystem::path& path,
                                                 std::string_view schema, int version) {
  sqlite3* raw = nullptr;
  const int e = sqlite3_open_v2(path.c_str(), &raw,
                                SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                                nullptr);
  std::unique_ptr<Database> db(new Database(raw));
  if (e != SQLITE_OK) return sqlite_error(raw, e).within(path.string());
  const auto set_up = [&]() -> Result<> {
    sqlite3_busy_timeout(raw, kBusyMs);
    // Debian builds SQLite with secure_delete, which writes every freed page once more.
    TIDE_TRY(db->run("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=0; "
                     "PRAGMA foreign_keys=1"));
    TIDE_ASSIGN(auto transaction, Transaction::begin(*db));
    TIDE_ASSIGN(auto query, db->prepare("PRAGMA user_version"));
    TIDE_TRY(query.step());
    const auto found = query.integer_at(0);
    TIDE_TRY(query.run());
    if (found > version) {
      return Error{Fault::unsupported, "made by a newer version (format " + std::to_string(found) +
                                           ", this one reads " + std::to_string(version) + ")"};
    }
    if (found == 0) {
      TIDE_TRY(db->run(schema));
      TIDE_TRY(db->run("PRAGMA user_version=" + std::to_string(version)));
    }
    return transaction.commit();
  };
  if (auto done = set_up(); !done) return std::move(done).error().within(path.string());
  return db;
}

Database::~Database() { sqlite3_close_v2(db_); }

Result<> Database::run(std::string_view sql) {
  const int e = sqlite3_exec(db_, std::string(sql).c_str(), nullptr, nullptr, nullptr);
  if (e != SQLITE_OK) return sqlite_error(db_, e);
  return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* s = nullptr;
  const int e = sqlite3_prepare_v2(db_, sql.data(), static_cast<int>(sql.size()), &s, nullptr);
  if (e != SQLITE_OK) return sqlite_error(db_, e);
  return Statement(s);
}

std::int64_t Database::rows_changed() const { return sqlite3_changes(db_); }
std::int64_t Database::last_id() const { return sqlite3_last_insert_rowid(db_); }

Result<std::int64_t> Database::data_version() {
  TIDE_ASSIGN(auto query, prepare("PRAGMA data_version"));
  TIDE_TRY(query.step());
  return query.integer_at(0);
}

Result<Transaction> Transaction::begin(Database& db) {
  TIDE_TRY(db.run("BEGIN IMMEDIATE"));
  return Transaction(db);
}
Transaction::~Transaction() {
  if (db_ != nullptr) (void)db_->run("ROLLBACK");
}
Result<> Transaction::commit() {
  TIDE_TRY(db_->run("COMMIT"));
  db_ = nullptr;
  return {};
}

}  // namespace tidemark::gateway
