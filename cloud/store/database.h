// SQLite as this node uses it: statements that are prepared once, values bound in order.
//
// Faults are sticky: the first one stays in Database::fault(), later calls do nothing, and the
// commit reports it. So the code between asks once per transaction, not once per value.
// Threads    one Database belongs to one thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace tidemark::store {

class Database;

class Statement {
 public:
  Statement() = default;
  Statement(Database& database, std::string_view sql);
  Statement(Statement&& o) noexcept;
  Statement& operator=(Statement&& o) noexcept;
  ~Statement();

  // Starts anew with these values; rows come with next().
  template <typename... Values>
  Statement& start(const Values&... values) {
    rewind();
    int at = 1;
    (bind(at++, values), ...);
    return *this;
  }
  // start() and run to the end.
  template <typename... Values>
  void run(const Values&... values) {
    start(values...);
    while (next()) {
    }
  }
  bool next();  // a row is there; false at the end and after a fault
  void rewind();

  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::uint64_t count(int column) const {
    return static_cast<std::uint64_t>(integer(column));
  }
  [[nodiscard]] double real(int column) const;
  [[nodiscard]] bool is_null(int column) const;
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] ByteSpan blob(int column) const;  // until the next call on this statement

 private:
  void bind(int at, std::int64_t v);
  void bind(int at, std::uint64_t v) { bind(at, static_cast<std::int64_t>(v)); }
  void bind(int at, std::uint32_t v) { bind(at, static_cast<std::int64_t>(v)); }
  void bind(int at, int v) { bind(at, static_cast<std::int64_t>(v)); }
  void bind(int at, double v);
  void bind(int at, std::nullptr_t);
  void bind(int at, const std::optional<double>& v);
  void bind(int at, std::string_view v);  // copied
  void bind(int at, const std::string& v) { bind(at, std::string_view(v)); }
  void bind(int at, ByteSpan v);          // copied
  void bind(int at, const ByteVector& v) { bind(at, ByteSpan(v)); }

  Database* database_ = nullptr;
  sqlite3_stmt* statement_ = nullptr;
};

class Database {
 public:
  enum class Mode { writer, reader };
  // A writer creates the file, in WAL mode with synchronous FULL. A reader never writes.
  static Result<std::unique_ptr<Database>> open(const std::filesystem::path& file, Mode mode);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  void exec(const std::string& sql);
  // The first fault since opening, or none.
  [[nodiscard]] Result<> fault() const;
  [[nodiscard]] std::int64_t last_row_id() const;

 private:
  friend class Statement;
  explicit Database(sqlite3* handle) : handle_(handle) {}
  void fail(int code);
  sqlite3* handle_;
  std::optional<Error> fault_;
};

}  // namespace tidemark::store
