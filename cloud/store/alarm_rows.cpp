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
    case AlarmKind::event: return "event";
    case AlarmKind::bound: return "bound";
  }
  return "unknown";
}

AlarmRows::AlarmRows(sqlite::Database& database)
    : raise_(database, "INSERT INTO alarms VALUES(?1,?2,?3,?4,?4,1) ON CONFLICT DO UPDATE SET"
                       " text=excluded.text, last=excluded.last, times=times+1"),
      clear_(database, "DELETE FROM alarms WHERE edge=? AND kind=?"),
      clear_before_(database, "DELETE FROM alarms WHERE last<? AND kind<>'clone'") {}

void AlarmRows::raise(EdgeId edge, AlarmKind kind, const std::string& text, EventTime at) {
  raise_.run(edge, to_string(kind), text, count_ns(at));
}
void AlarmRows::clear(EdgeId edge, AlarmKind kind) { clear_.run(edge, to_string(kind)); }
void AlarmRows::clear_before(EventTime last) { clear_before_.run(count_ns(last)); }

}  // namespace tidemark::store
