#include "cloud/answers/published_rows.h"

#include <algorithm>

#include "cloud/answers/body.h"

namespace tidemark::answers {

PublishedRows::PublishedRows(sqlite::Database& db)
    : add_(db, "INSERT OR REPLACE INTO published VALUES(?,?,?,?,?,?)"),
      has_(db, "SELECT 1 FROM published WHERE definition=? AND subject=? AND start=?"
                " LIMIT 1"),
      of_window_(db, "SELECT position,known_at,body FROM published WHERE definition=?"
                     " AND subject=? AND start=? ORDER BY position"),
      remove_(db, "DELETE FROM published WHERE definition=? AND subject=? AND start=?"),
      first_(db, "SELECT definition,subject,start FROM published LIMIT 1") {
  sqlite::Statement last(db, "SELECT MAX(position) FROM published");
  if (last.start().next() && !last.is_null(0)) {
    empty_ = false;
    newest_ = last.count(0);
  }
}

void PublishedRows::add(const Answer& answer) {
  // What a series, or the group, says of itself is no part of a body.
  auto kept = answer;
  if (!kept.series.empty() || kept.labels.contains("unit")) kept.unit.clear();
  ByteVector body;
  ByteWriter out(body);
  encode_body(out, kept);
  add_.run(kept.view_hash, subject_of(kept), count_ns(kept.start), kept.position,
           count_ns(kept.known_at), body);
  empty_ = false;
  newest_ = std::max(newest_, kept.position);
}

bool PublishedRows::has(const Window& w) {
  if (empty_) return false;
  const bool there = has_.start(w.definition, w.subject, count_ns(w.start)).next();
  has_.rewind();
  return there;
}

std::vector<Answer> PublishedRows::take(const Window& w) {
  std::vector<Answer> all;
  if (empty_) return all;
  of_window_.start(w.definition, w.subject, count_ns(w.start));
  while (of_window_.next()) {
    auto& a = all.emplace_back();
    const auto decoded = decode_body(of_window_.blob(2), a);
    TIDE_CHECK(decoded.ok(), "an answer in cloud.db decodes");
    a.start = w.start;
    a.position = of_window_.count(0);
    a.known_at = event_time(of_window_.integer(1));
  }
  if (!all.empty()) remove_.run(w.definition, w.subject, count_ns(w.start));
  return all;
}

std::optional<PublishedRows::Window> PublishedRows::first() {
  if (empty_) return std::nullopt;
  std::optional<Window> found;
  if (first_.start().next()) {
    found = Window{first_.count(0), first_.text(1), event_time(first_.integer(2))};
  }
  first_.rewind();
  empty_ = !found;
  return found;
}

}  // namespace tidemark::answers
