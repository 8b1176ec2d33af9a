// Which series which view answers for, as they come, move and are described anew.
#include <algorithm>
#include <utility>

#include "cloud/answers/emitter.h"
#include "common/model/events.h"

namespace tidemark::answers {

reconcile::Tier Emitter::finest(const std::string& full_name, const Labels& labels) const {
  auto finest = reconcile::Tier::minute;
  for (const auto& v : views_) {
    if (v.view.emitted() && v.view.select.matches(full_name, labels)) {
      finest = std::min(finest, v.view.finest());
    }
  }
  return finest;
}

window::Parts Emitter::parts(const std::string& full_name, const Labels& labels,
                             ValueType type) const {
  window::Parts parts;
  for (const auto& v : views_) {
    if (v.view.selects(full_name, labels, type)) parts.add(window::Parts::of(v.needed, type));
  }
  return parts;
}

void Emitter::add_series(const store::SeriesRow& row, const std::string& full_name,
                         const Labels& labels, EventTime frontier, SteadyTime now) {
  auto& series = series_[row.id];
  series.row = row;
  series.name = full_name;
  series.labels = labels;
  for (const auto source : row.sources()) by_source_[source].push_back(row.id);  // it is new
  auto& known = frontiers_.try_emplace(row.source, frontier).first->second;
  known = std::max(known, frontier);
  select(series, now);
}

void Emitter::select(SeriesState& series, SteadyTime now) {
  for (std::uint32_t i = 0; i < views_.size(); ++i) {
    if (views_[i].role == Role::merged) continue;
    const auto& view = views_[i].view;
    const auto& said = series.row.description;
    const bool selected = view.emitted() && !is_events(said) &&
                          view.selects(series.name, series.labels, said.type);
    if (!view.by_series()) {
      if (view.emitted()) join(series, i, selected, now);
      continue;
    }
    const auto has = std::find_if(series.slots.begin(), series.slots.end(),
                                  [&](SlotId id) { return slots_[id].view == i; });
    if (has != series.slots.end()) {
      auto& slot = slots_[*has];
      if (std::exchange(slot.left, !selected) && selected) {
        // What came while it was not selected was written down only.
        pend_all(*has, slot.begins, slot.sealed_to, Cause::late, now);
        pend_panes(*has, series.row.id, slot.sealed_to, now);
        queue_seal(*has);
      }
    } else if (selected || has_rows(i, series.row.id)) {
      add_slot(series, i, selected, now);
    }
  }
}

void Emitter::move_series(const store::SeriesRow& row, EventTime frontier, SteadyTime now) {
  auto& known = series_.at(row.id).row;
  note_row(known, row);
  known = row;
  add_to_source(row.source, row.id);
  advance(row.source, frontier, now);
}

void Emitter::add_to_source(store::SourceId source, store::SeriesId series) {
  auto& all = by_source_[source];
  if (std::find(all.begin(), all.end(), series) == all.end()) all.push_back(series);
}

void Emitter::describe(const store::SeriesRow& row, const Labels& labels, SteadyTime now) {
  auto& series = series_.at(row.id);
  note_row(series.row, row);
  series.row = row;
  if (series.labels == labels) return;
  series.labels = labels;
  select(series, now);
}

std::optional<EventTime> Emitter::slowest(store::SourceId source) const {
  const auto it = by_source_.find(source);
  if (it == by_source_.end() || it->second.empty()) return std::nullopt;
  auto slowest = kEventTimeMax;
  for (const auto id : it->second) {
    slowest = std::min(slowest, frontier_of(series_.at(id).row.source));
  }
  return slowest;
}

// Also what a view does not select any more: rows go by their slot.
bool Emitter::has_rows(std::uint32_t view, Subject subject) {
  return views_[view].view.emitted() && slot_rows_.find(views_[view].id, subject);
}

void Emitter::add_slot(SeriesState& series, std::uint32_t view, bool selected, SteadyTime now) {
  const auto id = open_slot(view, series.row.id, now, !selected);
  slots_[id].members = {{series.row.id}};
  slots_[id].foremost = frontier_of(series.row.source);
  series.slots.push_back(id);
  if (!selected) return;
  // After a restart what was not sealed is looked at again.
  pend_panes(id, series.row.id, slots_[id].sealed_to, now);
  if (frontier_of(series.row.source) != kEventTimeMin) queue_seal(id);
}

// As its rows say, with what is due again.
Emitter::SlotId Emitter::open_slot(std::uint32_t view, Subject subject, SteadyTime now, bool left) {
  auto id = static_cast<SlotId>(slots_.size());
  if (free_slots_.empty()) {
    slots_.emplace_back();
  } else {
    id = free_slots_.back();
    free_slots_.pop_back();
  }
  auto& slot = slots_[id];
  slot.view = view;
  slot.subject = subject;
  if (published_.any_of(views_[view].hash)) unclaimed_.push_back(id);
  const auto view_id = views_[view].id;
  if (const auto row = slot_rows_.find(view_id, subject)) {
    slot.begins = row->begins;
    slot.sealed_to = row->sealed_to;
  }
  slot.left = left;
  if (left) return id;
  for (const auto& due : slot_rows_.due(view_id, subject)) {
    slot.pending[due.start] = {now, due.cause.value_or(Cause::none)};
    views_[view].revisions.push_front({now, id, due.start});
  }
  due_stretches_.load(stretches_of(id));
  if (slot.is_group()) slot.newest_partial = partials_.newest(view_id, subject);
  return id;
}

void Emitter::pend_panes(SlotId id, store::SeriesId series, EventTime from, SteadyTime now) {
  constexpr std::size_t kOpenWindowsMax = 100'000;
  const auto& grid = views_[slots_[id].view].grid;
  for (const auto start : store_.panes().starts(series, reconcile::Tier::day, from, kEventTimeMax,
                                                kOpenWindowsMax)) {
    for (auto w = grid.first(start); w <= start; w = grid.next(w)) pend(id, w, Cause::none, now);
  }
}

void Emitter::queue_seal(SlotId id) {
  if (std::exchange(slots_[id].queued, true)) return;
  sealing_.push_back(id);
}

}  // namespace tidemark::answers
