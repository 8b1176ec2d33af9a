// Sealed windows that are looked at anew: a minute of their source has news, or a person had their
// panes made anew; and what an answer says of the one before it.
#include "cloud/answers/emitter.h"

namespace tidemark::answers {
namespace {
constexpr std::string_view kPrunedTo = "pruned_to";
constexpr std::string_view kKnownFrom = "known_from";
constexpr std::string_view kSaidPrunedTo = "said_pruned_to";
}  // namespace

void Emitter::follow(Answer& a, Cause cause, const std::optional<Answer>& before) {
  if (!before) return;
  a.revision = before->revision + 1;
  a.previous = before->values;
  if (!proved(before->state)) return;
  // A person may take back that it need not wait.
  if (proved(a.state)) a.state = State::revised;
  a.cause = to_string(cause == Cause::none ? Cause::late : cause);
}

Answer Emitter::frozen_answer(const Answer& before, EventTime start) {
  Answer a = before;
  a.start = start;
  a.revision = before.revision + 1;
  a.previous = before.values;
  a.state = State::frozen;
  a.completeness.reset();  // what has come since is counted, and not in it
  a.estimated = true;
  a.missing.clear();
  a.notes.emplace_back("frozen before all of it came: readings of this time have merged into wider "
                       "panes, ask for wider windows");
  return a;
}

void Emitter::touch_minute(store::SourceId source, EventTime minute, Cause cause,
                           SteadyTime now) {
  if (!by_source_.contains(source)) return;
  late_.add(source, minute, cause,
            now + std::chrono::duration_cast<SteadyTime::duration>(late_wait_));
}

void Emitter::reopen(store::SeriesId series, EventTime from, EventTime to, SteadyTime now) {
  for (const auto id : series_.at(series).slots) {
    const auto& slot = slots_[id];
    touch_pairs(id, series, from, to, Cause::operated, now);
    if (!slot.begun()) continue;
    const auto& grid = views_[slot.view].grid;
    for (auto w = grid.first(from); w < to && w < slot.sealed_to; w = grid.next(w)) {
      // Of what is frozen there are panes of a day: nothing finer can be exact.
      const bool wide = grid.end(w) - w >= reconcile::width_of(reconcile::Tier::day);
      if (!wide && frozen(slot, w)) continue;
      // Before the first window only what there is something of: the others between follow it.
      const auto any = [&] {
        return !store_.panes().starts(series, reconcile::Tier::day, w, grid.end(w), 1).empty();
      };
      if (w >= slot.begins || any()) pend(id, w, Cause::operated, now);
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
    } else if (turn->minute == turn->minutes.size() ||
               !slots_[slots[turn->slot]].speaks(turn->source, all[turn->series])) {
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
  auto w = grid.first(minute);
  const auto reach = kMinute + views_[slot.view].reach;
  if (views_[slot.view].view.by_session()) {
    // Also one that has no reading in this minute and goes on over it.
    w = minute + reach;
    pend_sealed(id, std::max(slot.begins, minute), std::min(slot.sealed_to, w), cause, now);
    done += cost();
  }
  // What is said to others begins with the first counts.
  const bool counts = views_[slot.view].role == Role::share;
  if (counts && !slot.begun()) queue_seal(id);
  for (; w < minute + reach; w = grid.next(w), done += cost()) {
    const bool sealed = slot.begun() && (counts || w >= slot.begins) && w < slot.sealed_to;
    // What is pending is looked at when it is due.
    if (sealed && !slot.pending.contains(w) && !frozen(slot, w)) {
      revise(id, w, cause, now, wall);
    }
  }
  // A window of hours needs one look for all of its minutes.
  while (turn.minute < turn.minutes.size() && turn.minutes[turn.minute].first + reach <= w) {
    ++turn.minute;
  }
  return done;
}

void Emitter::revise(SlotId id, EventTime start, Cause cause, SteadyTime now, EventTime wall) {
  const auto& view = views_[slots_[id].view];
  const bool said = view.role == Role::share;  // to others, as they come together
  if (slots_[id].left || view.view.by_session() || !view.joins.empty() || said) {
    return pend(id, start, cause, now);
  }
  const auto before = current(view, slots_[id], start);
  if (before && before->known_at + view.view.emit.revision_interval > wall) {
    pend(id, start, cause, now);
  } else {
    emit_window(id, start, cause, wall, before);
  }
}

void Emitter::prune(EventTime known_before, std::size_t limit) {
  log_.forget(known_before, limit);
  // What was said goes once it is superseded: then, or here if it was not said by then.
  prune_said_.run(store_.small().meta(kSaidPrunedTo), said_to_, position_);
  store_.small().set_meta(kSaidPrunedTo, said_to_);
  published_.forget(known_before, limit);
  // Answers become known in the order of their positions, so that each is looked at once: what it
  // superseded was last what is known then.
  const auto from = store_.small().meta(kPrunedTo);
  prune_end_.start(from, count_ns(known_before), limit);
  const auto to = prune_end_.next() ? prune_end_.count(0) : 0;
  prune_end_.rewind();
  if (to <= from) return;
  prune_.run(from, to);
  store_.small().set_meta(kPrunedTo, to);
  store_.small().set_meta(kKnownFrom, static_cast<std::uint64_t>(count_ns(known_before)));
}

void Emitter::forget(store::SeriesId id, const KeptFrom& kept_from, SteadyTime now) {
  const auto& series = series_.at(id);
  const auto slots = series.slots;  // a group that goes is taken from those of its members
  for (const auto slot : slots) {
    if (slots_[slot].is_group()) {
      if (slots_[slot].members.front().series == id) forget_of_group(slot, kept_from, now);
      continue;
    }
    const auto end = kept_from(views_[slots_[slot].view].view, frontier_of(series.row.source));
    if (end == kEventTimeMin) continue;
    forget_answers(views_[slots_[slot].view].id, slots_[slot].subject, kEventTimeMin, end);
  }
}

void Emitter::forget_answers(std::int64_t view, Subject subject, EventTime from, EventTime to) {
  forget_history_.run(view, subject, count_ns(from), count_ns(to));
  forget_answers_.run(view, subject, count_ns(from), count_ns(to));
  forget_due_.run(view, subject, count_ns(from), count_ns(to));
  pairs_.remove(view, subject, from, to);
  partials_.remove(view, subject, from, to);
}

}  // namespace tidemark::answers
