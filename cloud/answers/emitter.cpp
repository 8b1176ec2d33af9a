#include "cloud/answers/emitter.h"

#include <algorithm>
#include <bit>

#include "cloud/answers/body.h"
#include "cloud/answers/judge.h"
#include "common/base/text.h"
#include "common/window/partial.h"

namespace tidemark::answers {
namespace {

constexpr std::string_view kPrunedTo = "pruned_to";
constexpr std::string_view kKnownFrom = "known_from";
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

bool proved(State s) { return s == State::sealed || s == State::revised; }

bool unchanged(const Answer& a, const Answer& b) {
  return proved(a.state) == proved(b.state) && a.completeness == b.completeness &&
         a.coverage == b.coverage && a.estimated == b.estimated && a.lost == b.lost &&
         a.texts == b.texts && same(a.values, b.values);
}

}  // namespace

Emitter::Emitter(store::Store& store, std::vector<View> views,
                 const reconcile::Horizons& horizons, NameMissing name_missing, Off off,
                 GaveUp gave_up)
    : store_(store),
      horizons_(horizons),
      name_missing_(std::move(name_missing)),
      off_(std::move(off)),
      gave_up_(std::move(gave_up)),
      late_(store.database()) {
  auto& db = store.database();
  select_views_ = {db, "SELECT id FROM views WHERE name=? AND definition=?"};
  add_view_ = {db, "INSERT INTO views(name,definition,current) VALUES(?,?,1)"};
  retire_views_ = {db, "UPDATE views SET current=0 WHERE name=? AND id<>?"};
  slot_ = {db, "SELECT begins,sealed_to FROM slots WHERE view=? AND series=?"};
  save_slot_ = {db, "INSERT INTO slots VALUES(?,?,?,?) ON CONFLICT DO UPDATE"
                    " SET begins=excluded.begins, sealed_to=excluded.sealed_to"};
  current_ = {db, "SELECT h.body,h.known_at FROM answers a JOIN history h ON h.position=a.position"
                  " WHERE a.view=? AND a.series=? AND a.start=?"};
  add_history_ = {db, "INSERT INTO history VALUES(?,?,?,?,?,?)"};
  save_answer_ = {db, "INSERT INTO answers VALUES(?,?,?,?)"
                      " ON CONFLICT DO UPDATE SET position=excluded.position"};
  add_due_ = {db, "INSERT OR REPLACE INTO revisions_due VALUES(?,?,?,?)"};
  remove_due_ = {db, "DELETE FROM revisions_due WHERE view=? AND series=? AND start=?"};
  due_ = {db, "SELECT start,cause FROM revisions_due WHERE view=? AND series=?"};
  position_of_ = {db, "SELECT MAX(position) FROM history"};
  prune_end_ = {db, "SELECT MAX(position) FROM (SELECT position FROM history WHERE position>?"
                    " AND known_at<? ORDER BY position LIMIT ?)"};
  prune_ = {db, "DELETE FROM history AS h WHERE position>? AND position<=? AND NOT EXISTS"
                " (SELECT 1 FROM answers a WHERE a.view=h.view AND a.series=h.series"
                " AND a.start=h.start AND a.position=h.position)"};
  forget_history_ = {db, "DELETE FROM history WHERE view=? AND series=? AND start<?"};
  forget_answers_ = {db, "DELETE FROM answers WHERE view=? AND series=? AND start<?"};
  views_.reserve(views.size());
  for (auto& v : views) {
    ViewState state;
    state.view = std::move(v);
    state.grid = state.view.grid();
    const auto interval = state.view.emit.revision_interval;
    late_wait_ = views_.empty() ? interval : std::min(late_wait_, interval);
    views_.push_back(std::move(state));
  }
}

Result<> Emitter::load() {
  for (auto& v : views_) {
    const auto definition = v.view.definition();
    if (select_views_.start(v.view.name, definition).next()) {
      v.id = select_views_.integer(0);
      select_views_.rewind();
    } else {
      add_view_.run(v.view.name, definition);
      v.id = store_.database().last_row_id();
    }
    retire_views_.run(v.view.name, v.id);
  }
  std::string ids;
  for (const auto& v : views_) ids += (ids.empty() ? "" : ",") + std::to_string(v.id);
  store_.database().run("UPDATE views SET current = id IN (" + ids + ")");
  if (position_of_.start().next()) position_ = position_of_.count(0);
  position_of_.rewind();
  return store_.database().fault();
}

reconcile::Tier Emitter::finest(const std::string& full_name) const {
  auto finest = reconcile::Tier::minute;
  for (const auto& v : views_) {
    if (!v.view.hopping() && series_match(v.view.select, full_name)) {
      finest = std::min(finest, v.view.finest());
    }
  }
  return finest;
}

void Emitter::add_series(const store::SeriesRow& row, const std::string& full_name,
                         EventTime frontier, SteadyTime now) {
  auto& series = series_[row.id];
  series.row = row;
  series.name = full_name;
  for (const auto source : row.sources()) add_to_source(source, row.id);
  auto& known = frontiers_.try_emplace(row.source, frontier).first->second;
  known = std::max(known, frontier);
  for (std::uint32_t i = 0; i < views_.size(); ++i) {
    if (!views_[i].view.hopping() && series_match(views_[i].view.select, full_name)) {
      add_slot(series, i, now);
    }
  }
}

void Emitter::move_series(const store::SeriesRow& row, EventTime frontier) {
  describe(row);
  add_to_source(row.source, row.id);
  advance(row.source, frontier);
}

void Emitter::add_to_source(store::SourceId source, store::SeriesId series) {
  auto& all = by_source_[source];
  if (std::find(all.begin(), all.end(), series) == all.end()) all.push_back(series);
}

void Emitter::describe(const store::SeriesRow& row) { series_.at(row.id).row = row; }

EventTime Emitter::slowest(store::SourceId source) const {
  const auto it = by_source_.find(source);
  if (it == by_source_.end() || it->second.empty()) return kEventTimeMin;
  auto slowest = kEventTimeMax;
  for (const auto id : it->second) {
    slowest = std::min(slowest, frontier_of(series_.at(id).row.source));
  }
  return slowest;
}

void Emitter::add_slot(SeriesState& series, std::uint32_t view, SteadyTime now) {
  const auto id = static_cast<SlotId>(slots_.size());
  auto& slot = slots_.emplace_back();
  slot.view = view;
  slot.series = series.row.id;
  series.slots.push_back(id);
  const auto view_id = views_[view].id;
  if (slot_.start(view_id, slot.series).next()) {
    slot.begins = event_time(slot_.integer(0));
    slot.sealed_to = event_time(slot_.integer(1));
  }
  slot_.rewind();
  // After a restart: what was not sealed is looked at again, and what was to be revised.
  const auto& grid = views_[view].grid;
  constexpr std::size_t kOpenWindowsMax = 100'000;
  for (const auto start : store_.panes().starts(slot.series, reconcile::Tier::day, slot.sealed_to,
                                                kEventTimeMax, kOpenWindowsMax)) {
    pend(id, grid.floor(start), Cause::none, now);
  }
  due_.start(view_id, slot.series);
  while (due_.next()) {
    const auto start = event_time(due_.integer(0));
    const auto cause = cause_of(due_.integer(1));
    slots_[id].pending[start] = {now, cause};
    views_[view].revisions.push_front({now, id, start});
  }
  if (frontier_of(series.row.source) != kEventTimeMin && !slots_[id].queued) {
    slots_[id].queued = true;
    sealing_.push_back(id);
  }
}

EventTime Emitter::frontier_of(store::SourceId source) const {
  const auto it = frontiers_.find(source);
  return it == frontiers_.end() ? kEventTimeMin : it->second;
}

EventTime Emitter::frozen_before(const Slot& slot) const {
  return horizons_.floor(views_[slot.view].view.kept_as(),
                         frontier_of(series_.at(slot.series).row.source));
}

void Emitter::touch(store::SeriesId id, EventTime start, Nanoseconds size, std::uint64_t readings,
                    Cause cause, SteadyTime now) {
  const auto& series = series_.at(id);
  bool first = true;
  for (const auto slot : series.slots) {
    const auto& grid = views_[slots_[slot].view].grid;
    const auto window = grid.floor(start);
    // Folded past this view's resolution: its window is frozen.
    if (size > grid.end(window) - window) continue;
    if (first && slots_[slot].begun() && window < slots_[slot].sealed_to) {
      store_.late().add(id, window, "pane", readings);
    }
    first = false;
    pend(slot, window, cause, now);
  }
}

void Emitter::pend(SlotId id, EventTime start, Cause cause, SteadyTime now) {
  auto& slot = slots_[id];
  auto& view = views_[slot.view];
  const bool was_sealed = slot.begun() && start < slot.sealed_to;
  if (was_sealed && start < frozen_before(slot) && cause != Cause::operated) return;
  if (was_sealed && start < slot.begins) extend_back(id, start, cause, now);
  const bool early = view.view.emit.early > Nanoseconds{};
  if (!was_sealed) note_near(id);
  if (!was_sealed && !early && view.view.emit.complete == 0) return;
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
    due_rows_.push_back({slot.view, slot.series, start, it->second.cause});
    view.revisions.push_back({it->second.due, id, start});
  } else {
    view.early.push_back({it->second.due, id, start});
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
  const auto& row = series_.at(slot.series).row;
  slot.near = false;
  const auto stated = stated_.find(row.source);
  if (stated == stated_.end()) return 0;
  std::size_t done = 0;
  for (auto it = slot.pending.lower_bound(slot.sealed_to); it != slot.pending.end();) {
    const auto start = it->first;
    const auto end = view.grid.end(start);
    if (end > stated->second) break;
    ++it;
    if (slot.told.contains(start)) continue;
    const auto counts = minutes_of(row, counted_from(start, row.widest_sum), end);
    const auto sent = static_cast<double>(std::max(counts.sent, counts.received));
    const auto here = static_cast<double>(counts.received);
    if (sent == 0 || here < view.view.emit.complete * sent) continue;
    slot.pending.erase(start);
    slot.told.insert(start);
    emit_window(id, start, Cause::none, wall);
    ++done;
  }
  return done;
}

// A reading older than the first window that was sealed: the windows between are answered as well.
void Emitter::extend_back(SlotId id, EventTime start, Cause cause, SteadyTime now) {
  const auto& grid = views_[slots_[id].view].grid;
  const auto old = std::exchange(slots_[id].begins, start);
  save_slot_.run(views_[slots_[id].view].id, slots_[id].series, count_ns(start),
                 count_ns(slots_[id].sealed_to));
  auto w = grid.end(start);
  for (std::size_t n = 0; n < kSilentWindowsMax && w < old && extended_ < kExtendedMax; ++n) {
    pend(id, w, cause, now);
    w = grid.end(w);
    ++extended_;
  }
}

void Emitter::advance(store::SourceId source, EventTime frontier) {
  auto& known = frontiers_.try_emplace(source, kEventTimeMin).first->second;
  known = std::max(known, frontier);
  const auto it = by_source_.find(source);
  if (it == by_source_.end()) return;
  // Who has a window or two to answer goes before who was away and has days of them.
  constexpr int kLiveWindows = 4;
  for (const auto id : it->second) {
    for (const auto id_of_slot : series_.at(id).slots) {
      auto& slot = slots_[id_of_slot];
      if (slot.queued) continue;
      slot.queued = true;
      const auto near = kLiveWindows * views_[slot.view].view.window.size;
      if (slot.begun() && known - slot.sealed_to <= near) {
        sealing_.push_front(id_of_slot);
      } else {
        sealing_.push_back(id_of_slot);
      }
    }
  }
}

SteadyTime Emitter::due() const {
  if (!sealing_.empty()) return SteadyTime::min();
  auto due = late_.due();
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
  for (const auto& d : due_rows_) {
    add_due_.run(views_[d.view].id, d.series, count_ns(d.start), static_cast<int>(d.cause));
  }
  due_rows_.clear();
  late_.write();
}

std::size_t Emitter::emit(SteadyTime now, EventTime wall, std::size_t budget) {
  write_pending();
  std::size_t done = 0;
  extended_ = 0;
  while (!sealing_.empty() && done < budget) {
    const auto id = sealing_.front();
    sealing_.pop_front();
    done += 1 + seal(id, wall, std::min(budget - done, kWindowsATurn));
    if (slots_[id].queued) sealing_.push_back(id);
  }
  for (const auto id : near_) done += answer_near(id, wall);
  near_.clear();
  for (auto& v : views_) {
    if (done < budget) done += emit_queue(v.early, now, wall, budget - done);
    if (done < budget) done += emit_queue(v.revisions, now, wall, budget - done);
  }
  if (done < budget) done += answer_late(now, wall, budget - done);
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
    const auto cause = it->second.cause;
    slot.pending.erase(it);
    if (cause != Cause::none) {
      remove_due_.run(views_[slot.view].id, slot.series, count_ns(item.start));
    }
    emit_window(item.slot, item.start, cause, wall);
    ++done;
  }
  return done;
}

std::size_t Emitter::seal(SlotId id, EventTime wall, std::size_t budget) {
  auto& slot = slots_[id];
  const auto& view = views_[slot.view];
  const auto& grid = view.grid;
  const auto& series = series_.at(slot.series);
  const auto frontier = frontier_of(series.row.source);
  const auto target = frontier == kEventTimeMin ? frontier : grid.floor(frontier);
  slot.queued = false;
  if (!slot.begun()) {
    const auto first = store_.panes().first(slot.series);
    if (!first || grid.floor(*first) >= target) return 0;
    // A view that is new to old panes begins where they are still fine enough.
    const auto frozen = frozen_before(slot);
    slot.begins = grid.floor(*first);
    if (slot.begins < frozen) slot.begins = grid.end(grid.floor(frozen - Nanoseconds(1)));
    slot.sealed_to = slot.begins;
  }
  std::size_t done = 0;
  const auto before = slot.sealed_to;
  while (slot.sealed_to < target) {
    if (done >= budget) {
      slot.queued = true;
      break;
    }
    if (slot.silent >= kSilentWindowsMax) {  // leap to the next reading, or to the end
      const auto next = store_.panes().starts(slot.series, reconcile::Tier::day, slot.sealed_to,
                                              target, 1);
      slot.silent = 0;
      slot.sealed_to = next.empty() ? target
                                    : grid.floor(*std::min_element(next.begin(), next.end()));
      continue;
    }
    const auto start = slot.sealed_to;
    slot.pending.erase(start);
    slot.told.erase(start);
    slot.sealed_to = grid.end(start);
    slot.silent = emit_window(id, start, Cause::none, wall) ? 0 : slot.silent + 1;
    ++done;
  }
  if (slot.sealed_to != before) {
    save_slot_.run(view.id, slot.series, count_ns(slot.begins), count_ns(slot.sealed_to));
  }
  return done;
}

std::optional<Answer> Emitter::current(const ViewState& view, const Slot& slot, EventTime start) {
  std::optional<Answer> answer;
  if (current_.start(view.id, slot.series, count_ns(start)).next()) {
    answer.emplace();
    const auto decoded = decode_body(current_.blob(0), *answer);
    TIDE_CHECK(decoded.ok(), "an answer in cloud.db decodes");
    answer->known_at = event_time(current_.integer(1));
  }
  current_.rewind();
  return answer;
}

Basis Emitter::look(const ViewState& view, const SeriesState& series, EventTime start,
                    window::Partial& sum) {
  const auto& row = series.row;
  const auto end = view.grid.end(start);
  const auto counted = counted_from(start, row.widest_sum);
  Basis basis;
  basis.unplaced = store_.panes().sum(row.id, start, end, sum);
  basis.readings = sum.count();
  const auto day = reconcile::width_of(reconcile::Tier::day);
  basis.waiting = store_.late().waiting(row.id, floor_to(counted, day), end).all();
  basis.manifest = minutes_of(row, counted, end);
  basis.reaches_back = counted < start;
  basis.sealed = frontier_of(row.source) >= end;
  basis.whole_minutes = view.view.finest() == reconcile::Tier::minute;
  basis.none_given_up = basis.sealed && !basis.whole_minutes && !gave_up_(row, start);
  basis.off = reconcile::covered(off_(row, start, end), start, end);
  return basis;
}

Answer Emitter::compute(const ViewState& view, const SeriesState& series, EventTime start,
                        Cause cause, const std::optional<Answer>& before, const Basis& basis,
                        const window::Partial& sum) {
  Answer a;
  a.start = start;
  a.end = view.grid.end(start);
  fill_values(a, sum, series.row.description, view.view.aggregates);
  judge(a, basis);
  if (before) {
    a.revision = before->revision + 1;
    a.previous = before->values;
    if (proved(before->state)) {
      a.state = State::revised;
      a.cause = to_string(cause == Cause::none ? Cause::late : cause);
    }
  }
  return a;
}

reconcile::ManifestSum Emitter::minutes_of(const store::SeriesRow& row, EventTime from,
                                           EventTime to) {
  auto sum = store_.manifests().sum(row.source, from, to);
  for (const auto source : row.earlier) sum += store_.manifests().sum(source, from, to);
  return sum;
}

bool Emitter::emit_window(SlotId id, EventTime start, Cause cause, EventTime wall) {
  return emit_window(id, start, cause, wall,
                     current(views_[slots_[id].view], slots_[id], start));
}

bool Emitter::emit_window(SlotId id, EventTime start, Cause cause, EventTime wall,
                          const std::optional<Answer>& before) {
  const auto& slot = slots_[id];
  const auto& view = views_[slot.view];
  const auto& series = series_.at(slot.series);
  const bool frozen = before && start < frozen_before(slot);
  if (frozen && cause != Cause::operated) return true;
  window::Partial sum(series.row.description.type);
  const auto basis = look(view, series, start, sum);
  if (frozen && basis.unplaced > 0) return true;
  auto answer = compute(view, series, start, cause, before, basis, sum);
  const bool any = !answer.values.contains("count") || answer.values["count"].value_or(0) > 0;
  if (before && unchanged(*before, answer)) return any;
  name_missing_(series.row, answer, basis, answer.missing);
  ++position_;
  ++emitted_;
  scratch_.clear();
  ByteWriter out(scratch_);
  encode_body(out, answer);
  add_history_.run(position_, view.id, slot.series, count_ns(start), count_ns(wall), scratch_);
  save_answer_.run(view.id, slot.series, count_ns(start), position_);
  return any;
}

void Emitter::prune(EventTime known_before, std::size_t limit) {
  // Answers become known in the order of their positions, so that each is looked at once.
  const auto from = store_.small().meta(kPrunedTo);
  prune_end_.start(from, count_ns(known_before), limit);
  const auto to = prune_end_.next() ? prune_end_.count(0) : 0;
  prune_end_.rewind();
  if (to <= from) return;
  prune_.run(from, to);
  store_.small().set_meta(kPrunedTo, to);
  store_.small().set_meta(kKnownFrom, static_cast<std::uint64_t>(count_ns(known_before)));
}

void Emitter::forget(store::SeriesId id, const std::function<EventTime(const View&)>& before) {
  for (const auto slot : series_.at(id).slots) {
    const auto& view = views_[slots_[slot].view];
    const auto end = before(view.view);
    if (end == kEventTimeMin) continue;
    forget_history_.run(view.id, id, count_ns(end));
    forget_answers_.run(view.id, id, count_ns(end));
  }
}

}  // namespace tidemark::answers
