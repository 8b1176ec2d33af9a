#include "cloud/query/windows.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "cloud/answers/judge.h"
#include "cloud/reconcile/identities.h"
#include "common/codec/codec.h"
#include "common/codec/outline.h"

namespace tidemark::query {
namespace {

constexpr Nanoseconds kMinute = std::chrono::minutes(1);

EventTime ceil_to(EventTime t, Nanoseconds width) {
  const auto floor = floor_to(t, width);
  return floor == t ? t : floor + width;
}

// A span of time that consists of whole slices, each of which holds whole panes.
struct Reach {
  EventTime from, to;
  Nanoseconds slice{};  // 0: nobody asks what is there by slices
};

// Raw readings of one series as archived blocks hold them, each counted once.
class RawReadings {
 public:
  RawReadings(const SeriesEntry& series, Nanoseconds width, EventTime from, EventTime to,
              const Reach& reach)
      : series_(series),
        from_(from),
        to_(to),
        reach_(reach),
        sums_(series.description.type, width, from, to) {}

  void add(const BlockRecord& record, const Block& block, const std::vector<bool>& is_series) {
    for (const auto& group : block.groups) {
      if (group.copy) continue;
      for (const auto& column : group.columns) {
        if (is_series[column.series]) add(group, column);
      }
    }
    for (const auto& row : block.partials) {
      if (row.copy || !is_series[row.series]) continue;
      const auto start = event_time(row.start);
      if (start >= reach_.to || start + Nanoseconds(row.size) <= reach_.from) continue;
      auto& known = partials_[{row.start, row.size, record.name.incarnation}];
      if (row.revision >= known.revision) known = row;
    }
  }

  // `kept`: readings by slice of the reach, as the panes count them. What is not here is lacking.
  Result<Sums> finish(const std::map<EventTime, std::uint64_t>& kept) {
    for (const auto& [key, row] : partials_) {
      ByteReader in(row.state);
      TIDE_ASSIGN(const auto state, window::Partial::decode(in));
      const auto start = event_time(row.start);
      const auto end = start + Nanoseconds(row.size);
      sums_.add(start, end, state);
      if (end <= slice_end(start)) here_[slice_of(start)] += state.readings();
    }
    for (const auto& [slice, count] : kept) {
      const auto here = here_.find(slice);
      const auto found = here == here_.end() ? 0 : here->second;
      if (count > found) sums_.lack(slice, slice_end(slice), count - found);
    }
    return std::move(sums_);
  }

 private:
  void add(const Group& group, const Column& column) {
    reconcile::each_value(group, column, [&](std::size_t row, std::size_t value) {
      const auto time = event_time(group.times[row]);
      if (time < reach_.from || time >= reach_.to) return;
      if (series_.description.device_stamped &&
          !seen_.insert({group.times[row], reconcile::value_bits(column, value)}).second) {
        return;
      }
      if (reach_.slice > Nanoseconds{}) ++here_[slice_of(time)];
      if (time >= from_ && time < to_) sums_.slice(time).add(group.times[row], column, value);
    });
  }

  [[nodiscard]] EventTime slice_of(EventTime t) const {
    return reach_.slice == Nanoseconds{} ? reach_.from : floor_to(t, reach_.slice);
  }
  [[nodiscard]] EventTime slice_end(EventTime t) const {
    return reach_.slice == Nanoseconds{} ? reach_.to : slice_of(t) + reach_.slice;
  }

  const SeriesEntry& series_;
  EventTime from_, to_;
  Reach reach_;
  Sums sums_;
  std::map<EventTime, std::uint64_t> here_;  // readings by slice
  std::set<reconcile::Identity> seen_;
  std::map<std::tuple<std::int64_t, std::int64_t, Incarnation>, PartialRow> partials_;
};

// Which column indices of the block are this series.
Result<std::vector<bool>> find_series(sqlite::Database& database, const SeriesEntry& series,
                                      const std::vector<DictionaryHash>& dictionaries) {
  std::vector<bool> is_series;
  sqlite::Statement select(database, "SELECT bytes FROM dictionaries WHERE edge=? AND hash=?");
  const auto& d = series.description;
  for (const auto hash : dictionaries) {
    if (!select.start(series.edge, hash.count).next()) {
      return Error(Fault::corrupt, "an archived block names a dictionary that is not there");
    }
    TIDE_ASSIGN(const auto dictionary, Dictionary::decode(select.blob(0)));
    for (const auto& s : dictionary.series()) {
      is_series.push_back(s.device == d.device && s.metric == d.metric && s.type == d.type &&
                          s.exponent == d.exponent);
    }
    select.rewind();
  }
  return is_series;
}

}  // namespace

// Of time from which blocks have gone, the panes know how many readings there were: whole panes are
// compared with all that is left of their time.
Result<Sums> Windows::raw(const SeriesEntry& series, Nanoseconds width, EventTime from,
                          EventTime to) {
  Reach reach{from, to, {}};
  std::map<EventTime, std::uint64_t> kept;
  if (from < snapshot_.archived_from(series)) {
    reach.slice = kMinute;
    snapshot_.each_pane(series, from, to, [&](EventTime, Nanoseconds size, const auto&) {
      reach.slice = std::max(reach.slice, size);
    });
    reach.from = floor_to(from, reach.slice);
    reach.to = ceil_to(to, reach.slice);
    snapshot_.each_pane(series, reach.from, reach.to,
                        [&](EventTime start, Nanoseconds size, const reconcile::Pane& pane) {
                          if (size <= reach.slice) {
                            kept[floor_to(start, reach.slice)] += pane.readings();
                          }
                        });
  }
  RawReadings readings(series, width, from, to, reach);
  for (const auto at : snapshot_.blocks(series, reach.from, reach.to)) {
    TIDE_ASSIGN(const auto archived, archive_.read(at));
    const auto& bytes = archived.record.bytes;
    TIDE_ASSIGN(const auto outline, codec::outline(bytes));
    TIDE_ASSIGN(const auto is_series,
                find_series(snapshot_.database(), series, outline.summary.dictionaries));
    if (!outline.may_hold(is_series, count_ns(reach.from), count_ns(reach.to))) continue;
    TIDE_ASSIGN(const auto block, codec::decode(bytes));
    readings.add(archived.record, block, is_series);
  }
  return readings.finish(kept);
}

Sums Windows::panes(const SeriesEntry& series, Nanoseconds width, EventTime from, EventTime to) {
  Sums all(series.description.type, width, from, to);
  snapshot_.each_pane(series, from, to,
                      [&](EventTime start, Nanoseconds size, const reconcile::Pane& pane) {
                        all.add(start, start + size, pane.rows);
                        for (const auto& w : pane.windows) {
                          const auto begin = event_time(w.start);
                          all.add(begin, begin + Nanoseconds(w.size), w.state);
                        }
                      });
  return all;
}

Result<Sums> Windows::sums(const SeriesEntry& series, Nanoseconds width, EventTime from,
                           EventTime to) {
  if (width % kMinute != Nanoseconds{}) return raw(series, width, from, to);
  return panes(series, width, from, to);
}

// Whole minutes from panes, what sticks out at both ends from raw readings.
Result<Found> Windows::span(const SeriesEntry& series, EventTime from, EventTime to) {
  Found found(series.description.type);
  const auto head = std::min(ceil_to(from, kMinute), to);
  const auto tail = std::max(floor_to(to, kMinute), head);
  if (head < tail) panes(series, Nanoseconds{}, head, tail).find(head, tail, found);
  for (const auto& [begin, end] : {std::pair{from, head}, std::pair{tail, to}}) {
    if (begin >= end) continue;
    TIDE_ASSIGN(const auto edge, raw(series, Nanoseconds{}, begin, end));
    edge.find(begin, end, found);
  }
  return found;
}

answers::Answer Windows::answer(const SeriesEntry& series, const Found& found, EventTime start,
                                EventTime end, EventTime frontier,
                                const std::vector<std::string>& aggregates) {
  answers::Answer a;
  a.start = start;
  a.end = end;
  answers::fill_values(a, found.sum, series.description, aggregates);
  const auto off = snapshot_.edge(series.edge).off.meeting(start, end);
  answers::Basis basis;
  const auto counted = answers::counted_from(start, series.widest_sum);
  basis.manifest = snapshot_.manifest(series, counted, end);
  basis.reaches_back = counted < start;
  basis.readings = found.sum.count();
  basis.unplaced = found.unplaced;
  basis.forgotten = found.forgotten;
  basis.waiting = snapshot_.waiting(series, counted, end);
  basis.sealed = frontier >= end;
  basis.whole_minutes = start == floor_to(start, kMinute) && end == floor_to(end, kMinute);
  basis.off = reconcile::covered(off, start, end);
  answers::judge(a, basis);
  const auto source = snapshot_.edge(series.edge).name + "/" + series.description.source;
  answers::note_off(source, off, a.missing);
  answers::note_unplaced(source, basis, a.missing);
  a.known_at = snapshot_.edge(series.edge).seen;
  return a;
}

namespace {
Error too_many(std::size_t limit, const SeriesEntry& series) {
  return {Fault::full, fmt::format("more than {} windows of {}; ask for less at once or for longer "
                                   "windows", limit, series.name)};
}
}  // namespace

// Those that start in [from, to), from panes of a quarter hour or finer.
Result<std::vector<answers::Answer>> Windows::by_calendar(
    const SeriesEntry& series, const answers::Grid& grid,
    const std::vector<std::string>& aggregates, EventTime from, EventTime to, std::size_t newest,
    std::size_t limit) {
  std::vector<answers::Answer> all;
  std::vector<EventTime> starts;
  auto start = grid.floor(from);
  if (start < from) start = grid.end(start);
  for (; start < to; start = grid.end(start)) {
    starts.push_back(start);
    if (newest > 0 && starts.size() > newest) starts.erase(starts.begin());
    if (starts.size() > limit) return too_many(limit, series);
  }
  if (starts.empty()) return all;
  const auto frontier = snapshot_.frontier(series.source);
  const auto parts = panes(series, std::chrono::minutes(15), starts.front(),
                           grid.end(starts.back()));
  for (const auto at : starts) {
    Found found(series.description.type);
    parts.find(at, grid.end(at), found);
    all.push_back(answer(series, found, at, grid.end(at), frontier, aggregates));
  }
  return all;
}

Result<std::vector<answers::Answer>> Windows::of(const SeriesEntry& series, const Grid& grid,
                                                 const std::vector<std::string>& aggregates,
                                                 EventTime from, EventTime to,
                                                 std::size_t newest, std::size_t limit) {
  std::vector<answers::Answer> all;
  const auto extent = snapshot_.extent(series.id);
  if (!extent) return all;
  const auto frontier = snapshot_.frontier(series.source);
  const auto end = std::min(to, std::max(extent->second, frontier));
  if (grid.calendar) {
    from = std::max(from, grid.calendar->floor(extent->first));
    return by_calendar(series, *grid.calendar, aggregates, from, end, newest, limit);
  }
  if (grid.size == Nanoseconds{}) {
    from = std::max(from, extent->first);
    if (from >= end) return all;
    TIDE_ASSIGN(const auto found, span(series, from, end));
    all.push_back(answer(series, found, from, end, frontier, aggregates));
    return all;
  }
  // The first window that reaches into what there is.
  auto start = ceil_to(std::max(from, extent->first - grid.size + Nanoseconds(1)), grid.every);
  const auto width = Nanoseconds(std::gcd(grid.size.count(), grid.every.count()));
  if (start >= end) return all;
  if (newest > 0 && static_cast<std::uint64_t>((end - start) / grid.every) >= newest) {
    start = std::max(start, floor_to(end - Nanoseconds(1), grid.every) -
                                grid.every * static_cast<std::int64_t>(newest - 1));
  }
  if (static_cast<std::uint64_t>((end - start - Nanoseconds(1)) / grid.every) >= limit) {
    return too_many(limit, series);
  }
  TIDE_ASSIGN(const auto parts, sums(series, width, start, ceil_to(end, grid.every) + grid.size));
  for (; start < end; start += grid.every) {
    Found found(series.description.type);
    parts.find(start, start + grid.size, found);
    all.push_back(answer(series, found, start, start + grid.size, frontier, aggregates));
  }
  return all;
}

}  // namespace tidemark::query
