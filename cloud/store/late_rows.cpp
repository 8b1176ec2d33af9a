#include "cloud/store/late_rows.h"

#include <algorithm>

namespace tidemark::store {

LateRows::LateRows(sqlite::Database& database, Changes& changes)
    : add_(database, "INSERT INTO late VALUES(?,?,?,?)"
                     " ON CONFLICT DO UPDATE SET readings=readings+excluded.readings"),
      forget_(database, "DELETE FROM late WHERE series=? AND start<?"
                        " AND placement NOT IN ('late_ledger','quarantine')"),
      waiting_(database, "SELECT placement,readings FROM late INDEXED BY set_aside WHERE placement"
                         " IN ('late_ledger','quarantine') AND series=? AND start>=? AND start<?"),
      early_(database, "SELECT series FROM late INDEXED BY set_aside WHERE placement"
                       " IN ('late_ledger','quarantine') AND placement='quarantine'"
                       " AND readings>0"),
      next_(database, "SELECT series,start,readings FROM late INDEXED BY set_aside WHERE placement"
                      " IN ('late_ledger','quarantine') AND (series,start)>(?,?)"
                      " ORDER BY series,start LIMIT 1"),
      remove_(database, "DELETE FROM late WHERE placement IN ('late_ledger','quarantine')"
                        " AND series=? AND start>=? AND start<?"),
      changes_(changes),
      any_waiting_(next_waiting({}).has_value()) {}

void LateRows::note(SeriesId series, EventTime from, EventTime to) {
  changes_.of_series(series, from, to + std::chrono::hours(24));
}

void LateRows::add(SeriesId series, EventTime start, std::string_view placement,
                   std::uint64_t readings) {
  late_.push_back({series, count_ns(start), placement, readings});
  if (placement != kLedger && placement != kQuarantine) return;
  note(series, start, start);
  any_waiting_ = true;
}

void LateRows::flush() {
  std::sort(late_.begin(), late_.end(),
            [](const Late& a, const Late& b) { return a.key() < b.key(); });
  for (std::size_t i = 0; i < late_.size();) {
    auto sum = late_[i];
    while (++i < late_.size() && late_[i].key() == sum.key()) sum.readings += late_[i].readings;
    add_.run(sum.series, sum.start, sum.placement, sum.readings);
  }
  late_.clear();
}

void LateRows::forget(SeriesId series, EventTime before) {
  flush();
  forget_.run(series, count_ns(before));
}

LateRows::Waiting LateRows::waiting(SeriesId series, EventTime from, EventTime to) {
  Waiting waiting;
  if (!any_waiting_) return waiting;  // each window asks
  flush();
  waiting_.start(series, count_ns(from), count_ns(to));
  while (waiting_.next()) {
    (waiting_.text(0) == kLedger ? waiting.late : waiting.early) += waiting_.count(1);
  }
  return waiting;
}

std::unordered_set<SeriesId> LateRows::early() {
  flush();
  std::unordered_set<SeriesId> all;
  early_.start();
  while (early_.next()) all.insert(static_cast<SeriesId>(early_.integer(0)));
  return all;
}

std::optional<LateRows::Line> LateRows::next_waiting(const Line& after) {
  flush();
  std::optional<Line> line;
  if (next_.start(after.series, count_ns(after.start)).next()) {
    line = {static_cast<SeriesId>(next_.integer(0)), event_time(next_.integer(1)), next_.count(2)};
  }
  next_.rewind();
  return line;
}

void LateRows::remove_waiting(SeriesId series, EventTime from, EventTime to) {
  flush();
  remove_.run(series, count_ns(from), count_ns(to));
  note(series, from, to);
}

}  // namespace tidemark::store
