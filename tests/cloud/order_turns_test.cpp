// Panes whose readings came out of order are put in order once, not with every block.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/cloud/edge_double.h"

namespace tidemark::test {
namespace {

constexpr std::uint32_t kSeries = 4;

answers::View held_minutes() {
  auto view = answers::built_in_view();
  view.name = "m";
  view.aggregates = {"twa", "increase"};
  return view;
}

// A reading each second of each series, in blocks of two seconds.
EdgeDouble edge_of(std::int64_t minutes) {
  EdgeDouble edge("press-07", 1, 1, false, kSeries);
  for (std::int64_t s = 0; s < minutes * 60; ++s) {
    for (std::uint32_t i = 0; i < kSeries; ++i) {
      edge.take(i, kStart + s * kSecond, static_cast<double>((s * 7 + i) % 101));
    }
    if (s % 2 == 1) edge.flush(kStart + (s + 1) * kSecond);
  }
  return edge;
}

void expect_as_in_order(Node& node, const EdgeDouble& edge) {
  Node straight({}, {held_minutes()});
  send(straight, edge);
  straight.commit();
  straight.settle();
  const auto right = straight.answers("m");
  const auto all = node.answers("m");
  ASSERT_EQ(all.size(), right.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_FALSE(all[i].approximate) << format_utc(all[i].start);
    EXPECT_EQ(all[i].values, right[i].values) << format_utc(all[i].start);
    EXPECT_NE(all[i].state, answers::State::provisional);
  }
}

TEST(OrderTurns, AShuffledBacklogIsPutInOrderOnce) {
  for (const bool killed : {false, true}) {
    const auto edge = edge_of(20);
    Node node({}, {held_minutes()});
    greet(node, edge);
    std::vector<std::uint64_t> order;
    for (const auto& [sequence, block] : edge.blocks) order.push_back(sequence);
    std::mt19937_64 random(3);
    std::shuffle(order.begin(), order.end(), random);
    for (const auto sequence : order) {
      node.take(edge, edge.block(sequence));
      node.clock.advance(std::chrono::milliseconds(50));
      node.commit();
    }
    EXPECT_EQ(node.intake->counters().blocks_ordered, 0u) << "more was to come";
    node.take(edge, edge.last_seal());
    node.commit();
    if (killed) {
      node.kill();
      node.start();
    }
    for (int i = 0; i < 3; ++i) node.settle();
    EXPECT_LE(node.intake->counters().blocks_ordered, 2 * order.size());
    expect_as_in_order(node, edge);
  }
}

TEST(OrderTurns, LateReadingsWaitForOneAnother) {
  EdgeDouble edge = edge_of(1);
  for (std::int64_t i = 0; i < 40; ++i) {
    edge.take(0, kStart + i * kSecond + kSecond / 2, 7);
    edge.flush(kStart + kMinute);
  }
  Node node({}, {held_minutes()});
  greet(node, edge);
  for (std::uint64_t sequence = 1; sequence <= 30; ++sequence) {
    node.take(edge, edge.block(sequence));
    node.take(edge, edge.seal_frame(sequence - 1));
  }
  node.commit();
  node.settle();
  const auto before = node.intake->counters().blocks_ordered;
  for (std::uint64_t sequence = 31; sequence <= 70; ++sequence) {
    node.take(edge, edge.block(sequence));
    node.take(edge, edge.seal_frame(sequence - 1));
    node.clock.advance(std::chrono::milliseconds(100));
    node.commit();
  }
  node.settle();
  // Four seconds of late blocks: one look at the 30 of before and those that came by then.
  EXPECT_LE(node.intake->counters().blocks_ordered - before, 2 * 70u);
  expect_as_in_order(node, edge);
}

// Whoever comes back with days of windows to seal does not keep the others waiting.
TEST(EmissionTurns, ABacklogLeavesProvisionalAnswersTheirTurn) {
  Node node;
  node.clock.advance(std::chrono::hours(24 * 30));
  EdgeDouble away("press-07", 1, 1, false, 1), live("press-08", 2, 1, false, 1);
  constexpr std::int64_t kMinutes = 9000;
  for (std::int64_t m = 0; m < kMinutes; ++m) away.take(0, kStart + m * kMinute, 10);
  away.flush(kStart + kMinutes * kMinute);
  live.take(0, kStart + 20 * kMinute, 10);
  live.flush(kStart + 20 * kMinute);
  send(node, live);
  node.commit();
  node.clock.advance(std::chrono::seconds(6));
  send(node, away);
  for (int i = 0; i < 3; ++i) node.commit();
  const auto of = [&](const EdgeDouble& edge) { return node.answers("minute", edge.full_name(0)); };
  EXPECT_LT(of(away).size(), 2000u) << "there is more to seal";
  ASSERT_EQ(of(live).size(), 1u);
  EXPECT_EQ(of(live)[0].state, answers::State::provisional);
  node.settle();
  EXPECT_EQ(of(away).size(), static_cast<std::size_t>(kMinutes));
}

// Provisional answers of a backlog would be many, and each of them soon another one.
TEST(EmissionTurns, OfABacklogFewWindowsAreAnsweredBeforeTheyAreSealed) {
  auto seconds = answers::built_in_view();
  seconds.name = "seconds";
  seconds.window.size = std::chrono::seconds(1);
  Node node({}, {seconds});
  EdgeDouble edge("press-07", 1, 1, false, 1);
  for (std::int64_t s = 0; s < 3000; ++s) edge.take(0, kStart + s * kSecond, 10);
  edge.flush(kStart);
  edge.seal(kStart + 3000 * kSecond);
  greet(node, edge);
  node.take(edge, edge.block(1));
  node.take(edge, edge.seal_frame(0));
  node.commit();
  node.settle();
  EXPECT_EQ(node.answers("seconds").size(), answers::Emitter::kEarlyMax);
  node.take(edge, edge.last_seal());
  node.commit();
  node.settle();
  const auto all = node.answers("seconds");
  ASSERT_EQ(all.size(), 3000u);
  for (const auto& a : all) EXPECT_EQ(a.state, answers::State::sealed);
}

}  // namespace
}  // namespace tidemark::test
