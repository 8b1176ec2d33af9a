// What the series of this partition have of the groups of views, written down to be said to whoever
// puts the groups together (second_stage.h).
//
// A share is looked at when a window of a whole group would be: early, at the seal, at most once in
// a revision_interval afterwards; and written, under a new position, when something that an answer
// depends on has changed. The reach of the group comes behind the shares that it speaks of. What
// was written by an earlier run, perhaps of another node, is written again when it is looked at:
// others may have heard something else since.
#include <algorithm>
#include <set>

#include "cloud/answers/emitter.h"

namespace tidemark::answers {
namespace {

constexpr std::size_t kShareBytesMax = 1 << 20;
// Where the reach of a group is written, which no window has.
constexpr EventTime kOfNoWindow = kEventTimeMax;

}  // namespace

std::optional<Emitter::Said> Emitter::said(const ViewState& view, const Slot& slot,
                                           EventTime start) {
  std::optional<Said> found;
  if (said_.start(view.id, slot.subject, count_ns(start)).next()) {
    const auto partial = SaidPartial::decode(said_.blob(1));
    TIDE_CHECK(partial.ok(), "a partial answer in cloud.db decodes");
    auto share = GroupShare::decode(partial->state, start, view.grid.end(start));
    TIDE_CHECK(share.ok(), "a share in cloud.db decodes");
    found.emplace(Said{std::move(share).value(), said_.count(0)});
  }
  said_.rewind();
  return found;
}

void Emitter::say(const ViewState& view, Subject subject, EventTime start,
                  const SaidPartial& partial, EventTime wall) {
  ++position_;
  add_history_.run(position_, view.id, subject, count_ns(start), count_ns(wall), partial.encode());
}

GroupShare Emitter::share_of(const Slot& slot, GroupLook look, EventTime window) {
  GroupShare share;
  share.known = GroupJudge(window, views_[slot.view].grid.end(window));
  for (auto& s : look.sources) s.alone = share.known.add(s.basis);
  share.members = static_cast<std::uint64_t>(
      std::ranges::count_if(slot.members, [&](const Member& m) { return m.holds(window); }));
  share.refused = slot.refused.size();
  share.missing = missing_of(look);
  std::ranges::stable_sort(share.missing, {}, &Missing::source);
  if (share.missing.size() > GroupJudge::kMissingMax) {
    share.more_missing = share.missing.size() - GroupJudge::kMissingMax;
    share.missing.resize(GroupJudge::kMissingMax);
  }
  share.sum = std::move(look.all.sum);
  share.notes = std::move(look.all.notes);
  share.waived = std::move(look.waived);
  return share;
}

bool Emitter::say_share(SlotId id, EventTime start, Cause cause, EventTime wall) {
  const auto& slot = slots_[id];
  const auto& view = views_[slot.view];
  const auto before = said(view, slot, start);
  const bool stands = before && before->share.known.done();
  const bool maybe_frozen = before && start < frozen_before(slot);
  if (maybe_frozen && stands && cause != Cause::operated && frozen(slot, start)) return true;
  auto look = look_at_group(id, {start, view.grid.end(start)});
  const bool doubtful = std::ranges::any_of(
      look.sources, [](const SourceLook& s) { return s.basis.unplaced > 0; });
  GroupShare share;
  if (maybe_frozen && doubtful) {
    if (stands) return true;
    share = before->share;
    share.frozen = true;
  } else {
    share = share_of(slot, std::move(look), start);
  }
  const bool any = share.any();
  note_proof(id, start, share.known.done(), cause);
  const auto dropped = [](const GroupShare& s) {
    return std::ranges::count_if(s.missing, is_dropped);
  };
  const bool heard = before && before->position > opened_at_ && cause != Cause::operated;
  if (heard && dropped(before->share) == dropped(share) &&
      before->share.figures() == share.figures()) {
    return any;
  }
  share.cause = cause;
  SaidPartial partial{PartialRecord::Kind::share, groups_.key(slot.subject).encode(),
                      share.encode()};
  if (partial.state.size() > kShareBytesMax) {
    GroupShare refused;
    refused.refused = share.members + share.refused;
    refused.cause = cause;
    partial.state = refused.encode();
  }
  if (!slot.told_reach || !slot.told_reach->holds(start)) {
    auto reach = reach_of(id);
    reach.said_to = slot.told_reach ? slot.told_reach->said_to : kEventTimeMin;
    say_reach(id, std::move(reach), wall);
    stir(id);
  }
  if (before && before->position <= said_to_) drop_said_.run(before->position);
  say(view, slot.subject, start, partial, wall);
  save_answer_.run(view.id, slot.subject, count_ns(start), position_);
  return any;
}

void Emitter::stir(SlotId id) {
  auto& slot = slots_[id];
  if (views_[slot.view].role != Role::share || std::exchange(slot.stirred, true)) return;
  stirred_.push_back(id);
}

GroupReach Emitter::reach_of(SlotId id) {
  auto& slot = slots_[id];
  const auto& grid = views_[slot.view].grid;
  GroupReach reach;
  std::set<store::SourceId> seen;
  std::set<std::string> sources;
  for (const auto& m : slot.members) {
    if (m.since >= m.until) continue;
    reach.spans.push_back({m.since, m.until});
    const auto& series = series_.at(m.series);
    if (m.until != kEventTimeMax || !seen.insert(series.row.source).second) continue;
    sources.insert(series.name.substr(0, series.name.find('/') + 1) +
                   series.row.description.source);
    if (sources.size() > GroupReach::kNamedMax) sources.erase(std::prev(sources.end()));
  }
  std::ranges::sort(reach.spans, {}, &GroupReach::Span::since);
  std::size_t kept = 0;
  for (std::size_t i = 1; i < reach.spans.size(); ++i) {
    if (reach.spans[i].since <= reach.spans[kept].until) {
      reach.spans[kept].until = std::max(reach.spans[kept].until, reach.spans[i].until);
    } else {
      reach.spans[++kept] = reach.spans[i];
    }
  }
  if (!reach.spans.empty()) reach.spans.resize(kept + 1);
  reach.sources.assign(sources.begin(), sources.end());
  if (slot.begun()) {
    reach.said_to = slot.sealed_to;
  } else {
    const auto proved = proved_to(slot, kEventTimeMin, true);
    const bool known = proved != kEventTimeMin && proved != kEventTimeMax;
    reach.said_to = known ? grid.first(proved) : kEventTimeMin;
    // From its first counts on it may only not have had its turn.
    if (const auto first = first_window(slot, true)) {
      reach.said_to = std::min(reach.said_to, *first);
    }
  }
  if (!reach.holds(slot.opens)) slot.opens = kEventTimeMax;
  if (!std::exchange(slot.opens_known, true) || slot.opens == kEventTimeMax) {
    slot.opens = std::min(slot.opens, first_window(slot, false).value_or(kEventTimeMax));
  }
  reach.first = slot.opens;
  return reach;
}

void Emitter::say_reach(SlotId id, GroupReach reach, EventTime wall) {
  auto& slot = slots_[id];
  const auto state = reach.encode();
  if (slot.told_reach && slot.told_reach->encode() == state) return;
  say(views_[slot.view], slot.subject, kOfNoWindow,
      {PartialRecord::Kind::reach, groups_.key(slot.subject).encode(), state}, wall);
  slot.told_reach = std::move(reach);
}

void Emitter::say_reaches(EventTime wall) {
  for (const auto id : std::exchange(stirred_, {})) {
    slots_[id].stirred = false;
    say_reach(id, reach_of(id), wall);
  }
}

}  // namespace tidemark::answers
