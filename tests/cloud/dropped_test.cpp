// No window says that it is complete because nobody counted what is missing: counts that an edge
// dropped when it was away for too long, starts that it forgot, and what a power cut took.
#include <gmock/gmock.h>

#include "cloud/store/store.h"
#include "common/sqlite/database.h"
#include "tests/cloud/alarms_of.h"
#include "tests/cloud/minutes_of_edge.h"

namespace tidemark::test {
namespace {

using answers::State;
using testing::ElementsAre;
using testing::HasSubstr;
using Why = DroppedCounts::Why;

answers::View five_minutes() {
  auto view = answers::built_in_view();
  view.name = "five";
  view.window.size = std::chrono::minutes(5);
  return view;
}

// The edge no longer counts minutes [from, to) in this seal.
void drop(Seal& seal, std::int64_t from, std::int64_t to, Why why = Why::bound,
          std::uint64_t number = 1) {
  auto& source = seal.sources[0];
  std::uint64_t readings = 0;
  std::erase_if(source.minutes, [&](const MinuteCounts& m) {
    const bool gone = m.minute >= kFirst + from && m.minute < kFirst + to;
    if (gone) readings += m.sent;
    return gone;
  });
  source.dropped.push_back({kFirst + from, kFirst + to - 1, number, readings, why});
}

std::vector<std::optional<double>> completeness(const std::vector<answers::Answer>& all) {
  std::vector<std::optional<double>> known;
  for (const auto& a : all) known.push_back(a.completeness);
  return known;
}

TEST(Dropped, MinutesWithoutCountsAreNeverComplete) {
  Node node({}, {five_minutes(), of_all()});
  auto edge = away(10);
  for (const std::uint64_t evicted : {1, 3, 4, 5}) edge.evict(evicted);
  edge.seal(kStart + 10 * kMinute);
  auto seal = edge.seals.back();
  drop(seal, 0, 5);
  greet(node, edge);
  for (const std::uint64_t b : {2, 6, 7, 8, 9, 10}) node.take(edge, edge.block(b));
  node.take(edge, EdgeDouble::frame(seal));
  node.commit();
  node.settle();

  const auto minutes = node.answers("minute");
  ASSERT_GE(minutes.size(), 9u);
  for (const auto& a : minutes) {
    const auto m = (count_ns(a.start) - kStart) / kMinute;
    SCOPED_TRACE(m);
    EXPECT_EQ(a.state, State::sealed);
    EXPECT_EQ(a.lost, 0u);
    EXPECT_EQ(a.estimated, m < 5);
    if (m >= 5) {
      EXPECT_EQ(a.completeness, 1.0);
      EXPECT_TRUE(a.missing.empty());
      continue;
    }
    EXPECT_EQ(a.completeness, std::nullopt);
    EXPECT_THAT(reasons(a), HasSubstr("press-07/line1: its edge has no counts any more from "
                                      "2025-11-20T01:00:00Z to 2025-11-20T01:05:00Z, of up to 300 "
                                      "readings, and not all of its blocks are here"));
  }
  EXPECT_THAT(completeness(node.answers("five")), ElementsAre(std::nullopt, 1.0));
  EXPECT_EQ(node.answers("all").at(1).completeness, std::nullopt);
  EXPECT_THAT(reasons(node.answers("all").at(1)), HasSubstr("no counts any more"));
  EXPECT_EQ(node.answers("all").back().completeness, 1.0);
  // What is asked for knows it as well, and after a restart.
  for (int start = 0; start < 2; ++start) {
    auto q = query::Reader::parse("count press-07/line1/m0 by 1min").value();
    q.from = event_time(kStart);
    q.to = event_time(kStart + 10 * kMinute);
    const auto asked = node.ask(q);
    ASSERT_EQ(asked.size(), 9u) << "of the first minute nothing came";
    EXPECT_EQ(asked[0].completeness, std::nullopt);
    EXPECT_EQ(asked[3].completeness, std::nullopt);
    EXPECT_TRUE(asked[3].estimated);
    EXPECT_EQ(asked[4].completeness, 1.0);
    q = query::Reader::parse("count press-07/line1/m0 by 1s").value();
    q.from = event_time(kStart + 4 * kMinute);
    q.to = event_time(kStart + 6 * kMinute);
    const auto fine = node.ask(q);
    EXPECT_EQ(fine.at(0).completeness, std::nullopt);
    EXPECT_EQ(fine.back().completeness, 1.0);
    node.kill();
    node.start();
  }
  EXPECT_TRUE(alarms_of(node, "press-07").empty());
}

// An edge with a large ring was away for weeks: its counts went, its blocks did not.
TEST(Dropped, BlocksThatAreAllHereProveTheirMinutesWithoutCounts) {
  Node node;
  const auto edge = away(10);
  auto seal = edge.seals.back();
  drop(seal, 0, 5, Why::bound, seal.number);
  greet(node, edge);
  for (std::uint64_t b = 1; b <= 9; ++b) node.take(edge, edge.block(b));
  auto earlier = edge.seals[8];  // of the first nine
  earlier.number = 8;
  earlier.sources[0].minutes.clear();
  node.take(edge, EdgeDouble::frame(earlier));
  node.take(edge, EdgeDouble::frame(seal));
  node.commit();
  node.settle();
  EXPECT_EQ(node.answers("minute").at(0).completeness, std::nullopt) << "one is under way";
  EXPECT_EQ(node.answers("minute").at(0).state, State::sealed);
  EXPECT_EQ(node.answers("minute").at(6).completeness, 1.0);
  node.kill();
  node.start();
  node.take(edge, edge.hello());
  node.take(edge, edge.block(10));
  node.commit();
  node.settle();
  const auto all = node.answers("minute");
  for (const auto& a : all) EXPECT_EQ(a.completeness, 1.0);
  EXPECT_TRUE(all.at(0).missing.empty());
  EXPECT_EQ(all.at(0).cause, "correction");
  auto q = query::Reader::parse("count press-07/line1/m0 by 1min").value();
  q.from = event_time(kStart);
  q.to = event_time(kStart + 10 * kMinute);
  for (const auto& a : node.ask(q)) EXPECT_EQ(a.completeness, 1.0);
}

// Of an hour that is no longer counted something comes late: it may be on its way, or be evicted.
TEST(Dropped, WhatComesLateForForgottenMinutesIsWaitedFor) {
  Node node;
  auto edge = away(10);
  send(node, edge);
  node.commit();
  node.settle();
  EXPECT_EQ(node.answers("minute").at(2).completeness, 1.0);
  edge.take(0, kStart + 2 * kMinute + 1, 1);
  edge.flush(kStart + 10 * kMinute);
  auto seal = edge.seals.back();
  seal.sources[0].minutes.clear();
  seal.sources[0].dropped = {{kFirst, kFirst + 4, seal.number, 1, Why::bound}};
  node.take(edge, EdgeDouble::frame(seal));
  node.commit();
  node.settle();
  for (std::size_t m = 0; m < 10; ++m) {
    EXPECT_EQ(node.answers("minute").at(m).completeness.has_value(), m > 4) << m;
  }
  // The edge gives it up instead.
  Seal given_up = seal;
  given_up.number += 1;
  given_up.evicted = {{11, 11}};
  given_up.ledger.evicted = 1;
  node.take(edge, EdgeDouble::frame(given_up));
  node.commit();
  node.settle();
  EXPECT_EQ(node.answers("minute").at(2).completeness, std::nullopt);
  EXPECT_EQ(node.answers("minute").at(2).values.at("count"), 60.0);
  // It comes after all.
  node.take(edge, edge.block(11));
  node.commit();
  node.settle();
  EXPECT_EQ(node.answers("minute").at(2).completeness, 1.0);
  EXPECT_EQ(node.answers("minute").at(2).values.at("count"), 61.0);
  EXPECT_EQ(node.answers("minute").at(0).completeness, 1.0);
}

TEST(Dropped, WhoHasTheSealThatCountedThemHasTheCounts) {
  Node node;
  auto edge = away(3);
  send(node, edge);
  edge.seal(kStart + 3 * kMinute);
  auto seal = edge.seals.back();
  drop(seal, 0, 3, Why::bound, seal.number - 1);
  node.take(edge, EdgeDouble::frame(seal));
  node.commit();
  node.settle();
  for (const auto& a : node.answers("minute")) EXPECT_EQ(a.completeness, 1.0);
}

TEST(Dropped, AForgottenStartIsProvedByNoBlocks) {
  Node node;
  const auto edge = away(3);
  auto seal = edge.seals.back();
  seal.sources[0].dropped = {{kFirst + 1, kFirst + 1, seal.number, 9, Why::start}};
  greet(node, edge);
  for (std::uint64_t b = 1; b <= 3; ++b) node.take(edge, edge.block(b));
  node.take(edge, EdgeDouble::frame(seal));
  node.commit();
  node.settle();
  EXPECT_THAT(completeness(node.answers("minute")), ElementsAre(1.0, std::nullopt, 1.0));
  EXPECT_THAT(reasons(node.answers("minute")[1]),
              HasSubstr("of up to 9 readings, nor the start that took them"));
}

TEST(Dropped, StretchesOfASourceAreBounded) {
  Node node;
  auto edge = away(200);
  edge.evict(1);
  edge.seal(kStart + 200 * kMinute);
  greet(node, edge);
  for (std::uint64_t b = 2; b <= 200; ++b) node.take(edge, edge.block(b));
  auto seal = edge.seals.back();
  seal.sources[0].minutes.clear();
  for (std::int64_t m = 0; m < 200; m += 2) {
    seal.sources[0].dropped = {{kFirst + m, kFirst + m, seal.number, 60, Why::bound}};
    node.take(edge, EdgeDouble::frame(seal));
    ++seal.number;
  }
  node.commit();
  node.settle();
  const auto all = node.answers("minute");
  for (const auto& a : all) {
    const auto m = (count_ns(a.start) - kStart) / kMinute;
    EXPECT_TRUE(m % 2 != 0 || !a.completeness) << m;
  }
  SystemDisk disk;
  node.kill();
  auto store = store::Store::open(disk, node.folder.path).value();
  auto rows = store->database().prepare("SELECT COUNT(*) FROM dropped");
  rows->start();
  ASSERT_TRUE(rows->next());
  EXPECT_LE(rows->integer(0), 64);
}

// The power went while it was connected: its ring knows less than it had sent, and what it took
// last may be nowhere.
TEST(Dropped, WindowsOfAPowerCutAreEstimates) {
  Node node({}, {of_all()});
  auto edge = away(3);
  for (std::int64_t s = 0; s < 20; ++s) edge.take(0, kStart + 3 * kMinute + s * kSecond, 1);
  edge.flush(kStart + 3 * kMinute + 20 * kSecond);
  send(node, edge);
  node.commit();
  edge.off_from = event_time(kStart + 2 * kMinute + 30 * kSecond);
  edge.off_until = event_time(kStart + 5 * kMinute);
  EdgeDouble next("press-07", 12, 2);
  greet(node, next, {edge.closing(4)});
  // What the power left of its seals, and more to say than any of them.
  auto last_word = edge.seals[1];
  last_word.number = (std::uint64_t{1} << 32) + 3;
  last_word.sources[0].dropped = {{kFirst + 2, kFirst + 5, last_word.number, 0, Why::cut}};
  node.take(edge, EdgeDouble::frame(last_word));
  for (std::int64_t m = 5; m < 7; ++m) {
    for (std::int64_t s = 0; s < 60; ++s) next.take(0, kStart + m * kMinute + s * kSecond, 1);
    next.flush(kStart + (m + 1) * kMinute);
    node.take(next, next.block(next.blocks.rbegin()->first));
  }
  node.take(next, next.last_seal());
  node.commit();
  node.settle();
  const auto all = node.answers("minute");
  ASSERT_EQ(all.size(), 7u);
  for (std::size_t m = 0; m < 7; ++m) {
    SCOPED_TRACE(m);
    EXPECT_EQ(all[m].completeness, 1.0) << "of what is known";
    // It had proved three minutes and a third.
    EXPECT_EQ(all[m].estimated, m >= 3 && m <= 5);
    EXPECT_EQ(reasons(all[m]).find("the power went") != std::string::npos, m >= 3 && m <= 5);
  }
  EXPECT_TRUE(node.answers("all").at(3).estimated);
  EXPECT_FALSE(node.answers("all").at(6).estimated);
  EXPECT_TRUE(alarms_of(node, "press-07").empty()) << "the last word knows less, and takes nothing";
  EXPECT_EQ(node.intake->ledger().taken, 320u);
  EXPECT_EQ(node.intake->ledger().lost, 0u);
}

// Blocks of one minute that nobody counted do not stand for those of another.
TEST(Windows, LackWhatEachOfTheirMinutesLacks) {
  Node node({}, {five_minutes(), of_all()});
  auto edge = away(10);
  edge.evict(2);
  edge.seal(kStart + 10 * kMinute);
  auto seal = edge.seals.back();
  for (auto& m : seal.sources[0].minutes) {
    if (m.minute == kFirst) m.sent = m.taken = 0;  // a minute that it counts no more, or never did
  }
  greet(node, edge);
  for (const std::uint64_t b : {1, 3, 4, 5, 6, 7, 8, 9, 10}) node.take(edge, edge.block(b));
  node.take(edge, EdgeDouble::frame(seal));
  node.commit();
  node.settle();
  const auto five = node.answers("five");
  ASSERT_EQ(five.size(), 2u);
  EXPECT_DOUBLE_EQ(five[0].completeness.value(), 240.0 / 300);
  EXPECT_EQ(five[0].lost, 60u);
  EXPECT_TRUE(five[0].estimated);
  EXPECT_EQ(five[1].completeness, 1.0);
  auto q = query::Reader::parse("count press-07/line1/m0 by 5min").value();
  q.from = event_time(kStart);
  q.to = event_time(kStart + 10 * kMinute);
  EXPECT_DOUBLE_EQ(node.ask(q).at(0).completeness.value(), 0.8);
}

}  // namespace
}  // namespace tidemark::test
