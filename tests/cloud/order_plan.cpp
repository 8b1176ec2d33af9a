#include "tests/cloud/order_plan.h"

#include <rapidcheck.h>

#include <bit>
#include <iterator>
#include <span>

namespace tidemark::test {
namespace {

double double_of(std::uint32_t family, std::uint64_t pick) {
  const auto small = static_cast<double>(pick % 2000);
  switch (family % 5) {
    case 0: return 1013 + small * 0.01;
    case 1: return std::bit_cast<double>(pick * 0x9E3779B97F4A7C15ULL);  // any at all
    case 2: return (small - 1000) * 0.125;
    case 3: {
      constexpr double kOdd[] = {0.0, -0.0, 5e-324, -5e-324, 1.7e308, -1.7e308, 1e-160, 1.0 / 3};
      return kOdd[pick % std::size(kOdd)];
    }
    default: return small * 1e-3 * (pick % 3 == 0 ? 1e12 : 1.0);
  }
}

Reading reading_of(const Plan& plan, std::uint32_t family, std::int64_t step, std::int64_t span,
                   std::uint32_t where, std::uint64_t pick) {
  Reading r;
  r.series = where % static_cast<std::uint32_t>(plan.series.size());
  const auto places = static_cast<std::uint64_t>(span / step);
  r.time = kStart + static_cast<std::int64_t>((where / 7) % places) * step;
  const auto type = plan.series[r.series].first;
  if (type == ValueType::f64) r.f64 = double_of(family + r.series, pick);
  if (type == ValueType::i64) {
    r.i64 = (family + r.series) % 3 == 0 ? static_cast<std::int64_t>(pick * 0x9E3779B97F4A7C15ULL)
                                         : static_cast<std::int64_t>(pick % 5000) - 1000;
  }
  if (type == ValueType::boolean) r.i64 = static_cast<std::int64_t>(pick % 2);
  if (type == ValueType::text) r.text = std::string(pick % 3, static_cast<char>('a' + pick % 5));
  // What is twice the same reading has twice the same quality: a device that repeats it says so.
  const auto bits = std::bit_cast<std::uint64_t>(r.f64) + static_cast<std::uint64_t>(r.i64) +
                    r.text.size() + static_cast<std::uint64_t>(r.time);
  const auto dice = (bits * 0x9E3779B97F4A7C15ULL) >> 59;
  r.quality = dice == 0 ? Quality::bad_range : dice == 1 ? Quality::uncertain : Quality::good;
  return r;
}

void append(Column& column, const Reading& r) {
  if (column.type == ValueType::f64) {
    column.f64.push_back(r.f64);
  } else if (column.type == ValueType::text) {
    column.text.push_back(r.text);
  } else {
    column.i64.push_back(r.i64);
  }
  column.quality.push_back(r.quality);
}

Block block_of(const Plan& plan, std::span<const Reading> readings, bool wide) {
  Block block;
  const auto series = static_cast<std::uint32_t>(plan.series.size());
  if (wide) {  // all series share one column of times, and most cells are empty
    auto& group = block.groups.emplace_back();
    for (std::uint32_t s = 0; s < series; ++s) {
      auto& column = group.columns.emplace_back();
      column.series = s;
      column.type = plan.series[s].first;
    }
    for (const auto& r : readings) {
      group.times.push_back(r.time);
      for (auto& c : group.columns) c.present.push_back(c.series == r.series);
      append(group.columns[r.series], r);
    }
    std::erase_if(group.columns, [](const Column& c) { return c.values() == 0; });
    return block;
  }
  for (std::uint32_t s = 0; s < series; ++s) {
    Group group;
    auto& column = group.columns.emplace_back();
    column.series = s;
    column.type = plan.series[s].first;
    for (const auto& r : readings) {
      if (r.series != s) continue;
      group.times.push_back(r.time);
      append(column, r);
    }
    if (!group.times.empty()) block.groups.push_back(std::move(group));
  }
  return block;
}

// A coin for each pair, whatever was tossed before.
bool coin(std::uint64_t seed, std::uint64_t a, std::uint64_t b) {
  auto x = seed ^ (a * 0x9E3779B97F4A7C15ULL) ^ (b * 0xC2B2AE3D27D4EB4FULL);
  x = (x ^ (x >> 31)) * 0xBF58476D1CE4E5B9ULL;
  return ((x ^ (x >> 29)) & 1) != 0;
}

void drop_counts(Start& start) {
  const auto [first, last] = start.dropped;
  if (first > last) return;
  for (auto& seal : start.edge.seals) {
    auto& source = seal.sources[0];
    std::uint64_t readings = 0;
    std::erase_if(source.minutes, [&, from = first, to = last](const MinuteCounts& m) {
      const bool gone = m.minute >= from && m.minute <= to;
      if (gone) readings += m.sent;
      return gone;
    });
    source.dropped = {{first, last, seal.number, readings, DroppedCounts::Why::bound}};
  }
}

// Of what a start made; of the last of its edge, and without losses, all that was not evicted.
void choose_arriving(const Plan& plan, bool cut, Start& start) {
  const auto& edge = start.edge;
  start.durable = edge.blocks.size();
  start.seals = edge.seals.size();
  if (cut) {
    start.durable = plan.losses % (start.durable + 1);
    // What it said of what was durable comes in any case: its next start says it again.
    auto least = std::size_t{1};
    while (least < edge.seals.size() && edge.seals[least].next.count <= start.durable + 1) ++least;
    start.seals = least + (plan.losses >> 8) % (edge.seals.size() - least + 1);
  }
  const auto& said = start.last_seal();
  for (const auto& [number, record] : edge.blocks) {
    const bool evicted = said.evicted.contains(Sequence{number});
    const bool gone = number > start.durable;
    if (number >= said.next.count) continue;  // nobody ever heard of it
    if ((!evicted && !gone) || coin(plan.losses, number, 1)) start.arriving.push_back(number);
  }
}

}  // namespace

Plan any_plan(int losses_least, int losses_most) {
  using rc::gen::arbitrary;
  using rc::gen::inRange;
  Plan plan;
  plan.stamped = *arbitrary<bool>();
  for (const auto type : *rc::gen::nonEmpty(
           rc::gen::resize(4, rc::gen::container<std::vector<int>>(inRange(0, 8))))) {
    const auto t = type < 3   ? ValueType::f64
                   : type < 6 ? ValueType::i64
                   : type < 7 ? ValueType::boolean
                              : ValueType::text;
    plan.series.emplace_back(t, t == ValueType::i64 ? static_cast<std::int8_t>(type * 2 - 8) : 0);
  }
  const auto span = *rc::gen::element(30 * kSecond, 3 * kMinute, 3 * kMinute, 15 * kMinute);
  const auto step = *rc::gen::element<std::int64_t>(1, kSecond / 4, kSecond, 7 * kSecond);
  plan.until = kStart + std::max(span, kMinute);
  const auto family = *inRange<std::uint32_t>(0, 30);
  using Raw = std::tuple<std::uint32_t, std::uint16_t>;
  const auto raw = *rc::gen::nonEmpty(
      rc::gen::container<std::vector<Raw>>(rc::gen::tuple(inRange<std::uint32_t>(0, 1U << 30),
                                                          arbitrary<std::uint16_t>())));
  for (const auto& [where, pick] : raw) {
    plan.readings.push_back(reading_of(plan, family, step, span, where, pick));
  }
  for (auto n = *inRange(0, 5); n > 0; --n) {  // sent again by the sensor
    const auto from = *inRange<std::size_t>(0, plan.readings.size());
    const auto copy = plan.readings[from];
    const auto to = *inRange<std::size_t>(from, plan.readings.size()) + 1;
    plan.readings.insert(plan.readings.begin() + static_cast<std::ptrdiff_t>(to), copy);
  }
  plan.cuts = *rc::gen::resize(12, rc::gen::container<std::vector<std::size_t>>(
                                       inRange<std::size_t>(0, plan.readings.size())));
  std::sort(plan.cuts.begin(), plan.cuts.end());
  plan.second_start = *inRange<std::size_t>(0, plan.readings.size());
  plan.two_edges = *arbitrary<bool>();
  plan.shapes = *arbitrary<std::uint64_t>();
  plan.delivery = *arbitrary<std::uint64_t>();
  const auto losses = *inRange(losses_least, losses_most + 1);
  plan.losses = *arbitrary<std::uint64_t>();
  if ((losses & 1) != 0) plan.evicted = *arbitrary<std::uint64_t>() & *arbitrary<std::uint64_t>();
  plan.wiped = (losses & 4) != 0 && !plan.two_edges && plan.second_start > 0;
  plan.power_cut = (losses & 2) != 0 && !plan.two_edges && !plan.wiped;
  for (auto n = losses > 0 ? *inRange(0, 3) : 0; n > 0; --n) {  // clocks that are ahead
    auto& r = plan.readings[*inRange<std::size_t>(0, plan.readings.size())];
    r.time = std::max(r.time, kAhead + n * kSecond);
  }
  for (auto& dropped : plan.dropped) {
    if (losses == 0 || *inRange(0, 3) > 0) continue;
    const auto first = *inRange<std::int64_t>(kStart / kMinute, plan.until / kMinute);
    dropped = {first, first + *inRange<std::int64_t>(0, 4)};
  }
  return plan;
}

Start start_of(const Plan& plan, const std::string& name, std::uint64_t number,
               const std::string& group, std::size_t from, std::size_t to, std::size_t dropped) {
  static std::uint64_t incarnation = 1;
  Start start{EdgeDouble(name, ++incarnation, number, plan.stamped,
                         static_cast<std::uint32_t>(plan.series.size()))};
  auto& edge = start.edge;
  for (std::uint32_t s = 0; s < plan.series.size(); ++s) {
    edge.describe(s, [&](SeriesDescription& d) {
      d.type = plan.series[s].first;
      d.exponent = plan.series[s].second;
      d.labels["case"] = group;
      if (d.type == ValueType::text) d.unit = kTextUnit;  // by which its group is known
    });
  }
  const bool last_start = plan.two_edges || to == plan.readings.size();
  const bool cut = (plan.power_cut || plan.wiped) && !last_start;
  std::size_t blocks = 0;
  std::vector<std::uint64_t> waiting;  // that will be evicted
  const auto flush = [&](std::size_t end) {
    std::vector<Reading> readings;
    std::erase_if(waiting, [&](std::uint64_t b) {
      const bool now = coin(plan.losses, b, blocks + 2);
      if (now) edge.evict(b);
      return now;
    });
    for (; from < end; ++from) {
      start.block_of.push_back(edge.blocks.size() + 1);
      if (from == dropped) continue;
      edge.count(plan.readings[from].time);
      readings.push_back(plan.readings[from]);
    }
    // Readings that are late come under seals that have passed them.
    const auto share = static_cast<std::int64_t>(end) * (plan.until - kStart) /
                       static_cast<std::int64_t>(plan.readings.size());
    const auto sealed = end == to && last_start ? plan.until : kStart + share;
    if (readings.empty()) return edge.seal(sealed);
    auto block = block_of(plan, readings, (plan.shapes >> (blocks++ % 64) & 1) != 0);
    block.dictionaries = {edge.dictionary_hash()};
    const auto made = edge.flush(std::move(block), sealed);
    if ((plan.evicted >> (blocks % 64) & 1) != 0) waiting.push_back(made);
    if (end != to || cut || waiting.empty()) return;
    for (const auto b : waiting) edge.evict(b);
    edge.seal(sealed);
  };
  for (const auto at : plan.cuts) {
    if (at > from && at < to) flush(at);
  }
  flush(to);
  start.dropped = plan.dropped[to == plan.readings.size() ? 1 : 0];
  drop_counts(start);
  choose_arriving(plan, cut, start);
  return start;
}

void wipe(const Plan& plan, Start& first, Start& next) {
  auto proved = kEventTimeMin;  // as far as its seals came
  for (std::size_t i = 0; i < first.seals; ++i) {
    proved = std::max(proved, first.edge.seals[i].sources[0].sealed_until);
  }
  Opening opening;
  const auto later = static_cast<std::int64_t>((plan.losses >> 16) % (3 * kMinute));
  opening.begun = proved + Nanoseconds(1 + later);
  for (auto& seal : next.edge.seals) seal.opening = opening;
  first.lost = {count_ns(proved) / kMinute, count_ns(opening.begun) / kMinute};
}

}  // namespace tidemark::test
