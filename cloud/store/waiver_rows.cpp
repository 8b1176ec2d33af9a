#include "cloud/store/waiver_rows.h"

#include <fmt/format.h>

namespace tidemark::store {
namespace {

constexpr const char* kColumns = "w.id,w.edge,e.name,w.source,w.retired,w.until,w.by,w.reason,w.at,"
                                 "w.ended,w.ended_by FROM waivers w JOIN edges e ON e.id=w.edge";

Waiver read(const sqlite::Statement& row) {
  Waiver w;
  w.id = row.integer(0);
  w.edge = static_cast<EdgeId>(row.integer(1));
  w.edge_name = row.text(2);
  w.source = row.text(3);
  w.retired = row.integer(4) != 0;
  w.until = event_time(row.integer(5));
  w.by = row.text(6);
  w.reason = row.text(7);
  w.at = event_time(row.integer(8));
  if (row.integer(9) != 0) w.ended = event_time(row.integer(9));
  w.ended_by = row.text(10);
  return w;
}

}  // namespace

WaiverRows::WaiverRows(sqlite::Database& db)
    : add_(db, "INSERT INTO waivers(edge,source,retired,until,by,reason,at,ended,ended_by)"
               " VALUES(?,?,?,?,?,?,?,0,'')"),
      end_(db, "UPDATE waivers SET ended=?,ended_by=? WHERE edge=? AND source=? AND ended=0"),
      end_one_(db, "UPDATE waivers SET ended=?,ended_by=? WHERE id=?"),
      of_source_(db, fmt::format("SELECT {} WHERE w.edge=? AND w.source=? AND w.ended=0"
                                 " ORDER BY w.id", kColumns)),
      all_(db, fmt::format("SELECT {} WHERE w.ended=0 OR ?=0 ORDER BY w.id", kColumns)),
      count_(db, "SELECT COUNT(*) FROM waivers WHERE ended=0") {}

Result<bool> WaiverRows::add(const Waiver& w) {
  const auto held = count_.start().next() ? count_.count(0) : 0;
  count_.rewind();
  const auto before = in_force(w.edge, w.source);
  const bool ends = !before.empty() && !w.reaches_beyond(before.last());
  if (!ends && held >= kWaiversMax) {
    return Error(Fault::full, fmt::format("{} words hold of sources that are retired or waived, "
                                          "which is the most", kWaiversMax));
  }
  if (ends) {
    end(w.edge, w.source, w.by, w.at);
  } else if (before.size() >= kWordsMax) {
    end_one_.run(count_ns(w.at), w.by, before.first().id);
  }
  add_.run(w.edge, w.source, w.retired ? 1 : 0, count_ns(w.until), w.by, w.reason, count_ns(w.at));
  return ends;
}

bool WaiverRows::end(EdgeId edge, const std::string& source, const std::string& by, EventTime at) {
  if (in_force(edge, source).empty()) return false;
  end_.run(count_ns(at), by, edge, source);
  return true;
}

Words WaiverRows::in_force(EdgeId edge, const std::string& source) {
  Words found;
  of_source_.start(edge, source);
  while (of_source_.next()) found.add(read(of_source_));
  return found;
}

std::vector<Waiver> WaiverRows::all(bool in_force_only) {
  std::vector<Waiver> found;
  all_.start(in_force_only ? 1 : 0);
  while (all_.next()) found.push_back(read(all_));
  return found;
}

}  // namespace tidemark::store
