#include "cloud/store/dropped_rows.h"

#include <algorithm>

namespace tidemark::store {
namespace {


DroppedCounts::Why why_of(std::int64_t number) {
  return number >= 0 && number < DroppedCounts::kWhys ? static_cast<DroppedCounts::Why>(number)
                                                      : DroppedCounts::Why::start;
}

// The minutes that [from, to) touches.
std::pair<std::int64_t, std::int64_t> minutes_of(EventTime from, EventTime to) {
  return {minute_of(from), minute_of(to - Nanoseconds(1))};
}

}  // namespace

DroppedMinutes::DroppedMinutes(sqlite::Database& database)
    : select_(database, "SELECT first,last,readings,why FROM dropped"
                        " WHERE source=? AND first<=? AND last>=?") {}

void DroppedMinutes::add_to(reconcile::ManifestSum& sum, SourceId source, EventTime from,
                            EventTime to) {
  const auto [first, last] = minutes_of(from, to);
  select_.start(source, last, first);
  while (select_.next()) {
    sum.dropped.add({select_.integer(0), select_.integer(1), 0, select_.count(2),
                     why_of(select_.integer(3))});
  }
}

DroppedRows::DroppedRows(sqlite::Database& database)
    : insert_(database, "INSERT OR REPLACE INTO dropped VALUES(?,?,?,?,?,?,?)"),
      remove_(database, "DELETE FROM dropped WHERE source=? AND incarnation=? AND first=? AND"
                        " last=? AND why=?"),
      remove_all_(database, "DELETE FROM dropped WHERE source=?") {
  sqlite::Statement all(database, "SELECT source,incarnation,first,last,why,next,readings"
                                  " FROM dropped");
  all.start();
  while (all.next()) {
    const auto source = static_cast<SourceId>(all.integer(0));
    const Stretch stretch{{all.count(1)},
                          {all.count(5)},
                          {all.integer(2), all.integer(3), 0, all.count(6),
                           why_of(all.integer(4))}};
    all_[source].push_back(stretch);
    if (auto* count = counted(stretch.counts.why)) ++(*count)[stretch.start];
  }
}

std::map<Incarnation, std::size_t>* DroppedRows::counted(DroppedCounts::Why why) {
  if (why == DroppedCounts::Why::bound) return &of_start_;
  return why == DroppedCounts::Why::lost ? &lost_ : nullptr;
}

void DroppedRows::remove(SourceId source, const Stretch& s) {
  remove_.run(source, s.start.count, s.counts.first, s.counts.last,
              static_cast<std::int64_t>(s.counts.why));
}

bool DroppedRows::add(SourceId source, Incarnation start, Sequence next,
                      const DroppedCounts& dropped) {
  auto& all = all_[source];
  const auto known = std::find_if(all.begin(), all.end(), [&](const Stretch& s) {
    return s.start == start && s.counts.why == dropped.why && s.counts.first == dropped.first &&
           s.counts.last == dropped.last;
  });
  if (known != all.end()) {
    // Later readings of the same hour: they are in later blocks.
    known->next = std::max(known->next, next);
    known->counts.readings = std::max(known->counts.readings, dropped.readings);
    insert(source, *known);
    return false;
  }
  auto counts = dropped;
  counts.number = 0;  // the seal's, which nobody needs any more
  all.push_back({start, next, counts});
  if (auto* count = counted(counts.why)) ++(*count)[start];
  insert(source, all.back());
  if (all.size() > kStretchesMax) widen(source);
  return true;
}

void DroppedRows::insert(SourceId source, const Stretch& s) {
  insert_.run(source, s.start.count, s.counts.first, s.counts.last,
              static_cast<std::int64_t>(s.counts.why), s.next.count, s.counts.readings);
}

void DroppedRows::widen(SourceId source) {
  auto& all = all_[source];
  std::vector<DroppedCounts> wider;
  for (auto& s : all) {
    if (auto* count = counted(s.counts.why)) {
      const auto of = count->find(s.start);
      if (--of->second == 0) count->erase(of);
      s.counts.why = DroppedCounts::Why::start;
    }
    add_dropped(wider, s.counts, kStretchesMax / 2);
  }
  all.clear();
  remove_all_.run(source);
  for (const auto& counts : wider) {
    all.push_back({{}, {}, counts});
    insert(source, all.back());
  }
}

DroppedRows::Resolved DroppedRows::resolve(Incarnation start, Sequence whole) {
  Resolved resolved;
  const auto of = of_start_.find(start);
  if (of == of_start_.end()) return resolved;
  for (auto& [source, all] : all_) {
    std::erase_if(all, [&, id = source](const Stretch& s) {
      const bool here = s.start == start && s.counts.why == DroppedCounts::Why::bound &&
                        s.next <= whole;
      if (!here) return false;
      remove(id, s);
      resolved.emplace_back(id, Minutes{s.counts.first, s.counts.last});
      --of->second;
      return true;
    });
  }
  if (of->second == 0) of_start_.erase(of);
  std::sort(resolved.begin(), resolved.end());
  return resolved;
}

bool DroppedRows::any(SourceId source, Incarnation start, DroppedCounts::Why why) const {
  const auto at = all_.find(source);
  return at != all_.end() && std::ranges::any_of(at->second, [&](const Stretch& s) {
           return s.start == start && s.counts.why == why;
         });
}

DroppedRows::Resolved DroppedRows::found(Incarnation start) {
  Resolved resolved;
  if (lost_.erase(start) == 0) return resolved;
  for (auto& [source, all] : all_) {
    std::erase_if(all, [&, id = source](const Stretch& s) {
      if (s.start != start || s.counts.why != DroppedCounts::Why::lost) return false;
      remove(id, s);
      resolved.emplace_back(id, Minutes{s.counts.first, s.counts.last});
      return true;
    });
  }
  std::sort(resolved.begin(), resolved.end());
  return resolved;
}

DroppedRows::Resolved DroppedRows::shorten(SourceId source, std::int64_t last) {
  Resolved resolved;
  const auto at = all_.find(source);
  if (at == all_.end()) return resolved;
  for (auto& s : at->second) {
    const bool longer = s.counts.why == DroppedCounts::Why::lost && s.counts.first <= last &&
                        s.counts.last > last;
    if (!longer) continue;
    resolved.emplace_back(source, Minutes{last + 1, s.counts.last});
    remove(source, s);
    s.counts.last = last;
    insert(source, s);
  }
  return resolved;
}

void DroppedRows::add_to(reconcile::ManifestSum& sum, SourceId source, EventTime from,
                         EventTime to) const {
  const auto at = all_.find(source);
  if (at == all_.end()) return;
  const auto [first, last] = minutes_of(from, to);
  for (const auto& s : at->second) {
    if (s.counts.first <= last && s.counts.last >= first) sum.dropped.add(s.counts);
  }
}

}  // namespace tidemark::store
