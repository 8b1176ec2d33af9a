#include "edge/recorder/flight_recorder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "common/base/random.h"

namespace tidemark::recorder {
namespace {

using namespace std::chrono_literals;

constexpr Bytes kPlenty{64 << 20};

std::vector<std::int64_t> times_of(FlightRecorder& recorder) {
  std::vector<std::int64_t> out;
  for (const auto& due : recorder.due()) out.push_back(due.reading.time);
  recorder.due().clear();
  return out;
}

TEST(FlightRecorder, HandsOutWhatLiesAroundAnAnomaly) {
  FlightRecorder recorder(kPlenty);
  const auto track = recorder.track({30ns, 20ns});
  for (std::int64_t t = 0; t <= 100; t += 10) recorder.add(track, {t, 0, Quality::good});
  EXPECT_TRUE(times_of(recorder).empty());
  recorder.anomaly(track, 100);
  EXPECT_EQ(times_of(recorder), (std::vector<std::int64_t>{70, 80, 90, 100}));
  for (std::int64_t t = 110; t <= 200; t += 10) recorder.add(track, {t, 0, Quality::good});
  EXPECT_EQ(times_of(recorder), (std::vector<std::int64_t>{110, 120}));
  EXPECT_EQ(recorder.usage().contexts, 1u);
}

TEST(FlightRecorder, AClockThatWentBackLeavesNothingAhead) {
  FlightRecorder recorder(kPlenty);
  const auto track = recorder.track({30ns, 20ns});
  for (std::int64_t t = 900; t <= 1000; t += 10) recorder.add(track, {t, 0, Quality::good});
  recorder.set_back(track, 985);
  recorder.add(track, {990, 1, Quality::good});
  EXPECT_TRUE(times_of(recorder).empty());
  recorder.anomaly(track, 990);
  EXPECT_EQ(times_of(recorder), (std::vector<std::int64_t>{970, 980, 990})) << "990 once";
  recorder.set_back(track, 985);
  recorder.add(track, {995, 1, Quality::good});
  EXPECT_TRUE(times_of(recorder).empty()) << "that context is over";
}

// Each reading once, whatever anomalies overlap; and all of them.
TEST(FlightRecorder, OverlappingContextsHandOutEachReadingOnce) {
  SeededRandom random(9);
  for (int round = 0; round < 50; ++round) {
    FlightRecorder recorder(kPlenty);
    const auto before = static_cast<std::int64_t>(random.below(300));
    const auto after = static_cast<std::int64_t>(random.below(300));
    const auto track = recorder.track({Nanoseconds(before), Nanoseconds(after)});
    std::multiset<std::int64_t> got, expected;
    std::vector<std::int64_t> times, anomalies;
    for (std::int64_t t = 0; t < 5000; t += 1 + static_cast<std::int64_t>(random.below(20))) {
      recorder.add(track, {t, 0, Quality::good});
      times.push_back(t);
      if (random.below(40) == 0) {
        anomalies.push_back(t);
        recorder.anomaly(track, t);
      }
      for (const auto due : times_of(recorder)) got.insert(due);
    }
    for (const auto t : times) {
      if (std::any_of(anomalies.begin(), anomalies.end(),
                      [&](auto a) { return t >= a - before && t <= a + after; })) {
        expected.insert(t);
      }
    }
    EXPECT_EQ(got, expected) << round;
  }
}

TEST(FlightRecorder, ASeriesKeepsItsNewestAndTellsThatAContextIsCut) {
  FlightRecorder recorder(kPlenty);
  const auto track = recorder.track({1s, 0ns});
  const auto count = static_cast<std::int64_t>(FlightRecorder::kReadingsMax) + 100;
  for (std::int64_t t = 0; t < count; ++t) recorder.add(track, {t, 0, Quality::good});
  recorder.anomaly(track, count - 1);
  const auto times = times_of(recorder);
  EXPECT_EQ(times.size(), FlightRecorder::kReadingsMax);
  EXPECT_EQ(times.front(), 100);
  EXPECT_EQ(recorder.usage().cut, 1u);
}

TEST(FlightRecorder, AllSeriesTogetherStayWithinTheirMemory) {
  constexpr Bytes kMemory{64 << 10};
  FlightRecorder recorder(kMemory);
  std::vector<FlightRecorder::Track> tracks;
  for (int i = 0; i < 100; ++i) tracks.push_back(recorder.track({1s, 0ns}));
  for (std::int64_t t = 0; t < 1000; ++t) {
    for (const auto track : tracks) recorder.add(track, {t, 0, Quality::good});
  }
  EXPECT_LE(recorder.usage().bytes, kMemory);
  EXPECT_GT(recorder.usage().bytes.count, kMemory.count / 2);
  recorder.anomaly(tracks.back(), 999);  // found no room at all
  EXPECT_TRUE(times_of(recorder).empty());
  recorder.anomaly(tracks.front(), 999);
  EXPECT_GT(times_of(recorder).size(), 0u);
  EXPECT_EQ(recorder.usage().cut, 2u);
}

TEST(FlightRecorder, WhatIsOlderThanAnyContextIsNotKept) {
  FlightRecorder recorder(kPlenty);
  const auto track = recorder.track({10ns, 0ns});
  for (std::int64_t t = 0; t < 10'000; ++t) recorder.add(track, {t, 0, Quality::good});
  EXPECT_EQ(recorder.usage().bytes.count, 64 * sizeof(Kept));
}

}  // namespace
}  // namespace tidemark::recorder
