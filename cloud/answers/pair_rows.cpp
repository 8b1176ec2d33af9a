#include "cloud/answers/pair_rows.h"

namespace tidemark::answers {

PairRows::PairRows(sqlite::Database& db)
    : save_(db, "INSERT OR REPLACE INTO pairs VALUES(?,?,?,0,?)"),
      rows_(db, "SELECT start,stale,state FROM pairs WHERE view=? AND series=? AND start>=?"
                " AND start<?"),
      touch_(db, "UPDATE pairs SET stale=1 WHERE view=? AND series=? AND start>=? AND start<?"),
      touch_all_(db, "UPDATE pairs SET stale=1 WHERE view=?"),
      keep_(db, "UPDATE pairs SET stale=0 WHERE view=? AND series=? AND start=?"),
      remove_(db, "DELETE FROM pairs WHERE view=? AND series=? AND start>=? AND start<?") {}

void PairRows::save(std::int64_t view, Subject group, EventTime start,
                    const std::vector<Pairs>& joins) {
  scratch_.clear();
  ByteWriter out(scratch_);
  for (const auto& pairs : joins) pairs.encode(out);
  save_.run(view, group, count_ns(start), scratch_);
}

std::map<EventTime, PairRows::Row> PairRows::rows(std::int64_t view, Subject group,
                                                  EventTime from, EventTime to) {
  std::map<EventTime, Row> all;
  rows_.start(view, group, count_ns(from), count_ns(to));
  while (rows_.next()) {
    auto& row = all[event_time(rows_.integer(0))];
    row.stale = rows_.integer(1) != 0;
    ByteReader in(rows_.blob(2));
    while (in.ok() && !in.done()) {
      auto pairs = Pairs::decode(in);
      if (!pairs) {
        row = {true, {}};
        break;
      }
      row.joins.push_back(std::move(pairs).value());
    }
  }
  return all;
}

void PairRows::touch(std::int64_t view, Subject group, EventTime from, EventTime to) {
  touch_.run(view, group, count_ns(from), count_ns(to));
}

void PairRows::touch(std::int64_t view) { touch_all_.run(view); }

void PairRows::keep(std::int64_t view, Subject group, EventTime start) {
  keep_.run(view, group, count_ns(start));
}

void PairRows::remove(std::int64_t view, Subject group, EventTime from, EventTime to) {
  remove_.run(view, group, count_ns(from), count_ns(to));
}

}  // namespace tidemark::answers
