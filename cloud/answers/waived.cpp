// Sources that a person said need not be waited for (cloud/store/waiver_rows.h). Their windows are
// sealed without them and say so: nothing that such a source took counts as received, its
// completeness stays what is known of it, and what it sends all the same revises.
#include "cloud/answers/emitter.h"

namespace tidemark::answers {

void Emitter::waive(store::SourceId source, store::Words words) {
  waived_.insert_or_assign(source, std::move(words));
  look_at(source);
}

void Emitter::look_at(store::SourceId source) {
  const auto it = by_source_.find(source);
  if (it == by_source_.end()) return;
  for (const auto id : it->second) {
    for (const auto slot : series_.at(id).slots) {
      if (!slots_[slot].left) queue_seal(slot);
    }
  }
}

// Time goes on for them, too.
void Emitter::look_at_waived(EventTime wall) {
  const auto before = std::exchange(wall_, wall);
  for (const auto& [source, words] : waived_) {
    if (words.until() > before) look_at(source);
  }
}

void Emitter::end_waiver(store::SourceId source, SteadyTime now) {
  if (waived_.erase(source) == 0) return;
  const auto it = by_source_.find(source);
  if (it == by_source_.end()) return;
  for (const auto id : it->second) {
    for (const auto slot : series_.at(id).slots) unseal(slot, source, now);
  }
}

// Windows that were sealed without the source wait for it again: they are answered as they stand,
// which may be less than was said, and are sealed anew when it has delivered.
void Emitter::unseal(SlotId id, store::SourceId source, SteadyTime now) {
  auto& slot = slots_[id];
  if (!slot.begun()) return;
  const auto& view = views_[slot.view];
  const auto real = frontier_of(source);
  const auto proved = real == kEventTimeMin ? slot.begins
                                            : view.grid.first(real) - view.view.window.gap;
  auto to = slot.sealed_to;
  for (const auto& m : slot.members) {
    if (series_.at(m.series).row.source != source) continue;
    const auto since = std::max({slot.begins, m.since, proved});
    if (since < m.until) to = std::min(to, since);
  }
  if (to >= slot.sealed_to) return;
  pend_all(id, to, slot.sealed_to, Cause::operated, now);
  slot.sealed_to = to;
  slot.silent = 0;
  save_slot_.run(view.id, slot.subject, count_ns(slot.begins), count_ns(slot.sealed_to));
  queue_seal(id);
}

// What was sealed without the source, by word or because the series joined its group behind that,
// it proves by and by.
void Emitter::pend_proved(SlotId id, store::SeriesId series, store::SourceId source,
                          EventTime before, SteadyTime now) {
  const auto& slot = slots_[id];
  const auto& view = views_[slot.view];
  const bool waived = waived_.contains(source);
  if (!slot.begun() || slot.sealed_to <= before || !(waived || slot.is_group())) return;
  // What is said to others begins with the first counts: they may have readings of that time.
  auto from = view.role == Role::share && !waived ? kEventTimeMin : slot.begins;
  if (before != kEventTimeMin) from = std::max(from, view.grid.first(before));
  if (!waived) {
    // Of blocks that never come there are counts only.
    const auto pane = store_.panes().first(series);
    const auto counts = store_.manifests().first(source);
    if (!pane && !counts) return;
    const auto first = std::min(pane.value_or(kEventTimeMax), counts.value_or(kEventTimeMax));
    from = std::max(from, view.grid.first(first));
  }
  const auto end = std::min(slot.sealed_to, view.grid.first(frontier_of(source)));
  pend_sealed(id, from, end, Cause::late, now);
}

// One that nobody knew when the window was sealed, and that had nothing there, is waited for when
// the window is looked at again before that one is proved.
void Emitter::note_proof(SlotId id, EventTime start, bool proved, Cause cause) {
  auto& slot = slots_[id];
  const auto& view = views_[slot.view];
  const bool sealed = slot.begun() && start < slot.sealed_to;
  if (proved || !sealed || view.view.by_session()) {
    slot.unproved.erase(start);
    return;
  }
  slot.unproved.insert(start);
  if (slot.unproved.size() > kEarlyMax) {
    slot.unproved.erase(slot.unproved.begin());
    slot.more_unproved = true;
  }
  due_rows_.push_back({slot.view, slot.subject, start, cause == Cause::none ? Cause::late : cause});
}

void Emitter::pend_unproved(SlotId id, SteadyTime now) {
  auto& slot = slots_[id];
  const auto& view = views_[slot.view];
  if (slot.unproved.empty()) return;
  if (view.role == Role::merged && !incomplete(view).empty()) return;
  for (auto w = slot.unproved.begin(); w != slot.unproved.end();) {
    const auto start = *w;
    const auto frontier = frontier_of(slot, start);
    const bool proved = view.role == Role::merged ? frontier > start
                                                  : frontier >= view.grid.end(start);
    w = proved ? slot.unproved.erase(w) : std::next(w);
    if (proved) pend(id, start, Cause::late, now);
  }
  if (!slot.unproved.empty() || !std::exchange(slot.more_unproved, false)) return;
  for (const auto& due : slot_rows_.due(view.id, slot.subject)) {
    if (due.cause) pend(id, due.start, *due.cause, now);
  }
}

void Emitter::pend_sealed(SlotId id, EventTime from, EventTime end, Cause cause, SteadyTime now) {
  const auto& slot = slots_[id];
  const auto& view = views_[slot.view];
  if (!view.view.by_session()) return pend_all(id, from, end, cause, now);
  // One look is enough for a session; that which ends within the gap before is proved now, too.
  from -= view.view.window.gap;
  for (std::size_t n = 0; n < kSilentWindowsMax; ++n) {
    const auto pane = next_pane(slot, from, end);
    if (!pane) return;
    const auto session = session_at(slot, *pane);
    pend(id, view.grid.floor(*pane), cause, now);
    from = session ? session->end : *pane + reconcile::width_of(view.view.finest());
  }
}

void Emitter::touch_span(store::SourceId source, EventTime from, EventTime until, Cause cause,
                         SteadyTime now) {
  const auto it = by_source_.find(source);
  if (it == by_source_.end()) return;
  for (const auto series : it->second) {
    for (const auto id : series_.at(series).slots) {
      auto& slot = slots_[id];
      if (!slot.begun() || !slot.speaks(source, series)) continue;
      const auto& view = views_[slot.view];
      const auto begin = std::max(slot.begins, view.grid.first(from));
      const auto end = std::min(slot.sealed_to, until + view.reach);
      if (begin < end) pend_sealed(id, begin, end, cause, now);
    }
  }
}

EventTime Emitter::sealing_frontier(store::SourceId source) const {
  const auto known = frontier_of(source);
  const auto words = waived_.find(source);
  if (words == waived_.end()) return known;
  return std::max(known, std::min(words->second.until(), wall_));
}

const store::Waiver* Emitter::word_for(store::SourceId source, const ViewState& view,
                                       const Span& window) const {
  const auto words = waived_.find(source);
  if (words == waived_.end()) return nullptr;
  return words->second.covering(window.end + view.view.window.gap, !view.view.by_series());
}

bool Emitter::retired(store::SourceId source) const {
  const auto words = waived_.find(source);
  return words != waived_.end() && words->second.retired();
}

}  // namespace tidemark::answers
