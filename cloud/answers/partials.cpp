// Windows of groups, edge by edge: what an edge has of one is a row, so that news of one edge cost
// reading its members' panes and the rows of the others.
//
// A row stands while nothing that it was made of has changed; what changes is told by the rows of
// panes, of minutes, of what is set aside and of rules (store/changes.h), by a series' description
// and by who belongs to the group. Else it is stale, and made anew when its window is looked at: it
// is replaced, whole, and never added to. So whatever comes in any order, or again, or after a
// crash, a group says what the panes of all its members say, to the bit.
//
// Not kept   are rows of groups of one edge, of sessions, whose ends are no edge's own matter, and
//            of windows behind the horizon of their panes. These are read from panes each time.
#include <algorithm>
#include <set>

#include "cloud/answers/emitter.h"

namespace tidemark::answers {
namespace {

EventTime later(EventTime t, Nanoseconds by) {
  return t > kEventTimeMax - by ? kEventTimeMax : t + by;
}

}  // namespace

// A window is a member's as a whole or not at all; of a session, whose ends are nobody's, what lies
// in the time that it belongs to the group.
std::optional<Emitter::Span> Emitter::share_of(const ViewState& view, const Member& m,
                                               const Span& window) {
  if (!view.view.by_session()) return m.holds(window.start) ? std::optional(window) : std::nullopt;
  const Span share{std::max(window.start, m.since), std::min(window.end, m.until)};
  return share.start < share.end ? std::optional(share) : std::nullopt;
}

Emitter::GroupLook Emitter::look_at_group(SlotId id, const Span& window) {
  const auto& slot = slots_[id];
  const auto& view = views_[slot.view];
  if (view.role == Role::merged) return look_at_shares(slot, window);
  const bool kept = slot.of_several_edges() && !view.view.by_session() &&
                    window.start >= frozen_before(slot);
  std::vector<PartialRows::Row> rows;
  if (kept) rows = partials_.rows(view.id, slot.subject, window.start);
  auto row = rows.cbegin();
  GroupLook look;
  std::span<const Member> rest(slot.members);
  while (!rest.empty()) {
    const auto edge = rest.front().edge;
    const auto next = std::ranges::find_if(rest, [&](const Member& m) { return m.edge != edge; });
    const auto members = rest.first(static_cast<std::size_t>(next - rest.begin()));
    rest = rest.subspan(members.size());
    const auto has = [&](const Member& m) { return share_of(view, m, window).has_value(); };
    if (std::ranges::none_of(members, has)) continue;
    while (row != rows.cend() && row->edge < edge) ++row;
    const auto* before = row != rows.cend() && row->edge == edge ? &*row : nullptr;
    auto partial = before != nullptr ? kept_partial(*before) : std::nullopt;
    if (!partial) {
      partial = partial_of(view, members, window);
      if (kept) keep_partial(id, window.start, edge, before, *partial);
    }
    ++parts_read_;
    look.all.merge(*std::move(partial));
  }
  look.sources.reserve(look.all.sources.size());
  for (const auto& source : look.all.sources) {
    auto& of = look.sources.emplace_back(&series_.at(source.series).row, source.counts, Answer{});
    look_at_source(view, *of.row, window, of.basis);
  }
  if (view.view.by_session()) {
    // It is proved when nobody can make it longer, who joins it later neither.
    const auto end = window.end + view.view.window.gap;
    const bool sealed = proved_to(slot, window.start, false) >= end;
    const bool waived = !sealed && proved_to(slot, window.start, true) >= end;
    for (auto& s : look.sources) {
      s.basis.sealed = sealed;
      s.basis.waived = waived;
    }
  }
  for (const auto& s : look.sources) {
    if (!s.basis.waived) continue;
    const auto* word = word_for(s.row->source, view, window);
    if (word != nullptr) look.waived.push_back(waived_of(*word));
  }
  if (!view.joins.empty()) look_at_pairs(view, slot, window, look);
  return look;
}

PartialAnswer Emitter::partial_of(const ViewState& view, std::span<const Member> members,
                                  const Span& window) {
  PartialAnswer partial;
  partial.notes = MemberNotes(view.needed);
  std::unordered_map<store::SourceId, std::size_t> at;
  std::set<store::SourceId> counted;
  for (const auto& m : members) {
    const auto share = share_of(view, m, window);
    if (!share) continue;
    ++parts_read_;
    const auto& series = series_.at(m.series);
    const auto& row = series.row;
    const auto& said = row.description;
    window::Summary sum(said.type, window::Parts::of(view.needed, said.type));
    auto counts = look_at_panes(series, *share, sum);
    partial.notes.add(series.name, said, sum, store_.ordered().of(row.id, said), share->start,
                      share->end);
    partial.sum.add(sum, said, m.inputs);
    const auto from = counted_from(share->start, row.widest_sum);
    for (const auto source : row.sources()) {
      if (!counted.insert(source).second) continue;
      counts.manifest += store_.manifests().sum(source, from, share->end);
    }
    const auto [known, added] = at.try_emplace(row.source, partial.sources.size());
    if (added) {
      partial.sources.push_back({row.id, said.source, said.poll_class, counts});
    } else {
      partial.sources[known->second].counts.add_series(counts);
    }
  }
  return partial;
}

std::optional<PartialAnswer> Emitter::kept_partial(const PartialRows::Row& row) const {
  if (row.stale) return std::nullopt;
  auto partial = PartialAnswer::decode(row.state);
  if (!partial) return std::nullopt;
  for (const auto& source : partial->sources) {
    const auto series = series_.find(source.series);
    if (series == series_.end()) return std::nullopt;
    const auto& said = series->second.row.description;
    if (said.source != source.name || said.poll_class != source.poll_class) return std::nullopt;
  }
  return std::move(partial).value();
}

void Emitter::keep_partial(SlotId id, EventTime start, store::EdgeId edge,
                           const PartialRows::Row* before, const PartialAnswer& partial) {
  auto& slot = slots_[id];
  const auto view = views_[slot.view].id;
  PartialRows::Row row{edge, before != nullptr ? before->revision + 1 : 1, false, {}};
  ByteWriter out(row.state);
  partial.encode(out);
  if (before != nullptr && before->state == row.state) {
    partials_.confirm(view, slot.subject, start, edge);
  } else {
    partials_.replace(view, slot.subject, start, row);
  }
  slot.newest_partial = std::max(slot.newest_partial, start);
}

void Emitter::spoil(SlotId id, store::EdgeId edge, EventTime from, EventTime to) {
  const auto& slot = slots_[id];
  if (from > slot.newest_partial) return;
  partials_.spoil(views_[slot.view].id, slot.subject, edge, from, to);
}

void Emitter::spoil_changed() {
  std::vector<Spoilt> all;
  for (const auto& change : store_.changes().take()) {
    if (!change.of_source) {
      const auto series = series_.find(change.id);
      if (series != series_.end()) {
        note_spoilt(series->second, change.from, change.to, true, all);
      }
      continue;
    }
    const auto of_source = by_source_.find(change.id);
    if (of_source == by_source_.end()) continue;
    for (const auto series : of_source->second) {
      note_spoilt(series_.at(series), change.from, change.to, false, all);
    }
  }
  std::sort(all.begin(), all.end());
  for (std::size_t i = 0; i < all.size();) {
    auto stretch = all[i];
    for (++i; i < all.size() && all[i].slot == stretch.slot && all[i].edge == stretch.edge &&
              all[i].from <= stretch.to; ++i) {
      stretch.to = std::max(stretch.to, all[i].to);
    }
    spoil(stretch.slot, stretch.edge, stretch.from, stretch.to);
  }
}

// Something of [from, to) of the series changed. Sums that are counted there may reach into later
// windows, and what depends on the order of time begins with the last value before it.
void Emitter::note_spoilt(const SeriesState& series, EventTime from, EventTime to, bool panes,
                          std::vector<Spoilt>& all) {
  const auto& row = series.row;
  for (const auto id : series.slots) {
    const auto& slot = slots_[id];
    if (slot.newest_partial == kEventTimeMin) continue;
    const auto& view = views_[slot.view];
    const auto first = from == kEventTimeMin ? from : view.grid.first(from);
    if (first > slot.newest_partial) continue;
    all.push_back({id, row.edge, first, later(to, row.widest_sum)});
    if (!panes || to > slot.newest_partial || !ordered(slot, row.id)) continue;
    const Nanoseconds hold(store_.ordered().of(row.id, row.description).max_hold);
    all.push_back({id, row.edge, to, later(to, hold)});
    const auto next = store_.panes().after(row.id, to - Nanoseconds(1));
    if (!next) continue;
    const auto width = reconcile::width_of(row.widest_sum > Nanoseconds{} ? reconcile::Tier::day
                                                                          : view.view.kept_as());
    const auto pane = floor_to(*next, width);
    all.push_back({id, row.edge, view.grid.first(pane), pane + width});
  }
}

void Emitter::note_row(const store::SeriesRow& before, const store::SeriesRow& now) {
  auto& changes = store_.changes();
  if (before.description != now.description || before.widest_sum != now.widest_sum ||
      before.source != now.source || before.earlier != now.earlier) {
    changes.of_series(now.id, kEventTimeMin, kEventTimeMax);
    return;
  }
  const auto& [from, until] = now.thinned;
  if (from < before.thinned.from) {
    changes.of_series(now.id, event_time(from), event_time(std::min(before.thinned.from, until)));
  }
  if (until > before.thinned.until) {
    changes.of_series(now.id, event_time(std::max(before.thinned.until, from)), event_time(until));
  }
}

}  // namespace tidemark::answers
