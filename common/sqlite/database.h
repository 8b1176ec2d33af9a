// SQLite for every program that keeps tables: a file, statements prepared once, faults as Results.
// Nothing else calls SQLite.
//
// Promise    open() gives a file of the version asked for; a new one's tables are made whole or not
//            at all, also when two processes come at once. How durable a commit is: the pragmas.
// Faults     unsupported: another version's file; corrupt: damaged, or no database; full: the disk;
//            denied: rights; unavailable: the rest, as when another process kept the file locked
//            for longer than busy_wait. They are told in one of two ways:
//            execute(), step(), prepare() say them at once, and the next call starts afresh;
//            run(), next() and Statement's constructor keep the first one in Database::fault(),
//            and after it nothing reaches the file, a COMMIT least of all. So code between BEGIN
//            and COMMIT asks once a transaction, not once a value.
// Bounds     a value up to SQLite's 10^9 bytes; a longer one is a fault of the step, never cut.
// Threads    one at a time for a Database and its statements: there is no lock inside. Several
//            processes, or Databases, may have one file open.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace tidemark::sqlite {

struct Options {
  // Run first. These: what was committed survives power loss; and Debian's SQLite has secure_delete
  // on, which writes every freed page once more.
  std::string pragmas =
      "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=0";
  std::string schema{};  // makes the tables of `version`, in a file whose user_version is 0
  int version = 1;
  // lifts[n - 1] makes a file of version n one of version n + 1, rows included; as many as there
  // are older versions, or none.
  std::vector<std::string> lifts{};
  bool reader = false;       // the file must be there, of just this version; it is never written
  bool quick_check = false;  // reads all of it: for small files that can be made anew
  std::chrono::milliseconds busy_wait{10'000};  // for another process's commit
  Fault io_error = Fault::corrupt;              // what a failed read or write of the file is
};

class Database {
 public:
  // Opens or creates. An older version's file is lifted, or refused where Options::lifts says no
  // way; by a reader always.
  static Result<std::unique_ptr<Database>> open(const std::filesystem::path& path,
                                                const Options& options);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // One or more statements without values or rows.
  Result<> execute(const std::string& sql);
  void run(const std::string& sql);
  Result<class Statement> prepare(std::string_view sql);

  [[nodiscard]] Result<> fault() const;  // the first that was kept, or none
  [[nodiscard]] std::int64_t rows_changed() const;  // by the last statement
  [[nodiscard]] std::int64_t last_row_id() const;
  // Written since it was opened, to the log where there is one (WAL): what wear is counted by.
  [[nodiscard]] std::uint64_t pages_written() const;
  // Another value than before: somebody else has changed the file. Cheap.
  Result<std::int64_t> data_version();
  // All of it as of one commit, page by page, into a file that is not there yet. That is not
  // synced. Writers go on meanwhile. `goes_on` is asked each few MiB; false: Fault::unavailable.
  Result<> copy_to(const std::filesystem::path& path, const std::function<bool()>& goes_on);

 private:
  friend class Statement;
  friend class Transaction;
  Database(sqlite3* handle, std::string name, Fault io_error);
  Result<> set_up(const Options& options);
  Result<std::int64_t> ask(std::string_view sql);
  [[nodiscard]] Error error(int code) const;
  void keep(Error error);

  struct Close {
    void operator()(sqlite3* handle) const;
  };
  std::unique_ptr<sqlite3, Close> handle_;
  std::string name_;
  Fault io_error_;
  std::optional<Error> fault_;
};

// A prepared statement: start() it with all its values, then take its rows. It must not outlive
// its Database. An empty text or blob is not NULL.
class Statement {
 public:
  Statement() = default;
  Statement(Database& database, std::string_view sql);

  // Starts anew with these values, which are copied; rows come with next() or step().
  template <typename... Values>
  Statement& start(const Values&... values) {
    rewind();
    int at = 0;
    (bind(++at, values), ...);
    bound_all(at);
    return *this;
  }
  bool next();          // a row is there; false at the end and after a fault
  Result<bool> step();  // the same, with the fault
  // start() and to the end, rows ignored.
  template <typename... Values>
  void run(const Values&... values) {
    start(values...);
    while (next()) {
    }
  }
  template <typename... Values>
  Result<> execute(const Values&... values) {
    start(values...);
    return finish();
  }
  // Lets go of a row before the end: until then it holds its read transaction open.
  void rewind();

  // Of the row that is there; text and blob until the next call on this statement.
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::uint64_t count(int column) const {
    return static_cast<std::uint64_t>(integer(column));
  }
  [[nodiscard]] double real(int column) const;
  [[nodiscard]] bool is_null(int column) const;
  [[nodiscard]] std::string text(int column) const { return std::string(as_text(blob(column))); }
  [[nodiscard]] ByteSpan blob(int column) const;

 private:
  friend class Database;
  int prepare(Database& database, std::string_view sql);
  Result<> finish();
  void bind(int at, std::integral auto value) {
    bind_integer(at, static_cast<std::int64_t>(value));
  }
  void bind_integer(int at, std::int64_t value);
  void bind(int at, double value);  // NaN becomes NULL
  void bind(int at, std::string_view value);
  void bind(int at, ByteSpan value);
  void bound(int code);
  void bound_all(int values);

  struct Finalize {
    void operator()(sqlite3_stmt* handle) const;
  };
  Database* database_ = nullptr;
  std::unique_ptr<sqlite3_stmt, Finalize> handle_;
  int unbound_ = 0;  // SQLite's code of a value that start() could not bind
};

// BEGIN IMMEDIATE ... COMMIT; rolled back when it goes out of scope before commit().
class Transaction {
 public:
  static Result<Transaction> begin(Database& database);
  ~Transaction();
  Transaction(Transaction&& o) noexcept : database_(std::exchange(o.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  Result<> commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;
};

}  // namespace tidemark::sqlite
