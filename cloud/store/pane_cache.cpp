#include "cloud/store/pane_cache.h"

#include <limits>

namespace tidemark::store {
namespace {

constexpr auto kNoRows = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t tier_number(Tier t) { return static_cast<std::int64_t>(t); }

}  // namespace

PaneCache::PaneCache(sqlite::Database& database)
    : select_(database, "SELECT state FROM panes WHERE series=? AND tier=? AND start=?"),
      upsert_(database, "INSERT INTO panes(series,tier,start,state) VALUES(?,?,?,?)"
                        " ON CONFLICT DO UPDATE SET state=excluded.state"),
      range_(database, "SELECT start, state FROM panes"
                       " WHERE series=? AND tier=? AND start>=? AND start<=? ORDER BY start"),
      newest_(database, "SELECT start FROM panes WHERE series=? AND tier=?"
                        " ORDER BY start DESC LIMIT 1"),
      oldest_(database, "SELECT start FROM panes WHERE series=? AND tier=?"
                        " ORDER BY start LIMIT 1"),
      remove_(database, "DELETE FROM panes WHERE series=? AND tier=? AND start=?"),
      remove_range_(database, "DELETE FROM panes WHERE series=? AND tier=? AND start>=?"
                              " AND start<=?"),
      starts_(database, "SELECT start FROM panes WHERE series=? AND tier=? AND start>=? AND start<?"
                        " ORDER BY start LIMIT ?") {}

std::size_t PaneCache::KeyHash::operator()(const Key& k) const {
  auto h = static_cast<std::uint64_t>(k.start) * 0x9E3779B97F4A7C15ULL;
  h ^= (static_cast<std::uint64_t>(k.series) << 2 | static_cast<std::uint64_t>(k.tier)) *
       0xC2B2AE3D27D4EB4FULL;
  return static_cast<std::size_t>(h ^ (h >> 29));
}

PaneCache::Entry* PaneCache::cached(const Key& key) {
  const auto it = panes_.find(key);
  if (it == panes_.end()) return nullptr;
  it->second->used = flushes_;
  return it->second.get();
}

PaneCache::Rows& PaneCache::rows_of(SeriesId series) {
  auto [rows, unknown] = rows_.try_emplace(series);
  if (unknown) {
    for (std::size_t t = 0; t < reconcile::kTiers; ++t) {
      rows->second.any[t] = newest_.start(series, static_cast<std::int64_t>(t)).next();
      rows->second.newest[t] = rows->second.any[t] ? newest_.integer(0) : kNoRows;
      newest_.rewind();
    }
  }
  return rows->second;
}

PaneCache::Entry* PaneCache::load(const Key& key, ValueType type) {
  const auto newest = rows_of(key.series).newest[static_cast<std::size_t>(key.tier)];
  auto entry = std::make_unique<Entry>();
  entry->pane = Pane(type);
  entry->used = flushes_;
  // A start above all rows needs no look: the ordinary case of live data.
  if (key.start <= newest) {
    if (select_.start(key.series, tier_number(key.tier), key.start).next()) {
      auto pane = Pane::decode(select_.blob(0));
      TIDE_CHECK(pane.ok(), "a pane in cloud.db decodes");
      entry->pane = std::move(pane).value();
    }
    select_.rewind();
  }
  return (panes_[key] = std::move(entry)).get();
}

Pane& PaneCache::change(SeriesId series, ValueType type, Tier tier, EventTime start) {
  const Key key{series, tier, count_ns(start)};
  auto* entry = cached(key);
  if (entry == nullptr) entry = load(key, type);
  if (!entry->changed) {
    rows_of(series).any[static_cast<std::size_t>(tier)] = true;
    entry->changed = true;
    changed_.emplace_back(key, entry);
  }
  return entry->pane;
}

void PaneCache::sum_inside(SeriesId series, Tier tier, EventTime from, EventTime to,
                           window::Partial& sum) {
  const auto width = reconcile::width_of(tier);
  if (to - from == width) {  // one pane: the ordinary case of the built-in view
    const Key key{series, tier, count_ns(from)};
    const auto* entry = cached(key);
    if (entry == nullptr) entry = load(key, sum.type());
    entry->pane.add_to(sum);
    return;
  }
  flush();
  range_.start(series, tier_number(tier), count_ns(from), count_ns(to - width));
  while (range_.next()) {
    auto pane = Pane::decode(range_.blob(1));
    TIDE_CHECK(pane.ok(), "a pane in cloud.db decodes");
    pane->add_to(sum);
  }
}

std::uint64_t PaneCache::sum(SeriesId series, EventTime from, EventTime to,
                             window::Partial& sum) {
  std::uint64_t unplaced = 0;
  for (std::size_t t = 0; t < reconcile::kTiers; ++t) {
    if (!rows_of(series).any[t]) continue;
    const auto tier = static_cast<Tier>(t);
    const auto width = reconcile::width_of(tier);
    if (to - from >= width) sum_inside(series, tier, from, to, sum);
    const auto first = floor_to(from, width);
    const auto last = floor_to(to - Nanoseconds(1), width);
    for (auto start = first; start <= last; start += std::max(last - first, width)) {
      if (start >= from && start + width <= to) continue;
      const Key key{series, tier, count_ns(start)};
      const auto* entry = cached(key);
      if (entry == nullptr) entry = load(key, sum.type());
      unplaced += entry->pane.add_certain(from, to, sum);
    }
  }
  return unplaced;
}

std::uint64_t PaneCache::readings(SeriesId series, EventTime from, EventTime to) {
  flush();
  std::uint64_t readings = 0;
  for (std::size_t t = 0; t < reconcile::kTiers; ++t) {
    const auto width = reconcile::width_of(static_cast<Tier>(t));
    if (to - from < width) continue;
    range_.start(series, static_cast<std::int64_t>(t), count_ns(from), count_ns(to - width));
    while (range_.next()) {
      const auto pane = Pane::decode(range_.blob(1));
      TIDE_CHECK(pane.ok(), "a pane in cloud.db decodes");
      readings += pane->readings();
    }
  }
  return readings;
}

void PaneCache::remove(SeriesId series, EventTime from, EventTime to) {
  flush();
  for (std::size_t t = 0; t < reconcile::kTiers; ++t) {
    const auto width = reconcile::width_of(static_cast<Tier>(t));
    if (to - from < width) continue;
    remove_range_.run(series, static_cast<std::int64_t>(t), count_ns(from), count_ns(to - width));
  }
  std::erase_if(panes_, [&](const auto& item) {
    const auto start = event_time(item.first.start);
    return item.first.series == series && start >= from &&
           start + reconcile::width_of(item.first.tier) <= to;
  });
}

void PaneCache::flush() {
  for (auto& [key, entry] : changed_) {
    scratch_.clear();
    ByteWriter out(scratch_);
    entry->pane.encode(out);
    upsert_.run(key.series, tier_number(key.tier), key.start, scratch_);
    entry->changed = false;
    auto& newest = rows_of(key.series).newest[static_cast<std::size_t>(key.tier)];
    newest = std::max(newest, key.start);
  }
  changed_.clear();
}

void PaneCache::make_room() {
  ++flushes_;
  const auto most = kPanesMax + 2 * rows_.size();
  if (panes_.size() <= most) return;
  // Keep what the last few batches used; if they alone are too many, keep nothing.
  constexpr std::uint64_t kKeepFlushes = 8;
  std::erase_if(panes_, [&](const auto& item) {
    return !item.second->changed && item.second->used + kKeepFlushes < flushes_;
  });
  if (panes_.size() > most) {
    std::erase_if(panes_, [](const auto& item) { return !item.second->changed; });
  }
}

std::vector<EventTime> PaneCache::fold(SeriesId series, ValueType type, Tier tier,
                                       EventTime before, std::size_t limit) {
  flush();
  const auto next = static_cast<Tier>(static_cast<std::size_t>(tier) + 1);
  std::vector<EventTime> folded;
  starts_.start(series, tier_number(tier), kNoRows, count_ns(before), limit);
  while (starts_.next()) folded.push_back(event_time(starts_.integer(0)));
  for (const auto start : folded) {
    window::Partial all(type);
    const Key key{series, tier, count_ns(start)};
    auto* entry = cached(key);
    if (entry == nullptr) entry = load(key, type);
    entry->pane.add_to(all);
    change(series, type, next, floor_to(start, reconcile::width_of(next))).rows.merge(all);
    panes_.erase(key);
    remove_.run(key.series, tier_number(tier), key.start);
  }
  return folded;
}

std::optional<EventTime> PaneCache::first(SeriesId series) {
  std::optional<EventTime> first;
  flush();
  for (std::size_t t = 0; t < reconcile::kTiers; ++t) {
    if (oldest_.start(series, static_cast<std::int64_t>(t)).next()) {
      const auto start = event_time(oldest_.integer(0));
      if (!first || start < *first) first = start;
    }
    oldest_.rewind();
  }
  return first;
}

std::int64_t PaneCache::newest(SeriesId series) {
  auto newest = kNoRows;
  for (std::size_t t = 0; t < reconcile::kTiers; ++t) {
    if (newest_.start(series, static_cast<std::int64_t>(t)).next()) {
      const auto width = reconcile::width_of(static_cast<Tier>(t)).count();
      newest = std::max(newest, newest_.integer(0) + width - 1);
    }
    newest_.rewind();
  }
  return newest;
}

std::vector<EventTime> PaneCache::starts(SeriesId series, Tier coarsest, EventTime from,
                                         EventTime to, std::size_t limit) {
  flush();
  std::vector<EventTime> all;
  for (std::size_t t = 0; t <= static_cast<std::size_t>(coarsest); ++t) {
    starts_.start(series, static_cast<std::int64_t>(t), count_ns(from), count_ns(to), limit);
    while (starts_.next()) all.push_back(event_time(starts_.integer(0)));
  }
  return all;
}

}  // namespace tidemark::store
