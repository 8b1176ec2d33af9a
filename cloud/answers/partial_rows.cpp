#include "cloud/answers/partial_rows.h"

namespace tidemark::answers {

PartialRows::PartialRows(sqlite::Database& db)
    : database_(db),
      rows_(db, "SELECT edge,revision,stale,state FROM partials WHERE view=? AND series=?"
                " AND start=? ORDER BY edge"),
      replace_(db, "INSERT INTO partials VALUES(?,?,?,?,?,0,?) ON CONFLICT DO UPDATE"
                   " SET revision=excluded.revision, stale=0, state=excluded.state"
                   " WHERE excluded.revision>revision"),
      confirm_(db, "UPDATE partials SET stale=0 WHERE view=? AND series=? AND start=? AND edge=?"),
      next_(db, "SELECT start FROM partials WHERE view=? AND series=? AND start>=? AND start<?"
                " ORDER BY start LIMIT 1"),
      spoil_(db, "UPDATE partials SET stale=1 WHERE view=? AND series=? AND start=? AND edge=?"
                 " AND stale=0"),
      newest_(db, "SELECT start FROM partials WHERE view=? AND series=? ORDER BY start DESC"
                  " LIMIT 1"),
      remove_(db, "DELETE FROM partials WHERE view=? AND series=? AND start>=? AND start<?"),
      remove_all_(db, "DELETE FROM partials WHERE view=?") {}

std::vector<PartialRows::Row> PartialRows::rows(std::int64_t view, Subject group,
                                                EventTime start) {
  std::vector<Row> all;
  rows_.start(view, group, count_ns(start));
  while (rows_.next()) {
    const auto state = rows_.blob(3);
    all.push_back({static_cast<store::EdgeId>(rows_.integer(0)), rows_.count(1),
                   rows_.integer(2) != 0, {state.begin(), state.end()}});
  }
  return all;
}

bool PartialRows::replace(std::int64_t view, Subject group, EventTime start, const Row& row) {
  replace_.run(view, group, count_ns(start), row.edge, row.revision, row.state);
  return database_.rows_changed() > 0;
}

void PartialRows::confirm(std::int64_t view, Subject group, EventTime start, store::EdgeId edge) {
  confirm_.run(view, group, count_ns(start), edge);
}

// From window to window: the rows of one are those of all edges.
void PartialRows::spoil(std::int64_t view, Subject group, store::EdgeId edge, EventTime from,
                        EventTime to) {
  for (auto start = next(view, group, from, to); start;
       start = next(view, group, *start + Nanoseconds(1), to)) {
    spoil_.run(view, group, count_ns(*start), edge);
  }
}

std::optional<EventTime> PartialRows::next(std::int64_t view, Subject group, EventTime from,
                                           EventTime to) {
  std::optional<EventTime> start;
  if (next_.start(view, group, count_ns(from), count_ns(to)).next()) {
    start = event_time(next_.integer(0));
  }
  next_.rewind();
  return start;
}

EventTime PartialRows::newest(std::int64_t view, Subject group) {
  auto newest = kEventTimeMin;
  if (newest_.start(view, group).next()) newest = event_time(newest_.integer(0));
  newest_.rewind();
  return newest;
}

void PartialRows::remove(std::int64_t view, Subject group, EventTime from, EventTime to) {
  remove_.run(view, group, count_ns(from), count_ns(to));
}

void PartialRows::remove(std::int64_t view) { remove_all_.run(view); }

}  // namespace tidemark::answers
