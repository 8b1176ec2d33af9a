#include "cloud/answers/windows_due.h"

#include <algorithm>
#include <iterator>

namespace tidemark::answers {

WindowsDue::WindowsDue(sqlite::Database& db)
    : exists_(db, "SELECT EXISTS(SELECT 1 FROM windows_due)"),
      some_(db, "SELECT start,until,cause FROM windows_due WHERE view=? AND series=?"),
      add_(db, "INSERT OR REPLACE INTO windows_due VALUES(?,?,?,?,?)"),
      remove_(db, "DELETE FROM windows_due WHERE view=? AND series=? AND start=?"),
      forget_(db, "DELETE FROM windows_due WHERE view=? AND series=?") {}

void WindowsDue::load(const Slot& slot) {
  if (!any_) {
    any_ = exists_.start().next() && exists_.integer(0) != 0;
    exists_.rewind();
  }
  if (!*any_) return;  // as nearly always, and a start asks for all slots
  std::map<EventTime, Stretch> found;
  some_.start(slot.view, slot.subject);
  while (some_.next()) {
    found[event_time(some_.integer(0))] = {event_time(some_.integer(1)),
                                           cause_of(some_.integer(2))};
  }
  if (found.empty()) return;
  slots_[slot.id] = {slot, SteadyTime::min(), std::move(found)};
  order_.emplace(SteadyTime::min(), slot.id);
}

void WindowsDue::save(const Slot& slot, EventTime from, const Stretch& stretch) {
  any_ = true;
  add_.run(slot.view, slot.subject, count_ns(from), count_ns(stretch.until),
           static_cast<int>(stretch.cause));
}

void WindowsDue::add(const Slot& slot, EventTime from, EventTime until, Cause cause,
                     SteadyTime due) {
  const auto [it, fresh] = slots_.try_emplace(slot.id, OfSlot{slot, due, {}});
  if (fresh) order_.emplace(due, slot.id);
  auto& all = it->second.stretches;
  Stretch stretch{until, cause};
  auto near = all.upper_bound(until);
  while (near != all.begin() && std::prev(near)->second.until >= from) {
    --near;
    if (near->first <= from && near->second.until >= until) return;
    from = std::min(from, near->first);
    stretch.until = std::max(stretch.until, near->second.until);
    stretch.cause = near->second.cause;
    remove_.run(slot.view, slot.subject, count_ns(near->first));
    near = all.erase(near);
  }
  all[from] = stretch;
  // The row of the one under way stays until it is finished: under the same key it reaches as far
  // as both, and one that was merged may have had its key.
  const bool in_turn = turn_ && turn_->slot.id == slot.id;
  if (in_turn && turn_from_ == from) stretch.until = std::max(stretch.until, turn_->until);
  save(slot, from, stretch);
  if (in_turn && turn_from_ != from) save(slot, turn_from_, {turn_->until, turn_->cause});
}

WindowsDue::Turn* WindowsDue::turn(SteadyTime now) {
  if (turn_) return &*turn_;
  if (order_.empty() || order_.begin()->first > now) return nullptr;
  const auto it = slots_.find(order_.begin()->second);
  auto& of_slot = it->second;
  const auto first = of_slot.stretches.begin();
  turn_from_ = first->first;
  turn_ = Turn{of_slot.slot, first->first, first->second.until, first->second.cause};
  of_slot.stretches.erase(first);
  if (of_slot.stretches.empty()) {
    order_.erase(order_.begin());
    slots_.erase(it);
  }
  return &*turn_;
}

void WindowsDue::finish() {
  const auto& slot = turn_->slot;
  remove_.run(slot.view, slot.subject, count_ns(turn_from_));
  const auto again = slots_.find(slot.id);
  if (again != slots_.end()) {
    const auto same = again->second.stretches.find(turn_from_);
    if (same != again->second.stretches.end()) save(slot, same->first, same->second);
  }
  turn_.reset();
}

void WindowsDue::forget(const Slot& slot) {
  forget_.run(slot.view, slot.subject);
  if (turn_ && turn_->slot.id == slot.id) turn_.reset();
  const auto it = slots_.find(slot.id);
  if (it == slots_.end()) return;
  order_.erase({it->second.due, slot.id});
  slots_.erase(it);
}

SteadyTime WindowsDue::due() const {
  if (turn_) return SteadyTime::min();
  return order_.empty() ? SteadyTime::max() : order_.begin()->first;
}

}  // namespace tidemark::answers
