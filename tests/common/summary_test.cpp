#include "common/window/summary.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>

namespace tidemark::window {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

// Readings of a counter that resets, some of one time.
std::vector<OrderedSample> counter(std::mt19937_64& random, std::size_t count, ValueType type) {
  std::vector<OrderedSample> out;
  std::int64_t time = 0;
  std::int64_t value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    time += static_cast<std::int64_t>(random() % 4) * kSecond;
    value = random() % 20 == 0 ? 0 : value + static_cast<std::int64_t>(random() % 50);
    OrderedSample s{.time = time};
    if (type == ValueType::f64) {
      s.f64 = static_cast<double>(value) * 0.1;
    } else {
      s.i64 = value;
    }
    out.push_back(s);
  }
  std::sort(out.begin(), out.end(),
            [&](const auto& a, const auto& b) { return comes_before(type, a, b); });
  return out;
}

Totals::Figures whole(const std::vector<OrderedSample>& samples, ValueType type,
                      const OrderedOptions& options, std::int64_t end) {
  Ordered run(type);
  for (const auto& s : samples) run.add(s, options);
  return run.within(0, end, std::nullopt, options, -1);
}

void expect_same(const Totals::Figures& a, const Totals::Figures& b) {
  EXPECT_EQ(a.twa, b.twa);
  EXPECT_EQ(a.integral, b.integral);
  EXPECT_EQ(a.increase, b.increase);
  EXPECT_EQ(a.resets, b.resets);
  EXPECT_EQ(a.states, b.states);
  EXPECT_EQ(a.other_ns, b.other_ns);
}

TEST(Runs, BlocksInAnyOrderSayWhatTheWholeSays) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 300; ++round) {
    const auto type = round % 2 == 0 ? ValueType::i64 : ValueType::f64;
    OrderedOptions options;
    options.max_hold = static_cast<std::int64_t>(1 + random() % 3) * kSecond;
    const auto all = counter(random, 1 + random() % 60, type);
    const auto end = all.back().time + 5 * kSecond;
    std::vector<std::vector<OrderedSample>> blocks(1);
    for (const auto& s : all) {
      if (random() % 4 == 0) blocks.emplace_back();
      blocks.back().push_back(s);
    }
    std::shuffle(blocks.begin(), blocks.end(), random);
    Runs runs(type, options, true);
    bool good = true;
    for (const auto& b : blocks) good = runs.add(b, options) && good;
    EXPECT_LE(runs.runs().size(), Runs::kRunsMax);
    EXPECT_EQ(good, runs.count() == all.size());
    ByteVector bytes;
    ByteWriter out(bytes);
    runs.encode(out);
    ByteReader in(bytes);
    const auto read = Runs::decode(in, type);
    ASSERT_TRUE(in.done());
    Summary sum(type, Parts{true, true, false, false});
    Partial rows(type);
    for (const auto& s : all) {
      type == ValueType::f64 ? rows.add(s.time, s.f64) : rows.add(s.time, s.i64);
    }
    Extras extras;
    extras.runs = read;
    sum.add(rows, &extras, options);
    EXPECT_TRUE(sum.close(0, end, std::nullopt, options));
    const Figures figures(sum, -1);
    EXPECT_EQ(figures.exact("twa"), good);
    if (good) expect_same(figures.ordered(), whole(all, type, options, end));
    // What could not be put there is put in order from the readings themselves.
    runs.replace(all, options, true);
    EXPECT_EQ(runs.count(), all.size());
  }
}

TEST(Runs, AReadingInTheMiddleOfOthersIsLeftOut) {
  const OrderedOptions options;
  Runs runs(ValueType::i64, options, false);
  const auto at = [](std::int64_t second) { return OrderedSample{second * kSecond, 0, second}; };
  EXPECT_TRUE(runs.add(std::vector{at(10), at(11), at(12)}, options));
  EXPECT_FALSE(runs.add(std::vector{at(11)}, options) && runs.add(std::vector{at(9), at(13)},
                                                                  options));
  EXPECT_TRUE(runs.add(std::vector{at(20)}, options));
  EXPECT_TRUE(runs.add(std::vector{at(15), at(16)}, options));
}

// Runs made by other rules than those in force are no part of what is made by these.
TEST(Extras, RunsOfOtherRulesAreLeftOut) {
  OrderedOptions now, then;
  now.rollover_i64 = 100;
  const auto at = [](std::int64_t second) { return OrderedSample{second * kSecond, 0, second}; };
  const auto made = [&](const OrderedOptions& options, bool states, std::int64_t second) {
    Extras extras;
    extras.runs.emplace(ValueType::i64, options, states);
    EXPECT_TRUE(extras.runs->add(std::vector{at(second), at(second + 1)}, options));
    return extras;
  };
  Extras fresh;
  EXPECT_FALSE(fresh.merge(made(then, false, 1), ValueType::i64, now));
  EXPECT_EQ(fresh.runs->count(), 0u);
  EXPECT_TRUE(fresh.merge(made(now, false, 1), ValueType::i64, now));
  EXPECT_FALSE(fresh.merge(made(then, false, 5), ValueType::i64, now));
  EXPECT_EQ(fresh.runs->count(), 2u);
  auto old = made(then, false, 1);
  EXPECT_FALSE(old.merge(made(now, false, 5), ValueType::i64, now));
  EXPECT_EQ(old.runs->count(), 2u);
  auto with_states = made(now, true, 1);
  EXPECT_FALSE(with_states.merge(made(now, false, 5), ValueType::i64, now));
  EXPECT_EQ(with_states.runs->count(), 2u);
}

TEST(Ordered, WhichStatesAreKeptDoesNotDependOnTheirOrder) {
  std::mt19937_64 random(2);
  OrderedOptions options;
  std::vector<OrderedSample> all;
  for (std::int64_t i = 0; i < 200; ++i) {
    all.push_back({i * kSecond, 0, static_cast<std::int64_t>(random() % 40)});
  }
  const auto once = whole(all, ValueType::i64, options, 200 * kSecond);
  for (int round = 0; round < 50; ++round) {
    Ordered left(ValueType::i64), right(ValueType::i64);
    const auto cut = random() % all.size();
    for (std::size_t i = 0; i < all.size(); ++i) (i < cut ? left : right).add(all[i], options);
    left.follow(right, options);
    expect_same(left.within(0, 200 * kSecond, std::nullopt, options, -1), once);
  }
  EXPECT_EQ(once.states.size(), Totals::kStatesMax);
  EXPECT_EQ(once.states.back().key, 15);
}

TEST(Ordered, WhereAMeterWasSwappedBothCount) {
  OrderedOptions options;
  MeterSwap swap;
  swap.time = 15 * kSecond;
  swap.old_end.i64 = 1007;
  swap.new_start.i64 = 3;
  options.swaps = {swap};
  Ordered run(ValueType::i64);
  run.add({10 * kSecond, 0, 1000}, options);
  run.add({20 * kSecond, 0, 8}, options);
  const auto figures = run.within(0, 30 * kSecond, std::nullopt, options, 0);
  EXPECT_EQ(figures.increase, 12);  // 7 of the old one and 5 of the new one
  EXPECT_EQ(figures.resets, 0u);
  // The same over a border.
  Ordered late(ValueType::i64);
  late.add({20 * kSecond, 0, 8}, options);
  EXPECT_EQ(late.within(15 * kSecond, 30 * kSecond, OrderedSample{10 * kSecond, 0, 1000}, options,
                        0).increase, 12);
}

TEST(Ordered, AnIncreaseOverAGapSaysSo) {
  OrderedOptions options;
  options.max_hold = 5 * kSecond;
  Ordered run(ValueType::i64);
  run.add({30 * kSecond, 0, 50}, options);
  const auto figures =
      run.within(20 * kSecond, 40 * kSecond, OrderedSample{10 * kSecond, 0, 20}, options, 0);
  EXPECT_EQ(figures.increase, 30);
  ASSERT_TRUE(figures.gap.has_value());
  EXPECT_EQ(figures.gap->from, 10 * kSecond);
  EXPECT_EQ(figures.gap->to, 30 * kSecond);
}

TEST(Distinct, ManyAreCountedWithinThePromisedErrorInAnyOrder) {
  std::mt19937_64 random(3);
  for (const std::size_t count : {0u, 1u, 256u, 257u, 1000u, 5000u, 100'000u}) {
    std::set<std::int64_t> values;
    while (values.size() < count) values.insert(static_cast<std::int64_t>(random()));
    std::vector<std::int64_t> all(values.begin(), values.end());
    all.insert(all.end(), values.begin(), values.end());  // each twice
    std::shuffle(all.begin(), all.end(), random);
    Distinct whole;
    for (const auto v : all) whole.add(v);
    EXPECT_EQ(whole.exact(), count <= Distinct::kExactMax);
    EXPECT_EQ(whole.added(), all.size());
    if (whole.exact()) {
      EXPECT_EQ(whole.count(), count);
    }
    // Three standard errors.
    EXPECT_LE(std::abs(static_cast<double>(whole.count()) - static_cast<double>(count)),
              0.07 * static_cast<double>(count)) << count;
    std::vector<Distinct> parts(5);
    for (const auto v : all) parts[random() % parts.size()].add(v);
    Distinct sum;
    for (const auto& part : parts) sum.merge(part);
    EXPECT_EQ(sum, whole);
    ByteVector bytes;
    ByteWriter out(bytes);
    whole.encode(out);
    ByteReader in(bytes);
    EXPECT_EQ(Distinct::decode(in), whole);
    EXPECT_TRUE(in.done());
  }
}

TEST(Sketch, QuantilesOfMoreStepsThanItHoldsAreNotExact) {
  for (const auto steps : {512, 513}) {
    Summary sum(ValueType::i64, {.sketch = true});
    Column column;
    column.type = ValueType::i64;
    for (int i = 0; i < steps; ++i) column.i64.push_back(i);
    for (std::size_t i = 0; i < column.i64.size(); ++i) {
      sum.add(static_cast<std::int64_t>(i), column, i);
    }
    EXPECT_EQ(Figures(sum, 0).exact("p99"), steps == 512) << steps;
    EXPECT_TRUE(Figures(sum, 0).exact("max"));
  }
}

TEST(Sketch, ManyAtOnceAreAsOneByOneAndSurviveTheirBytes) {
  std::mt19937_64 random(4);
  for (int round = 0; round < 60; ++round) {
    const int spread = 1 << (round % 20);
    std::vector<std::int64_t> whole;
    std::vector<double> real;
    for (std::size_t i = 0; i < random() % 3000; ++i) {
      whole.push_back(static_cast<std::int64_t>(random() % static_cast<unsigned>(spread)) - 7);
      real.push_back(static_cast<double>(whole.back()) * 0.37);
    }
    for (const auto mapping : {Sketch::Mapping::linear, Sketch::Mapping::logarithmic}) {
      Sketch one(mapping), many(mapping);
      for (std::size_t i = 0; i < whole.size();) {
        const auto n = std::min<std::size_t>(1 + random() % 700, whole.size() - i);
        for (auto k = i; k < i + n; ++k) {
          mapping == Sketch::Mapping::linear ? one.add(whole[k]) : one.add(real[k]);
        }
        mapping == Sketch::Mapping::linear ? many.add(std::span(whole).subspan(i, n))
                                           : many.add(std::span(real).subspan(i, n));
        i += n;
      }
      EXPECT_EQ(many, one);
      ByteVector bytes;
      ByteWriter out(bytes);
      many.encode(out);
      ByteReader in(bytes);
      EXPECT_EQ(Sketch::decode(in), many);
      EXPECT_TRUE(in.done());
    }
  }
}

TEST(Aggregate, NamesAreKnownAndTheirPartsToo) {
  for (const auto* name : {"count", "twa", "increase", "p99", "p99.9", "distinct", "avg",
                           "time_in_state"}) {
    EXPECT_TRUE(check_aggregate(name).ok()) << name;
  }
  for (const auto* name : {"p101", "p", "p1.2345", "median", ""}) {
    EXPECT_FALSE(check_aggregate(name).ok()) << name;
  }
  const std::vector<std::string> names{"twa", "p50"};
  EXPECT_EQ(Parts::of(names, ValueType::f64), (Parts{true, false, true, false}));
  EXPECT_FALSE(Parts::of(names, ValueType::text).any());
}

}  // namespace
}  // namespace tidemark::window
