#include "cloud/store/ordered_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

namespace tidemark::store {

OrderedRows::OrderedRows(sqlite::Database& db, Changes* changes)
    : changes_(changes),
      rule_(db, "SELECT max_hold,rollover FROM series_ordered WHERE series=?"),
      set_rule_(db, "INSERT INTO series_ordered VALUES(?,?,?) ON CONFLICT DO UPDATE"
                    " SET max_hold=excluded.max_hold, rollover=excluded.rollover"),
      swaps_(db, "SELECT at,old_end,new_start,known_at FROM meter_swaps WHERE series=?"
                 " ORDER BY at"),
      add_swap_(db, "INSERT OR REPLACE INTO meter_swaps VALUES(?,?,?,?,?)"),
      remove_swap_(db, "DELETE FROM meter_swaps WHERE series=? AND at=?"),
      add_(db, "INSERT OR REPLACE INTO panes_unordered VALUES(?,?,?,?)"),
      some_(db, "SELECT start,cause FROM panes_unordered WHERE series=? AND tier=? AND start>=?"
                " AND start<? ORDER BY start LIMIT ?"),
      remove_(db, "DELETE FROM panes_unordered WHERE series=? AND tier=? AND start=?") {
  sqlite::Statement all(db, "SELECT series,tier,MIN(start) FROM panes_unordered"
                            " GROUP BY series,tier");
  all.start();
  while (all.next()) {
    const auto tier = reconcile::tier_of(all.integer(1));
    if (!tier) continue;
    note_added(static_cast<SeriesId>(all.integer(0)),
               event_time(all.integer(2)) + reconcile::width_of(*tier));
  }
}

window::OrderedSample sample_of(std::int64_t kept, ValueType type) {
  window::OrderedSample sample;
  if (type == ValueType::f64) {
    sample.f64 = std::bit_cast<double>(kept);
  } else {
    sample.i64 = kept;
  }
  return sample;
}

const window::OrderedOptions& OrderedRows::of(SeriesId series, const SeriesDescription& d) {
  const auto [it, unknown] = read_.try_emplace(series);
  auto& options = it->second;
  if (!unknown) return options;
  options.max_hold = kMaxHold.count();
  if (rule_.start(series).next()) {
    options.max_hold = rule_.integer(0);
    const auto rollover = rule_.real(1);
    options.rollover_f64 = rollover;
    const auto steps = rollover / std::pow(10.0, d.exponent);
    options.rollover_i64 = steps < 9.2e18 ? std::llround(steps) : 0;
  }
  rule_.rewind();
  for (const auto& swap : swaps(series)) {
    options.swaps.push_back({count_ns(swap.at), sample_of(swap.old_end, d.type),
                             sample_of(swap.new_start, d.type)});
  }
  return options;
}

// What was made by it may be something else by another one.
void OrderedRows::forget_rule(SeriesId series) {
  read_.erase(series);
  if (changes_ != nullptr) changes_->of_series(series, kEventTimeMin, kEventTimeMax);
}

void OrderedRows::set_rule(SeriesId series, Nanoseconds max_hold, double rollover) {
  auto known = std::pair(kMaxHold.count(), 0.0);
  if (rule_.start(series).next()) known = {rule_.integer(0), rule_.real(1)};
  rule_.rewind();
  if (known == std::pair(max_hold.count(), rollover)) return;
  set_rule_.run(series, max_hold.count(), rollover);
  forget_rule(series);
}

Result<> OrderedRows::add_swap(const Swap& swap) {
  if (swaps(swap.series).size() >= kSwapsMax) {
    return Error(Fault::full, fmt::format("the meter of a series is swapped at most {} times",
                                          kSwapsMax));
  }
  add_swap_.run(swap.series, count_ns(swap.at), swap.old_end, swap.new_start,
                count_ns(swap.known_at));
  forget_rule(swap.series);
  return {};
}

bool OrderedRows::remove_swap(SeriesId series, EventTime at) {
  const auto before = swaps(series).size();
  remove_swap_.run(series, count_ns(at));
  forget_rule(series);
  return swaps(series).size() != before;
}

std::vector<OrderedRows::Swap> OrderedRows::swaps(SeriesId series) {
  std::vector<Swap> all;
  swaps_.start(series);
  while (swaps_.next()) {
    all.push_back({series, event_time(swaps_.integer(0)), swaps_.integer(1), swaps_.integer(2),
                   event_time(swaps_.integer(3))});
  }
  return all;
}

void OrderedRows::add_unordered(const Pane& pane) {
  note_added(pane.series, pane.start + reconcile::width_of(pane.tier));
  add_.run(pane.series, reconcile::number_of(pane.tier), count_ns(pane.start), pane.cause);
}

void OrderedRows::note_added(SeriesId series, EventTime end) {
  auto& first = added_.try_emplace(series, end).first->second;
  first = std::min(first, end);
}

std::vector<OrderedRows::Pane> OrderedRows::unordered(SeriesId series, reconcile::Tier tier,
                                                      EventTime from, EventTime to,
                                                      std::size_t limit) {
  std::vector<Pane> panes;
  some_.start(series, reconcile::number_of(tier), count_ns(from), count_ns(to), limit);
  while (some_.next()) {
    panes.push_back({series, tier, event_time(some_.integer(0)),
                     static_cast<int>(some_.integer(1))});
  }
  some_.rewind();
  return panes;
}

std::optional<OrderedRows::Pane> OrderedRows::first_unordered(SeriesId series, EventTime by) {
  for (std::size_t t = 0; t < reconcile::kTiers; ++t) {
    const auto tier = static_cast<reconcile::Tier>(t);
    const auto width = reconcile::width_of(tier);
    if (by < kEventTimeMin + width) break;
    const auto first = unordered(series, tier, kEventTimeMin, by - width + Nanoseconds(1), 1);
    if (!first.empty()) return first.front();
  }
  return std::nullopt;
}

std::optional<EventTime> OrderedRows::first_end(SeriesId series) {
  std::optional<EventTime> end;
  for (std::size_t t = 0; t < reconcile::kTiers; ++t) {
    const auto tier = static_cast<reconcile::Tier>(t);
    const auto first = unordered(series, tier, kEventTimeMin, kEventTimeMax, 1);
    if (first.empty()) continue;
    const auto at = first.front().start + reconcile::width_of(tier);
    end = end ? std::min(*end, at) : at;
  }
  return end;
}

std::unordered_map<SeriesId, EventTime> OrderedRows::take_added() {
  return std::exchange(added_, {});
}

void OrderedRows::remove_unordered(const Pane& pane) {
  remove_.run(pane.series, reconcile::number_of(pane.tier), count_ns(pane.start));
}

void OrderedRows::forget_read() { read_.clear(); }

}  // namespace tidemark::store
