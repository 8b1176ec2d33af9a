#include "cloud/query/windows.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "cloud/answers/group_judge.h"
#include "cloud/answers/group_sum.h"
#include "cloud/answers/judge.h"
#include "cloud/reconcile/identities.h"
#include "common/codec/codec.h"
#include "common/codec/outline.h"
#include "common/model/poll_class.h"

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

using Wanted = Windows::Wanted;

// Raw readings of one series as archived blocks hold them, each counted once.
class RawReadings {
 public:
  RawReadings(const SeriesEntry& series, const Wanted& wanted, Nanoseconds width, EventTime from,
              EventTime to, const Reach& reach)
      : series_(series),
        wanted_(wanted),
        from_(from),
        to_(to),
        reach_(reach),
        sums_(series.description.type, wanted.parts, width, from, to) {}

  // Fault::full when the order of more than kOrderedMax readings would have to be kept.
  Result<> add(const BlockRecord& record, const Block& block, const std::vector<bool>& is_series) {
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
    if (!wanted_.parts.ordered || taken_ <= kOrderedMax) return {};
    return Error(Fault::full, fmt::format("more than {} readings of {} to be put in order; ask for "
                                          "less at once, or keep a view with these aggregates",
                                          kOrderedMax, series_.name));
  }

  // `kept`: readings by slice of the reach, as the panes count them. What is not here is lacking.
  Result<Sums> finish(const std::map<EventTime, std::uint64_t>& kept) {
    for (const auto& [key, row] : partials_) {
      ByteReader in(row.state);
      TIDE_ASSIGN(const auto state, window::Partial::decode(in));
      const auto start = event_time(row.start);
      const auto end = start + Nanoseconds(row.size);
      window::Summary part(series_.description.type, wanted_.parts);
      if (state.type() == series_.description.type) part.add_sum(state, wanted_.ordered);
      sums_.add(start, end, part);
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
      if (time < from_ || time >= to_) return;
      sums_.slice(time).add(group.times[row], column, value);
      ++taken_;
    });
  }

  [[nodiscard]] EventTime slice_of(EventTime t) const {
    return reach_.slice == Nanoseconds{} ? reach_.from : floor_to(t, reach_.slice);
  }
  [[nodiscard]] EventTime slice_end(EventTime t) const {
    return reach_.slice == Nanoseconds{} ? reach_.to : slice_of(t) + reach_.slice;
  }

  static constexpr std::uint64_t kOrderedMax = 5'000'000;  // 120 MB

  const SeriesEntry& series_;
  const Wanted& wanted_;
  EventTime from_, to_;
  Reach reach_;
  std::uint64_t taken_ = 0;
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
Result<Sums> Windows::raw(const SeriesEntry& series, const Wanted& wanted, Nanoseconds width,
                          EventTime from, EventTime to) {
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
  RawReadings readings(series, wanted, width, from, to, reach);
  for (const auto at : snapshot_.blocks(series, reach.from, reach.to)) {
    TIDE_ASSIGN(const auto archived, archive_.read(at));
    const auto& bytes = archived.record.bytes;
    TIDE_ASSIGN(const auto outline, codec::outline(bytes));
    TIDE_ASSIGN(const auto is_series,
                find_series(snapshot_.database(), series, outline.summary.dictionaries));
    if (!outline.may_hold(is_series, count_ns(reach.from), count_ns(reach.to))) continue;
    TIDE_ASSIGN(const auto block, codec::decode(bytes));
    TIDE_TRY(readings.add(archived.record, block, is_series));
  }
  return readings.finish(kept);
}

Sums Windows::panes(const SeriesEntry& series, const Wanted& wanted, Nanoseconds width,
                    EventTime from, EventTime to, bool* covered) {
  const auto type = series.description.type;
  Sums all(type, wanted.parts, width, from, to);
  snapshot_.each_pane(series, from, to,
                      [&](EventTime start, Nanoseconds size, const reconcile::Pane& pane) {
                        if (covered != nullptr && !pane.covers(wanted.parts, wanted.ordered)) {
                          *covered = false;
                        }
                        window::Summary rows(type, wanted.parts);
                        rows.add(pane.rows, pane.extras.get(), wanted.ordered);
                        all.add(start, start + size, rows);
                        for (const auto& w : pane.windows) {
                          const auto begin = event_time(w.start);
                          window::Summary one(type, wanted.parts);
                          one.add_sum(w.state, wanted.ordered);
                          all.add(begin, begin + Nanoseconds(w.size), one);
                        }
                      });
  return all;
}

// From panes, unless they lack what is asked for and the archive has all of it.
Result<Sums> Windows::sums(const SeriesEntry& series, const Wanted& wanted, Nanoseconds width,
                           EventTime from, EventTime to) {
  if (width % kMinute != Nanoseconds{}) return raw(series, wanted, width, from, to);
  bool covered = true;
  auto all = panes(series, wanted, width, from, to, &covered);
  if (covered || from < snapshot_.archived_from(series)) return all;
  return raw(series, wanted, width, from, to);
}

// Whole minutes from panes, what sticks out at both ends from raw readings.
Result<Found> Windows::span(const SeriesEntry& series, const Wanted& wanted, EventTime from,
                            EventTime to) {
  Found found(series.description.type, wanted.parts);
  const auto head = std::min(ceil_to(from, kMinute), to);
  const auto tail = std::max(floor_to(to, kMinute), head);
  if (head < tail) {
    TIDE_ASSIGN(const auto middle, sums(series, wanted, Nanoseconds{}, head, tail));
    middle.find(head, tail, found);
  }
  for (const auto& [begin, end] : {std::pair{from, head}, std::pair{tail, to}}) {
    if (begin >= end) continue;
    TIDE_ASSIGN(const auto edge, raw(series, wanted, Nanoseconds{}, begin, end));
    edge.find(begin, end, found);
  }
  return found;
}

// The last value before a time; where panes reach over it, as the archive has it.
Result<Windows::First> Windows::before(const SeriesEntry& series, const Wanted& wanted,
                                       EventTime t) {
  First first;
  if (!wanted.parts.ordered) return first;
  const auto known = snapshot_.before(series, t);
  first.before = known.sample;
  if (!known.unsure_from) return first;
  TIDE_ASSIGN(const auto near, raw(series, wanted, Nanoseconds{}, *known.unsure_from, t));
  Found found(series.description.type, wanted.parts);
  near.find(*known.unsure_from, t, found);
  first.certain = found.unplaced == 0 && found.forgotten == 0;
  const auto last = near.before(t);
  if (last && (!first.before ||
               window::comes_before(series.description.type, *first.before, *last))) {
    first.before = last;
  }
  return first;
}

void Windows::close(const Wanted& wanted, const First& first, const Sums* parts,
                    const Window& window, Found& found) {
  if (!wanted.parts.ordered) return;
  auto before = parts != nullptr ? parts->before(window.start) : std::nullopt;
  const bool own = before.has_value();
  if (!own) before = first.before;
  const bool good = found.sum.close(count_ns(window.start), count_ns(window.end), before,
                                    wanted.ordered);
  if (!good || (!own && !first.certain)) found.sum.doubt();
}

answers::Basis Windows::basis(const SeriesEntry& series, const Found& found, const Window& window,
                              EventTime frontier,
                              const std::vector<store::SourceId>& sources, bool of_group) {
  const auto& [start, end] = window;
  answers::Basis basis;
  const auto counted = answers::counted_from(start, series.widest_sum);
  basis.manifest = snapshot_.manifest(sources, counted, end);
  basis.reaches_back = counted < start;
  if (series.thinned.meets(start, end)) basis.deadband = series.description.deadband;
  basis.readings = found.sum.partial().count();
  basis.unplaced = found.unplaced;
  basis.forgotten = found.forgotten;
  basis.waiting = snapshot_.waiting(series, counted, end);
  basis.sealed = frontier >= end;
  const auto& words = snapshot_.words(series.source);
  basis.waived = !basis.sealed && words.covering(end, of_group) != nullptr;
  basis.estimated = is_estimated(series.description);
  basis.whole_minutes = start == floor_to(start, kMinute) && end == floor_to(end, kMinute);
  for (const auto& lost : snapshot_.edge(series.edge).uncounted) {
    if (lost.from < end && lost.until > start) basis.uncounted += lost.blocks;
  }
  // Else what lies aside is in the counts of its seals.
  if (basis.estimated) {
    basis.uncounted += answers::count_aside(snapshot_.aside(series.edge), start, end);
  }
  basis.off = reconcile::covered(snapshot_.edge(series.edge).off.meeting(start, end), start, end);
  return basis;
}

void Windows::name_missing(const SeriesEntry& series, const answers::Basis& basis, bool of_group,
                           answers::Answer& a) {
  const auto& edge = snapshot_.edge(series.edge);
  const auto source = edge.name + "/" + series.description.source;
  answers::note_off(source, edge.off.meeting(a.start, a.end), a.missing);
  answers::note_unplaced(source, basis, a.missing);
  if (answers::may_lack(basis)) {
    answers::note_aside(source, snapshot_.aside(series.edge), a, a.missing);
  }
  if (basis.waived) {
    const auto* word = snapshot_.words(series.source).covering(a.end, of_group);
    if (word != nullptr) a.waived.push_back(answers::waived_of(*word));
  }
  a.known_at = std::max(a.known_at, edge.seen);
}

namespace {
Error too_many(std::size_t limit, const std::string& name) {
  return {Fault::full, fmt::format("more than {} windows of {}; ask for less at once or for longer "
                                   "windows", limit, name)};
}
}  // namespace

Result<std::vector<Windows::Window>> Windows::windows(const Asked& asked, EventTime first,
                                                      EventTime last, const std::string& name) {
  std::vector<Window> all;
  const auto& grid = asked.grid;
  const auto end = std::min(asked.to, last);
  if (grid.calendar) {
    auto start = grid.calendar->floor(std::max(asked.from, grid.calendar->floor(first)));
    if (start < asked.from) start = grid.calendar->end(start);
    for (; start < end; start = grid.calendar->end(start)) {
      all.push_back({start, grid.calendar->end(start)});
      if (asked.newest > 0 && all.size() > asked.newest) all.erase(all.begin());
      if (all.size() > asked.limit) return too_many(asked.limit, name);
    }
    return all;
  }
  if (grid.size == Nanoseconds{}) {
    const auto start = std::max(asked.from, first);
    if (start < end) all.push_back({start, end});
    return all;
  }
  // The first window that reaches into what there is.
  auto start = ceil_to(std::max(asked.from, first - grid.size + Nanoseconds(1)), grid.every);
  if (start >= end) return all;
  const auto newest = asked.newest;
  if (newest > 0 && static_cast<std::uint64_t>((end - start) / grid.every) >= newest) {
    start = std::max(start, floor_to(end - Nanoseconds(1), grid.every) -
                                grid.every * static_cast<std::int64_t>(newest - 1));
  }
  if (static_cast<std::uint64_t>((end - start - Nanoseconds(1)) / grid.every) >= asked.limit) {
    return too_many(asked.limit, name);
  }
  for (; start < end; start += grid.every) all.push_back({start, start + grid.size});
  return all;
}

// Of a calendar, whose windows begin at quarter hours, panes of one or finer are enough.
Result<> Windows::each(const SeriesEntry& series, const Wanted& wanted, const Grid& grid,
                       const std::vector<Window>& windows,
                       const std::function<void(std::size_t, const Found&)>& visit) {
  if (windows.empty()) return {};
  const auto from = windows.front().start;
  const auto to = windows.back().end;
  TIDE_ASSIGN(const auto first, before(series, wanted, from));
  if (!grid.calendar && grid.size == Nanoseconds{}) {
    TIDE_ASSIGN(auto found, span(series, wanted, from, to));
    close(wanted, first, nullptr, windows[0], found);
    visit(0, found);
    return {};
  }
  const auto width = grid.calendar ? Nanoseconds(std::chrono::minutes(15))
                                   : Nanoseconds(std::gcd(grid.size.count(), grid.every.count()));
  TIDE_ASSIGN(const auto parts, sums(series, wanted, width, from, to));
  for (std::size_t i = 0; i < windows.size(); ++i) {
    Found found(series.description.type, wanted.parts);
    parts.find(windows[i].start, windows[i].end, found);
    close(wanted, first, &parts, windows[i], found);
    visit(i, found);
  }
  return {};
}

Result<std::vector<answers::Answer>> Windows::of(const SeriesEntry& series, const Asked& asked) {
  std::vector<answers::Answer> all;
  const auto extent = snapshot_.extent(series.id);
  if (!extent) return all;
  const auto frontier = snapshot_.frontier(series.source);
  TIDE_ASSIGN(const auto windows, this->windows(asked, extent->first,
                                                std::max(extent->second, frontier), series.name));
  const Wanted wanted{window::Parts::of(asked.aggregates, series.description.type),
                      snapshot_.ordered(series)};
  TIDE_TRY(each(series, wanted, asked.grid, windows, [&](std::size_t i, const Found& found) {
    answers::Answer a;
    a.start = windows[i].start;
    a.end = windows[i].end;
    answers::fill_values(a, found.sum, series.description, asked.aggregates);
    const auto known = basis(series, found, windows[i], frontier, series.sources());
    answers::judge(a, known);
    answers::note_increase(a, found.sum, wanted.ordered, series.description);
    name_missing(series, known, false, a);
    answers::note_waived(a, a.missing);
    all.push_back(std::move(a));
  }));
  return all;
}

// One source after the other, so that what is held is a sum for each window and not for each series
// of each window.
Result<std::vector<answers::Answer>> Windows::of_group(
    const std::vector<const SeriesEntry*>& members, const Asked& asked) {
  std::vector<answers::Answer> all;
  auto first = kEventTimeMax, last = kEventTimeMin;
  std::map<store::SourceId, std::vector<const SeriesEntry*>> sources;
  for (const auto* series : members) {
    sources[series->source].push_back(series);
    const auto extent = snapshot_.extent(series->id);
    if (!extent) continue;
    first = std::min(first, extent->first);
    last = std::max({last, extent->second, snapshot_.frontier(series->source)});
  }
  if (first == kEventTimeMax) return all;
  TIDE_ASSIGN(const auto windows, this->windows(asked, first, last, "a group"));
  std::vector<answers::GroupSum> sums(windows.size());
  std::vector<answers::GroupJudge> judges;
  for (const auto& w : windows) {
    judges.emplace_back(w.start, w.end);
    auto& a = all.emplace_back();
    a.start = w.start;
    a.end = w.end;
  }
  const auto needed = asked.figures != nullptr ? asked.figures->needed() : asked.aggregates;
  std::vector<answers::MemberNotes> notes(windows.size(), answers::MemberNotes(needed));
  const auto formulas =
      asked.figures != nullptr ? asked.figures->formulas() : answers::Formulas();
  std::set<store::SourceId> counted;
  for (const auto& [source, series_of_it] : sources) {
    const auto frontier = snapshot_.frontier(source);
    std::vector<answers::Basis> known(windows.size());
    for (const auto* series : series_of_it) {
      const bool head = series == series_of_it.front();
      // A source counts once, however many of its series there are, or were.
      auto fresh = series->sources();
      std::erase_if(fresh, [&](store::SourceId s) { return !counted.insert(s).second; });
      const auto inputs = asked.figures == nullptr
                              ? std::uint32_t{1}
                              : asked.figures->inputs_of(series->name, snapshot_.labels(*series));
      const Wanted wanted{window::Parts::of(needed, series->description.type),
                          snapshot_.ordered(*series)};
      TIDE_TRY(each(*series, wanted, asked.grid, windows, [&](std::size_t i, const Found& found) {
        sums[i].add(found.sum, series->description, inputs);
        notes[i].add(series->name, series->description, found.sum, wanted.ordered,
                     windows[i].start, windows[i].end);
        const auto one = basis(*series, found, windows[i], frontier, fresh, true);
        if (head) {
          known[i] = one;
        } else {
          known[i].add_series(one);
        }
      }));
    }
    for (std::size_t i = 0; i < windows.size(); ++i) {
      judges[i].add(known[i]);
      name_missing(*series_of_it.front(), known[i], true, all[i]);
    }
  }
  for (std::size_t i = 0; i < windows.size(); ++i) {
    if (asked.figures != nullptr) {
      sums[i].fill(all[i], *asked.figures, formulas);
    } else {
      sums[i].fill(all[i], asked.aggregates);
    }
    judges[i].finish(all[i]);
    notes[i].put(all[i]);
    answers::note_waived(all[i], all[i].missing);
    answers::bound_missing(all[i].missing);
  }
  return all;
}

}  // namespace tidemark::query
