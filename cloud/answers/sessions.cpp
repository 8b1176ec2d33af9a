// Windows that begin and end with what is measured: a session is a run of panes with readings that
// no gap of the view divides. Late readings make sessions longer and join them; of those that are
// joined the first survives, and the others are withdrawn by its name (semantics E19). One that
// goes on for longer than its panes are kept is frozen as it stands; what follows is another.
#include <fmt/format.h>

#include <algorithm>

#include "cloud/answers/emitter.h"

namespace tidemark::answers {
namespace {

// Panes that are looked for at once.
constexpr std::int64_t kPanesAtOnce = 64;
constexpr std::size_t kPanesMax = 100'000;
// A session reaches at most so far from the pane that it was found by; what is behind is another.
constexpr Nanoseconds kReachMax = std::chrono::hours(24 * 31);

}  // namespace

// The end of the last pane that follows, or the start of the first that goes before, without a gap.
EventTime Emitter::reach(const Slot& slot, EventTime from, bool forward) {
  const auto& view = views_[slot.view].view;
  const auto width = reconcile::width_of(view.finest());
  const auto step = std::max(width * kPanesAtOnce, view.window.gap * 2);
  const auto end = forward ? from + kReachMax : from - kReachMax;
  for (auto edge = from; forward ? edge < end : edge > end;) {
    const auto low = forward ? edge : edge - step;
    std::vector<EventTime> panes;
    for (const auto& m : slot.members) {
      const auto begin = std::max(low, m.since);
      const auto until = std::min(low + step, m.until);
      if (begin >= until) continue;
      for (const auto t : store_.panes().starts(m.series, view.finest(), begin, until, kPanesMax)) {
        panes.push_back(floor_to(t, width));
      }
    }
    std::sort(panes.begin(), panes.end());
    if (!forward) std::reverse(panes.begin(), panes.end());
    const auto before = edge;
    for (const auto t : panes) {
      const auto away = forward ? t - edge : edge - (t + width);
      if (away >= view.window.gap) break;
      edge = forward ? std::max(edge, t + width) : std::min(edge, t);
    }
    if (edge == before) return edge;
    from = edge;
  }
  return from;
}

std::optional<Emitter::Span> Emitter::session_at(const Slot& slot, EventTime pane) {
  const auto width = reconcile::width_of(views_[slot.view].view.finest());
  const auto there = next_pane(slot, pane, pane + width);
  if (!there) return std::nullopt;
  Span session{reach(slot, pane, false), reach(slot, pane + width, true)};
  // What it began with may have merged into wider panes: then its answer knows when it began.
  const auto gap = views_[slot.view].view.window.gap;
  if (session.start - gap >= frozen_before(slot)) return session;
  std::optional<EventTime> known;
  last_answered_.start(views_[slot.view].id, slot.subject, count_ns(session.start));
  if (last_answered_.next()) known = event_time(last_answered_.integer(0));
  last_answered_.rewind();
  if (!known) return session;
  const auto before = current(views_[slot.view], slot, *known);
  const bool stands = before && before->state != State::withdrawn;
  if (!stands || before->end + gap <= session.start) return session;
  const bool frozen = before->state == State::frozen;
  session.start = frozen ? std::max(session.start, before->end) : *known;
  return session;
}

bool Emitter::emit_session(SlotId id, EventTime pane, Cause cause, EventTime wall) {
  const auto session = session_at(slots_[id], pane);
  return session && emit_session(id, *session, cause, wall);
}

bool Emitter::emit_session(SlotId id, const Span& session, Cause cause, EventTime wall) {
  auto& slot = slots_[id];
  // One look is enough for all of it.
  auto pending = slot.pending.lower_bound(session.start);
  while (pending != slot.pending.end() && pending->first < session.end) {
    if (cause == Cause::none) cause = pending->second.cause;
    forget_due(slot, pending->first, pending->second.cause);
    pending = slot.pending.erase(pending);
  }
  std::vector<EventTime> absorbed;
  answered_.start(views_[slot.view].id, slot.subject, count_ns(session.start),
                  count_ns(session.end));
  while (answered_.next()) absorbed.push_back(event_time(answered_.integer(0)));
  for (const auto start : absorbed) withdraw(id, start, session.start, cause, wall);
  return emit_span(id, session, cause, wall, current(views_[slot.view], slot, session.start));
}

void Emitter::withdraw(SlotId id, EventTime session, EventTime survivor, Cause cause,
                       EventTime wall) {
  const auto& slot = slots_[id];
  const bool waits = holds_published_ && published_.has(
                                             window_of(views_[slot.view], slot.subject, session));
  if (waits) return;
  const auto before = current(views_[slot.view], slot, session);
  if (!before || before->state == State::withdrawn) return;
  Answer gone = *before;
  follow(gone, cause, before);
  gone.start = session;
  gone.state = State::withdrawn;
  for (auto& [name, value] : gone.values) value.reset();
  gone.texts.clear();
  gone.missing.clear();
  gone.lost = 0;
  gone.notes = {fmt::format("part of the session that starts at {}", format_utc(survivor))};
  write(slot, gone, wall);
}

// A session is sealed when the gap behind it is: nothing that is still to come belongs to it.
std::size_t Emitter::seal_sessions(SlotId id, EventTime wall, std::size_t budget) {
  auto& slot = slots_[id];
  const auto& view = views_[slot.view];
  const auto width = reconcile::width_of(view.view.finest());
  slot.queued = false;
  auto before = slot.sealed_to;
  if (!slot.begun()) {
    const auto first = first_window(slot);
    if (!first) return 0;
    before = *first;
  }
  const auto frontier = proved_to(slot, before, true);
  if (frontier == kEventTimeMin) return 0;
  const auto proved = view.grid.floor(frontier) - view.view.window.gap;
  if (!slot.begun()) {
    // Until something is proved, what comes before the first is no news of what was sealed.
    if (before >= proved) return 0;
    slot.begins = slot.sealed_to = before;
  }
  std::size_t done = 0;
  while (slot.sealed_to < proved) {
    if (done >= budget) {
      slot.queued = true;
      break;
    }
    const auto next = next_pane(slot, slot.sealed_to, proved);
    if (!next) {
      slot.sealed_to = proved;
      break;
    }
    const auto pane = view.grid.floor(*next);
    const auto session = session_at(slot, pane);
    if (session && session->end > proved) break;  // it may go on
    if (session && !pairs_ready(id, *session, done)) {
      slot.queued = true;
      break;
    }
    slot.sealed_to = std::max(slot.sealed_to, session ? session->end : pane + width);
    if (session) emit_session(id, *session, Cause::none, wall);
    done += cost();
  }
  if (slot.sealed_to != before) {
    save_slot_.run(view.id, slot.subject, count_ns(slot.begins), count_ns(slot.sealed_to));
  }
  return done;
}

}  // namespace tidemark::answers
