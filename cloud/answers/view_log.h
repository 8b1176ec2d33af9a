// Which definition of a view was in force when. A view that is declared otherwise is a new version
// of it: its answers begin anew, and what earlier versions answered stays theirs.
//
// Versions   count from 1, by name, in the order in which definitions were first seen; one that is
//            declared again is the version that it was, and goes on where it ended.
// Bounds     what a version answered goes once it has been out of force for as long as superseded
//            revisions are kept.
// Threads    that of the Database, inside a batch.
#pragma once

#include <string>
#include <vector>

#include "common/base/time.h"
#include "common/sqlite/database.h"

namespace tidemark::answers {

class ViewLog {
 public:
  explicit ViewLog(sqlite::Database& database);
  struct InForce {
    std::string name;
    std::int64_t view = 0;
  };
  // These and no others, from now on.
  void note(const std::vector<InForce>& views, EventTime now);
  // Answers of versions that went out of force before, up to `limit` rows of each table.
  void forget(EventTime before, std::size_t limit);

 private:
  sqlite::Statement newest_, add_, open_, gone_;
  std::vector<sqlite::Statement> forget_;
};

}  // namespace tidemark::answers
