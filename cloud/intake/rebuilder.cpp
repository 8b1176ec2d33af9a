#include "cloud/intake/rebuilder.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "cloud/reconcile/identities.h"
#include "common/codec/codec.h"

namespace tidemark::intake {

struct Rebuilder::Day {
  EventTime begin{}, end{};
  std::array<EventTime, reconcile::kTiers> floors{};
  std::map<Key, reconcile::Pane> panes;
  std::uint64_t readings = 0;  // in them
  std::uint64_t wide = 0;      // in sums that reach over an end of the day
  // Edge windows by (start, size, incarnation): of each the highest revision counts.
  std::map<std::tuple<std::int64_t, std::int64_t, Incarnation>, PartialRow> windows;
  std::vector<reconcile::Identity> seen;  // sorted up to `sorted`: of blocks before this one
  std::size_t sorted = 0;
  Outcome outcome;

  // Whether it was here before; notes it.
  bool repeated(const reconcile::Identity& identity) {
    const auto middle = seen.begin() + static_cast<std::ptrdiff_t>(sorted);
    if (std::binary_search(seen.begin(), middle, identity)) return true;
    seen.push_back(identity);
    return false;
  }
  // A column has no repeats in itself: those that it brought can be found from now on.
  void end_of_column() {
    if (sorted == seen.size()) return;
    std::sort(seen.begin() + static_cast<std::ptrdiff_t>(sorted), seen.end());
    if (sorted > 0 && seen[sorted] < seen[sorted - 1]) {
      std::inplace_merge(seen.begin(), seen.begin() + static_cast<std::ptrdiff_t>(sorted),
                         seen.end());
    }
    sorted = seen.size();
  }
};

reconcile::Tier Rebuilder::tier_at(const Series& series, EventTime t, const Day& day) const {
  auto tier = static_cast<std::size_t>(series.finest);
  while (tier + 1 < reconcile::kTiers && t < day.floors[tier]) ++tier;
  return static_cast<reconcile::Tier>(tier);
}

reconcile::Pane& Rebuilder::pane_of(const Series& series, reconcile::Tier tier, EventTime start,
                                    Day& day) {
  const Key key{tier, floor_to(start, reconcile::width_of(tier))};
  return day.panes.try_emplace(key, series.row.description.type).first->second;
}

void Rebuilder::add_rows(const Series& series, const Group& group, const Column& column,
                         Day& day) {
  std::vector<bool> repeated(column.values(), false);
  const bool stamped = series.row.description.device_stamped;
  if (stamped) reconcile::mark_repeats(group, column, repeated);
  reconcile::each_value(group, column, [&](std::size_t row, std::size_t value) {
    const auto time = event_time(group.times[row]);
    if (time < day.begin || time >= day.end || repeated[value]) return;
    if (stamped && day.repeated({group.times[row], reconcile::value_bits(column, value)})) return;
    pane_of(series, tier_at(series, time, day), time, day)
        .rows.add(group.times[row], column, value);
    ++day.readings;
  });
  day.end_of_column();
}

Result<> Rebuilder::gather(Edge& edge, const Series& series, Day& day) {
  std::vector<std::uint64_t> positions;
  for (const auto source : series.row.sources()) {
    for (const auto at : store_.blocks().overlapping(source, count_ns(day.begin),
                                                     count_ns(day.end) - 1)) {
      positions.push_back(at.value);
    }
  }
  std::sort(positions.begin(), positions.end());
  positions.erase(std::unique(positions.begin(), positions.end()), positions.end());
  std::vector<Bound> bound;
  for (const auto position : positions) {
    TIDE_ASSIGN(const auto archived, store_.archive().read({position}));
    TIDE_ASSIGN(const auto block, codec::decode(archived.record.bytes));
    TIDE_TRY(catalogue_.bind_known(edge, block.dictionaries, bound));
    const auto before = day.readings;
    for (const auto& group : block.groups) {
      if (group.copy) continue;
      for (const auto& column : group.columns) {
        if (bound[column.series].series == &series) add_rows(series, group, column, day);
      }
    }
    auto here = day.readings - before;
    for (const auto& row : block.partials) {
      const auto start = event_time(row.start);
      if (row.copy || bound[row.series].series != &series || start < day.begin ||
          start >= day.end) {
        continue;
      }
      here += row.readings;
      auto& known = day.windows[{row.start, row.size, archived.record.name.incarnation}];
      if (row.revision >= known.revision) known = row;
    }
    if (here > 0) day.outcome.by_start[archived.record.name.incarnation] += here;
    if (day.readings > kReadingsMax) {
      return Error(Fault::full, fmt::format("more than {} readings on {}", kReadingsMax,
                                            format_utc(day.begin)));
    }
  }
  day.outcome.blocks = positions.size();
  return {};
}

Result<Rebuilder::Outcome> Rebuilder::day(Edge& edge, const Series& series, EventTime begin,
                                          EventTime now) {
  Day day;
  day.begin = begin;
  day.end = begin + kDay;
  const auto aside = store_.late().waiting(series.row.id, day.begin, day.end);
  const auto waiting = aside.all();
  if (aside.early > 0 && day.end > now) {
    return Error(Fault::bad_input, fmt::format("{} readings on {} are in quarantine, and the day "
                                               "is not over", aside.early, format_utc(day.begin)));
  }
  const auto frontier = edge.books.sources()[series.source].frontier;
  for (std::size_t t = 0; t < reconcile::kTiers; ++t) {
    day.floors[t] = horizons_.floor(static_cast<reconcile::Tier>(t), frontier);
  }
  TIDE_TRY(gather(edge, series, day));
  for (auto& [key, row] : day.windows) {
    ByteReader in(row.state);
    TIDE_ASSIGN(auto state, window::Partial::decode(in));
    const auto start = event_time(row.start);
    const auto tier = reconcile::tier_holding(start, Nanoseconds(row.size),
                                              tier_at(series, start, day));
    if (!tier) {
      day.wide += state.readings();
      continue;
    }
    day.readings += state.readings();
    pane_of(series, *tier, start, day)
        .replace({row.start, row.size, std::get<2>(key), row.revision, std::move(state)});
  }
  const auto placed = store_.panes().readings(series.row.id, day.begin, day.end);
  if (day.readings + day.wide < placed + waiting) {
    return Error(Fault::unavailable,
                 fmt::format("of {} readings on {} the archive has {}; retention.blocks has "
                             "removed the others", placed + waiting, format_utc(day.begin),
                             day.readings + day.wide));
  }
  if (day.readings < placed || day.readings + day.wide > placed + waiting) {
    return Error(Fault::corrupt, fmt::format("of {} readings on {} the archive has {}",
                                             placed + waiting, format_utc(day.begin),
                                             day.readings + day.wide));
  }
  day.outcome.returned = day.readings - placed;
  day.outcome.stayed = day.wide;
  store_.panes().remove(series.row.id, day.begin, day.end);
  for (auto& [key, pane] : day.panes) {
    store_.panes().change(series.row.id, series.row.description.type, key.tier, key.start) =
        std::move(pane);
  }
  store_.late().remove_waiting(series.row.id, day.begin, day.end);
  if (day.wide > 0) store_.late().add(series.row.id, day.begin, store::LateRows::kLedger, day.wide);
  return std::move(day.outcome);
}

}  // namespace tidemark::intake
