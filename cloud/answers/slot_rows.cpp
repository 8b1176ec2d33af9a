#include "cloud/answers/slot_rows.h"

#include <algorithm>

namespace tidemark::answers {
namespace {

SlotRows::Due due_of(const sqlite::Statement& row, int first) {
  const auto cause = row.integer(first + 1);
  SlotRows::Due due{event_time(row.integer(first)), std::nullopt};
  if (cause != 0) due.cause = cause_of(cause);
  return due;
}

}  // namespace

SlotRows::SlotRows(sqlite::Database& db)
    : slot_(db, "SELECT begins,sealed_to FROM slots WHERE view=? AND series=?"),
      slots_(db, "SELECT view,series,begins,sealed_to FROM slots WHERE abs(view) IN"
                 " (SELECT id FROM views WHERE current) ORDER BY view,series"),
      due_(db, "SELECT start,cause FROM revisions_due WHERE view=? AND series=?"),
      all_due_(db, "SELECT view,series,start,cause FROM revisions_due WHERE abs(view) IN"
                   " (SELECT id FROM views WHERE current)"
                   " ORDER BY view,series,start") {}

void SlotRows::read() {
  let_go();
  has_all_ = true;
  slots_.start();
  while (slots_.next()) {
    sealed_.push_back({{slots_.integer(0), static_cast<Subject>(slots_.integer(1))},
                       {event_time(slots_.integer(2)), event_time(slots_.integer(3))}});
  }
  all_due_.start();
  while (all_due_.next()) {
    waiting_.push_back({{all_due_.integer(0), static_cast<Subject>(all_due_.integer(1))},
                        due_of(all_due_, 2)});
  }
}

void SlotRows::let_go() {
  has_all_ = false;
  sealed_ = {};
  waiting_ = {};
}

std::optional<SlotRows::Sealed> SlotRows::find(std::int64_t view, Subject subject) {
  if (has_all_) {
    const Key key{view, subject};
    const auto at = std::ranges::lower_bound(sealed_, key, {}, &OfKey<Sealed>::key);
    if (at == sealed_.end() || at->key != key) return std::nullopt;
    return at->row;
  }
  std::optional<Sealed> found;
  if (slot_.start(view, subject).next()) {
    found = {event_time(slot_.integer(0)), event_time(slot_.integer(1))};
  }
  slot_.rewind();
  return found;
}

std::vector<SlotRows::Due> SlotRows::due(std::int64_t view, Subject subject) {
  std::vector<Due> all;
  if (has_all_) {
    const auto of_slot = std::ranges::equal_range(waiting_, Key{view, subject}, {},
                                                  &OfKey<Due>::key);
    for (const auto& due : of_slot) all.push_back(due.row);
    return all;
  }
  due_.start(view, subject);
  while (due_.next()) all.push_back(due_of(due_, 0));
  return all;
}

}  // namespace tidemark::answers
