// What other nodes have published of these series: their revisions are this store's from then on,
// and what it finds itself is compared with them.
#include "cloud/answers/emitter.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "cloud/answers/body.h"

namespace tidemark::answers {
namespace {
constexpr std::size_t kWaitingMax = 20'000;  // revisions, while more are to be taken over
constexpr std::size_t kIdleClaims = 50;  // looks at slots of which nothing is there count as one
}  // namespace

PublishedRows::Window Emitter::window_of(const ViewState& view, Subject subject,
                                         EventTime start) {
  if (subject >= 0) {
    return {view.hash, series_.at(static_cast<store::SeriesId>(subject)).name, start};
  }
  Answer group;
  group.labels = groups_.key(subject).labels(view.view.group_by);
  return {view.hash, subject_of(group), start};
}

void Emitter::note_published(const Answer& answer) {
  number_behind(answer.position);
  if (answer.view_hash == 0) return;  // of no definition that a node has
  published_.add(answer);
  all_unclaimed_ = true;
}

// Sessions have no windows that are known before: any that meets one that is in the topic waits
// until that is taken over, and is looked at then.
bool Emitter::held(const Slot& slot, const Span& window) {
  const auto& view = views_[slot.view];
  if (!published_.any_of(view.hash)) return false;
  const auto name = window_of(view, slot.subject, window.start);
  if (view.view.by_session()) return published_.meets(name, window.end);
  return holds_published_ && published_.has(name);
}

// What lies at a position that the topic has for another window was never said as an answer: it is
// of a group that other stores have a part of, or a partial answer.
void Emitter::make_way(std::uint64_t position, const HistoryRow& for_row) {
  at_position_.start(position);
  std::optional<HistoryRow> there;
  if (at_position_.next()) {
    there = {at_position_.integer(0), at_position_.integer(1), event_time(at_position_.integer(2))};
  }
  at_position_.rewind();
  if (there && *there != for_row) move_behind(position, *there);
}

void Emitter::move_behind(std::uint64_t position, const HistoryRow& row) {
  ++position_;
  move_history_.run(position_, position);
  move_answer_.run(position_, row.view, row.subject, count_ns(row.start), position);
}

std::optional<Answer> Emitter::adopt(const Slot& slot, EventTime start) {
  auto all = published_.take(window_of(views_[slot.view], slot.subject, start));
  const auto view = views_[slot.view].id;
  for (const auto& answer : all) {
    scratch_.clear();
    ByteWriter out(scratch_);
    encode_body(out, answer);
    make_way(answer.position, {view, slot.subject, start});
    adopt_history_.run(answer.position, view, slot.subject, count_ns(start),
                       count_ns(answer.known_at), scratch_);
    save_answer_.run(view, slot.subject, count_ns(start), answer.position);
  }
  if (all.empty()) return std::nullopt;
  if (all.back().position > adopted_to_) {
    adopted_to_ = published_.newest();
    store_.small().set_meta(kAdoptedTo, adopted_to_);
  }
  return std::move(all.back());
}

// Its readings are not cut off where those begin that this store has seen.
bool Emitter::whole(SlotId id, const Span& window) {
  const auto& slot = slots_[id];
  const auto& view = views_[slot.view];
  Answer answer;
  if (slot.is_group()) {
    auto group = look_at_group(id, window);
    answer = answer_of_group(view, group, window);
  } else {
    answer = answer_of_series(slot, window).first;
  }
  return answer.completeness == 1.0 && !answer.estimated;
}

// What was answered with more than this store has stays as it is. What it has not proved at all it
// looks at when it does.
bool Emitter::others_know_better(SlotId id, const Answer& theirs) {
  const auto& slot = slots_[id];
  if (!proved(theirs.state)) return false;
  if (!slot.begun() || theirs.start < slot.begins) return true;
  return theirs.start == slot.begins && !whole(id, {theirs.start, theirs.end});
}

bool Emitter::claim(SlotId id, SteadyTime now, std::size_t budget, std::size_t& done) {
  const auto& slot = slots_[id];
  const auto& view = views_[slot.view];
  if ((slot.members.empty() && slot.parts.empty()) || view.role == Role::share) return true;
  auto window = window_of(view, slot.subject, kEventTimeMin);
  for (; done < budget; ++done) {
    const auto start = published_.next(window);
    if (!start) return true;
    window.start = *start;
    const auto theirs = adopt(slot, *start);
    if (others_know_better(id, *theirs)) continue;
    auto at = *start;
    if (view.view.by_session()) {  // it may begin elsewhere here
      const auto pane = next_pane(slot, at, theirs->end + view.view.window.gap);
      if (pane) at = view.grid.floor(*pane);
    }
    pend(id, at, Cause::none, now);
  }
  return false;
}

std::size_t Emitter::take_over(SteadyTime now, std::size_t budget) {
  std::size_t done = 0, idle = 0;
  while (takes_over() && done < budget) {
    if (std::exchange(all_unclaimed_, false)) {
      unclaimed_.resize(slots_.size());
      std::iota(unclaimed_.begin(), unclaimed_.end(), SlotId{0});
      continue;
    }
    const auto before = done;
    if (!claim(unclaimed_.front(), now, budget, done)) break;
    if (done == before && ++idle % kIdleClaims == 0) ++done;
    unclaimed_.pop_front();
    if (unclaimed_.empty()) published_.look();
  }
  return done;
}

bool Emitter::takes_over() const {
  if (published_.empty() || holds_published_) return false;
  if (unclaimed_.empty() && !all_unclaimed_) return false;  // of what is not here yet
  // Early answers wait as long as data come.
  std::size_t revisions = 0;
  for (const auto& v : views_) revisions += v.revisions.size();
  return revisions < kWaitingMax;
}

std::uint64_t Emitter::settle_unsaid(std::uint64_t said, std::uint64_t partials_said) {
  std::vector<std::pair<std::uint64_t, HistoryRow>> rows;  // by position
  auto& db = store_.database();
  sqlite::Statement unsaid(db, "SELECT position,view,series,start FROM history WHERE position>?"
                               " ORDER BY position");
  unsaid.start(std::min(said, partials_said));
  while (unsaid.next()) {
    const HistoryRow row{unsaid.integer(1), unsaid.integer(2), event_time(unsaid.integer(3))};
    // A reach must stay behind the shares that it speaks of, so that all of them move together.
    const auto before = row.view < 0 ? partials_said : said;
    if (unsaid.count(0) > before) rows.emplace_back(unsaid.count(0), row);
  }
  sqlite::Statement remove(db, "DELETE FROM history WHERE position=?");
  sqlite::Statement before(db, "SELECT MAX(position) FROM history WHERE view=? AND series=?"
                               " AND start=?");
  number_behind(said);
  const auto settled = position_;
  for (const auto& [position, row] : rows) {
    const auto start = count_ns(row.start);
    const auto view = std::ranges::find(views_, row.view, &ViewState::id);
    // Of a definition that is not in force nobody must hear behind the others' answers.
    const bool retired = view == views_.end();
    const bool theirs = !retired && view->role != Role::share &&
                        published_.has(window_of(*view, row.subject, row.start));
    if (!retired && !theirs) {
      move_behind(position, row);
      continue;
    }
    remove.run(position);
    before.start(row.view, row.subject, start);
    const bool any = before.next() && !before.is_null(0);
    const auto earlier = any ? before.count(0) : 0;
    before.rewind();
    if (any) {
      save_answer_.run(row.view, row.subject, start, earlier);
    } else {
      forget_answer_.run(row.view, row.subject, start);
    }
  }
  return settled;
}

}  // namespace tidemark::answers
