// Groups that this partition's store answers for, put together from what all partitions say of them
// (second_stage.h). Their slots have no members but the reach of each partition, and go through the
// same queues as any: a share pends its window, a reach moves the frontier that seals.
//
// Replaced   is a share by a later one of its partition in the order of the topic's records; what
//            comes again is known by its place in that order. Which run of which node speaks for a
//            partition says that order too: one that has begun silences those before it, so that a
//            node that does not know yet that it lost the partition changes nothing.
// Views      whose definition is not in force here have their rows all the same, and go on from
//            them when it is: nodes are not configured anew at one moment.
#include <fmt/format.h>

#include <algorithm>

#include "cloud/answers/emitter.h"

namespace tidemark::answers {
namespace {

constexpr std::size_t kForgottenATurn = 200;  // groups

}  // namespace

std::optional<std::uint32_t> Emitter::merged_view(std::int64_t id) const {
  for (std::uint32_t v = 0; v < views_.size(); ++v) {
    if (views_[v].id == id && views_[v].role == Role::merged) return v;
  }
  return std::nullopt;
}

void Emitter::prepare_second_stage() {
  auto& db = store_.database();
  said_ = {db, "SELECT h.position,h.body FROM answers a JOIN history h ON h.position=a.position"
               " WHERE a.view=? AND a.series=? AND a.start=?"};
  // Numbers of rows are not given twice: the newest one stays.
  prune_said_ = {db, "DELETE FROM history AS h WHERE view<0 AND position>? AND position<=?"
                     " AND position<? AND NOT EXISTS (SELECT 1 FROM answers a WHERE a.view=h.view"
                     " AND a.series=h.series AND a.start=h.start AND a.position=h.position)"};
  drop_said_ = {db, "DELETE FROM history WHERE position=?"};
  add_past_ = {db, "INSERT INTO views(name,definition,current) VALUES(?,?,0)"};
  select_speakers_ = {db, "SELECT part,run,views FROM speakers"};
  save_speaker_ = {db, "INSERT OR REPLACE INTO speakers VALUES(?,?,?)"};
  reaches_ = {db, "SELECT series,part,state FROM reaches WHERE view=?"};
  save_reach_ = {db, "INSERT OR REPLACE INTO reaches VALUES(?,?,?,?,?)"};
  drop_reach_ = {db, "DELETE FROM reaches WHERE view=? AND series=? AND part=?"};
  earlier_reaches_ = {db, "SELECT view,series FROM reaches WHERE part=? AND run<>?"};
}

void Emitter::load_second_stage() {
  opened_at_ = position_;
  select_speakers_.start();
  while (select_speakers_.next()) {
    auto& speaker = speakers_[static_cast<std::uint32_t>(select_speakers_.count(0))];
    speaker.run = select_speakers_.count(1);
    ByteReader views(select_speakers_.blob(2));
    while (views.left() > 0) speaker.views.insert(views.fixed<std::uint64_t>());
  }
  for (std::uint32_t v = 0; v < views_.size(); ++v) {
    if (views_[v].role == Role::merged) load_merged(v, SteadyTime::min());
  }
}

void Emitter::save_speaker(std::uint32_t partition) {
  const auto& speaker = speakers_.at(partition);
  ByteVector views;
  ByteWriter out(views);
  for (const auto v : speaker.views) out.fixed(v);
  save_speaker_.run(partition, speaker.run, views);
}

std::vector<std::uint32_t> Emitter::incomplete(const ViewState& view) const {
  std::vector<std::uint32_t> all;
  for (std::uint32_t p = 0; p < partitions_; ++p) {
    const auto speaker = speakers_.find(p);
    if (speaker == speakers_.end() || !speaker->second.views.contains(view.hash)) all.push_back(p);
  }
  return all;
}

void Emitter::load_merged(std::uint32_t view, SteadyTime now) {
  struct Row {
    Subject group;
    std::uint32_t partition;
    GroupReach reach;
  };
  std::vector<Row> rows;
  reaches_.start(views_[view].id);
  while (reaches_.next()) {
    auto reach = GroupReach::decode(reaches_.blob(2));
    TIDE_CHECK(reach.ok(), "a reach in cloud.db decodes");
    rows.push_back({reaches_.integer(0), static_cast<std::uint32_t>(reaches_.count(1)),
                    std::move(reach).value()});
  }
  for (auto& row : rows) {
    const auto id = slot_of_group(view, row.group, now);
    slots_[id].parts[row.partition] = std::move(row.reach);
    queue_merged(id);
  }
  for (const auto& [group, id] : views_[view].groups) {
    const auto& pending = slots_[id].pending;
    auto from = std::max(slots_[id].sealed_to,
                         first_window(slots_[id]).value_or(kEventTimeMax));
    while (pending.size() < kEarlyMax) {
      const auto start = partials_.next(views_[view].id, group, from, kEventTimeMax);
      if (!start) break;
      pend(id, *start, Cause::none, now);
      from = *start + Nanoseconds(1);
    }
  }
}

void Emitter::queue_merged(SlotId id) {
  auto& slot = slots_[id];
  if (std::exchange(slot.queued, true)) return;
  const auto& view = views_[slot.view];
  const auto frontier = slot.begun() ? frontier_of(slot, slot.sealed_to) : kEventTimeMin;
  constexpr int kLiveWindows = 4;
  const bool live = frontier != kEventTimeMin && frontier != kEventTimeMax &&
                    frontier - slot.sealed_to <= kLiveWindows * view.view.window.size;
  (live ? sealing_live_ : sealing_).push_back(id);
}

Result<std::int64_t> Emitter::view_defined(const ByteVector& definition) {
  const auto known = defined_.find(definition);
  if (known != defined_.end()) return known->second;
  TIDE_ASSIGN(const auto view, View::from_definition(definition));
  std::int64_t id = 0;
  if (select_views_.start(view.name, definition).next()) id = select_views_.integer(0);
  select_views_.rewind();
  if (id == 0) {
    add_past_.run(view.name, definition);
    id = store_.database().last_row_id();
  }
  defined_[definition] = id;
  return id;
}

Result<> Emitter::take(const PartialRecord& record, std::uint64_t number, SteadyTime now) {
  using Kind = PartialRecord::Kind;
  if (record.partition >= partitions_) {
    return Error{Fault::bad_input, fmt::format("a partial answer of partition {}, of which there "
                                               "are {}", record.partition, partitions_)};
  }
  if (record.kind == Kind::begin) {
    // What was complete stays so: the reaches of the run before stand until they are replaced.
    speakers_[record.partition].run = record.run;
    save_speaker(record.partition);
    return {};
  }
  auto& speaker = speakers_[record.partition];
  if (speaker.run == 0) speaker.run = record.run;  // retention took where it began
  if (speaker.run != record.run) return {};
  if (record.kind == Kind::complete) {
    complete(record, now);
    return {};
  }
  TIDE_ASSIGN(const auto view, view_defined(record.view));
  const auto key = GroupKey::decode(record.group);
  auto group = groups_.find(view, key);
  if (record.kind == Kind::reach) {
    TIDE_ASSIGN(auto reach, GroupReach::decode(record.state));
    if (group == 0 && reach.spans.empty()) return {};
    if (group == 0) group = groups_.add(view, key);
    take_reach(view, group, record, std::move(reach), now);
    return {};
  }
  TIDE_ASSIGN(const auto share, GroupShare::decode(record.state, record.start, record.start));
  if (group == 0) group = groups_.add(view, key);
  const auto here = merged_view(view);
  if (here && record.start < slots_[slot_of_group(*here, group, now)].kept_from) return {};
  const bool news = partials_.replace(view, group, record.start,
                                      {record.partition, number, false, record.state});
  if (news && here) take_share(*here, group, record.start, share, now);
  return {};
}

void Emitter::take_reach(std::int64_t view, Subject group, const PartialRecord& record,
                         GroupReach reach, SteadyTime now) {
  const auto here = merged_view(view);
  if (reach.spans.empty()) {
    drop_reach_.run(view, group, record.partition);
    if (!here) return;
    const auto id = slot_of_group(*here, group, now);
    slots_[id].parts.erase(record.partition);
    if (slots_[id].parts.empty()) emptied_.push_back(id);
    pend_unproved(id, now);
    queue_merged(id);
    return;
  }
  save_reach_.run(view, group, record.partition, record.run, record.state);
  if (!here) return;
  const auto id = slot_of_group(*here, group, now);
  slots_[id].parts[record.partition] = std::move(reach);
  pend_unproved(id, now);
  queue_merged(id);
}

void Emitter::take_share(std::uint32_t view, Subject group, EventTime start,
                         const GroupShare& share, SteadyTime now) {
  const auto id = slot_of_group(view, group, now);
  const auto& slot = slots_[id];
  // Before its first readings there are no answers, whatever was counted then.
  const auto begins =
      slot.begun() ? slot.begins : first_window(slot).value_or(kEventTimeMax);
  if (start < begins && !share.any()) return;
  pend(id, start, share.cause, now);
}

void Emitter::complete(const PartialRecord& record, SteadyTime now) {
  drop_reaches_before(record.partition, record.run);
  speakers_.at(record.partition).views = {record.views.begin(), record.views.end()};
  save_speaker(record.partition);
  for (const auto& view : views_) {
    if (view.role != Role::merged) continue;
    for (const auto& [group, id] : view.groups) {
      pend_unproved(id, now);
      queue_merged(id);
    }
  }
}

void Emitter::drop_reaches_before(std::uint32_t partition, std::uint64_t run) {
  std::vector<std::pair<std::int64_t, Subject>> earlier;
  earlier_reaches_.start(partition, run);
  while (earlier_reaches_.next()) {
    earlier.emplace_back(earlier_reaches_.integer(0), earlier_reaches_.integer(1));
  }
  for (const auto& [view, group] : earlier) {
    drop_reach_.run(view, group, partition);
    const auto here = merged_view(view);
    if (!here) continue;
    const auto known = views_[*here].groups.find(group);
    if (known == views_[*here].groups.end()) continue;
    slots_[known->second].parts.erase(partition);
    queue_merged(known->second);
  }
}

// A partition of which series belong to the group and that has no share of a window has nothing
// there, once it has said all until then; before that it is waited for.
Emitter::GroupLook Emitter::look_at_shares(const Slot& slot, const Span& window) {
  constexpr auto kMinute = std::chrono::minutes(1);
  const auto rows = partials_.rows(views_[slot.view].id, slot.subject, window.start);
  GroupLook look;
  look.heard = !rows.empty();
  look.known.emplace(window.start, window.end);
  for (const auto part : incomplete(views_[slot.view])) {
    look.known->add({});  // not sealed
    look.missing.push_back({"", fmt::format("partition {} has not said yet who belongs to it",
                                            part)});
  }
  std::uint64_t members = 0;
  for (const auto& [part, reach] : slot.parts) {
    if (!reach.holds(window.start)) continue;
    ++parts_read_;
    const auto row = std::ranges::find(rows, part, &PartialRows::Row::edge);
    if (row == rows.end()) {
      Basis nothing;
      nothing.sealed = window.start < reach.said_to;
      nothing.whole_minutes = window.start == floor_to(window.start, kMinute) &&
                              window.end == floor_to(window.end, kMinute);
      nothing.none_given_up = true;
      look.known->add(nothing);
      if (nothing.sealed) continue;
      for (const auto& source : reach.sources) {
        look.missing.push_back(
            {source, reach.said_to == kEventTimeMin
                         ? std::string("nothing of it is proved so far")
                         : fmt::format("proved until {}", format_utc(reach.said_to))});
      }
      continue;
    }
    auto share = GroupShare::decode(row->state, window.start, window.end);
    TIDE_CHECK(share.ok(), "a share in cloud.db decodes");
    look.refused += share->refused;
    if (members + share->members > kMembersMax) {
      look.refused += share->members;
      continue;
    }
    members += share->members;
    look.frozen = look.frozen || share->frozen;
    look.more_missing += share->more_missing;
    look.missing.insert(look.missing.end(), share->missing.begin(), share->missing.end());
    look.known->merge(share->known);
    look.waived.insert(look.waived.end(), share->waived.begin(), share->waived.end());
    look.all.sum.merge(share->sum);
    look.all.notes.merge(share->notes);
  }
  return look;
}

void Emitter::forget_merged(const KeptFrom& kept_from) {
  for (std::size_t n = 0; n < std::min(kForgottenATurn, slots_.size()); ++n) {
    auto& slot = slots_[forget_next_++ % slots_.size()];
    if (slot.parts.empty()) continue;
    const auto& view = views_[slot.view];
    auto least = kEventTimeMax, most = kEventTimeMin;
    for (const auto& [part, reach] : slot.parts) {
      least = std::min(least, reach.said_to);
      most = std::max(most, reach.said_to);
    }
    // Who is away keeps them for its time, and for as long again at most.
    const auto longest = kept_from(view.view, kept_from(view.view, most));
    const auto kept = std::max(kept_from(view.view, least), longest);
    if (kept <= slot.kept_from) continue;
    slot.kept_from = kept;
    forget_answers(view.id, slot.subject, kEventTimeMin, slot.kept_from);
  }
}

}  // namespace tidemark::answers
