// Seals that say two things under one number, and what is known of losses: until when, and no
// longer than that.
#include <gmock/gmock.h>

#include "tests/cloud/alarms_of.h"

namespace tidemark::test {
namespace {

using answers::State;
using testing::HasSubstr;

answers::View by_second() {
  answers::View seconds;
  seconds.name = "second";
  seconds.select = "**";
  seconds.aggregates = {"count"};
  seconds.window = {"tumbling", std::chrono::seconds(1), {}};
  seconds.emit = {{}, std::chrono::seconds(5)};
  return seconds;
}

// Three blocks of twenty seconds each, the last of which is under way.
struct OneUnderWay {
  OneUnderWay() : edge("press-07", 11, 1) {
    for (std::int64_t s = 0; s < 60; ++s) {
      edge.take(0, kStart + s * kSecond, 1);
      if (s % 20 == 19) edge.flush(kStart + (s + 1) * kSecond);
    }
    greet(node, edge);
    for (const std::uint64_t b : {1, 2}) node.take(edge, edge.block(b));
    for (std::size_t i = 0; i < edge.seals.size(); ++i) node.take(edge, edge.seal_frame(i));
    node.commit();
  }
  // It is kept aside, and proves nothing.
  void expect_conflict(const Seal& other) {
    node.take(edge, EdgeDouble::frame(other));
    node.commit();
    const auto alarms = alarms_of(node, "press-07");
    ASSERT_EQ(alarms.size(), 1u);
    EXPECT_EQ(alarms[0].kind, "seal_conflict");
    auto reader = query::Reader::open(node.folder.path).value();
    EXPECT_THAT(reader->dead_letters({10}).value().at(0).reason, HasSubstr("two seals of start"));
    EXPECT_EQ(node.intake->ledger().pending, 20u);
    node.settle();
    for (const auto& a : node.answers("minute")) EXPECT_EQ(a.state, State::provisional);
    node.take(edge, edge.block(3));
    node.commit();
    EXPECT_EQ(node.answers("minute").at(0).completeness, 1.0);
  }
  Node node;
  EdgeDouble edge;
};

TEST(SealConflict, EvictedBlocksUnderTheSameNumber) {
  OneUnderWay test;
  auto other = test.edge.seals.back();
  other.evicted.add(Sequence{3});
  test.expect_conflict(other);
}

TEST(SealConflict, AnotherTimeUnderTheSameNumber) {
  OneUnderWay test;
  auto other = test.edge.seals.back();
  other.sources[0].sealed_until += std::chrono::minutes(30);
  test.expect_conflict(other);
}

TEST(SealConflict, AnOlderNumberWithOtherContent) {
  OneUnderWay test;
  auto other = test.edge.seals[1];
  other.sources[0].sealed_until += std::chrono::minutes(30);
  test.expect_conflict(other);
}

TEST(SealConflict, IsSeenAfterARestart) {
  OneUnderWay test;
  test.node.kill();
  test.node.start();
  test.node.take(test.edge, test.edge.hello());
  auto other = test.edge.seals[1];
  other.next = Sequence{2};
  test.expect_conflict(other);
}

TEST(SealConflict, WhatIsTooOldToBeComparedProvesNothing) {
  OneUnderWay test;
  for (int i = 0; i < 20; ++i) {
    test.edge.seal(kStart + kMinute);
    test.node.take(test.edge, test.edge.last_seal());
  }
  auto other = test.edge.seals[0];
  other.sources[0].sealed_until += std::chrono::minutes(30);
  test.node.take(test.edge, EdgeDouble::frame(other));
  test.node.commit();
  test.node.settle();
  EXPECT_TRUE(alarms_of(test.node, "press-07").empty());
  for (const auto& a : test.node.answers("minute")) EXPECT_EQ(a.state, State::provisional);
}

TEST(SealConflict, TheSameAgainInOtherWordsIsNone) {
  OneUnderWay test;
  for (auto same : test.edge.seals) {
    same.sources[0].minutes.clear();
    test.node.take(test.edge, EdgeDouble::frame(same));
  }
  auto brief = test.edge.seals.back();
  brief.rest = brief.sources[0].sealed_until;
  brief.sources.clear();
  test.node.take(test.edge, EdgeDouble::frame(brief));
  test.node.commit();
  EXPECT_TRUE(alarms_of(test.node, "press-07").empty());
}

// A block that cannot be read, and one that was evicted: the seconds after them are as exact as
// those of an edge that lost nothing, and their minute's loss is counted once.
TEST(GivenUp, LeavesLaterSecondsExact) {
  Node node({}, {by_second()});
  node.clock.jump_wall(-std::chrono::seconds(3590));
  EdgeDouble edge("press-07", 11, 1);
  greet(node, edge);
  for (std::int64_t s = 0; s < 150; ++s) {
    node.clock.advance(std::chrono::seconds(1));
    edge.take(0, kStart + s * kSecond, 1);
    edge.take(0, kStart + s * kSecond + 1, 1);
    const auto block = edge.flush(kStart + (s + 1) * kSecond);
    if (s == 3) edge.blocks.at(block).bytes[20] ^= 0x40;
    if (s == 5) {
      edge.evict(block);
      edge.seal(kStart + (s + 1) * kSecond);
    } else {
      node.take(edge, edge.block(block));
    }
    node.commit();
    node.take(edge, edge.last_seal());
    node.commit();
  }
  node.settle();
  const auto all = node.answers("second", "**/m0");
  ASSERT_EQ(all.size(), 150u);
  std::uint64_t lost = 0;
  for (std::size_t s = 0; s < all.size(); ++s) {
    const auto& a = all[s];
    EXPECT_EQ(a.state, s < 20 ? a.state : State::sealed) << s;
    lost += a.lost;
    if (s < 20) continue;  // at about that time
    EXPECT_EQ(a.completeness, 1.0) << s;
    EXPECT_FALSE(a.estimated) << s;
    EXPECT_EQ(a.revision, 0u) << s;
  }
  EXPECT_LT(all[3].completeness.value(), 1.0);
  EXPECT_LT(all[5].completeness.value(), 1.0);
  EXPECT_TRUE(all[5].estimated);
  EXPECT_LE(lost, 4u);
  ASSERT_FALSE(all[5].missing.empty());
  EXPECT_THAT(all[5].missing[0].reason, HasSubstr("of the minutes"));
}

TEST(GivenUp, IsNotForgottenWithItsStart) {
  Node node({}, {by_second()});
  node.clock.jump_wall(std::chrono::hours(4));
  EdgeDouble first("press-07", 1000, 1);
  for (std::int64_t s = 0; s < 60; ++s) {
    first.take(0, kStart + s * kSecond, 1);
    if (s % 20 == 19) first.flush(kStart + (s + 1) * kSecond);
  }
  first.evict(2);
  first.seal(kStart + kMinute);
  greet(node, first);
  for (const std::uint64_t b : {1, 3}) node.take(first, first.block(b));
  node.take(first, first.last_seal());
  node.commit();
  auto last = first.closing(3);
  for (std::uint64_t n = 2; n < 200; ++n) {
    EdgeDouble next("press-07", 1000 + n, n);
    const auto at = kStart + static_cast<std::int64_t>(n) * kMinute;
    next.take(0, at, 1);
    if (n == 199) next.take(0, kStart + 25 * kSecond, 1);  // late
    next.flush(at + kSecond);
    send(node, next, {last});
    node.commit();
    last = next.closing(1);
    if (n != 150) continue;
    node.kill();
    node.start();
  }
  ASSERT_LE(node.intake->starts_in_memory("press-07"), 2 * reconcile::kStartsKept);
  node.settle();
  const auto all = node.answers("second", "**/m0");
  ASSERT_GT(all.size(), 60u);
  EXPECT_EQ(all[25].values.at("count"), 1.0);
  EXPECT_LT(all[25].completeness.value(), 1.0);
}

}  // namespace
}  // namespace tidemark::test
