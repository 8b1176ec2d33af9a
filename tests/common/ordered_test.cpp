#include "common/window/ordered.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "tests/common/rational.h"

namespace tidemark::window {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

double nearest(const Rational& r) { return r.convert_to<double>(); }

Ordered run_of(ValueType type, const std::vector<OrderedSample>& samples,
               const OrderedOptions& options) {
  Ordered run(type);
  for (const auto& s : samples) run.add(s, options);
  return run;
}

struct Naive {
  Rational integral = 0, increase = 0;
  std::int64_t held = 0;
  bool stepped = false;
  std::map<std::int64_t, std::int64_t> states;
};

// The definition, nanosecond by nanosecond: who holds at which time.
Naive naive(const std::vector<OrderedSample>& samples, std::int64_t begin, std::int64_t end,
            const OrderedOptions& o) {
  Naive out;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const auto& s = samples[i];
    auto until = s.time + o.max_hold;
    if (i + 1 < samples.size()) until = std::min(until, samples[i + 1].time);
    const auto from = std::max(s.time, begin);
    until = std::min(until, end);
    if (until > from) {
      out.integral += Rational(s.i64) * (until - from);
      out.held += until - from;
      out.states[s.i64] += until - from;
    }
    if (i == 0 || s.time < begin || s.time >= end) continue;
    out.stepped = true;
    const auto fall = samples[i - 1].i64 - s.i64;
    if (fall <= 0) {
      out.increase -= fall;
    } else if (o.rollover_i64 > 0 && fall > o.rollover_i64 / 2) {
      out.increase += o.rollover_i64 - fall;
    } else {
      out.increase += s.i64;
    }
  }
  return out;
}

TEST(Ordered, AgreesWithTheDefinitionHoweverItIsCut) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 300; ++round) {
    OrderedOptions options;
    options.max_hold = static_cast<std::int64_t>(1 + random() % 5) * kSecond / 2;
    options.rollover_i64 = random() % 2 == 0 ? 0 : 1000;
    std::vector<OrderedSample> all;
    std::int64_t time = 0;
    for (int i = 0; i < 40; ++i) {
      time += static_cast<std::int64_t>(random() % (2 * kSecond));
      OrderedSample s;
      s.time = time;
      s.i64 = static_cast<std::int64_t>(random() % 1000);
      s.f64 = static_cast<double>(s.i64);
      all.push_back(s);
    }
    const auto begin = static_cast<std::int64_t>(random() % 20) * kSecond;
    const auto end = begin + static_cast<std::int64_t>(1 + random() % 20) * kSecond;
    const auto expected = naive(all, begin, end, options);
    const auto from = std::find_if(all.begin(), all.end(),
                                   [&](const auto& s) { return s.time >= begin; });
    const auto to =
        std::find_if(from, all.end(), [&](const auto& s) { return s.time >= end; });
    std::optional<OrderedSample> before;
    if (from != all.begin()) before = *(from - 1);
    for (const auto type : {ValueType::i64, ValueType::f64}) {
      auto o = options;
      o.rollover_f64 = static_cast<double>(o.rollover_i64);
      // In random slices, joined from the left.
      Ordered joined(type);
      for (auto at = from; at != to;) {
        const auto step = std::min<std::ptrdiff_t>(1 + static_cast<std::ptrdiff_t>(random() % 7),
                                                   to - at);
        joined.follow(run_of(type, {at, at + step}, o), o);
        at += step;
      }
      const auto figures = joined.within(begin, end, before, o, type == ValueType::i64 ? -1 : 0);
      const Rational unit = type == ValueType::i64 ? Rational(1, 10) : Rational(1);
      ASSERT_EQ(figures.twa.has_value(), expected.held > 0);
      if (expected.held > 0) {
        EXPECT_EQ(*figures.twa, nearest(expected.integral / expected.held * unit));
        EXPECT_EQ(*figures.integral, nearest(expected.integral / kSecond * unit));
      }
      ASSERT_EQ(figures.increase.has_value(), expected.stepped);
      if (expected.stepped) {
        EXPECT_EQ(*figures.increase, nearest(expected.increase * unit));
      }
      std::uint64_t in_states = figures.other_ns;
      for (const auto& s : figures.states) {
        in_states += s.ns;
        EXPECT_LE(static_cast<std::int64_t>(s.ns), expected.states.at(s.key));
      }
      EXPECT_EQ(static_cast<std::int64_t>(in_states), expected.held);
    }
  }
}

TEST(Ordered, AResetAndARolloverAreToldApart) {
  OrderedOptions options;
  options.rollover_i64 = 65'536;
  const auto samples = [](std::initializer_list<std::int64_t> values) {
    std::vector<OrderedSample> out;
    for (const auto v : values) {
      OrderedSample s;
      s.time = static_cast<std::int64_t>(out.size()) * kSecond;
      s.i64 = v;
      out.push_back(s);
    }
    return out;
  };
  auto figures = run_of(ValueType::i64, samples({65'500, 100}), options)
                     .within(0, 9 * kSecond, std::nullopt, options, 0);
  EXPECT_EQ(figures.increase, 136);
  EXPECT_EQ(figures.resets, 0u);
  figures = run_of(ValueType::i64, samples({30'000, 100}), options)
                .within(0, 9 * kSecond, std::nullopt, options, 0);
  EXPECT_EQ(figures.increase, 100);
  EXPECT_EQ(figures.resets, 1u);
  options.rollover_i64 = 0;
  figures = run_of(ValueType::i64, samples({65'500, 100}), options)
                .within(0, 9 * kSecond, std::nullopt, options, 0);
  EXPECT_EQ(figures.increase, 100);
}

TEST(Ordered, AWindowWithoutReadingsHoldsWhatWasBefore) {
  OrderedOptions options;
  options.max_hold = 3 * kSecond;
  OrderedSample before;
  before.f64 = 7;
  const auto figures =
      Ordered(ValueType::f64).within(2 * kSecond, 10 * kSecond, before, options, 0);
  EXPECT_EQ(figures.twa, 7);
  EXPECT_EQ(figures.integral, 7);  // one second of it
  EXPECT_FALSE(figures.increase.has_value());
  ASSERT_EQ(figures.states.size(), 1u);
  EXPECT_EQ(figures.states[0].key, 7);
}

TEST(Ordered, FurtherStatesAreSummed) {
  const OrderedOptions options;
  Ordered run(ValueType::i64);
  for (std::int64_t i = 0; i < 20; ++i) run.add({i * kSecond, 0, i}, options);
  const auto figures = run.within(0, 20 * kSecond, std::nullopt, options, 0);
  EXPECT_EQ(figures.states.size(), Ordered::kStatesMax);
  EXPECT_EQ(figures.other_ns, 4u * kSecond);
}

}  // namespace
}  // namespace tidemark::window
