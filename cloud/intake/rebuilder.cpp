#include "cloud/intake/rebuilder.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "cloud/intake/archived.h"

namespace tidemark::intake {

struct Rebuilder::Day {
  EventTime begin{}, end{};
  std::array<EventTime, reconcile::kTiers> floors{};
  std::map<Key, reconcile::Pane> panes;
  std::uint64_t readings = 0;  // in them
  std::uint64_t wide = 0;      // in sums that reach over an end of the day
  // Edge windows by (start, size, incarnation): of each the highest revision counts.
  std::map<std::tuple<std::int64_t, std::int64_t, Incarnation>, PartialRow> windows;
  Repeats repeats;
  std::vector<window::OrderedSample> samples;  // where the series' panes have an order
  Outcome outcome;
};

reconcile::Tier Rebuilder::tier_at(const Series& series, EventTime t, const Day& day) const {
  auto tier = static_cast<std::size_t>(series.finest);
  while (tier + 1 < reconcile::kTiers && t < day.floors[tier]) ++tier;
  return static_cast<reconcile::Tier>(tier);
}

reconcile::Pane& Rebuilder::pane_of(const Series& series, reconcile::Tier tier, EventTime start,
                                    Day& day) {
  const Key key{tier, floor_to(start, reconcile::width_of(tier))};
  const auto [it, fresh] = day.panes.try_emplace(key, series.row.description.type);
  if (fresh) {
    it->second.want(series.parts, store_.ordered().of(series.row.id, series.row.description));
  }
  return it->second;
}

void Rebuilder::add_rows(const Series& series, const Group& group, const Column& column,
                         Day& day) {
  day.repeats.each_new(
      series, group, column, day.begin, day.end, [&](std::size_t row, std::size_t value) {
        const auto time = event_time(group.times[row]);
        pane_of(series, tier_at(series, time, day), time, day)
            .add(group.times[row], column, value);
        ++day.readings;
        if (!series.parts.ordered) return;
        const auto sample = window::sample_of(group.times[row], column, value);
        if (sample && column.type == series.row.description.type) day.samples.push_back(*sample);
      });
}

// The readings of each pane by the order of time.
void Rebuilder::put_in_order(const Series& series, Day& day) {
  const auto& description = series.row.description;
  const auto& options = store_.ordered().of(series.row.id, description);
  std::sort(day.samples.begin(), day.samples.end(), [&](const auto& a, const auto& b) {
    return window::comes_before(description.type, a, b);
  });
  const std::span samples(day.samples);
  for (std::size_t i = 0; i < samples.size();) {
    const auto time = event_time(samples[i].time);
    const auto tier = tier_at(series, time, day);
    const auto end = floor_to(time, reconcile::width_of(tier)) + reconcile::width_of(tier);
    auto n = i;
    while (n < samples.size() && event_time(samples[n].time) < end &&
           tier_at(series, event_time(samples[n].time), day) == tier) {
      ++n;
    }
    pane_of(series, tier, time, day).extras->runs->add(samples.subspan(i, n - i), options);
    i = n;
  }
}

Result<> Rebuilder::gather(Edge& edge, const Series& series, Day& day) {
  const auto visit = [&](const BlockRecord& record, const Block& block,
                         const std::vector<Bound>& bound) -> Result<> {
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
      auto& known = day.windows[{row.start, row.size, record.name.incarnation}];
      if (row.revision >= known.revision) known = row;
    }
    if (here > 0) day.outcome.by_start[record.name.incarnation] += here;
    if (day.readings > kReadingsMax) {
      return Error(Fault::full, fmt::format("more than {} readings on {}", kReadingsMax,
                                            format_utc(day.begin)));
    }
    return {};
  };
  TIDE_ASSIGN(day.outcome.blocks,
              each_archived(store_, catalogue_, edge, series, day.begin, day.end, visit));
  put_in_order(series, day);
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
