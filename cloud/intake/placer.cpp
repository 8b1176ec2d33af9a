#include "cloud/intake/placer.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <tuple>

#include "cloud/intake/time_pieces.h"
#include "common/base/extremes.h"

namespace tidemark::intake {
namespace {

std::int64_t minute_of(std::int64_t time) {
  const auto minute = time / kMinuteNs;
  return time % kMinuteNs < 0 ? minute - 1 : minute;
}

// How many different seconds these times lie in.
std::uint64_t seconds_of(const std::vector<std::int64_t>& times) {
  std::vector<std::int64_t> seconds;
  seconds.reserve(times.size());
  for (const auto t : times) seconds.push_back(t / 1'000'000'000);
  std::sort(seconds.begin(), seconds.end());
  const auto end = std::unique(seconds.begin(), seconds.end());
  return static_cast<std::uint64_t>(end - seconds.begin());
}

}  // namespace

reconcile::Placed Placer::place(const Incoming& in, SteadyTime now) {
  reconcile::Placed placed;
  heard_.clear();
  far_ = minute_of(count_ns(in.latest + kCountedAheadMax));
  note_wide(in);
  repeats_.begin(in.block);
  note_spans(in);
  for (const auto& arrived : in.block.groups) {
    if (arrived.copy) continue;
    const auto& group = time_order_.of(arrived);
    for (const auto& column : group.columns) place_column(in, group, column, now, placed);
  }
  for (std::size_t i = 0; i < in.block.partials.size(); ++i) {
    const auto& row = in.block.partials[i];
    if (!row.copy) place_partial(in, row, in.partials[i], now, placed);
  }
  // What a sum holds of each of its minutes nobody can tell.
  for (const auto& wide : wide_) {
    for (auto m = wide.first; m <= wide.last && event_time(m * kMinuteNs) < wide.proved; ++m) {
      heard_.push_back({wide.source, m, 0, true});
    }
  }
  note_heard(in, now);
  return placed;
}

// Columns of a block speak of the same few sources and minutes.
void Placer::note_heard(const Incoming& in, SteadyTime now) {
  std::sort(heard_.begin(), heard_.end(), [](const Heard& a, const Heard& b) {
    return std::tie(a.source, a.minute) < std::tie(b.source, b.minute);
  });
  for (std::size_t i = 0; i < heard_.size();) {
    auto all = heard_[i];
    for (++i; i < heard_.size() && heard_[i].source == all.source &&
              heard_[i].minute == all.minute; ++i) {
      all.readings += heard_[i].readings;
      all.proved = all.proved || heard_[i].proved;
    }
    if (all.readings > 0) {
      store_.manifests().receive(all.source, in.name.incarnation, all.minute, all.readings);
    }
    // Its columns may be those of a few of the source's series, and the other windows of that
    // minute say how complete they are by its counts.
    if (all.proved) {
      emitter_.touch_minute(all.source, event_time(all.minute * kMinuteNs), in.cause, now);
    }
  }
}

// Sums of more than one minute, those that meet as one.
void Placer::note_wide(const Incoming& in) {
  wide_.clear();
  for (const auto& row : in.block.partials) {
    const auto first = minute_of(row.start);
    const auto last = minute_of(row.start + std::min(row.size, kSumMaxNs) - 1);
    if (row.copy || last == first) continue;
    const auto& bound = in.series[row.series];
    wide_.push_back({bound.source, first, last,
                     in.edge.books.sources()[bound.series->source].frontier});
  }
  std::sort(wide_.begin(), wide_.end(), [](const Wide& a, const Wide& b) {
    return std::tie(a.source, a.first) < std::tie(b.source, b.first);
  });
  std::size_t n = 0;
  for (const auto& w : wide_) {
    if (n > 0 && wide_[n - 1].source == w.source && w.first <= wide_[n - 1].last + 1) {
      wide_[n - 1].last = std::max(wide_[n - 1].last, w.last);
      wide_[n - 1].proved = std::max(wide_[n - 1].proved, w.proved);
    } else {
      wide_[n++] = w;
    }
  }
  wide_.resize(n);
}

Result<> Placer::check(const Incoming& in) {
  std::uint64_t panes = 0;
  std::uint64_t compared = 0;
  note_wide(in);
  for (const auto& wide : wide_) panes += static_cast<std::uint64_t>(wide.last - wide.first) + 1;
  for (const auto& group : in.block.groups) {
    if (group.copy || group.times.empty()) continue;
    const auto [min, max] = extremes_of(group.times);
    const bool wide = max - min > kPieceNs;  // else, as nearly all: at most a pane a second
    const auto most = wide ? seconds_of(group.times) : std::uint64_t{3601};
    for (const auto& column : group.columns) {
      panes += std::min<std::uint64_t>(most, column.values());
      const auto& bound = in.series[column.series];
      const bool repeats = wide && bound.series->row.description.device_stamped;
      if (compared > kComparedMax || !repeats) continue;
      compared += repeats_.beside(group, column, bound);
    }
  }
  if (panes > kPanesMax) {
    return Error(Fault::full, fmt::format("a block's readings lie in {} panes, at most {} are "
                                          "taken; does a clock jump?", panes, kPanesMax));
  }
  if (compared > kComparedMax) {
    return Error(Fault::full, fmt::format("a block's readings lie beside more than {} archived "
                                          "blocks that they are to be compared with",
                                          kComparedMax));
  }
  return {};
}

// The archive's index by source and time, for finding repeats and for reading windows finer than
// the panes.
void Placer::note_spans(const Incoming& in) {
  spans_.clear();
  std::vector<store::SourceId> sources;
  for (const auto& group : in.block.groups) {
    if (group.times.empty()) continue;
    sources.clear();
    for (const auto& column : group.columns) {
      const auto source = in.series[column.series].source;
      if (std::find(sources.begin(), sources.end(), source) == sources.end()) {
        sources.push_back(source);
      }
    }
    for (const auto source : sources) note_times(source, group.times);
  }
  for (const auto& p : in.block.partials) {
    // By each hour that it reaches into. One of more than a day is in no pane: who reads it asks
    // for its start.
    const auto end = p.start + std::min(p.size, kSumMaxNs);
    for (auto from = p.start; from < end; from += kPieceNs) {
      spans_.push_back({in.series[p.series].source, from, std::min(from + kPieceNs, end) - 1});
    }
  }
  std::sort(spans_.begin(), spans_.end());
  // Without the gaps between them, unless that makes many of few.
  const auto by_hour = joined_spans(kPieceNs);
  auto spans = joined_spans(kMinuteNs);
  if (spans.size() > 2 * by_hour.size() + kLooseSpans) spans = by_hour;
  for (const auto& s : spans) store_.blocks().add_span(s.source, s.min, s.max, in.at);
}

std::vector<Placer::Span> Placer::joined_spans(std::int64_t gap) const {
  std::vector<Span> joined;
  for (const auto& s : spans_) {
    auto* last = joined.empty() ? nullptr : &joined.back();
    if (last != nullptr && last->source == s.source && s.min - last->max <= gap &&
        std::max(last->max, s.max) - last->min <= kPieceNs) {
      last->max = std::max(last->max, s.max);
    } else {
      joined.push_back(s);
    }
  }
  return joined;
}

void Placer::note_times(store::SourceId source, const std::vector<std::int64_t>& times) {
  const auto [min, max] = extremes_of(times);
  if (max - min <= kPieceNs) return spans_.push_back({source, min, max});
  for (const auto& [low, high] : pieces_of(times, kPieceNs, kMinuteNs)) {
    spans_.push_back({source, low, high});
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

void Placer::heard(store::SourceId source, std::int64_t time, std::uint64_t readings) {
  const auto minute = minute_of(time);
  if (minute >= far_) return;
  const bool proved = event_time(minute * kMinuteNs) < proved_;
  if (!heard_.empty() && heard_.back().source == source && heard_.back().minute == minute) {
    heard_.back().readings += readings;
    heard_.back().proved = heard_.back().proved || proved;
  } else {
    heard_.push_back({source, minute, readings, proved});
  }
}

void Placer::place_column(const Incoming& in, const Group& group, const Column& column,
                          SteadyTime now, reconcile::Placed& placed) {
  const auto& bound = in.series[column.series];
  auto& series = *bound.series;
  any_repeated_ = false;
  if (series.row.description.device_stamped) {
    const auto repeats = repeats_.find(in, group, column, bound);
    any_repeated_ = repeats > 0;
    placed.duplicate += repeats;
  }
  const auto sealed = sealed_of(in.edge, series);
  proved_ = sealed.frontier;
  std::size_t row = 0;
  std::size_t value = 0;
  const auto rows = column.present.empty() ? column.values() : group.times.size();
  while (row < rows) {
    if (!column.present.empty() && !column.present[row]) {
      ++row;
      continue;
    }
    place_run(bound, group, column, row, value, sealed, in, now, placed);
  }
  series.row.readings += column.values();
  catalogue_.note_changed(series);
}

Placer::Way Placer::way_of(EventTime first, const Series& series, const Sealed& sealed,
                           const Incoming& in) {
  Way way;
  way.quarantined = first >= in.latest;
  way.tier = way.quarantined ? reconcile::kTiers : static_cast<std::size_t>(series.finest);
  while (way.tier < reconcile::kTiers && first < sealed.floors[way.tier]) ++way.tier;
  way.width = reconcile::width_of(way.tier == reconcile::kTiers
                                      ? reconcile::Tier::day
                                      : static_cast<reconcile::Tier>(way.tier));
  way.start = floor_to(first, way.width);
  return way;
}

// From `row` on, as long as rows belong to the same pane.
void Placer::place_run(Bound bound, const Group& group, const Column& column, std::size_t& row,
                       std::size_t& value, const Sealed& sealed, const Incoming& in,
                       SteadyTime now, reconcile::Placed& placed) {
  auto& series = *bound.series;
  const auto way = way_of(event_time(group.times[row]), series, sealed, in);
  auto begin = count_ns(way.start);
  auto end = begin + way.width.count();
  if (way.quarantined) {
    begin = std::max(begin, count_ns(in.latest));
  } else {
    end = std::min(end, count_ns(in.latest));
  }
  const auto finest = static_cast<std::size_t>(series.finest);
  // A coarse pane ends for this run where the finer tier takes over.
  if (way.tier > finest && !way.quarantined) {
    end = std::min(end, count_ns(sealed.floors[way.tier - 1]));
  }
  const bool aside = way.tier == reconcile::kTiers;
  const auto tier = static_cast<reconcile::Tier>(way.tier);
  store::Pane* pane = nullptr;
  if (!aside) {
    const auto id = series.row.id;
    const auto type = series.row.description.type;
    auto& panes = store_.panes();
    pane = series.parts.ordered ? &panes.change(id, type, tier, way.start)
                                : &panes.gather(id, type, tier, way.start);
  }
  if (pane != nullptr && series.parts.any()) {
    pane->want(series.parts, store_.ordered().of(series.row.id, series.row.description));
  }
  const Run run{begin, end, way.width.count() <= kMinuteNs, way.quarantined, pane};
  Rows rows{row, row, value};
  const bool plain = run.in_one_minute && column.present.empty() && !any_repeated_;
  const auto counted = plain ? add_plain(run, bound, group, column, row, value)
                             : add_each(run, bound, group, column, row, value);
  if (counted == 0) return;
  if (aside) {
    (way.quarantined ? placed.quarantined : placed.late_ledger) += counted;
    series.early = series.early || way.quarantined;
    store_.late().add(series.row.id, way.start,
                      way.quarantined ? store::LateRows::kQuarantine : store::LateRows::kLedger,
                      counted);
    return;
  }
  placed.answered += counted;
  if (way.tier > finest) {
    store_.late().add(series.row.id, way.start, reconcile::name_of(tier), counted);
  }
  emitter_.touch(series.row.id, way.start, way.width, counted, in.cause, now);
  if (!series.parts.ordered) return;
  rows.end = row;
  put_in_order(series, group, column, rows, way, in, now);
}

void Placer::put_in_order(const Series& series, const Group& group, const Column& column,
                          const Rows& rows, const Way& way, const Incoming& in, SteadyTime now) {
  const auto& description = series.row.description;
  const auto id = series.row.id;
  samples_.clear();
  auto value = rows.value;
  bool rising = true;
  for (auto row = rows.row; row < rows.end; ++row) {
    if (!column.present.empty() && !column.present[row]) continue;
    const auto v = value++;
    if ((any_repeated_ && repeats_.marked(v)) || column.type != description.type) continue;
    const auto sample = window::sample_of(group.times[row], column, v);
    if (!sample) continue;
    rising = rising && (samples_.empty() ||
                        !window::comes_before(description.type, *sample, samples_.back()));
    samples_.push_back(*sample);
  }
  if (samples_.empty()) return;
  if (!rising) {
    std::sort(samples_.begin(), samples_.end(), [&](const auto& a, const auto& b) {
      return window::comes_before(description.type, a, b);
    });
  }
  const auto tier = static_cast<reconcile::Tier>(way.tier);
  auto& panes = store_.panes();
  const auto& options = store_.ordered().of(id, description);
  auto& runs = *panes.change(id, description.type, tier, way.start).extras->runs;
  bool known = runs.serve(options, series.parts.states) && runs.add(samples_, options);
  // Some of its time may lie in finer panes still.
  if (way.tier > static_cast<std::size_t>(series.finest)) {
    const auto finer = static_cast<reconcile::Tier>(way.tier - 1);
    known = known && panes.starts(id, finer, way.start, way.start + way.width, 1).empty();
  }
  if (!known) store_.ordered().add_unordered({id, tier, way.start, static_cast<int>(in.cause)});
  emitter_.touch_following(id, event_time(samples_.back().time), in.cause, now);
}

// All rows have a value, and none was counted before: in one step.
std::uint64_t Placer::add_plain(const Run& run, const Bound& bound, const Group& group,
                                const Column& column, std::size_t& row, std::size_t& value) {
  const auto rows = std::span(group.times).subspan(row, column.values() - value);
  std::size_t n = 0;
  auto low = rows[0];
  auto high = rows[0];
  for (; n < rows.size() && rows[n] >= run.begin && rows[n] < run.end; ++n) {
    low = std::min(low, rows[n]);
    high = std::max(high, rows[n]);
  }
  if (run.pane != nullptr) run.pane->add(rows.first(n), column, value);
  heard(bound.source, minute_of(rows[0]) * kMinuteNs, n);
  note_extent(*bound.series, low, high);
  row += n;
  value += n;
  return n;
}

std::uint64_t Placer::add_each(const Run& run, const Bound& bound, const Group& group,
                               const Column& column, std::size_t& row, std::size_t& value) {
  const auto rows = column.present.empty() ? column.values() : group.times.size();
  std::uint64_t counted = 0;
  auto low = std::numeric_limits<std::int64_t>::max();
  auto high = std::numeric_limits<std::int64_t>::min();
  std::int64_t minute = minute_of(group.times[row]);
  std::uint64_t in_minute = 0;
  for (; row < rows; ++row) {
    if (!column.present.empty() && !column.present[row]) continue;
    const auto time = group.times[row];
    if (time < run.begin || time >= run.end) break;
    if (!run.in_one_minute) {
      if (const auto m = minute_of(time); m != minute) {
        heard(bound.source, minute * kMinuteNs, in_minute);
        minute = m;
        in_minute = 0;
      }
    }
    ++in_minute;
    low = std::min(low, time);
    high = std::max(high, time);
    if (!(any_repeated_ && repeats_.marked(value))) {
      if (run.pane != nullptr) run.pane->add(time, column, value);
      ++counted;
    }
    ++value;
  }
  heard(bound.source, minute * kMinuteNs, in_minute);
  if (!run.quarantined) note_extent(*bound.series, low, high);
  return counted;
}

void Placer::note_extent(Series& series, std::int64_t low, std::int64_t high) {
  series.row.first = std::min(series.row.first, low);
  series.row.last = std::max(series.row.last, high);
  series.newest = std::max(series.newest, high);
}

void Placer::place_partial(const Incoming& in, const PartialRow& row,
                           const window::Partial& state, SteadyTime now,
                           reconcile::Placed& placed) {
  auto& series = *in.series[row.series].series;
  const auto start = event_time(row.start);
  const auto size = Nanoseconds(row.size);
  proved_ = in.edge.books.sources()[series.source].frontier;
  heard(in.series[row.series].source, row.start, row.readings);
  if (minute_of(row.start + row.size - 1) > minute_of(row.start)) {
    catalogue_.note_wide_sum(series, size);
  }
  if (start >= in.latest) {
    placed.quarantined += row.readings;
    store_.late().add(series.row.id, floor_to(start, reconcile::width_of(reconcile::Tier::day)),
                      store::LateRows::kQuarantine, row.readings);
    return;
  }
  const auto tier = reconcile::tier_holding(start, size, series.finest);
  const auto sealed = sealed_of(in.edge, series);
  // A pane past its horizon has been merged, so that a revision could not be replaced in it.
  if (!tier || start < sealed.floors[static_cast<std::size_t>(*tier)]) {
    placed.late_ledger += row.readings;
    store_.late().add(series.row.id, floor_to(start, reconcile::width_of(reconcile::Tier::day)),
                      store::LateRows::kLedger, row.readings);
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
    if (series.parts.ordered && state.count() > 0) {
      emitter_.touch_following(series.row.id, event_time(state.last().time), in.cause, now);
    }
  }
}

}  // namespace tidemark::intake
