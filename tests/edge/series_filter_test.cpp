#include "edge/filter/series_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>

#include "common/base/random.h"
#include "edge/filter/detectors.h"

namespace tidemark::filter {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

EventTime at(double s) { return event_time(static_cast<std::int64_t>(s * 1e9)); }

// One series of readings a second apart, and what is expected of the last one.
struct Row {
  const char* name;
  FilterOptions options;
  std::vector<double> values;  // one a second
  Cause cause;
  Quality quality;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

FilterOptions with_range(double min, double max) {
  FilterOptions o;
  o.range = {min, max};
  return o;
}
FilterOptions with_rate(double per_second, std::size_t samples = 3) {
  FilterOptions o;
  o.rate = {per_second, samples};
  return o;
}
FilterOptions with_stuck(Nanoseconds after, double tolerance = 0, std::size_t learning = 0) {
  FilterOptions o;
  o.stuck = {after, tolerance, learning};
  return o;
}
FilterOptions with_spike(std::size_t samples, double floor = 0) {
  FilterOptions o;
  o.spike = {samples, 5, floor};
  return o;
}

class Marks : public testing::TestWithParam<Row> {};

TEST_P(Marks, TheLastReading) {
  const auto& row = GetParam();
  ASSERT_TRUE(row.options.check().ok());
  SeriesFilter filter(row.options);
  std::vector<Event> events;
  Verdict verdict;
  for (std::size_t i = 0; i < row.values.size(); ++i) {
    events.clear();
    verdict = filter.check(at(static_cast<double>(i)), row.values[i], events);
  }
  EXPECT_EQ(to_string(verdict.cause), to_string(row.cause));
  EXPECT_EQ(verdict.quality, row.quality);
  EXPECT_EQ(events.size(), row.cause == Cause::none ? 0u : 1u);
}

const std::vector<double> kCalm{1, 2, 1, 2, 1, 2, 1, 2};
std::vector<double> calm_then(double v) {
  auto values = kCalm;
  values.push_back(v);
  return values;
}

INSTANTIATE_TEST_SUITE_P(
    Filters, Marks,
    testing::Values(
        Row{"range: at the lower bound", with_range(0, 10), {0}, Cause::none, Quality::good},
        Row{"range: at the upper bound", with_range(0, 10), {10}, Cause::none, Quality::good},
        Row{"range: just above", with_range(0, 10), {std::nextafter(10.0, 11.0)}, Cause::range,
            Quality::bad_range},
        Row{"range: below", with_range(0, 10), {-1}, Cause::range, Quality::bad_range},
        Row{"range: a value that is none passes", with_range(0, 10),
            {std::numeric_limits<double>::quiet_NaN()}, Cause::none, Quality::good},
        Row{"rate: too few readings yet", with_rate(1), {0, 100}, Cause::none, Quality::good},
        Row{"rate: at the limit", with_rate(1), {0, 1, 2}, Cause::none, Quality::good},
        Row{"rate: above, falling", with_rate(1), {0, -1, -2.5}, Cause::rate, Quality::uncertain},
        Row{"rate: between two readings", with_rate(1, 2), {0, 2}, Cause::rate,
            Quality::uncertain},
        Row{"stuck: at the limit", with_stuck(seconds(3)), {5, 5, 5, 5}, Cause::none,
            Quality::good},
        Row{"stuck: beyond it", with_stuck(seconds(3)), {5, 5, 5, 5, 5}, Cause::stuck,
            Quality::uncertain},
        Row{"stuck: moves within the tolerance", with_stuck(seconds(3), 0.5),
            {5, 5.5, 5, 4.5, 5}, Cause::stuck, Quality::uncertain},
        Row{"stuck: moves", with_stuck(seconds(3)), {5, 5, 5, 5.1, 5.1, 5.1}, Cause::none,
            Quality::good},
        Row{"stuck: has seen runs of 2 s while learning", with_stuck(seconds(3), 0, 3),
            {5, 5, 5, 6, 6, 6, 6, 6, 6}, Cause::none, Quality::good},
        Row{"spike: window not full", with_spike(16), calm_then(100), Cause::none, Quality::good},
        Row{"spike: inside 5 sigmas", with_spike(8), calm_then(5.2), Cause::none, Quality::good},
        Row{"spike: outside", with_spike(8), calm_then(5.3), Cause::spike, Quality::uncertain},
        Row{"spike: a constant says nothing of its noise", with_spike(8),
            {3, 3, 3, 3, 3, 3, 3, 3, 9}, Cause::none, Quality::good},
        Row{"spike: a constant with a floor", with_spike(8, 1), {3, 3, 3, 3, 3, 3, 3, 3, 9},
            Cause::spike, Quality::uncertain}));

// The definition, written as it reads.
double naive_score(const std::deque<double>& window, double value, const SpikeOptions& options) {
  std::vector<double> sorted(window.begin(), window.end());
  std::sort(sorted.begin(), sorted.end());
  const auto median_of = [](const std::vector<double>& s) {
    const auto n = s.size();
    return n % 2 == 1 ? s[n / 2] : (s[n / 2 - 1] + s[n / 2]) / 2;
  };
  const double median = median_of(sorted);
  std::vector<double> distances;
  for (const double v : window) distances.push_back(std::abs(v - median));
  std::sort(distances.begin(), distances.end());
  const double q95 = distances[(distances.size() - 1) * 95 / 100];
  const double scale = std::max({1.4826 * median_of(distances), q95 / 2, options.floor});
  return scale > 0 ? std::abs(value - median) / (options.sigmas * scale) : 0;
}

TEST(SpikeDetector, AgreesWithTheNaiveMedianOnEverySample) {
  SeededRandom random(7);
  for (const std::size_t samples : {8u, 9u, 64u, 255u}) {
    const SpikeOptions options{samples, 5, 0};
    SpikeDetector detector(options);
    std::deque<double> window;
    for (int i = 0; i < 5000; ++i) {
      // Few levels (ties), many levels, and outbursts.
      const auto draw = random.below(i % 1000 < 300 ? 4 : 10'000);
      double value = static_cast<double>(draw) * 0.01 - 3;
      if (random.below(50) == 0) value *= 1000;
      const auto opinion = detector.check(at(i), value);
      if (window.size() == samples) {
        EXPECT_DOUBLE_EQ(opinion.score, naive_score(window, value, options)) << samples << " " << i;
        window.pop_front();
      } else {
        EXPECT_EQ(opinion.score, 0);
      }
      window.push_back(value);
    }
  }
}

TEST(SeriesFilter, ALateReadingTouchesNoDetector) {
  auto options = with_rate(1, 2);
  options.stuck = {seconds(5), 0, 0};
  SeriesFilter filter(options);
  std::vector<Event> events;
  (void)filter.check(at(10), 0, events);
  EXPECT_FALSE(filter.check(at(9), 500, events).marked());
  EXPECT_FALSE(filter.check(at(10), 500, events).marked());
  EXPECT_FALSE(filter.check(at(11), 1, events).marked());
  EXPECT_TRUE(events.empty());
}

TEST(SeriesFilter, WhatWasSeenMovesWithTheClock) {
  for (const double by : {-3600.0, 3600.0}) {
    FilterOptions options;
    options.rate = {10, 2};
    options.stuck = {seconds(5), 0, 0};
    LimitOptions limit;
    limit.hi = 50;
    limit.on_delay = seconds(3);
    options.limits = {limit};
    options.thin = {100, seconds(10)};
    SeriesFilter filter(options);
    std::vector<Event> events;
    (void)filter.keep(at(0), 60, filter.check(at(0), 60, events));
    filter.shift(Nanoseconds(static_cast<std::int64_t>(by * 1e9)));
    EXPECT_EQ(filter.newest(), at(by));
    EXPECT_FALSE(filter.check(at(by + 1), 65, events).marked());
    EXPECT_EQ(filter.check(at(by + 2), 80, events).cause, Cause::rate);
    ASSERT_EQ(events.size(), 1u);
    (void)filter.check(at(by + 3), 80, events);
    ASSERT_EQ(events.size(), 2u);
    EXPECT_EQ(events[1].cause, Cause::hi);
    EXPECT_FALSE(filter.keep(at(by + 9), 60, {}));
    EXPECT_TRUE(filter.keep(at(by + 10), 60, {}));
  }
}

TEST(SeriesFilter, ImplausibleReadingsTeachTheDetectorsNothing) {
  auto options = with_range(0, 100);
  options.rate = {1, 2};
  SeriesFilter filter(options);
  std::vector<Event> events;
  (void)filter.check(at(0), 50, events);
  EXPECT_EQ(filter.check(at(1), 32768, events).cause, Cause::range);
  EXPECT_FALSE(filter.check(at(2), 51, events).marked());
  ASSERT_EQ(events.size(), 1u);
  EXPECT_THAT(events[0].text(), HasSubstr("32768 is beyond 100"));
}

TEST(SeriesFilter, AnEventIsHeldButEveryReadingIsMarked) {
  auto options = with_range(0, 10);
  options.hold.samples = 3;
  SeriesFilter filter(options);
  std::vector<Event> events;
  const auto raised = [&](int second, double value) {
    events.clear();
    EXPECT_TRUE(filter.check(at(second), value, events).marked());
    return events.size();
  };
  EXPECT_EQ(raised(0, 11), 1u);
  EXPECT_EQ(raised(1, 11), 0u);  // no worse
  EXPECT_EQ(raised(2, 12), 1u);  // worse: speaks, and the hold begins anew
  EXPECT_EQ(raised(3, 11), 0u);
  EXPECT_EQ(raised(4, 12), 0u);
  EXPECT_EQ(raised(5, 12), 1u);  // over
}

TEST(SeriesFilter, AHoldCanEndByTime) {
  auto options = with_range(0, 10);
  options.hold = {1000, seconds(2)};
  SeriesFilter filter(options);
  std::vector<Event> events;
  for (int i = 0; i < 4; ++i) (void)filter.check(at(i), 11, events);
  EXPECT_EQ(events.size(), 2u);  // at 0 s and 2 s
}

TEST(SeriesFilter, ALimitWaitsForItsDelaysAndItsDeadband) {
  FilterOptions options;
  options.limits.push_back({.hihi = {}, .hi = 100, .lo = {}, .lolo = {}, .deadband = 5,
                            .on_delay = seconds(3), .off_delay = seconds(2)});
  SeriesFilter filter(options);
  std::vector<Event> events;
  const auto feed = [&](double second, double value) {
    events.clear();
    const auto verdict = filter.check(at(second), value, events);
    EXPECT_FALSE(verdict.marked()) << "a limit is about the machine, not about the reading";
    return events.empty() ? std::string("-") : std::string(events[0].raised ? "on" : "off");
  };
  EXPECT_EQ(feed(0, 101), "-");
  EXPECT_EQ(feed(2, 100), "-");   // not beyond: the delay begins again
  EXPECT_EQ(feed(3, 101), "-");
  EXPECT_EQ(feed(5.9, 101), "-");
  EXPECT_EQ(feed(6, 101), "on");
  EXPECT_TRUE(filter.in_alarm());
  EXPECT_EQ(feed(7, 98), "-");    // inside the deadband
  EXPECT_EQ(feed(20, 98), "-");
  EXPECT_EQ(feed(21, 95), "-");
  EXPECT_EQ(feed(23, 95), "off");
  EXPECT_EQ(feed(30, 95), "-");
  EXPECT_FALSE(filter.in_alarm());
}

TEST(SeriesFilter, LevelsOfALimitAreIndependent) {
  FilterOptions options;
  options.limits.push_back({.hihi = 20, .hi = 10, .lo = -10, .lolo = -20, .deadband = 0,
                            .on_delay = {}, .off_delay = {}});
  SeriesFilter filter(options);
  std::vector<Event> events;
  (void)filter.check(at(0), 25, events);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].cause, Cause::hihi);
  EXPECT_EQ(events[1].cause, Cause::hi);
  events.clear();
  (void)filter.check(at(1), -15, events);
  ASSERT_EQ(events.size(), 3u);  // hihi and hi cleared, lo raised
  EXPECT_EQ(events[2].text(), "limit lo: -15 is beyond -10");
}

TEST(SeriesFilter, ThinningKeepsWhatLeavesTheDeadband) {
  FilterOptions options = with_range(0, 100);
  options.thin.deadband = 0.5;
  options.thin.keep_every = seconds(10);
  SeriesFilter filter(options);
  std::vector<Event> events;
  const auto kept = [&](int second, double value) {
    return filter.keep(at(second), value, filter.check(at(second), value, events));
  };
  EXPECT_TRUE(kept(0, 20));      // the first
  EXPECT_FALSE(kept(1, 20.5));   // at the band's edge
  EXPECT_FALSE(kept(2, 19.5));
  EXPECT_TRUE(kept(3, 20.6));
  EXPECT_FALSE(kept(4, 20.2));
  EXPECT_TRUE(kept(5, 400));     // marked: always
  EXPECT_TRUE(kept(6, 400));
  EXPECT_TRUE(kept(7, 20.2));    // the first after a mark
  EXPECT_FALSE(kept(16, 20.2));
  EXPECT_TRUE(kept(17, 20.2));   // silent for long enough
  EXPECT_TRUE(kept(18, std::numeric_limits<double>::quiet_NaN()));
}

TEST(SeriesFilter, WithoutThinningEverythingIsKept) {
  SeriesFilter filter(FilterOptions{});
  EXPECT_TRUE(filter.keep(at(0), 1, {}));
  EXPECT_TRUE(filter.keep(at(0), 1, {}));
  EXPECT_TRUE(FilterOptions{}.empty());
}

struct Refusal {
  const char* expected;
  FilterOptions options;
};
void PrintTo(const Refusal& row, std::ostream* out) { *out << row.expected; }
class Refuses : public testing::TestWithParam<Refusal> {};

TEST_P(Refuses, OptionsThatCannotBeMeant) {
  const auto result = GetParam().options.check();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().fault(), Fault::bad_input);
  EXPECT_THAT(result.error().text(), HasSubstr(GetParam().expected));
}

FilterOptions with_limit(LimitOptions limit) {
  FilterOptions o;
  o.limits.push_back(limit);
  return o;
}
FilterOptions with_deadband(double v) {
  FilterOptions o;
  o.thin.deadband = v;
  return o;
}

INSTANTIATE_TEST_SUITE_P(
    Options, Refuses,
    testing::Values(Refusal{"range: min 1 is not below max 1", with_range(1, 1)},
                    Refusal{"rate.max", with_rate(0)},
                    Refusal{"rate.samples: 1", with_rate(1, 1)},
                    Refusal{"rate.samples: 65", with_rate(1, 65)},
                    Refusal{"stuck.after", with_stuck(Nanoseconds{})},
                    Refusal{"stuck.tolerance", with_stuck(seconds(1), -1)},
                    Refusal{"spike.samples: 7", with_spike(7)},
                    Refusal{"spike.floor", with_spike(8, -1)},
                    Refusal{"needs one of", with_limit({})},
                    Refusal{"fall in the order",
                            with_limit({.hihi = 1, .hi = 2, .lo = {}, .lolo = {}})},
                    Refusal{"on_delay", with_limit({.hihi = 1, .hi = {}, .lo = {}, .lolo = {},
                                                    .deadband = 0, .on_delay = -milliseconds(1)})},
                    Refusal{"thin.deadband: -1", with_deadband(-1)}));

}  // namespace
}  // namespace tidemark::filter
