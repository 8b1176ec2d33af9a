// What joins make of each pane's time, as rows: made from archived readings when a window asks for
// it, and made anew when readings come that may change it.
//
// Threads    that of the Database, inside a batch.
#pragma once

#include <functional>
#include <map>

#include "cloud/answers/group_rows.h"
#include "cloud/answers/join.h"

namespace tidemark::answers {

class PairRows {
 public:
  explicit PairRows(sqlite::Database& database);
  struct Row {
    bool stale = false;  // readings came since
    std::vector<Pairs> joins;
  };
  void save(std::int64_t view, Subject group, EventTime start, const std::vector<Pairs>& joins);
  // Of panes that start in [from, to), by start; those that cannot be read are stale.
  std::map<EventTime, Row> rows(std::int64_t view, Subject group, EventTime from, EventTime to);
  void touch(std::int64_t view, Subject group, EventTime from, EventTime to);
  void touch(std::int64_t view);  // all of them
  // It is as good as it gets.
  void keep(std::int64_t view, Subject group, EventTime start);
  void remove(std::int64_t view, Subject group, EventTime from, EventTime to);

 private:
  sqlite::Statement save_, rows_, touch_, touch_all_, keep_, remove_;
  ByteVector scratch_;
};

}  // namespace tidemark::answers
