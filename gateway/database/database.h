// The gateway's small SQLite stores: registry and dead letters. WAL, synchronous FULL: what a call
// said is done survives power loss. Several processes may have one open (daemon and CLI).
//
// Threads    one a Database.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace tidemark::gateway {

// A prepared statement. Bind in order, then step; values of the row until the next step.
class Statement {
 public:
  explicit Statement(sqlite3_stmt* s) : statement_(s) {}
  ~Statement();
  Statement(Statement&& o) noexcept;
  Statement& operator=(Statement&&) = delete;

  Statement& integer(std::int64_t v);
  Statement& text(std::string_view v);
  Statement& blob(ByteSpan v);
  Statement& null();

  Result<bool> step();  // true: there is a row
  Result<> run();       // to the end, rows ignored
  [[nodiscard]] std::int64_t integer_at(int column) const;
  [[nodiscard]] std::string text_at(int column) const;
  [[nodiscard]] ByteVector blob_at(int column) const;
  [[nodiscard]] bool null_at(int column) const;

 private:
  sqlite3_stmt* statement_;
  int bound_ = 0;
};

class Database {
 public:
  // Opens or creates; `schema` makes the tables of `version` in a new file. Fault::unsupported when
  // a newer version made the file, corrupt when it is no database.
  static Result<std::unique_ptr<Database>> open(const std::filesystem::path& path,
                                                std::string_view schema, int version);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  Result<> run(std::string_view sql);
  Result<Statement> prepare(std::string_view sql);
  [[nodiscard]] std::int64_t rows_changed() const;   // by the last statement
  [[nodiscard]] std::int64_t last_id() const;
  // Another value than before: another process has changed the file.
  Result<std::int64_t> data_version();

 private:
  explicit Database(sqlite3* db) : db_(db) {}
  sqlite3* db_;
};

// BEGIN IMMEDIATE ... COMMIT; rolled back when it goes out of scope before commit().
class Transaction {
 public:
  static Result<Transaction> begin(Database& db);
  ~Transaction();
  Transaction(Transaction&& o) noexcept : db_(o.db_) { o.db_ = nullptr; }
  Transaction& operator=(Transaction&&) = delete;
  Result<> commit();

 private:
  explicit Transaction(Database& db) : db_(&db) {}
  Database* db_;
};

}  // namespace tidemark::gateway
