#include "cloud/store/event_rows.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace tidemark::store {

Event read_event(const sqlite::Statement& row) {
  Event e;
  e.id = row.integer(0);
  e.edge = row.text(1);
  e.series = row.text(2);
  e.time = event_time(row.integer(3));
  e.cause = row.text(4);
  e.state = row.text(5);
  e.number = row.count(6);
  e.json = row.text(7);
  return e;
}

EventRows::EventRows(sqlite::Database& database)
    : add_(database, "INSERT INTO events(edge,series,time,cause,state,number,json)"
                     " VALUES(?,?,?,?,?,?,?)"),
      counts_(database, "SELECT edge,COUNT(*) FROM events GROUP BY edge"),
      forget_(database, "DELETE FROM events WHERE edge=?1 AND id<=(SELECT id FROM events"
                        " WHERE edge=?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)") {}

void EventRows::add(const Event& e) {
  add_.run(e.edge, e.series, count_ns(e.time), e.cause, e.state, e.number, e.json);
  if (++added_ >= kEventsMax / 10) forget();
}

void EventRows::forget() {
  added_ = 0;
  std::vector<std::pair<std::uint64_t, std::string>> edges;
  counts_.start();
  while (counts_.next()) edges.emplace_back(counts_.count(1), counts_.text(0));
  std::ranges::sort(edges);
  // Those with few keep all; the others share what is left.
  auto room = kEventsMax;
  for (std::size_t i = 0; i < edges.size(); ++i) {
    const auto share = room / (edges.size() - i);
    const auto& [events, edge] = edges[i];
    if (events > share) forget_.run(edge, share);
    room -= std::min(events, share);
  }
}

}  // namespace tidemark::store
