// SQLite as Results: a database and prepared statements over integers and blobs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "common/base/bytes.h"
#include "common/base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace tidemark::ring {

class Database {
 public:
  static Result<Database> open(const std::filesystem::path& path);
  Result<> run(const char* sql);
  [[nodiscard]] sqlite3* handle() const { return handle_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* db) const;
  };
  std::unique_ptr<sqlite3, Close> handle_;
};

// Bind all, then step() until it says false; the next bind() starts it again.
class Statement {
 public:
  Result<> prepare(const Database& database, const char* sql);
  template <typename... Values>
  Statement& bind(Values... values) {
    restart();
    int at = 0;
    (bind_one(++at, static_cast<std::int64_t>(values)), ...);
    return *this;
  }
  Statement& bind_blob(int at, ByteSpan bytes);  // after bind()
  Result<bool> step();  // true: there is a row
  Result<> run();       // for statements without rows
  [[nodiscard]] std::int64_t column(int at) const;
  [[nodiscard]] std::uint64_t number(int at) const {
    return static_cast<std::uint64_t>(column(at));
  }
  [[nodiscard]] ByteVector blob(int at) const;
  void restart();

 private:
  void bind_one(int at, std::int64_t value);
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalize> handle_;
};

}  // namespace tidemark::ring
