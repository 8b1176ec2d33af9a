// Sealed windows that are looked at anew: a minute of their source has news, or a person had their
// panes made anew.
#include "cloud/answers/emitter.h"

namespace tidemark::answers {

void Emitter::touch_minute(store::SourceId source, EventTime minute, Cause cause,
                           SteadyTime now) {
  if (!by_source_.contains(source)) return;
  late_.add(source, minute, cause,
            now + std::chrono::duration_cast<SteadyTime::duration>(late_wait_));
}

void Emitter::reopen(store::SeriesId series, EventTime from, EventTime to, SteadyTime now) {
  for (const auto id : series_.at(series).slots) {
    const auto& slot = slots_[id];
    if (!slot.begun()) continue;
    const auto& grid = views_[slot.view].grid;
    const auto frozen = frozen_before(slot);
    for (auto w = grid.floor(from); w < to && w < slot.sealed_to; w = grid.end(w)) {
      // Of what is frozen there are panes of a day: nothing finer can be exact.
      const bool wide = grid.end(w) - w >= reconcile::width_of(reconcile::Tier::day);
      if ((w >= frozen || wide) && w >= slot.begins) pend(id, w, Cause::operated, now);
    }
  }
}

std::size_t Emitter::answer_late(SteadyTime now, EventTime wall, std::size_t budget) {
  std::size_t done = 0;
  while (done < budget) {
    auto* turn = late_.turn(now);
    if (turn == nullptr) break;
    const auto& all = by_source_[turn->source];
    if (turn->series == all.size()) {
      late_.finish();
      continue;
    }
    const auto& slots = series_.at(all[turn->series]).slots;
    if (turn->slot == slots.size()) {
      ++turn->series;
      turn->slot = 0;
    } else if (turn->minute == turn->minutes.size()) {
      ++turn->slot;
      turn->minute = 0;
    } else {
      done += answer_minute(slots[turn->slot], *turn, now, wall);
    }
  }
  return done;
}

std::size_t Emitter::answer_minute(SlotId id, LateMinutes::Turn& turn, SteadyTime now,
                                   EventTime wall) {
  constexpr auto kMinute = std::chrono::minutes(1);
  const auto& slot = slots_[id];
  const auto& grid = views_[slot.view].grid;
  const auto [minute, cause] = turn.minutes[turn.minute];
  std::size_t done = 0;
  auto w = grid.floor(minute);
  for (; w < minute + kMinute; w = grid.end(w), ++done) {
    const bool sealed = slot.begun() && w >= slot.begins && w < slot.sealed_to;
    // What is pending is looked at when it is due.
    if (sealed && w >= frozen_before(slot) && !slot.pending.contains(w)) {
      revise(id, w, cause, now, wall);
    }
  }
  // A window of hours needs one look for all of its minutes.
  while (turn.minute < turn.minutes.size() && turn.minutes[turn.minute].first + kMinute <= w) {
    ++turn.minute;
  }
  return done;
}

void Emitter::revise(SlotId id, EventTime start, Cause cause, SteadyTime now, EventTime wall) {
  const auto& view = views_[slots_[id].view];
  const auto before = current(view, slots_[id], start);
  if (before && before->known_at + view.view.emit.revision_interval > wall) {
    pend(id, start, cause, now);
  } else {
    emit_window(id, start, cause, wall, before);
  }
}

}  // namespace tidemark::answers
