#include "cloud/store/database.h"

#include <sqlite3.h>

namespace tidemark::store {
namespace {

constexpr int kBusyWaitMs = 5000;

Error error_of(sqlite3* handle, int code) {
  const auto fault = code == SQLITE_FULL                              ? Fault::full
                     : code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? Fault::corrupt
                     : code == SQLITE_PERM || code == SQLITE_READONLY  ? Fault::denied
                                                                       : Fault::unavailable;
  return {fault, std::string("cloud.db: ") + (handle != nullptr ? sqlite3_errmsg(handle)
                                                                : sqlite3_errstr(code))};
}

}  // namespace

Statement::Statement(Database& database, std::string_view sql) : database_(&database) {
  const int code = sqlite3_prepare_v3(database.handle_, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement_, nullptr);
  if (code != SQLITE_OK) database.fail(code);
}

Statement::Statement(Statement&& o) noexcept
    : database_(o.database_), statement_(std::exchange(o.statement_, nullptr)) {}

Statement& Statement::operator=(Statement&& o) noexcept {
  std::swap(database_, o.database_);
  std::swap(statement_, o.statement_);
  return *this;
}

Statement::~Statement() { sqlite3_finalize(statement_); }

bool Statement::next() {
  if (statement_ == nullptr || !database_->fault().ok()) return false;
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) database_->fail(code);
  sqlite3_reset(statement_);
  return false;
}

void Statement::rewind() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}
double Statement::real(int column) const { return sqlite3_column_double(statement_, column); }
bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}
std::string Statement::text(int column) const {
  const auto* begin = sqlite3_column_text(statement_, column);
  if (begin == nullptr) return {};
  return {reinterpret_cast<const char*>(begin),
          static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}
ByteSpan Statement::blob(int column) const {
  const auto* begin = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_, column));
  return {begin, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

void Statement::bind(int at, std::int64_t v) {
  if (statement_ != nullptr) sqlite3_bind_int64(statement_, at, v);
}
void Statement::bind(int at, double v) {
  if (statement_ != nullptr) sqlite3_bind_double(statement_, at, v);
}
void Statement::bind(int at, std::nullptr_t) {
  if (statement_ != nullptr) sqlite3_bind_null(statement_, at);
}
void Statement::bind(int at, const std::optional<double>& v) {
  v ? bind(at, *v) : bind(at, nullptr);
}
void Statement::bind(int at, std::string_view v) {
  if (statement_ == nullptr) return;
  sqlite3_bind_text(statement_, at, v.data(), static_cast<int>(v.size()), SQLITE_TRANSIENT);
}
void Statement::bind(int at, ByteSpan v) {
  if (statement_ == nullptr) return;
  sqlite3_bind_blob(statement_, at, v.data(), static_cast<int>(v.size()), SQLITE_TRANSIENT);
}

Result<std::unique_ptr<Database>> Database::open(const std::filesystem::path& file, Mode mode) {
  sqlite3* handle = nullptr;
  const int flags = mode == Mode::writer ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                                         : SQLITE_OPEN_READONLY;
  const int code = sqlite3_open_v2(file.c_str(), &handle, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  if (code != SQLITE_OK) {
    auto error = error_of(handle, code);
    sqlite3_close(handle);
    return std::move(error).within(file.string());
  }
  std::unique_ptr<Database> database(new Database(handle));
  sqlite3_busy_timeout(handle, kBusyWaitMs);
  if (mode == Mode::writer) {
    database->exec(
        "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
        "PRAGMA secure_delete=0; PRAGMA cache_size=-65536; PRAGMA wal_autocheckpoint=4000;"
        "PRAGMA journal_size_limit=67108864; PRAGMA temp_store=MEMORY");
  } else {
    database->exec("PRAGMA query_only=1; PRAGMA cache_size=-16384; PRAGMA temp_store=MEMORY");
  }
  TIDE_TRY(database->fault());
  return database;
}

Database::~Database() { sqlite3_close(handle_); }

void Database::exec(const std::string& sql) {
  if (fault_) return;
  const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(code);
}

Result<> Database::fault() const {
  if (fault_) return *fault_;
  return {};
}

std::int64_t Database::last_row_id() const { return sqlite3_last_insert_rowid(handle_); }

void Database::fail(int code) {
  if (!fault_) fault_ = error_of(handle_, code);
}

}  // namespace tidemark::store
