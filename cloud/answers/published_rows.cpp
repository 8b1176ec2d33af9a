#include "cloud/answers/published_rows.h"

#include <algorithm>
#include <utility>

#include "cloud/answers/body.h"

namespace tidemark::answers {

PublishedRows::PublishedRows(sqlite::Database& db)
    : add_(db, "INSERT OR REPLACE INTO published VALUES(?,?,?,?,?,?)"),
      has_(db, "SELECT 1 FROM published WHERE definition=? AND subject=? AND start=?"
                " LIMIT 1"),
      of_window_(db, "SELECT position,known_at,body FROM published WHERE definition=?"
                     " AND subject=? AND start=? ORDER BY position"),
      remove_(db, "DELETE FROM published WHERE definition=? AND subject=? AND start=?"),
      next_(db, "SELECT start FROM published WHERE definition=? AND subject=? AND start>=?"
                " ORDER BY start LIMIT 1"),
      met_(db, "SELECT start,body FROM published WHERE definition=? AND subject=? AND start<?"
               " ORDER BY start DESC, position DESC"),
      newest_row_(db, "SELECT MAX(position) FROM published"),
      definitions_left_(db, "SELECT definition,MIN(known_at) FROM published"
                            " GROUP BY definition"),
      forget_(db, "DELETE FROM published WHERE (definition,subject,start,position) IN"
                  " (SELECT definition,subject,start,position FROM published WHERE known_at<?"
                  " LIMIT ?)") {
  if (newest_row_.start().next() && !newest_row_.is_null(0)) newest_ = newest_row_.count(0);
  newest_row_.rewind();
  taken_ = true;
  look();
}

void PublishedRows::look() {
  if (!std::exchange(taken_, false)) return;
  definitions_.clear();
  oldest_known_ = kEventTimeMax;
  definitions_left_.start();
  while (definitions_left_.next()) {
    definitions_.insert(definitions_left_.count(0));
    oldest_known_ = std::min(oldest_known_, event_time(definitions_left_.integer(1)));
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
  definitions_.insert(kept.view_hash);
  newest_ = std::max(newest_, kept.position);
  oldest_known_ = std::min(oldest_known_, kept.known_at);
}

bool PublishedRows::has(const Window& w) {
  if (!any_of(w.definition)) return false;
  const bool there = has_.start(w.definition, w.subject, count_ns(w.start)).next();
  has_.rewind();
  return there;
}

std::vector<Answer> PublishedRows::take(const Window& w) {
  std::vector<Answer> all;
  if (!any_of(w.definition)) return all;
  of_window_.start(w.definition, w.subject, count_ns(w.start));
  while (of_window_.next()) {
    auto& a = all.emplace_back();
    const auto decoded = decode_body(of_window_.blob(2), a);
    TIDE_CHECK(decoded.ok(), "an answer in cloud.db decodes");
    a.start = w.start;
    a.position = of_window_.count(0);
    a.known_at = event_time(of_window_.integer(1));
  }
  if (all.empty()) return all;
  remove_.run(w.definition, w.subject, count_ns(w.start));
  taken_ = true;
  return all;
}

bool PublishedRows::meets(const Window& w, EventTime end) {
  if (!any_of(w.definition)) return false;
  bool met = false;
  std::optional<EventTime> before;  // whose newest was looked at
  met_.start(w.definition, w.subject, count_ns(end));
  while (!met && met_.next()) {
    const auto start = event_time(met_.integer(0));
    if (std::exchange(before, start) == start) continue;
    Answer a;
    const auto decoded = decode_body(met_.blob(1), a);
    TIDE_CHECK(decoded.ok(), "an answer in cloud.db decodes");
    if (a.state == State::withdrawn) continue;
    if (a.end <= w.start) break;  // they are apart, so that those before end before
    met = true;
  }
  met_.rewind();
  return met;
}

std::optional<EventTime> PublishedRows::next(const Window& w) {
  std::optional<EventTime> start;
  if (!any_of(w.definition)) return start;
  if (next_.start(w.definition, w.subject, count_ns(w.start)).next()) {
    start = event_time(next_.integer(0));
  }
  next_.rewind();
  return start;
}

void PublishedRows::forget(EventTime known_before, std::size_t limit) {
  if (known_before <= oldest_known_) return;
  forget_.run(count_ns(known_before), limit);
  taken_ = true;
  look();
}

}  // namespace tidemark::answers
