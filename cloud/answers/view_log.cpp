#include "cloud/answers/view_log.h"

#include <fmt/format.h>

#include <algorithm>

namespace tidemark::answers {
namespace {

// Tables with rows of a view, and what tells a row.
constexpr std::pair<const char*, const char*> kTables[] = {
    {"history", "position"},
    {"answers", "view,series,start"},
    {"pairs", "view,series,start"},
    {"partials", "view,series,start,edge"},
    {"revisions_due", "view,series,start"},
    {"windows_due", "view,series,start"},
    {"slots", "view,series"},
};

}  // namespace

ViewLog::ViewLog(sqlite::Database& db)
    : newest_(db, "SELECT view FROM view_log WHERE name=? ORDER BY id DESC LIMIT 1"),
      add_(db, "INSERT INTO view_log(at,name,view) VALUES(?,?,?)"),
      open_(db, "SELECT name FROM view_log l WHERE view<>0 AND id=(SELECT MAX(id) FROM view_log"
                " WHERE name=l.name)"),
      gone_(db, "SELECT v.id FROM views v WHERE current=0 AND (SELECT MIN(e.at) FROM view_log e"
                " WHERE e.name=v.name AND e.id>(SELECT COALESCE(MAX(id),0) FROM view_log"
                " WHERE view=v.id))<? AND NOT EXISTS (SELECT 1 FROM reaches r"
                " WHERE r.view=v.id)") {
  for (const auto& [table, key] : kTables) {
    forget_.emplace_back(db, fmt::format("DELETE FROM {0} WHERE ({1}) IN (SELECT {1} FROM {0}"
                                         " WHERE view=? LIMIT ?)", table, key));
  }
  // A group without members goes when views are loaded next.
  forget_.emplace_back(db, "DELETE FROM members WHERE (grp,series,since) IN (SELECT m.grp,m.series,"
                           "m.since FROM members m JOIN groups g ON g.id=m.grp WHERE g.view=?"
                           " LIMIT ?)");
}

void ViewLog::note(const std::vector<InForce>& views, EventTime now) {
  for (const auto& v : views) {
    const bool same = newest_.start(v.name).next() && newest_.integer(0) == v.view;
    newest_.rewind();
    if (!same) add_.run(count_ns(now), v.name, v.view);
  }
  std::vector<std::string> ended;
  open_.start();
  while (open_.next()) {
    auto name = std::string(open_.text(0));
    if (std::none_of(views.begin(), views.end(), [&](const auto& v) { return v.name == name; })) {
      ended.push_back(std::move(name));
    }
  }
  for (const auto& name : ended) add_.run(count_ns(now), name, 0);
}

void ViewLog::forget(EventTime before, std::size_t limit) {
  std::vector<std::int64_t> gone;
  gone_.start(count_ns(before));
  while (gone_.next()) gone.push_back(gone_.integer(0));
  for (const auto view : gone) {
    for (auto& statement : forget_) {
      statement.run(view, limit);
      statement.run(-view, limit);  // what was said of its groups
    }
  }
}

}  // namespace tidemark::answers
