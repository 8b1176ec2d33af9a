// Windows whose figures depend on the order of time, when something before or in them changed.
#include "cloud/answers/emitter.h"

namespace tidemark::answers {

bool Emitter::ordered(const Slot& slot, store::SeriesId series) const {
  const auto type = series_.at(series).row.description.type;
  return window::Parts::of(views_[slot.view].needed, type).ordered;
}

void Emitter::touch_following(store::SeriesId id, EventTime last, Cause cause, SteadyTime now) {
  const auto& series = series_.at(id);
  std::optional<EventTime> next;
  bool looked = false;
  for (const auto slot_id : series.slots) {
    const auto& slot = slots_[slot_id];
    const auto& grid = views_[slot.view].grid;
    auto w = grid.next(grid.floor(last));
    // What is not sealed yet is looked at when it is.
    if (!slot.begun() || w >= slot.sealed_to || !ordered(slot, id)) continue;
    if (!looked) next = store_.panes().after(id, last);
    looked = true;
    const Nanoseconds hold(store_.ordered().of(id, series.row.description).max_hold);
    const auto held = last > kEventTimeMax - hold ? kEventTimeMax : last + hold;
    const auto end = next ? std::min(*next, held) : held;
    w = touch_held(slot_id, w, end, cause, now);
    if (!next) continue;
    for (w = std::max(w, grid.first(*next)); w <= *next && w < slot.sealed_to; w = grid.next(w)) {
      pend(slot_id, w, cause, now);
    }
  }
}

// Sealed windows from w on that start up to `end`; the first one behind them.
EventTime Emitter::touch_held(SlotId id, EventTime w, EventTime end, Cause cause, SteadyTime now) {
  const auto& slot = slots_[id];
  const auto& grid = views_[slot.view].grid;
  const auto last = std::min(end, slot.sealed_to - Nanoseconds(1));
  if (w > last) return w;
  const auto behind = grid.next(grid.floor(last));
  pend_all(id, w, behind, cause, now);
  return behind;
}

void Emitter::pend_all(SlotId id, EventTime w, EventTime end, Cause cause, SteadyTime now) {
  const auto& grid = views_[slots_[id].view].grid;
  for (std::size_t n = 0; w < end && n < kHeldAtOnce; ++n, w = grid.next(w)) {
    pend(id, w, cause, now);
  }
  if (w >= end) return;
  due_stretches_.add(stretches_of(id), w, end, cause,
                     now + std::chrono::duration_cast<SteadyTime::duration>(late_wait_));
}

WindowsDue::Slot Emitter::stretches_of(SlotId id) const {
  return {id, views_[slots_[id].view].id, slots_[id].subject};
}

std::size_t Emitter::answer_stretches(SteadyTime now, EventTime wall, std::size_t budget) {
  std::size_t done = 0;
  while (done < budget) {
    auto* turn = due_stretches_.turn(now);
    if (turn == nullptr) break;
    const auto& slot = slots_[turn->slot.id];
    // Behind many windows without a reading there are no answers, and none comes of this.
    const auto next = next_answered(slot, turn->next, turn->until);
    if (!next) {
      due_stretches_.finish();
      continue;
    }
    const auto w = *next;
    turn->next = views_[slot.view].grid.next(w);
    done += cost();
    // What is pending is looked at when it is due.
    if (!frozen(slot, w) && !slot.pending.contains(w)) {
      revise(turn->slot.id, w, turn->cause, now, wall);
    }
  }
  return done;
}

std::optional<EventTime> Emitter::next_answered(const Slot& slot, EventTime from, EventTime to) {
  std::optional<EventTime> next;
  next_answered_.start(views_[slot.view].id, slot.subject, count_ns(from), count_ns(to));
  if (next_answered_.next()) next = event_time(next_answered_.integer(0));
  next_answered_.rewind();
  return next;
}

void Emitter::touch_ordered(store::SeriesId id, EventTime from, EventTime to, Cause cause,
                            SteadyTime now) {
  for (const auto slot : series_.at(id).slots) {
    if (!ordered(slots_[slot], id)) continue;
    const auto& grid = views_[slots_[slot].view].grid;
    for (auto w = grid.first(from); w < to; w = grid.next(w)) {
      if (w >= slots_[slot].begins || !slots_[slot].begun()) pend(slot, w, cause, now);
    }
  }
}

}  // namespace tidemark::answers
