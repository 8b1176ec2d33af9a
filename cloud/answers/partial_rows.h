// Partial answers of edges as rows: one a window of a group and edge, with a revision. It is kept
// as long as the answers of its window.
//
// Promise    a higher revision replaces what is there, a repeated or older one changes nothing.
// Stale      is a row when something that it was made of changed: it stays as it is, with its
//            revision, until another one replaces it or it is confirmed.
// Threads    that of the Database, inside a batch.
#pragma once

#include <optional>
#include <vector>

#include "cloud/answers/group_rows.h"
#include "cloud/answers/partial_answer.h"

namespace tidemark::answers {

class PartialRows {
 public:
  explicit PartialRows(sqlite::Database& database);
  struct Row {
    store::EdgeId edge = 0;
    std::uint64_t revision = 0;
    bool stale = false;
    ByteVector state;
  };
  // Those of a window, by edge.
  std::vector<Row> rows(std::int64_t view, Subject group, EventTime start);
  // False when this or a higher revision is there already.
  bool replace(std::int64_t view, Subject group, EventTime start, const Row& row);
  // What it was made of is as it was.
  void confirm(std::int64_t view, Subject group, EventTime start, store::EdgeId edge);
  // Those of an edge, of windows that start in [from, to), are stale.
  void spoil(std::int64_t view, Subject group, store::EdgeId edge, EventTime from, EventTime to);
  // The first window in [from, to) that has any.
  std::optional<EventTime> next(std::int64_t view, Subject group, EventTime from, EventTime to);
  // The last window of a group that has any; the start of time when none has.
  EventTime newest(std::int64_t view, Subject group);
  void remove(std::int64_t view, Subject group, EventTime from, EventTime to);
  // All of a view.
  void remove(std::int64_t view);

 private:
  sqlite::Database& database_;
  sqlite::Statement rows_, replace_, confirm_, next_, spoil_, newest_, remove_, remove_all_;
};

}  // namespace tidemark::answers
