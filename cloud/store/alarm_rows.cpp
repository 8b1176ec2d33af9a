#include "cloud/store/alarm_rows.h"

namespace tidemark::store {

std::string_view to_string(AlarmKind kind) {
  switch (kind) {
    case AlarmKind::clone: return "clone";
    case AlarmKind::block_conflict: return "block_conflict";
    case AlarmKind::seal_conflict: return "seal_conflict";
    case AlarmKind::count_conflict: return "count_conflict";
    case AlarmKind::dictionary_conflict: return "dictionary_conflict";
    case AlarmKind::dictionary_missing: return "dictionary_missing";
    case AlarmKind::clock: return "clock";
    case AlarmKind::bound: return "bound";
  }
  return "unknown";
}

AlarmRows::AlarmRows(sqlite::Database& database)
    : raise_(database, "INSERT INTO alarms VALUES(?1,?2,?3,?4,?4,1) ON CONFLICT DO UPDATE SET"
                       " text=excluded.text, last=excluded.last, times=times+1"),
      clear_(database, "DELETE FROM alarms WHERE edge=? AND kind=?"),
      clear_before_(database, "DELETE FROM alarms WHERE last<? AND kind<>'clone'"),
      orders_(database, "SELECT id,words FROM orders WHERE done=0 ORDER BY id"),
      close_(database, "UPDATE orders SET done=1,outcome=? WHERE id=?"),
      forget_(database, "DELETE FROM orders WHERE done=1 AND at<?") {}

void AlarmRows::raise(EdgeId edge, AlarmKind kind, const std::string& text, EventTime at) {
  raise_.run(edge, to_string(kind), text, count_ns(at));
}
void AlarmRows::clear(EdgeId edge, AlarmKind kind) { clear_.run(edge, to_string(kind)); }
void AlarmRows::clear_before(EventTime last) { clear_before_.run(count_ns(last)); }

std::vector<AlarmRows::Order> AlarmRows::open_orders() {
  std::vector<Order> open;
  orders_.start();
  while (orders_.next()) open.push_back({orders_.integer(0), std::string(orders_.text(1))});
  return open;
}
void AlarmRows::close_order(std::int64_t id, const std::string& outcome) {
  close_.run(outcome, id);
}
void AlarmRows::forget_orders(EventTime before) { forget_.run(count_ns(before)); }

}  // namespace tidemark::store
