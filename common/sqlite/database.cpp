#include "common/sqlite/database.h"

#include <fmt/format.h>
#include <sqlite3.h>

namespace tidemark::sqlite {

void Database::Close::operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
void Statement::Finalize::operator()(sqlite3_stmt* handle) const { sqlite3_finalize(handle); }

Database::Database(sqlite3* handle, std::string name, Fault io_error)
    : handle_(handle), name_(std::move(name)), io_error_(io_error) {}

Result<std::unique_ptr<Database>> Database::open(const std::filesystem::path& path,
                                                 const Options& options) {
  sqlite3* raw = nullptr;
  const int how = options.reader ? SQLITE_OPEN_READONLY
                                 : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  const int code = sqlite3_open_v2(path.c_str(), &raw, how | SQLITE_OPEN_NOMUTEX, nullptr);
  std::unique_ptr<Database> database(new Database(raw, path.string(), options.io_error));
  if (code != SQLITE_OK) return database->error(code);
  sqlite3_busy_timeout(raw, static_cast<int>(options.busy_wait.count()));
  TIDE_TRY(database->set_up(options));
  return database;
}

Result<> Database::set_up(const Options& options) {
  // SQLite's pool for small pieces is 87 KiB a connection as Debian builds it; a few prepared
  // statements need a fraction, and an agent has four connections.
  constexpr int kPieceBytes = 512, kPieces = 40;
  static_cast<void>(sqlite3_db_config(handle_.get(), SQLITE_DBCONFIG_LOOKASIDE, nullptr,
                                      kPieceBytes, kPieces));
  TIDE_TRY(execute(options.pragmas));
  if (options.quick_check) {
    TIDE_ASSIGN(auto check, prepare("PRAGMA quick_check(1)"));
    TIDE_ASSIGN(const bool told, check.step());
    if (!told || check.text(0) != "ok") {
      return Error{Fault::corrupt, name_ + ": it fails its quick check"};
    }
  }
  const auto check_version = [&]() -> Result<> {
    TIDE_ASSIGN(const auto found, ask("PRAGMA user_version"));
    if (found == options.version) return {};
    const auto liftable = static_cast<std::int64_t>(options.lifts.size());  // versions 1 to this
    const bool known = found == 0 || (found <= liftable && found < options.version);
    if (!known || options.reader) {
      return Error{Fault::unsupported,
                   fmt::format("{}: its format {} is {} than {}, which this program knows", name_,
                               found, found > options.version ? "newer" : "older",
                               options.version)};
    }
    if (found == 0) TIDE_TRY(execute(options.schema));
    for (auto v = found; v > 0 && v < options.version; ++v) {
      TIDE_TRY(execute(options.lifts[static_cast<std::size_t>(v - 1)]));
    }
    return execute(fmt::format("PRAGMA user_version={}", options.version));
  };
  if (options.reader) return check_version();
  TIDE_ASSIGN(auto transaction, Transaction::begin(*this));
  TIDE_TRY(check_version());
  return transaction.commit();
}

Error Database::error(int code) const {
  // The message is the last call's, which need not be the one that gave this code.
  const bool told = sqlite3_errcode(handle_.get()) == code;
  auto text = name_ + ": " + (told ? sqlite3_errmsg(handle_.get()) : sqlite3_errstr(code));
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return {Fault::corrupt, std::move(text)};
    case SQLITE_IOERR: return {io_error_, std::move(text)};
    case SQLITE_FULL: return {Fault::full, std::move(text)};
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY: return {Fault::denied, std::move(text)};
    case SQLITE_BUSY: return {Fault::unavailable, text + ": another process has it open"};
    default: return {Fault::unavailable, std::move(text)};
  }
}

void Database::keep(Error error) {
  if (!fault_) fault_ = std::move(error);
}
Result<> Database::fault() const {
  if (fault_) return *fault_;
  return {};
}

Result<> Database::execute(const std::string& sql) {
  TIDE_TRY(fault());
  const int code = sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return error(code);
  return {};
}
void Database::run(const std::string& sql) {
  if (auto done = execute(sql); !done) keep(std::move(done).error());
}
Result<Statement> Database::prepare(std::string_view sql) {
  Statement statement;
  if (const int code = statement.prepare(*this, sql); code != SQLITE_OK) return error(code);
  return statement;
}

Result<std::int64_t> Database::ask(std::string_view sql) {
  TIDE_ASSIGN(auto query, prepare(sql));
  TIDE_TRY(query.step());
  return query.integer(0);
}
Result<std::int64_t> Database::data_version() { return ask("PRAGMA data_version"); }

Result<> Database::copy_to(const std::filesystem::path& path,
                           const std::function<bool()>& goes_on) {
  constexpr int kPagesAStep = 1000;
  sqlite3* raw = nullptr;
  const int how = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  int code = sqlite3_open_v2(path.c_str(), &raw, how, nullptr);
  Database copy(raw, path.string(), io_error_);
  if (code != SQLITE_OK) return copy.error(code);
  TIDE_TRY(copy.execute("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF"));
  // One read transaction, or each commit of a writer would begin the copy anew.
  TIDE_TRY(execute("BEGIN"));
  const auto copied = [&]() -> Result<> {
    TIDE_TRY(ask("PRAGMA schema_version"));
    auto* backup = sqlite3_backup_init(raw, "main", handle_.get(), "main");
    if (backup == nullptr) return copy.error(sqlite3_errcode(raw));
    do {
      code = goes_on() ? sqlite3_backup_step(backup, kPagesAStep) : SQLITE_INTERRUPT;
    } while (code == SQLITE_OK);
    sqlite3_backup_finish(backup);
    if (code == SQLITE_DONE) return {};
    return Error{code == SQLITE_FULL ? Fault::full : Fault::unavailable,
                 fmt::format("{}: {}", path.string(), sqlite3_errstr(code))};
  }();
  TIDE_TRY(execute("ROLLBACK"));
  return copied;
}

std::int64_t Database::rows_changed() const { return sqlite3_changes64(handle_.get()); }
std::int64_t Database::last_row_id() const { return sqlite3_last_insert_rowid(handle_.get()); }

std::uint64_t Database::pages_written() const {
  int pages = 0, highest = 0;
  sqlite3_db_status(handle_.get(), SQLITE_DBSTATUS_CACHE_WRITE, &pages, &highest, 0);
  return static_cast<std::uint64_t>(pages);
}

Statement::Statement(Database& database, std::string_view sql) {
  const int code = prepare(database, sql);
  if (code != SQLITE_OK) database.keep(database.error(code));
}

int Statement::prepare(Database& database, std::string_view sql) {
  database_ = &database;
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v3(database.handle_.get(), sql.data(),
                                      static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &raw,
                                      nullptr);
  handle_.reset(raw);
  return code;
}

Result<bool> Statement::step() {
  TIDE_CHECK(database_ != nullptr, "a statement is prepared before it is used");
  if (database_->fault_) return *database_->fault_;
  const int code = unbound_ == SQLITE_OK ? sqlite3_step(handle_.get()) : unbound_;
  if (code == SQLITE_ROW) return true;
  auto outcome = code == SQLITE_DONE ? Result<bool>(false) : database_->error(code);
  sqlite3_reset(handle_.get());  // after the error was read
  return outcome;
}
bool Statement::next() {
  auto row = step();
  if (row.ok()) return *row;
  database_->keep(std::move(row).error());
  return false;
}
Result<> Statement::finish() {
  for (;;) {
    TIDE_ASSIGN(const bool row, step());
    if (!row) return {};
  }
}
void Statement::rewind() {
  sqlite3_reset(handle_.get());
  unbound_ = SQLITE_OK;
}

// A value that could not be bound, or one too few, is a fault of the step: what an earlier start()
// left there must not be written again.
void Statement::bound(int code) {
  if (code != SQLITE_OK) unbound_ = code;
}
void Statement::bound_all(int values) {
  if (values < sqlite3_bind_parameter_count(handle_.get())) bound(SQLITE_RANGE);
}
void Statement::bind_integer(int at, std::int64_t value) {
  bound(sqlite3_bind_int64(handle_.get(), at, value));
}
void Statement::bind(int at, double value) {
  bound(sqlite3_bind_double(handle_.get(), at, value));
}
void Statement::bind(int at, std::string_view value) {
  const char* text = value.data() == nullptr ? "" : value.data();  // a null pointer would be NULL
  bound(sqlite3_bind_text64(handle_.get(), at, text, value.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
}
void Statement::bind(int at, ByteSpan value) {
  const void* bytes = value.data() == nullptr ? "" : static_cast<const void*>(value.data());
  bound(sqlite3_bind_blob64(handle_.get(), at, bytes, value.size(), SQLITE_TRANSIENT));
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(handle_.get(), column);
}
double Statement::real(int column) const {
  return sqlite3_column_double(handle_.get(), column);
}
bool Statement::is_null(int column) const {
  return sqlite3_column_type(handle_.get(), column) == SQLITE_NULL;
}
ByteSpan Statement::blob(int column) const {
  const void* bytes = sqlite3_column_blob(handle_.get(), column);
  return {static_cast<const std::uint8_t*>(bytes),
          static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column))};
}

Result<Transaction> Transaction::begin(Database& database) {
  TIDE_TRY(database.execute("BEGIN IMMEDIATE"));
  return Transaction(database);
}
Transaction::~Transaction() {
  // Not by execute(): a kept fault must not leave the transaction open.
  if (database_ == nullptr) return;
  (void)sqlite3_exec(database_->handle_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}
Result<> Transaction::commit() {
  TIDE_TRY(database_->execute("COMMIT"));
  database_ = nullptr;
  return {};
}

}  // namespace tidemark::sqlite
