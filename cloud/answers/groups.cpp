// Windows of groups: who belongs, what they hold together, and how well it is known.
#include <fmt/format.h>

#include <algorithm>

#include "cloud/answers/emitter.h"

namespace tidemark::answers {

bool Emitter::Slot::holds(const store::SeriesRow& series, EventTime window) const {
  if (!is_group()) return true;
  const auto first = std::tuple(series.edge, series.id, kEventTimeMin);
  auto m = std::ranges::lower_bound(members, first, {}, &Member::place);
  for (; m != members.end() && m->series == series.id; ++m) {
    if (m->holds(window)) return true;
  }
  return false;
}

// Of all series of a source that belong to a group one speaks for it when its minutes have news.
bool Emitter::Slot::speaks(store::SourceId source, store::SeriesId series) {
  return !is_group() || speakers.try_emplace(source, series).first->second == series;
}

Emitter::SlotId Emitter::slot_of_group(std::uint32_t view, Subject group, SteadyTime now) {
  auto& groups = views_[view].groups;
  const auto known = groups.find(group);
  if (known != groups.end()) return known->second;
  const auto id = open_slot(view, group, now);
  groups.emplace(group, id);
  return id;
}

bool Emitter::set_member(SlotId id, Member member) {
  auto& slot = slots_[id];
  auto& series = series_.at(member.series);
  member.edge = series.row.edge;
  const auto at = std::ranges::lower_bound(slot.members, member.place(), {}, &Member::place);
  if (at != slot.members.end() && at->place() == member.place()) {
    *at = member;
    stir(id);
    return true;
  }
  if (slot.members.size() >= kMembersMax) {
    slot.refused.insert(member.series);
    spoil(id, member.edge, member.since, member.until);  // it may have belonged to it
    return false;
  }
  stir(id);
  slot.members.insert(at, member);
  slot.refused.erase(member.series);
  slot.foremost = std::max(slot.foremost, frontier_of(series.row.source));
  if (std::find(series.slots.begin(), series.slots.end(), id) == series.slots.end()) {
    series.slots.push_back(id);
  }
  queue_seal(id);
  return true;
}

void Emitter::drop_member(SlotId id, const Member& member) {
  std::erase_if(slots_[id].members, [&](const Member& m) {
    return m.series == member.series && m.since == member.since;
  });
  groups_.remove(slots_[id].subject, member);
  stir(id);
  spoil(id, member.edge, member.since, member.until);
  const auto& left = slots_[id].members;
  if (std::any_of(left.begin(), left.end(),
                  [&](const Member& m) { return m.series == member.series; })) {
    return;
  }
  std::erase(series_.at(member.series).slots, id);
  slots_[id].speakers.clear();
}

// What a series was to the groups of a view follows from its rows. Where it belongs to another one
// now, or as another input, it does so from the first window on that neither of the two has sealed:
// what was proved stays as it is, and no window is without it. Who has no readings yet belongs from
// ever on.
void Emitter::join(SeriesState& series, std::uint32_t v, bool selected, SteadyTime now) {
  auto& view = views_[v];
  const auto id = series.row.id;
  const auto key = key_of(view.view.group_by, series.labels, series.row.description,
                          !view.view.has_figures());
  const auto wanted = selected ? groups_.find(view.id, key) : 0;  // 0: there is none yet
  const auto inputs = view.view.has_figures() ? view.view.inputs_of(series.name, series.labels)
                                              : std::uint32_t{1};
  const auto frontier = frontier_of(series.row.source);
  const auto boundary = frontier == kEventTimeMin ? frontier : view.grid.first(frontier);
  auto memberships = groups_.of_series(view.id, id);
  auto since = kEventTimeMin;
  if (wanted != 0 && (!memberships.empty() || store_.panes().first(id))) {
    since = slots_[slot_of_group(v, wanted, now)].sealed_to;
  }
  for (auto& [group, member] : memberships) {
    const auto slot = slot_of_group(v, group, now);
    const bool open = member.until == kEventTimeMax;
    if (open && group == wanted && member.inputs == inputs) {
      set_member(slot, member);
      return;
    }
    since = std::max(since, open ? std::max(boundary, member.since) : boundary);
    if (!open) {
      set_member(slot, member);
      continue;
    }
    if (selected && memberships.size() > kMovesMax) {
      set_member(slot, member);
      hold_back(series, view.view);
      return;
    }
    member.until = since;  // also of no window: it counts as a move
    if (set_member(slot, member)) groups_.save(group, member);
    forget_made(slot, series.row.edge, since);
    pend_panes(slot, id, since, now);
  }
  if (!selected) return;
  if (memberships.size() > kMovesMax) return hold_back(series, view.view);
  const auto group = wanted != 0 ? wanted : groups_.add(view.id, key);
  const auto slot = slot_of_group(v, group, now);
  const Member member{id, since, kEventTimeMax, inputs};
  if (!set_member(slot, member)) return;
  groups_.save(group, member);
  forget_made(slot, series.row.edge, since);
  pend_panes(slot, id, since, now);
  if (frontier != kEventTimeMin) pend_proved(slot, id, series.row.source, kEventTimeMin, now);
}

// From there on the group has another member of that edge, or one less.
void Emitter::forget_made(SlotId id, store::EdgeId edge, EventTime from) {
  forget_pairs(id, from);
  spoil(id, edge, from, kEventTimeMax);
}

// A move is a line for as long as answers of before are kept: one that is one too many waits.
void Emitter::hold_back(const SeriesState& series, const View& view) {
  if (!held_back_.insert(series.row.id).second || !on_bound) return;
  on_bound(series.row, fmt::format("{} has changed its group in the view {} {} times, and does so "
                                   "again when the first of these is forgotten",
                                   series.name, view.name, kMovesMax));
}

void Emitter::forget_of_group(SlotId id, const KeptFrom& kept_from, SteadyTime now) {
  const auto& slot = slots_[id];
  const auto& view = views_[slot.view].view;
  const auto kept_of = [&](const Member& m) {
    const auto frontier = frontier_of(series_.at(m.series).row.source);
    return std::pair(kept_from(view, frontier), frontier);
  };
  auto last = kEventTimeMin;
  for (const auto& m : slot.members) last = std::max(last, kept_of(m).first);
  if (last == kEventTimeMin) return;
  std::vector<Span> kept;
  std::vector<Member> gone;
  for (const auto& m : slot.members) {
    auto [from, to] = kept_of(m);
    if (m.until <= from) {
      gone.push_back(m);
      continue;
    }
    // What it has before it is proved to be all is kept as well.
    if (to < last) to = std::max(to, event_time(store_.panes().newest(m.series)));
    kept.push_back({std::max(from, m.since), std::min(to, m.until)});
  }
  kept.push_back({last, last});
  std::sort(kept.begin(), kept.end(),
            [](const Span& a, const Span& b) { return a.start < b.start; });
  auto from = kEventTimeMin;
  for (const auto& span : kept) {
    const auto to = std::min(span.start, last);
    if (to > from) forget_answers(views_[slot.view].id, slot.subject, from, to);
    from = std::max(from, span.end);
  }
  if (gone.empty() || late_.under_way()) return;  // a turn walks through the slots of a series
  std::set<store::SeriesId> again;
  for (const auto& m : gone) {
    drop_member(id, m);
    if (held_back_.erase(m.series) > 0) again.insert(m.series);
    if (!slots_[id].refused.empty()) again.insert(*slots_[id].refused.begin());
  }
  if (slots_[id].members.empty()) emptied_.push_back(id);
  for (const auto series : again) select(series_.at(series), now);
}

// What nobody belongs to any more.
void Emitter::close_groups() {
  std::erase_if(emptied_, [this](SlotId id) { return close_group(id); });
}

// False while its turn is to come in one of the queues.
bool Emitter::close_group(SlotId id) {
  auto& slot = slots_[id];
  if (!slot.members.empty() || !slot.parts.empty()) return true;  // it came back
  if (slot.queued || slot.near || !slot.pending.empty()) return false;
  due_stretches_.forget(stretches_of(id));
  std::erase_if(views_[slot.view].groups, [&](const auto& g) { return g.second == id; });
  forget_group(views_[slot.view].id, slot.subject);
  slot = {};
  free_slots_.push_back(id);
  return true;
}

void Emitter::forget_group(std::int64_t view, Subject group) {
  forget_answers(view, group, kEventTimeMin, kEventTimeMax);
  forget_slot_.run(view, group);
  due_stretches_.forget(view, group);
  groups_.forget(group);
  store_.small().set_meta(kGroupsGone, store_.small().meta(kGroupsGone) + 1);
}

EventTime Emitter::frontier_of(const Slot& slot, EventTime window) const {
  auto oldest = kEventTimeMax, gone = kEventTimeMax;
  for (const auto& [part, reach] : slot.parts) {
    if (reach.holds(window)) oldest = std::min(oldest, reach.said_to);
  }
  for (const auto& m : slot.members) {
    if (!m.holds(window)) continue;
    const auto source = series_.at(m.series).row.source;
    auto& frontier = retired(source) ? gone : oldest;
    frontier = std::min(frontier, sealing_frontier(source));
  }
  return oldest == kEventTimeMax ? gone : oldest;  // without those who are gone for good
}

EventTime Emitter::proved_to(const Slot& slot, EventTime from, bool by_word) const {
  auto live = kEventTimeMax, gone = kEventTimeMax, end = from;
  for (const auto& m : slot.members) {
    if (m.until <= from) continue;
    const auto source = series_.at(m.series).row.source;
    const auto frontier = by_word ? sealing_frontier(source) : frontier_of(source);
    if (frontier >= m.until) {
      end = std::max(end, m.until);
      continue;
    }
    auto& oldest = by_word && retired(source) ? gone : live;
    oldest = std::min(oldest, std::max(frontier, m.since));
  }
  if (live == kEventTimeMax) live = gone;  // without those who are gone for good
  // Nobody belongs to it from `end` on.
  return live == kEventTimeMax ? end + views_[slot.view].view.window.gap : live;
}

EventTime Emitter::seal_target(Slot& slot) const {
  const auto frontier = frontier_of(slot, slot.sealed_to);
  if (frontier == kEventTimeMin) return frontier;
  if (frontier != kEventTimeMax) return proved_windows(slot, frontier);
  auto next = kEventTimeMax;
  const auto look = [&](EventTime since, EventTime until) {
    if (since > slot.sealed_to && since < until) next = std::min(next, since);
  };
  for (const auto& m : slot.members) look(m.since, m.until);
  for (const auto& [part, reach] : slot.parts) {
    for (const auto& span : reach.spans) look(span.since, span.until);
  }
  if (next == kEventTimeMax) return kEventTimeMin;  // nobody belongs to it any more
  slot.sealed_to = next;
  const auto then = frontier_of(slot, next);
  return then == kEventTimeMin || then == kEventTimeMax ? kEventTimeMin
                                                        : proved_windows(slot, then);
}

EventTime Emitter::proved_windows(const Slot& slot, EventTime frontier) const {
  const auto& view = views_[slot.view];
  return view.role == Role::merged ? frontier : view.grid.first(frontier);
}

// A view that is new to old panes begins where they are still fine enough.
std::optional<EventTime> Emitter::first_window(const Slot& slot) {
  const auto& view = views_[slot.view];
  if (view.role != Role::merged) return first_window(slot, view.role == Role::share);
  auto first = kEventTimeMax;
  for (const auto& [part, reach] : slot.parts) first = std::min(first, reach.first);
  return first == kEventTimeMax ? std::nullopt : std::optional(first);
}

std::optional<EventTime> Emitter::first_window(const Slot& slot, bool counted) {
  const auto& view = views_[slot.view];
  std::optional<EventTime> first;
  for (const auto& m : slot.members) {
    auto pane = store_.panes().first(m.series);
    if (counted) {  // others may have readings of that time
      for (const auto source : series_.at(m.series).row.sources()) {
        const auto minute = store_.manifests().first(source);
        if (minute) pane = std::min(pane.value_or(kEventTimeMax), *minute);
      }
    }
    if (!pane) continue;
    const auto from = std::max(*pane, m.since);
    auto window = view.view.by_session() ? view.grid.floor(from) : view.grid.first(from);
    const auto fine = horizons_.floor(view.view.kept_as(),
                                      frontier_of(series_.at(m.series).row.source));
    if (window < fine) window = view.grid.next(view.grid.floor(fine - Nanoseconds(1)));
    window = std::max(window, m.since);
    if (window < m.until && (!first || window < *first)) first = window;
  }
  return first;
}

std::optional<EventTime> Emitter::next_pane(const Slot& slot, EventTime from, EventTime to) {
  // A pane that merged into wider ones says nothing of a session.
  const auto& view = views_[slot.view].view;
  const auto widest = view.by_session() ? view.finest() : reconcile::Tier::day;
  if (views_[slot.view].role == Role::merged) {
    return partials_.next(views_[slot.view].id, slot.subject, from, to);
  }
  std::optional<EventTime> next;
  for (const auto& m : slot.members) {
    const auto begin = std::max(from, m.since);
    const auto end = std::min(to, m.until);
    if (begin >= end) continue;
    for (const auto start : store_.panes().starts(m.series, widest, begin, end, 1)) {
      if (!next || start < *next) next = start;
    }
  }
  return next;
}

EventTime Emitter::stated_of(const Slot& slot, EventTime window) const {
  auto oldest = kEventTimeMax;
  for (const auto& m : slot.members) {
    if (!m.holds(window)) continue;
    const auto stated = stated_.find(series_.at(m.series).row.source);
    oldest = std::min(oldest, stated == stated_.end() ? kEventTimeMin : stated->second);
  }
  return oldest == kEventTimeMax ? kEventTimeMin : oldest;
}

std::vector<reconcile::ManifestSum> Emitter::counts_of(const Slot& slot, EventTime start,
                                                       EventTime end) {
  std::set<store::SourceId> sources;
  Nanoseconds widest{};
  for (const auto& m : slot.members) {
    if (!m.holds(start)) continue;
    const auto& row = series_.at(m.series).row;
    widest = std::max(widest, row.widest_sum);
    for (const auto source : row.sources()) sources.insert(source);
  }
  std::vector<reconcile::ManifestSum> all;
  for (const auto source : sources) {
    all.push_back(store_.manifests().sum(source, counted_from(start, widest), end));
  }
  return all;
}

Answer Emitter::answer_of_group(const ViewState& view, GroupLook& look, const Span& window) {
  Answer a;
  a.start = window.start;
  a.end = window.end;
  if (view.view.has_figures()) {
    look.all.sum.fill(a, view.view, view.formulas, look.joins);
  } else {
    look.all.sum.fill(a, view.view.aggregates);
  }
  GroupJudge judge(a.start, a.end);
  for (auto& s : look.sources) s.alone = judge.add(s.basis);
  if (look.known) judge.merge(*look.known);
  judge.finish(a);
  a.waived = look.waived;
  look.all.notes.put(a);
  a.approximate = a.approximate || look.doubtful;
  return a;
}

std::vector<Missing> Emitter::missing_of(const GroupLook& look) {
  auto missing = look.missing;
  for (const auto& s : look.sources) {
    auto alone = s.alone;
    name_missing_(*s.row, alone, s.basis, alone.missing);
    for (auto& m : alone.missing) {
      if (std::none_of(missing.begin(), missing.end(), [&](const Missing& other) {
            return other.source == m.source && other.reason == m.reason;
          })) {
        missing.push_back(std::move(m));
      }
    }
  }
  return missing;
}

void Emitter::name_missing_of_group(const Slot& slot, const GroupLook& look, Answer& answer) {
  answer.missing = missing_of(look);
  bound_missing(answer.missing, look.more_missing);
  if (const auto refused = slot.refused.size() + look.refused; refused > 0) {
    answer.missing.push_back({"", fmt::format("{} series beyond {} in one group are not in it",
                                              refused, kMembersMax)});
  }
}

}  // namespace tidemark::answers
