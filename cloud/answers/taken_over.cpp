// What other nodes have published of these series: their revisions are this store's from then on,
// and what it finds itself is compared with them.
#include "cloud/answers/emitter.h"

#include <algorithm>

#include "cloud/answers/body.h"

namespace tidemark::answers {
namespace {
constexpr std::size_t kWaitingMax = 20'000;  // revisions, while more are to be taken over
}  // namespace

PublishedRows::Window Emitter::window_of(const Slot& slot, EventTime start) {
  const auto& of = views_[slot.view];
  if (!slot.is_group()) return {of.hash, series_.at(slot.members[0].series).name, start};
  Answer group;
  group.labels = groups_.key(slot.subject).labels(of.view.group_by);
  return {of.hash, subject_of(group), start};
}

void Emitter::note_published(const Answer& answer) {
  published_.add(answer);
  number_behind(answer.position);
}

bool Emitter::held(const Slot& slot, EventTime start) {
  return holds_published_ && !published_.empty() && published_.has(window_of(slot, start));
}

// What lies at a position that the topic has for another window was never said, as answers of
// groups are not.
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

bool Emitter::adopt(const Slot& slot, EventTime start) {
  const auto all = published_.take(window_of(slot, start));
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
  return !all.empty() && proved(all.back().state);
}

std::size_t Emitter::take_over(SteadyTime now, std::size_t budget) {
  std::size_t done = 0;
  while (takes_over() && done < budget) {
    const auto window = published_.first();
    if (!window) {
      slots_by_name_.clear();
      break;
    }
    if (slots_by_name_.empty()) {
      for (SlotId id = 0; id < slots_.size(); ++id) {
        const auto& slot = slots_[id];
        if (slot.members.empty()) continue;
        const auto named = window_of(slot, {});
        slots_by_name_[{named.definition, named.subject}] = id;
      }
    }
    ++done;
    const auto known = slots_by_name_.find({window->definition, window->subject});
    const bool there = known != slots_by_name_.end() && !slots_[known->second].members.empty();
    if (!there || window_of(slots_[known->second], window->start) != *window) {
      published_.take(*window);  // no view of this node is defined so, or asks for it
      continue;
    }
    const auto& slot = slots_[known->second];
    const bool stands = adopt(slot, window->start);
    // What this store has not seen from its beginning others know better.
    if (stands && slot.begun() && window->start <= slot.begins) continue;
    pend(known->second, window->start, Cause::none, now);
  }
  return done;
}

bool Emitter::takes_over() const {
  if (published_.empty() || holds_published_) return false;
  // Early answers wait as long as data come.
  std::size_t revisions = 0;
  for (const auto& v : views_) revisions += v.revisions.size();
  return revisions < kWaitingMax;
}

std::uint64_t Emitter::settle_unsaid(std::uint64_t said) {
  std::vector<std::pair<std::uint64_t, HistoryRow>> rows;  // by position
  auto& db = store_.database();
  sqlite::Statement unsaid(db, "SELECT position,view,series,start FROM history WHERE position>?"
                               " ORDER BY position");
  unsaid.start(said);
  while (unsaid.next()) {
    rows.push_back({unsaid.count(0), {unsaid.integer(1), unsaid.integer(2),
                                      event_time(unsaid.integer(3))}});
  }
  std::map<std::pair<std::int64_t, Subject>, SlotId> slots;
  for (SlotId id = 0; id < slots_.size() && !rows.empty(); ++id) {
    if (!slots_[id].members.empty()) {
      slots[{views_[slots_[id].view].id, slots_[id].subject}] = id;
    }
  }
  sqlite::Statement remove(db, "DELETE FROM history WHERE position=?");
  sqlite::Statement before(db, "SELECT MAX(position) FROM history WHERE view=? AND series=?"
                               " AND start=?");
  number_behind(said);
  const auto settled = position_;
  for (const auto& [position, row] : rows) {
    const auto start = count_ns(row.start);
    const auto slot = slots.find({row.view, row.subject});
    // Of a definition that is not in force nobody must hear behind the others' answers.
    const bool retired = std::ranges::none_of(views_, [&](const ViewState& v) {
      return v.id == row.view;
    });
    const bool theirs = slot != slots.end() &&
                        published_.has(window_of(slots_[slot->second], row.start));
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
