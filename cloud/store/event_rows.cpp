#include "cloud/store/event_rows.h"

namespace tidemark::store {

Event read_event(const sqlite::Statement& row) {
  Event e;
  e.id = row.integer(0);
  e.edge = row.text(1);
  e.series = row.text(2);
  e.time = event_time(row.integer(3));
  e.cause = row.text(4);
  e.state = row.text(5);
  e.json = row.text(6);
  return e;
}

EventRows::EventRows(sqlite::Database& database)
    : add_(database, "INSERT INTO events(edge,series,time,cause,state,json) VALUES(?,?,?,?,?,?)"),
      newest_(database, "SELECT MAX(id) FROM events"),
      forget_(database, "DELETE FROM events WHERE id<=?") {}

void EventRows::add(const Event& e) {
  add_.run(e.edge, e.series, count_ns(e.time), e.cause, e.state, e.json);
  if (++added_ >= kEventsMax / 10) forget();
}

void EventRows::forget() {
  added_ = 0;
  const auto newest = newest_.start().next() ? newest_.integer(0) : 0;
  newest_.rewind();
  forget_.run(newest - static_cast<std::int64_t>(kEventsMax));
}

}  // namespace tidemark::store
