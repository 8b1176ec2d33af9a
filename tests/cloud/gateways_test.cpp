// Who is connected through a gateway that is gone is not connected.
#include "cloud/intake/gateways.h"

#include <gmock/gmock.h>

#include "tests/cloud/edge_double.h"

namespace tidemark::test {
namespace {

using namespace std::chrono_literals;
using intake::Gateways;

struct World {
  std::vector<Gateways::Ended> pass(Nanoseconds time, Nanoseconds step = 1s) {
    std::vector<Gateways::Ended> all;
    for (Nanoseconds t{}; t < time; t += step) {
      now += std::chrono::duration_cast<SteadyTime::duration>(step);
      for (auto& e : gateways.look(now)) all.push_back(std::move(e));
      for (const auto& g : alive) gateways.heard(g);
    }
    return all;
  }
  Gateways gateways{10s};
  SteadyTime now{SteadyTime::duration(1'000'000'000)};
  std::vector<std::string> alive;
};

TEST(Gateways, OneThatSaysNothingEndsItsEdgesAndNoOthers) {
  World w;
  w.pass(1s);
  w.gateways.heard("gw-1", "press-07", 77);
  w.gateways.heard("gw-2", "press-08", 88);
  w.alive = {"gw-1", "gw-2"};
  EXPECT_TRUE(w.pass(60s).empty());
  w.alive = {"gw-2"};
  EXPECT_TRUE(w.pass(9s).empty());
  const auto ended = w.pass(5s);
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].edge, "press-07");
  EXPECT_EQ(ended[0].session, 77u);
  EXPECT_EQ(to_words(ended[0], event_time(kStart + 10 * kSecond)),
            "gateway gw-1 silent since " + format_utc(event_time(kStart)));
  EXPECT_EQ(w.gateways.route("press-07"), nullptr);
  ASSERT_NE(w.gateways.route("press-08"), nullptr);
  EXPECT_EQ(w.gateways.route("press-08")->session, 88u);
  EXPECT_TRUE(w.pass(60s).empty());
}

TEST(Gateways, ANodeThatStoodStillTakesNobodyForDead) {
  World w;
  w.pass(1s);
  w.gateways.heard("gw-1", "press-07", 77);
  EXPECT_TRUE(w.pass(80s, 20s).empty());  // four looks
  EXPECT_EQ(w.pass(10s).size(), 1u);
}

TEST(Gateways, AnotherStartOfOneHasNoneOfTheConnectionsOfBefore) {
  World w;
  w.gateways.heard("gw-1", 5);
  w.gateways.heard("gw-1", "press-07", 77);
  w.gateways.heard("gw-1", 5);
  EXPECT_TRUE(w.gateways.look(w.now).empty());
  w.gateways.heard("gw-1", 6);
  w.gateways.heard("gw-1", "press-08", 88);
  const auto ended = w.gateways.look(w.now);
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].edge, "press-07");
  EXPECT_THAT(to_words(ended[0], event_time(kStart)),
              testing::StartsWith("gateway gw-1 began anew at 2025-"));
  EXPECT_NE(w.gateways.route("press-08"), nullptr);
}

std::string away(Node& node) {
  const auto edge = query::Reader::open(node.folder.path).value()->edges().value().at(0);
  return edge.connected ? "connected" : edge.away;
}

TEST(LostConnection, IsNamedUntilTheEdgeIsHeardAgain) {
  Node node;
  EdgeDouble edge("press-07", 11, 1);
  edge.take(0, kStart, 1);
  edge.flush(kStart + kSecond);
  greet(node, edge);
  node.take(edge, edge.block(1));
  node.take(edge, edge.last_seal());
  node.settle();
  EXPECT_EQ(away(node), "connected");

  const std::string why = "gateway gw-1 silent since 2025-11-20T02:00:00Z";
  node.intake->lose("press-07", 2, "another connection, of before");
  node.intake->lose("press-09", 1, "of no edge");
  node.intake->lose("press-07", 1, why);
  node.settle();
  EXPECT_EQ(away(node), why);
  EXPECT_TRUE(node.intake->connected().empty());
  const auto answers = node.answers("minute");
  ASSERT_EQ(answers.size(), 1u);
  ASSERT_FALSE(answers[0].missing.empty());
  EXPECT_THAT(answers[0].missing[0].reason,
              testing::AllOf(testing::StartsWith("edge press-07 offline since 2025"),
                             testing::EndsWith(": " + why)));
  node.kill();
  node.start();
  node.commit();
  EXPECT_EQ(away(node), why) << "also for a node that has just started";

  greet(node, edge);
  node.commit();
  EXPECT_EQ(away(node), "connected");
  node.intake->lose("press-07", 1, why);
  node.commit();
  node.take(edge, edge.last_seal());  // the gateway had only stood still
  node.commit();
  EXPECT_EQ(away(node), "connected");
  node.take(edge, {wire::FrameType::bye, {}});
  node.intake->lose("press-07", 1, why);
  node.commit();
  EXPECT_EQ(away(node), "") << "it said so itself";
}

// Two gateways have no common order: the edge has moved, and what it said at the first comes late.
TEST(LostConnection, AHelloThatComesLateEndsNoneThatGoesOn) {
  EdgeDouble before("press-07", 11, 1), edge("press-07", 12, 2);
  before.seal(kStart + kSecond);
  edge.seal(kStart + 2 * kSecond);
  for (const auto* late : {&edge, &before}) {  // of the same start, and of the one before
    Node node;
    node.intake->take("press-07", 2, edge.hello({before.closing(0)}));
    node.intake->take("press-07", 1, late->hello());
    node.intake->take("press-07", 1, {wire::FrameType::bye, {}});
    node.commit();
    EXPECT_EQ(away(node), "");
    node.intake->take("press-07", 2, edge.last_seal());
    node.commit();
    EXPECT_EQ(away(node), "connected") << "it has not said bye";
    node.intake->take("press-07", 2, {wire::FrameType::bye, {}});
    node.commit();
    EXPECT_EQ(away(node), "");
  }
}

// One source of an edge that is there says no more how far it is.
TEST(SilentSource, IsNamedByTheWindowsThatWaitForIt) {
  Node node;
  EdgeDouble edge("press-07", 11, 1);
  edge.describe(1, [](SeriesDescription& d) { d.source = "line2"; });
  for (std::int64_t minute = 0; minute < 3; ++minute) {
    for (const std::uint32_t series : {0, 1}) {
      edge.take(series, kStart + minute * kMinute + kSecond, 1);
    }
    edge.flush(kStart + (minute + 1) * kMinute);
  }
  // The double counts all of an edge as its first source's; here each has one reading a minute.
  const auto parted = [&]() -> Seal& {
    for (auto& m : edge.seals.back().sources[0].minutes) m.taken = m.sent = 1;
    return edge.seals.back();
  };
  parted();
  greet(node, edge);
  for (const std::uint64_t block : {1, 2, 3}) node.take(edge, edge.block(block));
  node.take(edge, edge.last_seal());
  node.settle();
  const auto waiting = [&] {
    std::vector<std::string> words;
    for (const auto& a : node.answers("minute", "press-07/**/m1")) {
      for (const auto& m : a.missing) words.push_back(m.source + ": " + m.reason);
    }
    return words;
  };
  using testing::StartsWith;
  const std::string never = "press-07/line2: nothing of it is proved so far, edge press-07 last";
  EXPECT_THAT(waiting(), testing::ElementsAre(StartsWith(never), StartsWith(never),
                                              StartsWith(never)));
  for (const auto& a : node.answers("minute", "press-07/**/m0")) {
    EXPECT_EQ(a.state, answers::State::sealed);
    EXPECT_TRUE(a.missing.empty());
  }

  edge.seal(kStart + 3 * kMinute);
  auto& seal = parted();
  seal.sources.push_back(seal.sources[0]);
  seal.sources[1].source = "line2";
  seal.sources[1].sealed_until = event_time(kStart + kMinute);
  node.take(edge, edge.last_seal());
  edge.seal(kStart + 3 * kMinute);
  parted();
  node.take(edge, edge.last_seal());
  node.settle();
  const auto until = "press-07/line2: proved until " + format_utc(event_time(kStart + kMinute)) +
                     ", edge press-07 last heard at ";
  EXPECT_THAT(waiting(), testing::ElementsAre(StartsWith(until), StartsWith(until)));
}

}  // namespace
}  // namespace tidemark::test
