#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "edge/uplink/schedule.h"
#include "edge/uplink/seal_parts.h"
#include "tests/edge/fake_ring.h"

namespace tidemark::uplink {
namespace {

using test::FakeRing;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kNow = 1'000 * kSecond;
constexpr std::uint64_t kMuch = 1 << 20;
constexpr Room kRoom{kMuch, kMuch, kMuch};

std::vector<std::pair<Lane, std::uint64_t>> all(Schedule& s) {
  std::vector<std::pair<Lane, std::uint64_t>> out;
  while (const auto c = s.next(kRoom)) {
    out.emplace_back(c->lane, c->name.sequence.count);
    s.sent(*c);
  }
  return out;
}

TEST(Schedule, LiveGoesBeforeTheBacklogEachOldestFirst) {
  FakeRing ring;
  for (int i = 0; i < 3; ++i) ring.put(kNow - 100 * kSecond);  // 1..3
  for (int i = 0; i < 2; ++i) ring.put(kNow - kSecond);        // 4, 5: just taken
  Schedule s(ring, {1}, 0.0, event_time(kNow));
  EXPECT_THAT(all(s), testing::ElementsAre(
                          testing::Pair(Lane::live, 4), testing::Pair(Lane::live, 5),
                          testing::Pair(Lane::backlog, 1), testing::Pair(Lane::backlog, 2),
                          testing::Pair(Lane::backlog, 3)));
  ring.put(kNow);
  s.ring_changed();
  EXPECT_THAT(all(s), testing::ElementsAre(testing::Pair(Lane::live, 6)));
}

TEST(Schedule, WhatWasThereBeforeIsBacklogHoweverOldItGets) {
  FakeRing ring({2});
  ring.put({1}, kNow, ByteVector(10, 0));  // of an earlier start
  ring.put(kNow - 10 * kSecond);
  Schedule s(ring, {2}, 0.2, event_time(kNow));
  ring.put(kNow);
  const auto order = all(s);
  ASSERT_EQ(order.size(), 3u);
  EXPECT_EQ(order[0], (std::pair<Lane, std::uint64_t>(Lane::live, 2)));
  EXPECT_EQ(order[1].first, Lane::backlog);
}

TEST(Schedule, TheBacklogGetsItsShareBesideLive) {
  FakeRing ring;
  for (int i = 0; i < 100; ++i) ring.put(kNow - 100 * kSecond, 1000);
  Schedule s(ring, {1}, 0.2, event_time(kNow));
  for (int i = 0; i < 100; ++i) ring.put(kNow, 1000);
  int backlog = 0;
  for (int i = 0; i < 100; ++i) {
    const auto c = s.next(kRoom);
    ASSERT_TRUE(c);
    backlog += c->lane == Lane::backlog ? 1 : 0;
    s.sent(*c);
  }
  EXPECT_NEAR(backlog, 20, 2);
}

TEST(Schedule, ATooSlowLineShowsThePresent) {
  FakeRing ring;
  Schedule s(ring, {1}, 0.2, event_time(kNow));
  for (std::size_t i = 0; i < Schedule::kLook * 2; ++i) ring.put(kNow);
  s.ring_changed();
  EXPECT_EQ(s.next({kMuch, kMuch, 0})->name.sequence.count, Schedule::kLook + 1);
}

TEST(Schedule, AlarmsGoBeforeAll) {
  FakeRing ring;
  ring.put(kNow - 100 * kSecond);
  ring.put(kNow - 100 * kSecond, 100, true);
  ring.put(kNow);
  ring.put(kNow, 100, true);
  Schedule s(ring, {1}, 0.2, event_time(kNow));
  const auto order = all(s);
  ASSERT_EQ(order.size(), 4u);
  EXPECT_EQ(order[0].first, Lane::alarm);
  EXPECT_EQ(order[1].first, Lane::alarm);
}

TEST(Schedule, AnAlarmIsFoundBetweenTheOldestAndTheNewest) {
  FakeRing ring;
  const auto many = static_cast<int>(Schedule::kLook) + 10;
  for (int i = 0; i < many; ++i) ring.put(kNow - 100 * kSecond);
  const auto alarm = ring.put(kNow - 100 * kSecond, 100, true);
  for (int i = 0; i < many; ++i) ring.put(kNow - 100 * kSecond);
  Schedule s(ring, {1}, 0.2, event_time(kNow));
  const auto first = s.next(kRoom);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->name, alarm);
  EXPECT_EQ(first->lane, Lane::alarm);
}

TEST(Schedule, TheCreditBoundsWhatGoes) {
  FakeRing ring;
  ring.put(kNow - 100 * kSecond, 1000);
  Schedule s(ring, {1}, 0.2, event_time(kNow));
  EXPECT_FALSE(s.next({kMuch, kMuch, 999}));
  EXPECT_TRUE(s.next({kMuch, kMuch, 1000}));
  ring.put(kNow, 2000);
  s.ring_changed();
  EXPECT_FALSE(s.next({1999, 1999, 0}));
  EXPECT_TRUE(s.next({2000, 2000, 0}));
}

TEST(Schedule, WhatTheCloudWantsAgainGoesAgain) {
  FakeRing ring;
  ring.put(kNow);
  ring.put(kNow);
  Schedule s(ring, {1}, 0.2, event_time(kNow));
  EXPECT_EQ(all(s).size(), 2u);
  s.wanted({1}, {{1, 2}});
  EXPECT_THAT(all(s), testing::ElementsAre(testing::Pair(Lane::backlog, 1),
                                           testing::Pair(Lane::backlog, 2)));
  EXPECT_TRUE(all(s).empty());
}

// A restored cloud asks for everything again. It came before alarms and live data, for hours.
TEST(Schedule, WhatTheCloudWantsAgainIsTheFrontOfTheBacklog) {
  FakeRing ring;
  for (int i = 0; i < 4; ++i) ring.put(kNow - 100 * kSecond, 1000);
  Schedule s(ring, {1}, 0.0, event_time(kNow));
  for (int i = 0; i < 3; ++i) s.sent(*s.next(kRoom));  // 1 to 3; 4 still waits
  s.wanted({1}, {{1, 2}});
  ring.put(kNow, 1000, true);
  ring.put(kNow, 1000);
  s.ring_changed();
  EXPECT_FALSE(s.next({999, 999, 999})) << "its size counts";
  EXPECT_THAT(all(s), testing::ElementsAre(
                          testing::Pair(Lane::alarm, 5), testing::Pair(Lane::live, 6),
                          testing::Pair(Lane::backlog, 1), testing::Pair(Lane::backlog, 2),
                          testing::Pair(Lane::backlog, 4)));
}

TEST(Schedule, WhatTheCloudWantsAgainGetsTheShareOfTheBacklog) {
  FakeRing ring;
  for (int i = 0; i < 100; ++i) ring.put(kNow - 100 * kSecond, 1000);
  Schedule s(ring, {1}, 0.2, event_time(kNow));
  all(s);
  s.wanted({1}, {{1, 100}});
  for (int i = 0; i < 100; ++i) ring.put(kNow, 1000);
  s.ring_changed();
  int again = 0;
  for (int i = 0; i < 100; ++i) {
    const auto c = s.next(kRoom);
    ASSERT_TRUE(c);
    again += c->lane == Lane::backlog ? 1 : 0;
    s.sent(*c);
  }
  EXPECT_NEAR(again, 20, 2);
}

Seal long_seal(int sources, int minutes) {
  Seal seal;
  seal.incarnation = {1};
  seal.number = 500;
  seal.next = {77};
  for (int s = 0; s < sources; ++s) {
    SourceSeal source;
    source.source = "line" + std::to_string(s);
    for (int m = 0; m < minutes; ++m) source.minutes.push_back({m, 60, 59, 590, 590});
    seal.sources.push_back(source);
  }
  return seal;
}

TEST(SealParts, ASmallOneStaysWhole) {
  EXPECT_EQ(seal_parts(long_seal(2, 10)), std::vector<Seal>{long_seal(2, 10)});
}

TEST(SealParts, ALongOneSaysEachMinuteOnceInFramesThatFit) {
  auto whole = long_seal(60, 1440);
  whole.sources[7].dropped = {{-60, -1, 400, 5, DroppedCounts::Why::bound}};
  const auto parts = seal_parts(whole);
  ASSERT_GT(parts.size(), 2u);
  std::map<std::string, std::size_t> minutes;
  for (const auto& p : parts) {
    ByteVector bytes;
    ByteWriter w(bytes);
    p.encode(w);
    EXPECT_LE(bytes.size(), kSealBytesMax);
    EXPECT_EQ(p.number, whole.number);
    EXPECT_EQ(p.more, &p != &parts.back());
    EXPECT_EQ(p.says_dropped(), !p.more);
    for (const auto& s : p.sources) minutes[s.source] += s.minutes.size();
  }
  EXPECT_EQ(minutes.size(), 60u);
  for (const auto& [source, n] : minutes) EXPECT_EQ(n, 1440u) << source;
  auto last = whole;
  for (auto& s : last.sources) s.minutes.clear();
  EXPECT_EQ(parts.back(), last) << "everything but minutes";
}

}  // namespace
}  // namespace tidemark::uplink
