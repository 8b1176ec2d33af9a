#include "cloud/intake/placer.h"

#include <algorithm>
#include <limits>

#include "common/base/log.h"
#include "common/codec/codec.h"

namespace tidemark::intake {
namespace {

constexpr std::int64_t kMinuteNs = 60'000'000'000;

std::int64_t minute_of(std::int64_t time) {
  const auto minute = time / kMinuteNs;
  return time % kMinuteNs < 0 ? minute - 1 : minute;
}

bool has_series_twice(const Block& block) {
  std::vector<std::uint32_t> all;
  for (const auto& group : block.groups) {
    for (const auto& column : group.columns) all.push_back(column.series);
  }
  std::sort(all.begin(), all.end());
  return std::adjacent_find(all.begin(), all.end()) != all.end();
}

}  // namespace

reconcile::Placed Placer::place(const Incoming& in, SteadyTime now) {
  reconcile::Placed placed;
  earlier_ = {};
  heard_ = nullptr;
  twice_ = has_series_twice(in.block);
  note_spans(in);
  for (const auto& group : in.block.groups) {
    if (group.copy) continue;
    for (const auto& column : group.columns) place_column(in, group, column, now, placed);
  }
  for (std::size_t i = 0; i < in.block.partials.size(); ++i) {
    const auto& row = in.block.partials[i];
    if (!row.copy) place_partial(in, row, in.partials[i], now, placed);
  }
  return placed;
}

// The archive's index by source and time, for finding repeats and for reading windows finer than
// the panes.
void Placer::note_spans(const Incoming& in) {
  spans_.clear();
  const auto widen = [&](store::SourceId source, std::int64_t min, std::int64_t max) {
    auto it = std::find_if(spans_.begin(), spans_.end(),
                           [&](const auto& s) { return s.first == source; });
    if (it == spans_.end()) {
      spans_.push_back({source, {min, max}});
    } else {
      it->second.min = std::min(it->second.min, min);
      it->second.max = std::max(it->second.max, max);
    }
  };
  for (const auto& group : in.block.groups) {
    if (group.times.empty()) continue;
    const auto [min, max] = std::minmax_element(group.times.begin(), group.times.end());
    store::SourceId last = 0;
    for (const auto& column : group.columns) {
      const auto source = in.series[column.series]->row.source;
      if (source == last) continue;
      last = source;
      widen(source, *min, *max);
    }
  }
  for (const auto& p : in.block.partials) {
    widen(in.series[p.series]->row.source, p.start, p.start + p.size - 1);
  }
  for (const auto& [source, span] : spans_) {
    store_.blocks().add_span(source, span.min, span.max, in.at);
  }
}

Placer::Sealed Placer::sealed_of(const Edge& edge, const Series& series) const {
  Sealed sealed;
  sealed.frontier = edge.books.sources()[series.source].frontier;
  for (std::size_t t = 0; t < reconcile::kTiers; ++t) {
    sealed.floors[t] = horizons_.floor(static_cast<reconcile::Tier>(t), sealed.frontier);
  }
  return sealed;
}

void Placer::heard(const Series& series, std::int64_t time, std::uint64_t readings) {
  const auto minute = minute_of(time);
  // Columns of a block mostly speak of one source and minute.
  if (heard_ == nullptr || heard_source_ != series.row.source || heard_minute_ != minute) {
    heard_ = &store_.manifests().change(series.row.source, minute);
    heard_source_ = series.row.source;
    heard_minute_ = minute;
  }
  heard_->receive(readings);
}

void Placer::place_column(const Incoming& in, const Group& group, const Column& column,
                          SteadyTime now, reconcile::Placed& placed) {
  auto& series = *in.series[column.series];
  any_repeated_ = false;
  if (series.row.description.device_stamped) {
    if (!reconcile::surely_new(group, column, series.newest)) {
      const auto repeats = find_repeats(in, group, column, series);
      any_repeated_ = repeats > 0;
      placed.duplicate += repeats;
    }
    if (twice_) earlier_.add(series.row.id, group, column);
  }
  const auto sealed = sealed_of(in.edge, series);
  std::size_t row = 0;
  std::size_t value = 0;
  const auto rows = column.present.empty() ? column.values() : group.times.size();
  while (row < rows) {
    if (!column.present.empty() && !column.present[row]) {
      ++row;
      continue;
    }
    place_run(series, group, column, row, value, sealed, in, now, placed);
  }
  series.row.readings += column.values();
  catalogue_.note_changed(series);
}

// From `row` on, as long as rows belong to the same pane.
void Placer::place_run(Series& series, const Group& group, const Column& column, std::size_t& row,
                       std::size_t& value, const Sealed& sealed, const Incoming& in,
                       SteadyTime now, reconcile::Placed& placed) {
  const auto first = event_time(group.times[row]);
  std::size_t tier = static_cast<std::size_t>(series.finest);
  while (tier < reconcile::kTiers && first < sealed.floors[tier]) ++tier;
  const bool ledger = tier == reconcile::kTiers;
  const auto width = reconcile::width_of(ledger ? reconcile::Tier::day
                                                : static_cast<reconcile::Tier>(tier));
  const auto start = floor_to(first, width);
  auto end = count_ns(start) + width.count();
  // A coarse pane ends for this run where the finer tier takes over.
  if (tier > static_cast<std::size_t>(series.finest)) {
    end = std::min(end, count_ns(sealed.floors[tier - 1]));
  }
  auto* pane = ledger ? nullptr
                      : &store_.panes().change(series.row.id, series.row.description.type,
                                               static_cast<reconcile::Tier>(tier), start);
  const auto rows = column.present.empty() ? column.values() : group.times.size();
  const auto begin = count_ns(start);
  std::uint64_t counted = 0;
  std::uint64_t all = 0;
  auto low = std::numeric_limits<std::int64_t>::max();
  auto high = std::numeric_limits<std::int64_t>::min();
  std::int64_t minute = minute_of(group.times[row]);
  std::uint64_t in_minute = 0;
  for (; row < rows; ++row) {
    if (!column.present.empty() && !column.present[row]) continue;
    const auto time = group.times[row];
    if (time < begin || time >= end) break;
    if (width.count() > kMinuteNs) {
      if (const auto m = minute_of(time); m != minute) {
        heard(series, minute * kMinuteNs, in_minute);
        minute = m;
        in_minute = 0;
      }
    }
    ++in_minute;
    ++all;
    low = std::min(low, time);
    high = std::max(high, time);
    if (!(any_repeated_ && repeated_[value])) {
      if (pane != nullptr) pane->rows.add(time, column, value);
      ++counted;
    }
    ++value;
  }
  heard(series, minute * kMinuteNs, in_minute);
  series.row.first = std::min(series.row.first, low);
  series.row.last = std::max(series.row.last, high);
  series.newest = std::max(series.newest, high);
  if (counted == 0) return;
  if (ledger) {
    placed.late_ledger += counted;
    store_.small().add_late(series.row.id, start, "late_ledger", counted);
    return;
  }
  placed.answered += counted;
  if (tier > static_cast<std::size_t>(series.finest)) {
    store_.small().add_late(series.row.id, start,
                            reconcile::name_of(static_cast<reconcile::Tier>(tier)), counted);
  }
  emitter_.touch(series.row.id, start, width, counted, in.cause, now);
}

void Placer::place_partial(const Incoming& in, const PartialRow& row,
                           const window::Partial& state, SteadyTime now,
                           reconcile::Placed& placed) {
  auto& series = *in.series[row.series];
  const auto start = event_time(row.start);
  const auto size = Nanoseconds(row.size);
  heard(series, row.start, row.readings);
  const auto tier = reconcile::tier_holding(start, size, series.finest);
  const auto sealed = sealed_of(in.edge, series);
  // A pane past its horizon has been merged, so that a revision could not be replaced in it.
  if (!tier || start < sealed.floors[static_cast<std::size_t>(*tier)]) {
    placed.late_ledger += row.readings;
    store_.small().add_late(series.row.id, start, "late_ledger", row.readings);
    return;
  }
  placed.answered += row.readings;
  series.row.readings += row.readings;
  series.row.first = std::min(series.row.first, row.start);
  series.row.last = std::max(series.row.last, row.start + row.size - 1);
  series.newest = std::max(series.newest, series.row.last);
  catalogue_.note_changed(series);
  const auto pane_start = floor_to(start, reconcile::width_of(*tier));
  auto& pane = store_.panes().change(series.row.id, series.row.description.type, *tier, pane_start);
  if (pane.replace({row.start, row.size, in.name.incarnation, row.revision, state})) {
    emitter_.touch(series.row.id, start, size, row.readings, in.cause, now);
  }
}

std::uint64_t Placer::find_repeats(const Incoming& in, const Group& group, const Column& column,
                                   const Series& series) {
  repeated_.assign(column.values(), false);
  reconcile::mark_repeats(group, column, repeated_);
  auto low = std::numeric_limits<std::int64_t>::max();
  auto high = std::numeric_limits<std::int64_t>::min();
  reconcile::each_value(group, column, [&](std::size_t row, std::size_t) {
    low = std::min(low, group.times[row]);
    high = std::max(high, group.times[row]);
  });
  const auto compare = [&](const reconcile::BlockIdentities& before) {
    reconcile::each_value(group, column, [&](std::size_t row, std::size_t value) {
      if (repeated_[value]) return;
      repeated_[value] = before.contains(
          series.row.id, {group.times[row], reconcile::value_bits(column, value)});
    });
  };
  earlier_.sort();
  compare(earlier_);
  for (const auto at : store_.blocks().overlapping(series.row.source, low, high)) {
    if (at.value == in.at.value) continue;
    if (const auto* before = identities_of(in.edge, at)) compare(*before);
  }
  return static_cast<std::uint64_t>(std::count(repeated_.begin(), repeated_.end(), true));
}

const reconcile::BlockIdentities* Placer::identities_of(Edge& edge, store::ArchivePosition at) {
  const auto it = std::find_if(compared_.begin(), compared_.end(),
                               [&](const Compared& c) { return c.at.value == at.value; });
  if (it != compared_.end()) {
    compared_.splice(compared_.begin(), compared_, it);
    return compared_.front().identities.get();
  }
  auto archived = store_.archive().read(at);
  auto block = archived ? codec::decode(archived->record.bytes)
                        : Result<Block>(std::move(archived).error());
  if (!block) {
    log::error("archived block cannot be compared", "position={} error={}", at.value,
               block.error().text());
    return nullptr;
  }
  std::vector<Series*> series;
  catalogue_.bind(edge, block->dictionaries, series);
  auto identities = std::make_unique<reconcile::BlockIdentities>();
  for (const auto& group : block->groups) {
    if (group.copy) continue;
    for (const auto& column : group.columns) {
      const auto& s = *series[column.series];
      if (s.row.description.device_stamped) identities->add(s.row.id, group, column);
    }
  }
  identities->sort();
  compared_readings_ += identities->count();
  compared_.push_front({at, std::move(identities)});
  while (compared_readings_ > kComparedReadingsMax && compared_.size() > 1) {
    compared_readings_ -= compared_.back().identities->count();
    compared_.pop_back();
  }
  return compared_.front().identities.get();
}

}  // namespace tidemark::intake
