// Windows of views with joins: what their pairs are, pane by pane, from archived readings.
//
// A pane's pairs are a row. Readings that may change them make it stale, and it is made anew when a
// window that holds it is looked at; so a window of a day costs its panes' sums, and a reading that
// came late its own pane. A row is never replaced by one that knows of fewer readings: what the
// archive no longer has stays as it was, and what differs from the panes of the inputs is told.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "cloud/answers/emitter.h"
#include "common/base/log.h"

namespace tidemark::answers {
namespace {

// Time whose readings are held at once.
constexpr Nanoseconds kRunMax = std::chrono::minutes(15);
constexpr std::uint64_t kBlocksATurn = 100;  // some 5 ms

// As which inputs readings of the series ever enter.
std::uint32_t inputs_of(const std::vector<Member>& members, const store::SeriesRow& series) {
  const auto first = std::tuple(series.edge, series.id, kEventTimeMin);
  auto m = std::ranges::lower_bound(members, first, {}, &Member::place);
  std::uint32_t inputs = 0;
  for (; m != members.end() && m->series == series.id; ++m) inputs |= m->inputs;
  return inputs;
}

bool in(std::uint32_t inputs, std::size_t input) { return (inputs >> input & 1U) != 0; }

bool is_other(const Join& join, std::size_t input) {
  return std::find(join.others.begin(), join.others.end(), input) != join.others.end();
}

struct OneOf {  // a group in a window
  const store::SeriesRow& row;
  const std::string& name;
  std::uint32_t inputs;
};

// An input whose latest reading would be one of several series, and of how many.
std::optional<std::pair<std::size_t, std::size_t>> several_in(const Join& join,
                                                              const std::vector<OneOf>& members) {
  for (const auto i : join.others) {
    std::set<std::string> names;
    for (const auto& m : members) {
      if (in(m.inputs, i)) names.insert(m.name);
    }
    if (names.size() > 1) return std::pair(i, names.size());
  }
  return std::nullopt;
}

// As panes know them.
std::uint64_t count_others(store::Store& store, const Join& join,
                           const std::vector<OneOf>& members, EventTime from, EventTime to) {
  std::uint64_t all = 0;
  for (const auto& m : members) {
    const auto inputs = std::count_if(join.others.begin(), join.others.end(),
                                      [&](std::size_t i) { return in(m.inputs, i); });
    if (inputs == 0) continue;
    window::Summary sum(m.row.description.type, {});
    store.panes().sum(m.row.id, from, to, store.ordered().of(m.row.id, m.row.description), sum);
    all += static_cast<std::uint64_t>(inputs) * sum.partial().count();
  }
  return all;
}

// Readings that were taken in these minutes and are not here; at least one where nobody knows.
std::uint64_t lacking_of_others(store::Store& store, const Join& join,
                                const std::vector<OneOf>& members, EventTime from, EventTime to) {
  std::set<store::SourceId> sources;
  for (const auto& m : members) {
    if (std::none_of(join.others.begin(), join.others.end(),
                     [&](std::size_t i) { return in(m.inputs, i); })) {
      continue;
    }
    for (const auto source : m.row.sources()) sources.insert(source);
  }
  std::uint64_t lacking = 0;
  for (const auto source : sources) {
    if (from >= to) break;
    const auto counts = store.manifests().sum(source, from, to);
    lacking += counts.lacking + (counts.dropped.unknown() ? 1 : 0);
  }
  return lacking;
}

}  // namespace

// The panes of the window in which there is something to pair and whose row is not there or stale.
std::vector<EventTime> Emitter::unpaired(const ViewState& view, const Slot& slot,
                                         const Span& window,
                                         const std::map<EventTime, PairRows::Row>& rows) {
  const auto width = reconcile::width_of(view.view.finest());
  std::set<EventTime> wanted;
  for (const auto& [start, row] : rows) {
    if (row.stale || row.joins.size() != view.joins.size()) wanted.insert(start);
  }
  for (const auto& m : slot.members) {
    if (std::none_of(view.joins.begin(), view.joins.end(),
                     [&](const Join& join) { return in(m.inputs, join.at); })) {
      continue;
    }
    const auto from = std::max(window.start, m.since);
    const auto to = std::min(window.end, m.until);
    if (from >= to) continue;
    for (const auto& [tier, start] : store_.panes().inside(m.series, from, to)) {
      const auto end = start + reconcile::width_of(tier);
      for (auto t = floor_to(start, width); t < end; t += width) {
        if (!rows.contains(t)) wanted.insert(t);
      }
    }
  }
  return {wanted.begin(), wanted.end()};
}

// Panes [first, last) of `starts`, which follow each other and have the same members.
std::size_t Emitter::run_of(const Slot& slot, const std::vector<EventTime>& starts,
                            std::size_t first, Nanoseconds width, bool several) {
  auto last = first + 1;
  for (; several && last < starts.size(); ++last) {
    const auto start = starts[last];
    if (start != starts[last - 1] + width || start - starts[first] >= kRunMax) break;
    if (std::any_of(slot.members.begin(), slot.members.end(), [&](const Member& m) {
          return m.since == start || m.until == start;
        })) {
      break;
    }
  }
  return last;
}

Result<std::vector<std::vector<Pairs>>> Emitter::pair_up(const ViewState& view, const Slot& slot,
                                                         std::span<const EventTime> starts) {
  const auto width = reconcile::width_of(view.view.finest());
  const Span run{starts.front(), starts.back() + width};
  std::vector<const store::SeriesRow*> series;
  std::vector<std::uint32_t> inputs_of_series;
  for (const auto& m : slot.members) {
    if (!m.holds(run.start)) continue;
    series.push_back(&series_.at(m.series).row);
    inputs_of_series.push_back(m.inputs);
  }
  std::vector<std::vector<Sample>> samples(series.size());
  TIDE_ASSIGN(const auto blocks, read_raw_(series, run.start - view.reach, run.end, samples));
  pair_blocks_ += blocks;
  std::vector<std::vector<Sample>> inputs(view.view.inputs.size());
  for (std::size_t s = 0; s < series.size(); ++s) {
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (!in(inputs_of_series[s], i)) continue;
      inputs[i].insert(inputs[i].end(), samples[s].begin(), samples[s].end());
    }
  }
  for (auto& input : inputs) sort(input);
  std::vector<std::vector<Pairs>> panes(starts.size());
  const auto pane_of = [&](EventTime t) -> std::vector<Pairs>& {
    return panes[static_cast<std::size_t>((t - run.start) / width)];
  };
  for (const auto& [name, text] : view.view.joins) {
    const auto parts = view.view.parts_of_join(name);
    for (auto& pane : panes) pane.emplace_back().values.want(parts, {});
  }
  Column column;
  column.type = ValueType::f64;
  column.f64.resize(1);
  for (std::size_t j = 0; j < view.joins.size(); ++j) {
    const auto& join = view.joins[j];
    const auto& all = inputs[join.at];
    const auto first = std::partition_point(all.begin(), all.end(), [&](const Sample& s) {
      return s.time < run.start;
    });
    each_pair(join, {first, all.end()}, inputs, [&](EventTime t, PairState state, double value) {
      auto& pairs = pane_of(t)[j];
      ++pairs.left;
      if (state == PairState::alone) ++pairs.alone;
      if (state == PairState::no_value) ++pairs.no_value;
      if (state != PairState::paired) return;
      column.f64[0] = value;
      pairs.values.add(count_ns(t), column, 0);
    });
    for (const auto i : join.others) {
      for (const auto& s : inputs[i]) {
        if (s.time >= run.start) ++pane_of(s.time)[j].others;
      }
    }
  }
  return panes;
}

// Makes the rows of these panes, until so many blocks were read; how many panes.
std::size_t Emitter::make_pairs(const ViewState& view, const Slot& slot,
                                const std::vector<EventTime>& starts, std::uint64_t blocks_max,
                                std::map<EventTime, PairRows::Row>& rows) {
  const auto width = reconcile::width_of(view.view.finest());
  const auto before = pair_blocks_;
  std::size_t done = 0;
  bool several = true;
  while (done < starts.size() && (done == 0 || pair_blocks_ - before < blocks_max)) {
    const auto end = run_of(slot, starts, done, width, several);
    auto panes = pair_up(view, slot, std::span(starts).subspan(done, end - done));
    if (!panes && end - done > 1 && panes.error().fault() == Fault::full) {
      several = false;
      continue;
    }
    if (!panes) {
      log::warning("readings cannot be paired, what joins say of their time is approximate",
                   "view={} from={} reason={}", view.view.name, format_utc(starts[done]),
                   panes.error().text());
      std::vector<std::vector<Pairs>> none(end - done);
      for (auto& pane : none) pane.resize(view.joins.size());
      panes = std::move(none);
    }
    for (auto i = done; i < end; ++i) {
      auto& row = rows[starts[i]];
      auto& made = (*panes)[i - done];
      const bool less = row.joins.size() == made.size() &&
                        !std::equal(made.begin(), made.end(), row.joins.begin(),
                                    [](const Pairs& now, const Pairs& then) {
                                      return now.left >= then.left && now.others >= then.others;
                                    });
      row.stale = false;
      if (less) {
        pairs_.keep(view.id, slot.subject, starts[i]);
        continue;
      }
      pairs_.save(view.id, slot.subject, starts[i], made);
      row.joins = std::move(made);
    }
    done = end;
  }
  return done;
}

bool Emitter::pairs_ready(SlotId id, const Span& window, std::size_t& done) {
  const auto& slot = slots_[id];
  const auto& view = views_[slot.view];
  if (view.joins.empty()) return true;
  const auto before = pair_blocks_;
  auto rows = pairs_.rows(view.id, slot.subject, window.start, window.end);
  const auto starts = unpaired(view, slot, window, rows);
  const auto made = make_pairs(view, slot, starts, kBlocksATurn, rows);
  done += static_cast<std::size_t>(pair_blocks_ - before) * kWindowsOfOneBlock;
  return made == starts.size();
}

void Emitter::look_at_pairs(const ViewState& view, const Slot& slot, const Span& window,
                            GroupLook& look) {
  auto rows = pairs_.rows(view.id, slot.subject, window.start, window.end);
  make_pairs(view, slot, unpaired(view, slot, window, rows), UINT64_MAX, rows);
  std::size_t j = 0;
  for (const auto& [name, text] : view.view.joins) {
    auto& sum = look.joins.emplace_back(view.view.parts_of_join(name));
    for (const auto& [start, row] : rows) {
      if (j < row.joins.size()) sum.add(row.joins[j]);
    }
    note_pairs(view, slot, window, name, j++, look);
  }
}

void Emitter::note_pairs(const ViewState& view, const Slot& slot, const Span& window,
                         const std::string& name, std::size_t j, GroupLook& look) {
  const auto& join = view.joins[j];
  auto& sum = look.joins[j];
  const auto input_name = [&](std::size_t i) {
    return std::next(view.view.inputs.begin(), static_cast<std::ptrdiff_t>(i))->first;
  };
  std::vector<OneOf> members;
  for (const auto& m : slot.members) {
    const auto& series = series_.at(m.series);
    if (m.holds(window.start)) members.push_back({series.row, series.name, m.inputs});
  }
  if (const auto several = several_in(join, members)) {
    sum.problem = fmt::format("{} is {} series in this group, of which the latest reading says "
                              "nothing: group by what tells them apart",
                              input_name(several->first), several->second);
    return;
  }
  if (sum.alone > 0) {
    sum.notes.push_back(fmt::format("{}: {} of {} readings of {} have no partner within {}", name,
                                    sum.alone, sum.left, input_name(join.at),
                                    format_duration(join.within)));
  }
  if (sum.no_value > 0) {
    sum.notes.push_back(fmt::format("{}: {} pairs have no value", name, sum.no_value));
  }
  std::uint64_t others = 0;
  for (const auto i : join.others) others += look.all.sum.count(i);
  if (others != sum.others) {  // of panes in which there is nothing to pair nobody asks
    const auto rows = pairs_.rows(view.id, slot.subject, window.start, window.end);
    others = 0;
    for (const auto& [start, row] : rows) {
      const auto end = start + reconcile::width_of(view.view.finest());
      others += count_others(store_, join, members, start, end);
    }
  }
  if (look.all.sum.count(join.at) != sum.left || others != sum.others) {
    look.doubtful = true;
    sum.notes.push_back(fmt::format(
        "{}: of {} readings the archive has {}: the others came as sums, or are no longer there",
        name, look.all.sum.count(join.at) + others, sum.left + sum.others));
  }
  // Of the minutes before the window's first, which its completeness does not speak of.
  const auto lacking = lacking_of_others(store_, join, members, window.start - join.within,
                                         floor_to(window.start, std::chrono::minutes(1)));
  if (lacking == 0) return;
  look.doubtful = true;
  sum.notes.push_back(fmt::format("{}: {} readings of the minutes before are missing, with which "
                                  "its first ones may have other partners", name, lacking));
}

// Readings of the series came into [start, end), or are no longer there.
void Emitter::touch_pairs(SlotId id, store::SeriesId series, EventTime start, EventTime end,
                          Cause cause, SteadyTime now) {
  const auto& slot = slots_[id];
  const auto& view = views_[slot.view];
  if (view.joins.empty()) return;
  const auto inputs = inputs_of(slot.members, series_.at(series).row);
  auto to = end;
  for (const auto& join : view.joins) {
    for (std::size_t i = 0; i < view.view.inputs.size(); ++i) {
      if (in(inputs, i) && is_other(join, i)) to = std::max(to, end + join.within);
    }
  }
  const auto width = reconcile::width_of(view.view.finest());
  pairs_.touch(view.id, slot.subject, floor_to(start, width), to);
  // What is not sealed yet is looked at when it is.
  auto w = view.grid.next(view.grid.floor(end - Nanoseconds(1)));
  for (; slot.begun() && w < to && w < slot.sealed_to; w = view.grid.next(w)) {
    if (w >= frozen_before(slot)) pend(id, w, cause, now);
  }
}

// From there on the group has other members.
void Emitter::forget_pairs(SlotId id, EventTime from) {
  const auto& view = views_[slots_[id].view];
  if (!view.joins.empty()) pairs_.remove(view.id, slots_[id].subject, from, kEventTimeMax);
}

}  // namespace tidemark::answers
