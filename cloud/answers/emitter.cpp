#include "cloud/answers/emitter.h"

#include <algorithm>
#include <bit>
#include <tuple>

#include "cloud/answers/body.h"
#include "cloud/answers/judge.h"
#include "common/base/text.h"

namespace tidemark::answers {
namespace {

// Of one series of one view, before the next one's turn: who was silent for a week has thousands.
constexpr std::size_t kWindowsATurn = 32;

// Bits, not values: an answer with another NaN or zero is another answer.
bool same(const std::map<std::string, std::optional<double>>& a,
          const std::map<std::string, std::optional<double>>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.first == y.first && x.second.has_value() == y.second.has_value() &&
           (!x.second || std::bit_cast<std::uint64_t>(*x.second) ==
                             std::bit_cast<std::uint64_t>(*y.second));
  });
}

std::ptrdiff_t dropped(const Answer& a) { return std::ranges::count_if(a.missing, is_dropped); }

bool unchanged(const Answer& a, const Answer& b) {
  return proved(a.state) == proved(b.state) && a.unit == b.unit &&
         a.completeness == b.completeness &&
         a.coverage == b.coverage && a.estimated == b.estimated && a.lost == b.lost &&
         a.approximate == b.approximate && a.texts == b.texts && a.notes == b.notes &&
         a.waived == b.waived && a.end == b.end && same(a.values, b.values);
}

}  // namespace

Emitter::Emitter(store::Store& store, std::vector<View> views,
                 const reconcile::Horizons& horizons, NameMissing name_missing, Off off,
                 GaveUp gave_up, ReadRaw read_raw, std::uint32_t partitions)
    : store_(store),
      horizons_(horizons),
      name_missing_(std::move(name_missing)),
      off_(std::move(off)),
      gave_up_(std::move(gave_up)),
      read_raw_(std::move(read_raw)),
      partitions_(partitions),
      log_(store.database()),
      late_(store.database()),
      due_stretches_(store.database()),
      groups_(store.database()),
      pairs_(store.database()),
      partials_(store.database()),
      published_(store.database()),
      slot_rows_(store.database()) {
  auto& db = store.database();
  select_views_ = {db, "SELECT id,current FROM views WHERE name=? AND definition=?"};
  add_view_ = {db, "INSERT INTO views(name,definition,current) VALUES(?,?,1)"};
  retire_views_ = {db, "UPDATE views SET current=0 WHERE name=? AND id<>?"};
  save_slot_ = {db, "INSERT INTO slots VALUES(?,?,?,?) ON CONFLICT DO UPDATE"
                    " SET begins=excluded.begins, sealed_to=excluded.sealed_to"};
  answered_ = {db, "SELECT start FROM answers WHERE view=? AND series=? AND start>? AND start<?"};
  next_answered_ = {db, "SELECT start FROM answers WHERE view=? AND series=? AND start>=?"
                        " AND start<? ORDER BY start LIMIT 1"};
  last_answered_ = {db, "SELECT start FROM answers WHERE view=? AND series=? AND start<?"
                        " ORDER BY start DESC LIMIT 1"};
  current_ = {db, "SELECT h.body,h.known_at,h.position FROM answers a JOIN history h"
                  " ON h.position=a.position WHERE a.view=? AND a.series=? AND a.start=?"};
  add_history_ = {db, "INSERT INTO history VALUES(?,?,?,?,?,?)"};
  adopt_history_ = {db, "INSERT OR REPLACE INTO history VALUES(?,?,?,?,?,?)"};
  at_position_ = {db, "SELECT view,series,start FROM history WHERE position=?"};
  move_history_ = {db, "UPDATE history SET position=? WHERE position=?"};
  move_answer_ = {db, "UPDATE answers SET position=? WHERE view=? AND series=? AND start=?"
                      " AND position=?"};
  save_answer_ = {db, "INSERT INTO answers VALUES(?,?,?,?)"
                      " ON CONFLICT DO UPDATE SET position=excluded.position"};
  add_due_ = {db, "INSERT OR REPLACE INTO revisions_due VALUES(?,?,?,?)"};
  remove_due_ = {db, "DELETE FROM revisions_due WHERE view=? AND series=? AND start=?"};
  position_of_ = {db, "SELECT MAX(position) FROM history"};
  prune_end_ = {db, "SELECT MAX(position) FROM (SELECT position FROM history WHERE position>?"
                    " AND known_at<? ORDER BY position LIMIT ?)"};
  prune_ = {db, "DELETE FROM history WHERE position IN (SELECT before.position FROM history h"
                " JOIN history before ON before.view=h.view AND before.series=h.series"
                " AND before.start=h.start AND before.position<h.position"
                " WHERE h.position>? AND h.position<=?)"};
  forget_history_ = {db, "DELETE FROM history WHERE view=? AND series=? AND start>=? AND start<?"};
  forget_answers_ = {db, "DELETE FROM answers WHERE view=? AND series=? AND start>=? AND start<?"};
  forget_answer_ = {db, "DELETE FROM answers WHERE view=? AND series=? AND start=?"};
  forget_slot_ = {db, "DELETE FROM slots WHERE view=? AND series=?"};
  forget_due_ = {db, "DELETE FROM revisions_due WHERE view=? AND series=? AND start>=?"
                     " AND start<?"};
  prepare_second_stage();
  views_.reserve(2 * views.size());
  for (auto& v : views) {
    ViewState state;
    state.view = std::move(v);
    state.grid = state.view.grid();
    state.formulas = state.view.formulas();
    state.needed = state.view.needed();
    state.joins = state.view.parsed_joins();
    for (const auto& join : state.joins) state.reach = std::max(state.reach, join.within);
    const auto interval = state.view.emit.revision_interval;
    late_wait_ = views_.empty() ? interval : std::min(late_wait_, interval);
    if (partitions > 0 && state.view.over_partitions()) {
      state.role = Role::merged;
      views_.push_back(state);
      state.role = Role::share;
    }
    views_.push_back(std::move(state));
  }
  store.changes().watch(std::any_of(views_.begin(), views_.end(), [](const ViewState& v) {
    return v.view.emitted() && !v.view.by_series() && !v.view.by_session();
  }));
}

Result<> Emitter::load(EventTime wall) {
  bool was_in_force = false;
  for (auto& v : views_) {
    if (v.role == Role::share) {  // behind the other side of its view
      v.id = -(&v - 1)->id;
      if (!was_in_force) partials_.remove(v.id);
      continue;
    }
    const auto definition = v.view.definition();
    v.hash = hash_of_definition(definition);
    was_in_force = false;
    if (select_views_.start(v.view.name, definition).next()) {
      v.id = select_views_.integer(0);
      was_in_force = select_views_.integer(1) != 0;
      select_views_.rewind();
      if (!was_in_force && v.role == Role::whole) {  // nobody watched what they are made of
        partials_.remove(v.id);
        pairs_.touch(v.id);
      }
    } else {
      add_view_.run(v.view.name, definition);
      v.id = store_.database().last_row_id();
    }
    retire_views_.run(v.view.name, v.id);
  }
  for (const auto& [view, group] : groups_.left()) forget_group(view, group);
  std::string ids;
  for (const auto& v : views_) ids += (ids.empty() ? "" : ",") + std::to_string(v.id);
  store_.database().run("UPDATE views SET current = id IN (" + ids + ")");
  std::vector<ViewLog::InForce> in_force;
  for (const auto& v : views_) {
    if (v.role != Role::share) in_force.push_back({v.view.name, v.id});
  }
  log_.note(in_force, wall);
  if (position_of_.start().next()) position_ = position_of_.count(0);
  position_of_.rewind();
  slot_rows_.read();
  slots_.reserve(slot_rows_.size());
  load_second_stage();
  number_behind(published_.newest());
  adopted_to_ = store_.small().meta(kAdoptedTo);
  return store_.database().fault();
}

EventTime Emitter::frontier_of(store::SourceId source) const {
  const auto it = frontiers_.find(source);
  return it == frontiers_.end() ? kEventTimeMin : it->second;
}

EventTime Emitter::frozen_before(const Slot& slot) const {
  return horizons_.floor(views_[slot.view].view.kept_as(), slot.foremost);
}

bool Emitter::frozen(const Slot& slot, EventTime window) const {
  if (window >= frozen_before(slot)) return false;
  return !slot.is_group() ||
         window < horizons_.floor(views_[slot.view].view.kept_as(), frontier_of(slot, window));
}

void Emitter::touch(store::SeriesId id, EventTime start, Nanoseconds size, std::uint64_t readings,
                    Cause cause, SteadyTime now) {
  const auto& series = series_.at(id);
  bool first = true;
  for (const auto slot : series.slots) {
    const bool left = slots_[slot].left;
    touch_pairs(slot, id, start, start + size, cause, now);
    // Its first readings come behind what is proved: no frontier may move for them.
    if (!left && !slots_[slot].begun() && frontier_of(series.row.source) > start) queue_seal(slot);
    const auto& grid = views_[slots_[slot].view].grid;
    for (auto window = grid.first(start); window <= start; window = grid.next(window)) {
      if (!slots_[slot].holds(series.row, window)) continue;
      // Folded past this view's resolution: its window is frozen.
      if (size > grid.end(window) - window) continue;
      if (window < slots_[slot].opens && views_[slots_[slot].view].role == Role::share) {
        slots_[slot].opens = window;
        stir(slot);
      }
      if (first && !left && slots_[slot].begun() && window < slots_[slot].sealed_to) {
        store_.late().add(id, window, "pane", readings);
      }
      first = false;
      pend(slot, window, cause, now);
    }
  }
}

void Emitter::pend(SlotId id, EventTime start, Cause cause, SteadyTime now) {
  auto& slot = slots_[id];
  auto& view = views_[slot.view];
  const bool was_sealed = slot.begun() && start < slot.sealed_to;
  if (slot.left) {  // for when it comes back
    const auto why = cause == Cause::none ? Cause::late : cause;
    if (was_sealed) due_rows_.push_back({slot.view, slot.subject, start, why});
    return;
  }
  if (was_sealed && cause != Cause::operated && frozen(slot, start)) return;
  if (was_sealed && start < slot.begins) extend_back(id, start, cause, now);
  const bool early = view.view.emit.early > Nanoseconds{};
  if (!was_sealed) note_near(id);
  if (!was_sealed && !early && view.view.emit.complete == 0) return;
  if (slot.pending.knows(start)) return;
  if (!was_sealed && slot.pending.size() >= kEarlyMax) return;
  const auto [it, added] = slot.pending.try_emplace(start);
  if (!added) return;
  if (!was_sealed && !early) {
    it->second.due = SteadyTime::max();
    return;
  }
  const auto wait = was_sealed ? view.view.emit.revision_interval : view.view.emit.early;
  it->second.due = now + std::chrono::duration_cast<SteadyTime::duration>(wait);
  if (was_sealed) {
    it->second.cause = cause == Cause::none ? Cause::late : cause;
    view.revisions.push_back({it->second.due, id, start});
  } else {
    view.early.push_back({it->second.due, id, start});
  }
  // Of a series, what was not sealed is found by its panes.
  if (was_sealed || slot.is_group()) {
    due_rows_.push_back({slot.view, slot.subject, start, it->second.cause});
  }
}

void Emitter::note_near(SlotId id) {
  if (views_[slots_[id].view].view.emit.complete == 0 || slots_[id].near) return;
  slots_[id].near = true;
  near_.push_back(id);
}

void Emitter::stated(store::SourceId source, EventTime sealed_until) {
  auto& known = stated_.try_emplace(source, kEventTimeMin).first->second;
  known = std::max(known, sealed_until);
  const auto it = by_source_.find(source);
  if (it == by_source_.end()) return;
  for (const auto id : it->second) {
    for (const auto slot : series_.at(id).slots) note_near(slot);
  }
}

std::size_t Emitter::answer_near(SlotId id, EventTime wall) {
  auto& slot = slots_[id];
  const auto& view = views_[slot.view];
  slot.near = false;
  std::size_t done = 0;
  for (auto it = slot.pending.lower_bound(slot.sealed_to); it != slot.pending.end();) {
    const auto start = it->first;
    const auto end = view.grid.end(start);
    if (end > stated_of(slot, start)) break;
    ++it;
    if (slot.told.contains(start)) continue;
    std::uint64_t sent = 0, here = 0;
    bool unknown = false;
    for (const auto& counts : counts_of(slot, start, end)) {
      sent += counts.all();
      here += counts.received;
      unknown = unknown || counts.dropped.unknown();
    }
    const auto wanted = view.view.emit.complete * static_cast<double>(sent);
    if (sent == 0 || unknown || static_cast<double>(here) < wanted) continue;
    forget_due(slot, start, Cause::none);
    slot.pending.erase(start);
    slot.told.insert(start);
    if (slot.told.size() > kEarlyMax) slot.told.erase(slot.told.begin());  // it may be told again
    emit_window(id, start, Cause::none, wall);
    ++done;
  }
  return done;
}

// A reading older than the first window that was sealed: the windows between are answered as well.
void Emitter::extend_back(SlotId id, EventTime start, Cause cause, SteadyTime now) {
  const auto& grid = views_[slots_[id].view].grid;
  const auto old = std::exchange(slots_[id].begins, start);
  save_slot_.run(views_[slots_[id].view].id, slots_[id].subject, count_ns(start),
                 count_ns(slots_[id].sealed_to));
  if (views_[slots_[id].view].view.by_session()) return;  // between them is nothing
  auto w = grid.next(start);
  for (std::size_t n = 0; n < kSilentWindowsMax && w < old && extended_ < kExtendedMax; ++n) {
    pend(id, w, cause, now);
    w = grid.next(w);
    ++extended_;
  }
}

void Emitter::advance(store::SourceId source, EventTime frontier, SteadyTime now) {
  auto& known = frontiers_.try_emplace(source, kEventTimeMin).first->second;
  const auto before = std::exchange(known, std::max(known, frontier));
  const auto it = by_source_.find(source);
  if (it == by_source_.end() || known == kEventTimeMin) return;
  // Who has a window or two to answer goes before who was away and has days of them.
  constexpr int kLiveWindows = 4;
  for (const auto id : it->second) {
    for (const auto id_of_slot : series_.at(id).slots) {
      auto& slot = slots_[id_of_slot];
      slot.foremost = std::max(slot.foremost, known);
      pend_proved(id_of_slot, id, source, before, now);
      pend_unproved(id_of_slot, now);
      if (slot.queued || slot.left) continue;
      slot.queued = true;
      const auto near = kLiveWindows * views_[slot.view].view.window.size;
      const bool live = slot.begun() && known - slot.sealed_to <= near;
      (live ? sealing_live_ : sealing_).push_back(id_of_slot);
    }
  }
}

SteadyTime Emitter::due() const {
  const bool now = !sealing_.empty() || !sealing_live_.empty() || !near_.empty();
  if (now || !stirred_.empty() || takes_over()) return SteadyTime::min();
  auto due = std::min(late_.due(), due_stretches_.due());
  for (const auto& v : views_) {
    if (!v.early.empty()) due = std::min(due, v.early.front().due);
    if (!v.revisions.empty()) due = std::min(due, v.revisions.front().due);
  }
  return due;
}

std::size_t Emitter::waiting() const {
  std::size_t n = 0;
  for (const auto& v : views_) n += v.early.size() + v.revisions.size();
  return n;
}

void Emitter::write_pending() {
  spoil_changed();
  for (const auto& d : due_rows_) {
    add_due_.run(views_[d.view].id, d.subject, count_ns(d.start), static_cast<int>(d.cause));
  }
  due_rows_.clear();
  late_.write();
}

std::size_t Emitter::emit(SteadyTime now, EventTime wall, std::size_t budget) {
  write_pending();
  extended_ = 0;
  auto done = take_over(now, budget / 2);
  done += seal_some(sealing_live_, wall, budget - done);
  while (!near_.empty() && done < budget) {
    const auto id = near_.front();
    near_.pop_front();
    done += 1 + answer_near(id, wall);
  }
  // A backlog of days would take all of it, and nobody would hear anything of today.
  const auto rest = done < budget ? budget - done : 0;
  done += seal_some(sealing_, wall, others_wait(now) ? rest / 2 : rest);
  const bool minutes = std::min(late_.due(), due_stretches_.due()) <= now;
  const auto left = done < budget ? budget - done : 0;
  done += emit_queues(now, wall, minutes ? left - left / 4 : left);
  if (done < budget) done += answer_late(now, wall, budget - done);
  if (done < budget) done += answer_stretches(now, wall, budget - done);
  if (done < budget) done += seal_some(sealing_, wall, budget - done);
  say_reaches(wall);
  close_groups();
  write_pending();  // what answering late minutes made pend: their rows are gone with this batch
  return done;
}

bool Emitter::others_wait(SteadyTime now) const {
  if (std::min(late_.due(), due_stretches_.due()) <= now) return true;
  return std::any_of(views_.begin(), views_.end(), [&](const ViewState& v) {
    return (!v.early.empty() && v.early.front().due <= now) ||
           (!v.revisions.empty() && v.revisions.front().due <= now);
  });
}

std::size_t Emitter::seal_some(std::deque<SlotId>& queue, EventTime wall, std::size_t budget) {
  std::size_t done = 0;
  while (!queue.empty() && done < budget) {
    const auto id = queue.front();
    queue.pop_front();
    done += 1 + seal(id, wall, std::min(budget - done, kWindowsATurn));
    if (slots_[id].queued) queue.push_back(id);
  }
  return done;
}

// Each view its share, and then what the others left.
std::size_t Emitter::emit_queues(SteadyTime now, EventTime wall, std::size_t budget) {
  std::size_t done = 0;
  const auto share = std::max<std::size_t>(1, budget / (2 * views_.size()));
  for (const auto most : {share, budget}) {
    for (std::size_t i = 0; i < views_.size(); ++i) {
      auto& v = views_[(next_view_ + i) % views_.size()];
      if (done < budget) done += emit_queue(v.early, now, wall, std::min(most, budget - done));
      if (done < budget) done += emit_queue(v.revisions, now, wall, std::min(most, budget - done));
    }
  }
  next_view_ = (next_view_ + 1) % views_.size();
  return done;
}

std::size_t Emitter::emit_queue(std::deque<Queued>& queue, SteadyTime now, EventTime wall,
                                std::size_t budget) {
  std::size_t done = 0;
  while (!queue.empty() && queue.front().due <= now && done < budget) {
    const auto item = queue.front();
    queue.pop_front();
    auto& slot = slots_[item.slot];
    const auto it = slot.pending.find(item.start);
    // Sealed in the meantime, or pending anew with a later due: that has an entry of its own.
    if (it == slot.pending.end() || it->second.due != item.due) continue;
    const Span span{item.start, views_[slot.view].grid.end(item.start)};
    if (!pairs_ready(item.slot, span, done)) {
      queue.push_front(item);
      break;
    }
    const auto cause = it->second.cause;
    slot.pending.erase(it);
    forget_due(slot, item.start, cause);
    emit_window(item.slot, item.start, cause, wall);
    done += cost();
  }
  return done;
}

void Emitter::forget_due(const Slot& slot, EventTime start, Cause cause) {
  if (cause == Cause::none && !slot.is_group()) return;
  remove_due_.run(views_[slot.view].id, slot.subject, count_ns(start));
}

std::size_t Emitter::seal(SlotId id, EventTime wall, std::size_t budget) {
  auto& slot = slots_[id];
  const auto& view = views_[slot.view];
  if (view.view.by_session()) return seal_sessions(id, wall, budget);
  const auto& grid = view.grid;
  slot.queued = false;
  stir(id);
  // What is passed over now would not be looked at again.
  if (view.role == Role::merged && !incomplete(view).empty()) return 0;
  if (!slot.begun()) {
    const auto first = first_window(slot);
    if (!first) return 0;
    const auto frontier = frontier_of(slot, *first);
    if (frontier == kEventTimeMin || frontier == kEventTimeMax) return 0;
    if (*first >= proved_windows(slot, frontier)) return 0;
    slot.begins = slot.sealed_to = *first;
  }
  std::size_t done = 0;
  const auto before = slot.sealed_to;
  for (auto target = seal_target(slot); slot.sealed_to < target; target = seal_target(slot)) {
    if (done >= budget) {
      slot.queued = true;
      break;
    }
    if (slot.silent >= kSilentWindowsMax) {  // leap to the next reading, or to the end
      const auto next = next_pane(slot, slot.sealed_to, target);
      slot.silent = 0;
      slot.sealed_to = next ? std::max(slot.sealed_to, grid.first(*next)) : target;
      continue;
    }
    const auto start = slot.sealed_to;
    if (!pairs_ready(id, {start, grid.end(start)}, done)) {
      slot.queued = true;
      break;
    }
    if (const auto waits = slot.pending.find(start); waits != slot.pending.end()) {
      forget_due(slot, start, waits->second.cause);
      slot.pending.erase(waits);
    }
    slot.told.erase(start);
    slot.sealed_to = grid.next(start);
    // Who proved it before was another, and what is here may begin in the middle of it.
    const auto theirs = start == slot.begins && view.role != Role::share
                            ? current(view, slot, start) : std::nullopt;
    const bool stays = theirs && adopted(*theirs) && others_know_better(id, *theirs);
    slot.silent = stays || emit_window(id, start, Cause::none, wall) ? 0 : slot.silent + 1;
    done += cost();
  }
  if (slot.sealed_to != before) {
    save_slot_.run(view.id, slot.subject, count_ns(slot.begins), count_ns(slot.sealed_to));
  }
  return done;
}

std::optional<Answer> Emitter::current(const ViewState& view, const Slot& slot, EventTime start) {
  if (!holds_published_ && published_.any_of(view.hash)) adopt(slot, start);
  std::optional<Answer> answer;
  if (current_.start(view.id, slot.subject, count_ns(start)).next()) {
    answer.emplace();
    const auto decoded = decode_body(current_.blob(0), *answer);
    TIDE_CHECK(decoded.ok(), "an answer in cloud.db decodes");
    answer->start = start;
    answer->known_at = event_time(current_.integer(1));
    answer->position = current_.count(2);
  }
  current_.rewind();
  return answer;
}

bool Emitter::emit_window(SlotId id, EventTime start, Cause cause, EventTime wall) {
  if (views_[slots_[id].view].view.by_session()) return emit_session(id, start, cause, wall);
  if (views_[slots_[id].view].role == Role::share) return say_share(id, start, cause, wall);
  return emit_window(id, start, cause, wall,
                     current(views_[slots_[id].view], slots_[id], start));
}

bool Emitter::emit_window(SlotId id, EventTime start, Cause cause, EventTime wall,
                          const std::optional<Answer>& before) {
  return emit_span(id, {start, views_[slots_[id].view].grid.end(start)}, cause, wall, before);
}

bool Emitter::emit_span(SlotId id, const Span& window, Cause cause, EventTime wall,
                        const std::optional<Answer>& before) {
  const auto& slot = slots_[id];
  const auto& view = views_[slot.view];
  const auto start = window.start;
  if (held(slot, window)) return true;  // it is looked at when it is taken over
  const bool stands =
      before && (proved(before->state) || before->state == State::withdrawn);
  const bool maybe_frozen = before && start < frozen_before(slot);
  if (maybe_frozen && stands && cause != Cause::operated && frozen(slot, start)) return true;
  Answer answer;
  bool any = false;
  bool same_figures = false;
  if (slot.is_group()) {
    auto group = look_at_group(id, window);
    answer = answer_of_group(view, group, window);
    follow(answer, cause, before);
    any = group.all.sum.count() > 0;
    note_proof(id, start, proved(answer.state), cause);
    const bool merged = view.role == Role::merged;
    // A partition that moved to another node takes back nothing: it is heard again, and then this
    // window is looked at again.
    // Nor does retention, which takes shares before the answers that were made of them.
    const bool known = group.heard && (proved(answer.state) || !stands);
    if (merged && !known && cause != Cause::operated) return any;
    const bool doubtful = std::any_of(group.sources.begin(), group.sources.end(),
                                      [](const auto& s) { return s.basis.unplaced > 0; });
    if (merged ? before && group.frozen : maybe_frozen && doubtful) {
      if (stands) return true;
      answer = frozen_answer(*before, start);
    }
    same_figures = before && unchanged(*before, answer);
    if (same_figures && cause != Cause::operated) return any;
    name_missing_of_group(slot, group, answer);
    note_waived(answer, answer.missing);
  } else {
    Basis basis;
    std::tie(answer, basis) = answer_of_series(slot, window);
    follow(answer, cause, before);
    if (maybe_frozen && basis.unplaced > 0) {
      if (stands) return true;
      answer = frozen_answer(*before, start);
    }
    any = basis.readings > 0;
    same_figures = before && unchanged(*before, answer);
    if (same_figures && cause != Cause::operated) return any;
    name_missing_(series_.at(slot.members[0].series).row, answer, basis, answer.missing);
    note_waived(answer, answer.missing);
  }
  // Others had proved it, and this store has proved nothing of it yet.
  if (stands && adopted(*before) && !slot.begun() && !proved(answer.state)) return any;
  // A person may have decided that what is missing stays so.
  if (same_figures && dropped(*before) == dropped(answer)) return any;
  write(slot, answer, wall);
  return any;
}

void Emitter::write(const Slot& slot, const Answer& answer, EventTime wall) {
  const auto view = views_[slot.view].id;
  const auto start = count_ns(answer.start);
  ++position_;
  ++emitted_;
  scratch_.clear();
  ByteWriter out(scratch_);
  encode_body(out, answer);
  add_history_.run(position_, view, slot.subject, start, count_ns(wall), scratch_);
  save_answer_.run(view, slot.subject, start, position_);
}

}  // namespace tidemark::answers
