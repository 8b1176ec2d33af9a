#include "cloud/store/pane_cache.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace tidemark::store {
namespace {

constexpr auto kNoRows = std::numeric_limits<std::int64_t>::min();
using reconcile::number_of;

constexpr std::int64_t number_at(std::size_t t) { return number_of(static_cast<Tier>(t)); }

Pane decode(ByteSpan bytes) {
  auto pane = Pane::decode(bytes);
  TIDE_CHECK(pane.ok(), "a pane in cloud.db decodes");
  return std::move(pane).value();
}

// What is in the row comes before what was gathered.
void add_row(Pane& gathered, ByteSpan row) {
  auto pane = decode(row);
  pane.join(gathered);
  gathered = std::move(pane);
}

}  // namespace

PaneCache::PaneCache(sqlite::Database& database, Changes& changes)
    : select_(database, "SELECT state FROM panes WHERE series=? AND tier=? AND start=?"),
      upsert_(database, "INSERT OR REPLACE INTO panes(series,tier,start,state) VALUES(?,?,?,?)"),
      range_(database, "SELECT start, state FROM panes"
                       " WHERE series=? AND tier=? AND start>=? AND start<=? ORDER BY start"),
      newest_(database, "SELECT tier,start FROM panes WHERE series=? AND tier<?"
                        " ORDER BY tier DESC,start DESC LIMIT 1"),
      oldest_(database, "SELECT start FROM panes WHERE series=? AND tier=?"
                        " ORDER BY start LIMIT 1"),
      remove_(database, "DELETE FROM panes WHERE series=? AND tier=? AND start=?"),
      remove_range_(database, "DELETE FROM panes WHERE series=? AND tier=? AND start>=?"
                              " AND start<=?"),
      starts_(database, "SELECT start FROM panes WHERE series=? AND tier=? AND start>=? AND start<?"
                        " ORDER BY start LIMIT ?"),
      before_(database, "SELECT start,state FROM panes WHERE series=? AND tier=? AND start<?"
                        " ORDER BY start DESC"),
      after_(database, "SELECT start,state FROM panes WHERE series=? AND tier=? AND start>=?"
                       " ORDER BY start"),
      changes_(changes) {}

std::size_t PaneCache::KeyHash::operator()(const Key& k) const {
  auto h = static_cast<std::uint64_t>(k.start) * 0x9E3779B97F4A7C15ULL;
  h ^= (static_cast<std::uint64_t>(k.series) << 3 | static_cast<std::uint64_t>(k.tier)) *
       0xC2B2AE3D27D4EB4FULL;
  return static_cast<std::size_t>(h ^ (h >> 29));
}

PaneCache::Rows& PaneCache::rows_of(SeriesId series) {
  const auto known = rows_.find(series);
  if (known != rows_.end()) return known->second;
  return rows_.emplace(series, read_rows(series)).first->second;
}

// A look for each tier that is there, and one that finds no more.
PaneCache::Rows PaneCache::read_rows(SeriesId series) {
  Rows rows;
  rows.newest.fill(kNoRows);
  auto below = static_cast<std::int64_t>(reconcile::kTiers);
  while (below > 0 && newest_.start(series, below).next()) {
    below = newest_.integer(0);
    const auto tier = reconcile::tier_of(below);
    TIDE_CHECK(tier.has_value(), "a pane in cloud.db is of a tier");
    rows.any[static_cast<std::size_t>(*tier)] = true;
    rows.newest[static_cast<std::size_t>(*tier)] = newest_.integer(1);
  }
  newest_.rewind();
  return rows;
}

PaneCache::Item& PaneCache::find(const Key& key, ValueType type, bool whole) {
  const auto it = panes_.find(key);
  const bool missing = it == panes_.end();
  auto& item = missing ? add(key, type) : *it;
  auto& entry = item.second;
  use(entry);
  if (missing && may_have_row(key)) {
    entry.whole = false;
    if (!whole) unsettled_.push_back(&item);
  }
  if (whole && !entry.whole) settle_one(item);
  return item;
}

// In the place of one that went, where there is one: without allocating.
PaneCache::Item& PaneCache::add(const Key& key, ValueType type) {
  if (!std::exchange(rows_of(key.series).met, true)) ++met_;
  if (spare_.empty()) {
    auto& item = *panes_.try_emplace(key, type).first;
    item.second.key = &item.first;
    return item;
  }
  auto node = std::move(spare_.back());
  spare_.pop_back();
  node.key() = key;
  auto& entry = node.mapped();
  const window::Partial nothing(type);
  entry.pane.rows = nothing;
  entry.changed = false;
  entry.whole = true;
  entry.used = 0;
  return *panes_.insert(std::move(node)).position;
}

void PaneCache::forget(Panes::iterator at) {
  unlink(at->second);
  auto& pane = at->second.pane;
  pane.extras.reset();
  pane.windows = {};
  auto node = panes_.extract(at);
  if (spare_.size() < kSpareMax) spare_.push_back(std::move(node));
}

void PaneCache::unlink(Entry& entry) {
  (entry.before != nullptr ? entry.before->behind : longest_ago_) = entry.behind;
  (entry.behind != nullptr ? entry.behind->before : latest_) = entry.before;
}

void PaneCache::use(Entry& entry) {
  if (entry.used == flushes_) return;
  if (entry.used != 0) unlink(entry);
  entry.used = flushes_;
  entry.before = latest_;
  entry.behind = nullptr;
  (latest_ != nullptr ? latest_->behind : longest_ago_) = &entry;
  latest_ = &entry;
}

Pane& PaneCache::mark_changed(Item& item) {
  auto& [key, entry] = item;
  const auto start = event_time(key.start);
  changes_.of_series(key.series, start, start + reconcile::width_of(key.tier));
  if (!entry.changed) {
    auto& rows = rows_of(key.series);
    rows.any[index(key)] = true;
    if (auto& oldest = rows.oldest[index(key)]) oldest = std::min(*oldest, key.start);
    entry.changed = true;
    gaps_.changed(key.series, key.tier, start);
    changed_.push_back(&item);
  }
  return entry.pane;
}

Pane& PaneCache::change(SeriesId series, ValueType type, Tier tier, EventTime start) {
  return mark_changed(find({series, tier, count_ns(start)}, type, true));
}

Pane& PaneCache::gather(SeriesId series, ValueType type, Tier tier, EventTime start) {
  return mark_changed(find({series, tier, count_ns(start)}, type, false));
}

void PaneCache::settle_one(Item& item) {
  auto& [key, entry] = item;
  entry.whole = true;
  if (select_.start(key.series, number_of(key.tier), key.start).next()) {
    add_row(entry.pane, select_.blob(0));
  }
  select_.rewind();
}

// In the order of their starts. Where they lie close together, one look reads many rows.
void PaneCache::settle_some(std::span<Item* const> items) {
  constexpr int kPassedMax = 6;  // so many rows read in vain cost what a look does
  const auto& last = items.back()->first;
  std::size_t at = 0;
  while (at < items.size()) {
    range_.start(last.series, number_of(last.tier), items[at]->first.start, last.start);
    for (int passed = 0; at < items.size() && passed <= kPassedMax;) {
      const auto start = range_.next() ? range_.integer(0) : last.start + 1;
      while (at < items.size() && items[at]->first.start < start) items[at++]->second.whole = true;
      if (at == items.size()) break;
      if (items[at]->first.start == start) {
        auto& entry = items[at++]->second;
        entry.whole = true;
        add_row(entry.pane, range_.blob(1));
        passed = 0;
      } else {
        ++passed;
      }
    }
  }
  range_.rewind();
}

void PaneCache::settle() {
  std::erase_if(unsettled_, [](const Item* item) { return item->second.whole; });
  std::sort(unsettled_.begin(), unsettled_.end(), in_order);
  const std::span all(unsettled_);
  for (std::size_t i = 0; i < all.size();) {
    auto end = i + 1;
    while (end < all.size() && all[end]->first.series == all[i]->first.series &&
           all[end]->first.tier == all[i]->first.tier) {
      ++end;
    }
    settle_some(all.subspan(i, end - i));
    i = end;
  }
  unsettled_.clear();
}

void PaneCache::sum_inside(SeriesId series, Tier tier, EventTime from, EventTime to,
                           const window::OrderedOptions& options, window::Summary& sum) {
  const auto width = reconcile::width_of(tier);
  if (to - from == width) {  // one pane: the ordinary case of the built-in view
    load({series, tier, count_ns(from)}, sum.partial().type()).add_to(sum, options);
    return;
  }
  if (sum_in_memory(series, tier, from, to, options, sum)) return;
  flush();
  range_.start(series, number_of(tier), count_ns(from), count_ns(to - width));
  while (range_.next()) {
    decode(range_.blob(1)).add_to(sum, options);
  }
}

bool PaneCache::sum_in_memory(SeriesId series, Tier tier, EventTime from, EventTime to,
                              const window::OrderedOptions& options, window::Summary& sum) {
  const auto width = reconcile::width_of(tier);
  if (to - from > kSummedInMemoryMax * width) return false;
  const auto newest = rows_of(series).newest[static_cast<std::size_t>(tier)];
  inside_.clear();
  auto start = floor_to(from, width);
  for (start += start < from ? width : Nanoseconds{}; start + width <= to; start += width) {
    const auto it = panes_.find({series, tier, count_ns(start)});
    if (it == panes_.end()) {
      if (count_ns(start) > newest) continue;  // nobody ever made it
      return false;
    }
    if (!it->second.whole) settle();
    inside_.push_back(&it->second);
  }
  for (auto* entry : inside_) {
    use(*entry);
    entry->pane.add_to(sum, options);
  }
  return true;
}

std::uint64_t PaneCache::sum(SeriesId series, EventTime from, EventTime to,
                             const window::OrderedOptions& options, window::Summary& sum) {
  const auto type = sum.partial().type();
  std::uint64_t unplaced = 0;
  for (std::size_t t = 0; t < reconcile::kTiers; ++t) {
    if (!rows_of(series).any[t]) continue;
    const auto tier = static_cast<Tier>(t);
    const auto width = reconcile::width_of(tier);
    if (to - from >= width) sum_inside(series, tier, from, to, options, sum);
    const auto first = floor_to(from, width);
    const auto last = floor_to(to - Nanoseconds(1), width);
    for (auto start = first; start <= last; start += std::max(last - first, width)) {
      if (start >= from && start + width <= to) continue;
      unplaced += load({series, tier, count_ns(start)}, type).add_certain(from, to, sum, options);
    }
  }
  if (!sum.parts().ordered) return unplaced;
  const auto neighbour = before(series, from);
  const bool good = sum.close(count_ns(from), count_ns(to), neighbour.sample, options);
  if (!good || neighbour.unsure_from) sum.doubt();
  return unplaced;
}

reconcile::Before PaneCache::before(SeriesId series, EventTime t) {
  flush();
  reconcile::Before found;
  for (std::size_t tier = 0; tier < reconcile::kTiers; ++tier) {
    if (rows_of(series).any[tier]) walk_back(series, static_cast<Tier>(tier), t, found);
  }
  return found;
}

// Stretches of panes without a value are noted, and passed over from then on.
void PaneCache::walk_back(SeriesId series, Tier tier, EventTime t, reconcile::Before& found) {
  auto from = kEventTimeMin;
  auto to = t;  // panes that start in [from, to) have no value
  std::size_t passed = 0;
  before_.start(series, number_of(tier), count_ns(gaps_.back_from(series, tier, t)));
  while (before_.next()) {
    ++walked_;
    const auto start = event_time(before_.integer(0));
    const auto pane = decode(before_.blob(1));
    if (found.take(start, pane, t)) {
      from = start + Nanoseconds(1);
      break;
    }
    if (pane.ends()) {  // it reaches beyond t
      to = start;
      passed = 0;
      continue;
    }
    ++passed;
    const auto beyond = gaps_.back_from(series, tier, start);
    if (beyond < start) before_.start(series, number_of(tier), count_ns(beyond));
  }
  before_.rewind();
  if (passed >= ValueGaps::kPanesMin) gaps_.found(series, tier, from, to);
}

std::optional<EventTime> PaneCache::after(SeriesId series, EventTime t) {
  flush();
  std::optional<EventTime> found;
  for (std::size_t tier = 0; tier < reconcile::kTiers; ++tier) {
    if (!rows_of(series).any[tier]) continue;
    const auto first = walk_on(series, static_cast<Tier>(tier), t);
    if (first && (!found || *first < *found)) found = first;
  }
  return found;
}

std::optional<EventTime> PaneCache::walk_on(SeriesId series, Tier tier, EventTime t) {
  std::optional<EventTime> found;
  auto from = floor_to(t, reconcile::width_of(tier));
  auto to = from;  // panes that start in [from, to) have no value
  std::size_t passed = 0;
  after_.start(series, number_of(tier), count_ns(gaps_.on_from(series, tier, from)));
  while (after_.next()) {
    ++walked_;
    const auto start = event_time(after_.integer(0));
    const auto ends = decode(after_.blob(1)).ends();
    to = start;
    if (ends && event_time(ends->last.time) > t) {
      found = std::max(event_time(ends->first.time), t);
      break;
    }
    to = start + Nanoseconds(1);
    if (ends) {  // it holds t
      from = to;
      passed = 0;
      continue;
    }
    ++passed;
    const auto beyond = gaps_.on_from(series, tier, start);
    if (beyond > start) after_.start(series, number_of(tier), count_ns(beyond));
  }
  after_.rewind();
  if (passed >= ValueGaps::kPanesMin) gaps_.found(series, tier, from, to);
  return found;
}

std::uint64_t PaneCache::readings(SeriesId series, EventTime from, EventTime to) {
  flush();
  std::uint64_t readings = 0;
  for (std::size_t t = 0; t < reconcile::kTiers; ++t) {
    const auto width = reconcile::width_of(static_cast<Tier>(t));
    if (to - from < width) continue;
    range_.start(series, number_at(t), count_ns(from), count_ns(to - width));
    while (range_.next()) {
      readings += decode(range_.blob(1)).readings();
    }
  }
  return readings;
}

void PaneCache::remove(SeriesId series, EventTime from, EventTime to) {
  flush();
  changes_.of_series(series, from, to);
  for (std::size_t t = 0; t < reconcile::kTiers; ++t) {
    const auto width = reconcile::width_of(static_cast<Tier>(t));
    if (to - from < width) continue;
    rows_of(series).oldest[t].reset();
    remove_range_.run(series, number_at(t), count_ns(from), count_ns(to - width));
  }
  for (auto it = panes_.begin(); it != panes_.end();) {
    const auto at = it++;
    const auto start = event_time(at->first.start);
    const bool inside = start >= from && start + reconcile::width_of(at->first.tier) <= to;
    if (at->first.series == series && inside) forget(at);
  }
}

void PaneCache::flush() {
  settle();
  std::sort(changed_.begin(), changed_.end(), in_order);
  for (auto* item : changed_) {
    auto& [key, entry] = *item;
    scratch_.clear();
    ByteWriter out(scratch_);
    entry.pane.encode(out);
    upsert_.run(key.series, number_of(key.tier), key.start, scratch_);
    entry.changed = false;
    auto& newest = rows_of(key.series).newest[index(key)];
    newest = std::max(newest, key.start);
  }
  changed_.clear();
}

void PaneCache::make_room() {
  ++flushes_;
  const auto most = kPanesMax + 2 * met_;
  for (auto* entry = longest_ago_; panes_.size() > most && entry != nullptr;) {
    auto* const next = entry->behind;
    if (!entry->changed) forget(panes_.find(*entry->key));
    entry = next;
  }
}

std::vector<EventTime> PaneCache::fold(SeriesId series, ValueType type, Tier tier,
                                       EventTime before, const window::OrderedOptions& options,
                                       std::size_t limit) {
  flush();
  const auto next = static_cast<Tier>(static_cast<std::size_t>(tier) + 1);
  std::vector<EventTime> folded, unordered;
  starts_.start(series, number_of(tier), kNoRows, count_ns(before), limit);
  while (starts_.next()) folded.push_back(event_time(starts_.integer(0)));
  for (const auto start : folded) {
    const Key key{series, tier, count_ns(start)};
    const auto& pane = load(key, type);
    const auto to = floor_to(start, reconcile::width_of(next));
    if (!change(series, type, next, to).take(pane, options) &&
        (unordered.empty() || unordered.back() != to)) {
      unordered.push_back(to);
    }
    forget(panes_.find(key));
    remove_.run(key.series, number_of(tier), key.start);
  }
  return unordered;
}

std::optional<EventTime> PaneCache::first(SeriesId series) {
  std::optional<EventTime> first;
  for (std::size_t t = 0; t < reconcile::kTiers; ++t) {
    if (!rows_of(series).any[t]) continue;
    const auto start = oldest(series, t);
    if (start && (!first || event_time(*start) < *first)) first = event_time(*start);
  }
  return first;
}

// Views ask at every seal until the first window of a series is over.
std::optional<std::int64_t> PaneCache::oldest(SeriesId series, std::size_t tier) {
  auto& known = rows_of(series).oldest[tier];
  if (known) return known;
  flush();
  if (oldest_.start(series, number_at(tier)).next()) known = oldest_.integer(0);
  oldest_.rewind();
  return known;
}

std::int64_t PaneCache::newest(SeriesId series) {
  const auto rows = read_rows(series);
  rows_.try_emplace(series, rows);  // who opens a store asks of all series, and needs them again
  auto newest = kNoRows;
  for (std::size_t t = 0; t < reconcile::kTiers; ++t) {
    if (!rows.any[t]) continue;
    const auto width = reconcile::width_of(static_cast<Tier>(t)).count();
    newest = std::max(newest, rows.newest[t] + width - 1);
  }
  return newest;
}

std::vector<EventTime> PaneCache::starts(SeriesId series, Tier coarsest, EventTime from,
                                         EventTime to, std::size_t limit) {
  flush();
  std::vector<EventTime> all;
  auto& rows = rows_of(series);
  for (std::size_t t = 0; t <= static_cast<std::size_t>(coarsest); ++t) {
    if (!rows.any[t] || rows.newest[t] < count_ns(from)) continue;
    starts_.start(series, number_at(t), count_ns(from), count_ns(to), limit);
    const auto before = all.size();
    while (starts_.next()) all.push_back(event_time(starts_.integer(0)));
    const bool any = all.size() > before;
    if (any && from == kEventTimeMin) rows.oldest[t] = count_ns(all[before]);
  }
  return all;
}

std::vector<std::pair<Tier, EventTime>> PaneCache::inside(SeriesId series, EventTime from,
                                                          EventTime to) {
  flush();
  std::vector<std::pair<Tier, EventTime>> all;
  for (std::size_t t = 0; t < reconcile::kTiers; ++t) {
    const auto tier = static_cast<Tier>(t);
    const auto width = reconcile::width_of(tier);
    if (to - from < width) continue;
    starts_.start(series, number_of(tier), count_ns(from), count_ns(to - width) + 1, -1);
    while (starts_.next()) all.emplace_back(tier, event_time(starts_.integer(0)));
  }
  return all;
}

}  // namespace tidemark::store
