// Readings older than a horizon, and views of other widths than the panes.
#include <gmock/gmock.h>

#include "tests/cloud/edge_double.h"
#include "tests/cloud/partial_rows.h"

namespace tidemark::test {
namespace {

using answers::State;

answers::View view(const std::string& name, Nanoseconds size) {
  auto v = answers::built_in_view();
  v.name = name;
  v.window.size = size;
  return v;
}

void deliver(Node& node, const EdgeDouble& edge, std::uint64_t block) {
  node.take(edge, edge.block(block));
  node.take(edge, edge.last_seal());
  node.commit();
}

TEST(Horizons, ReadingsPastOneFoldIntoTheNextAndPastAllGoToTheLateLedger) {
  reconcile::Horizons horizons;
  horizons.age = {std::chrono::minutes(2), std::chrono::minutes(10), std::chrono::hours(2),
                  std::chrono::hours(48)};
  Node node(horizons, {view("quarter", std::chrono::minutes(15)),
                       view("day", std::chrono::hours(24))});
  EdgeDouble edge("e", 1, 1);
  const auto day = kStart - kStart % (86400 * kSecond);  // whole days are easier to follow
  const auto now = day + 10 * 3600 * kSecond;
  node.clock.jump_wall(event_time(now) - node.clock.wall());
  edge.take(0, now, 5);
  greet(node, edge);
  deliver(node, edge, edge.flush(now + kMinute));
  node.settle();
  edge.take(0, now - 30 * kMinute, 6);           // past the minute's horizon
  edge.take(0, now - 5 * 60 * kMinute, 7);       // past the quarter's
  edge.take(0, now - 80 * 60 * kMinute, 8);      // past all
  edge.take(0, now - 5 * kMinute, 9);            // within
  deliver(node, edge, edge.flush(now + kMinute));
  node.settle();
  const auto ledger = node.intake->ledger();
  EXPECT_EQ(ledger.answered, 4u);
  EXPECT_EQ(ledger.late_ledger, 1u);
  EXPECT_EQ(ledger.pending, 0u);

  auto reader = query::Reader::open(node.folder.path).value();
  std::vector<std::string> placements;
  const auto late = reader->late("**", 100).value();
  for (const auto& l : late) placements.push_back(l.placement);
  EXPECT_THAT(placements, testing::IsSupersetOf({"15min", "1day", "late_ledger"}));
  double quarters = 0;
  for (const auto& a : node.answers("quarter")) quarters += a.values.at("count").value();
  EXPECT_EQ(quarters, 3.0);
  double minutes = 0;
  for (const auto& a : node.answers("minute")) minutes += a.values.at("count").value();
  EXPECT_EQ(minutes, 2.0);
  // The whole day adds up over all tiers.
  query::AnswerQuery q = query::Reader::parse("count e/line1/m0 by 1d").value();
  q.from = event_time(day);
  const auto days = node.ask(q);
  ASSERT_EQ(days.size(), 1u);
  EXPECT_EQ(days[0].values.at("count"), 4.0);
}

TEST(Horizons, PanesMoveUpAndNothingIsLostOnTheWay) {
  reconcile::Horizons horizons;
  horizons.age = {std::chrono::minutes(1), std::chrono::minutes(5), std::chrono::hours(48),
                  std::chrono::hours(480)};
  Node node(horizons);
  EdgeDouble edge("e", 1, 1);
  const auto hour = kStart - kStart % (3600 * kSecond);
  greet(node, edge);
  for (int m = 0; m < 60; ++m) {
    for (int s = 0; s < 60; s += 10) edge.take(0, hour + m * kMinute + s * kSecond, m);
    deliver(node, edge, edge.flush(hour + (m + 1) * kMinute));
    node.clock.advance(std::chrono::seconds(6));
  }
  node.settle();
  node.kill();
  node.start();
  node.settle();
  auto q = query::Reader::parse("count,sum,last e/line1/m0 by 15m").value();
  const auto quarters = node.ask(q);
  ASSERT_EQ(quarters.size(), 4u);
  for (const auto& a : quarters) EXPECT_EQ(a.values.at("count"), 90.0);
  EXPECT_EQ(quarters[3].values.at("last"), 5.9);
  const auto minutes = node.answers("minute");
  ASSERT_EQ(minutes.size(), 60u);
  EXPECT_EQ(minutes[0].state, State::frozen);
  EXPECT_EQ(minutes[0].values.at("count"), 6.0);
  EXPECT_EQ(minutes[59].state, State::sealed);
}

// Half of a day is lost; its minutes, and later its quarters, are older than they are kept.
TEST(Horizons, WhatADayLostIsKnownWhenItsMinutesAreGone) {
  constexpr auto kDay = 24 * 60 * kMinute;
  reconcile::Horizons horizons;
  horizons.age = {std::chrono::minutes(2), std::chrono::hours(1), std::chrono::hours(24 * 20),
                  std::chrono::hours(24 * 400)};
  Node node(horizons, {view("day", std::chrono::hours(24))});
  const auto day = kStart - kStart % kDay;
  EdgeDouble first("e", 1, 1);
  for (int m = 0; m < 60; ++m) first.take(0, day + m * kMinute, m);
  const auto here = first.flush(day + kDay);
  for (int m = 0; m < 40; ++m) first.take(0, day + 12 * 60 * kMinute + m * kMinute, m);
  first.evict(first.flush(day + kDay));
  first.seal(day + kDay);
  node.clock.jump_wall(event_time(day + kDay) - node.clock.wall());
  greet(node, first);
  deliver(node, first, here);
  node.settle();
  const auto whole = [&](const char* when) {
    SCOPED_TRACE(when);
    query::AnswerQuery q = query::Reader::parse("count e/line1/m0 by 1d").value();
    q.from = event_time(day);
    q.to = event_time(day + kDay);
    for (auto answers : {node.ask(q), node.answers("day")}) {
      ASSERT_GE(answers.size(), 1u);
      EXPECT_EQ(answers[0].values.at("count"), 60.0);
      EXPECT_EQ(answers[0].completeness, 0.6);
      EXPECT_EQ(answers[0].lost, 40u);
    }
  };
  whole("at first");
  std::uint64_t start = 2;
  for (const auto days : {12, 40}) {
    const auto now = day + days * kDay;
    node.clock.jump_wall(event_time(now) - node.clock.wall());
    EdgeDouble later("e", start, start);
    ++start;
    later.take(0, now, 1);
    node.take(later, later.hello());
    node.take(later, later.dictionary());
    deliver(node, later, later.flush(now + kMinute));
    node.settle();
    node.settle();
    whole(days == 12 ? "in quarters" : "in days");
  }
}

TEST(Views, WindowsUnderAMinuteAreKeptWhereAViewAsksForThem) {
  Node node({}, {view("ten", std::chrono::seconds(10))});
  EdgeDouble edge("e", 1, 1);
  for (int s = 0; s < 60; ++s) edge.take(1, kStart + s * kSecond, s);
  greet(node, edge);
  deliver(node, edge, edge.flush(kStart + 60 * kSecond));
  const auto ten = node.answers("ten");
  ASSERT_EQ(ten.size(), 6u);
  EXPECT_EQ(ten[2].values.at("sum"), 20.0 + 21 + 22 + 23 + 24 + 25 + 26 + 27 + 28 + 29);
  EXPECT_EQ(ten[2].state, State::sealed);
  EXPECT_EQ(node.answers("minute").at(0).values.at("count"), 60.0);
}

TEST(Views, PanesBelowAMinuteAreAsWideAsTheirWindowsAllow) {
  reconcile::Horizons horizons;
  horizons.age[0] = std::chrono::minutes(10);
  const auto ten = view("ten", std::chrono::seconds(10));
  Node node(horizons, {ten});
  EdgeDouble edge("e", 1, 1);
  greet(node, edge);
  const auto minute_of_readings = [&](int minute) {
    const auto start = kStart + minute * kMinute;
    for (int s = 0; s < 60; ++s) edge.take(1, start + s * kSecond, s);
    deliver(node, edge, edge.flush(start + kMinute));
  };
  const auto panes = [&](Nanoseconds width) {
    const auto tier = width == std::chrono::seconds(1)    ? reconcile::Tier::second
                      : width == std::chrono::seconds(10) ? reconcile::Tier::ten
                                                          : reconcile::Tier::minute;
    return number_in(node, "SELECT COUNT(*) FROM panes WHERE tier=" +
                               std::to_string(reconcile::number_of(tier)));
  };
  const auto has_views = [&](std::vector<answers::View> views) {
    node.kill();
    node.views() = std::move(views);
    node.start();
  };
  minute_of_readings(0);
  EXPECT_EQ(panes(std::chrono::seconds(10)), 6u);
  EXPECT_EQ(panes(std::chrono::seconds(1)), 0u);
  has_views({ten, view("five", std::chrono::seconds(5))});
  minute_of_readings(1);
  EXPECT_EQ(panes(std::chrono::seconds(10)), 6u);
  EXPECT_EQ(panes(std::chrono::seconds(1)), 60u);
  EXPECT_EQ(node.answers("five").back().values.at("sum"), 55.0 + 56 + 57 + 58 + 59);
  has_views({ten});
  edge.take(1, kStart + kMinute + 7 * kSecond / 2, 100);  // beside panes of seconds
  deliver(node, edge, edge.flush(kStart + 2 * kMinute));
  node.settle();
  EXPECT_EQ(panes(std::chrono::seconds(10)), 7u);
  const auto all = node.answers("ten");
  ASSERT_EQ(all.size(), 12u);
  EXPECT_EQ(all[6].values.at("sum"), 145.0);
  EXPECT_EQ(all[6].values.at("max"), 100.0);
  EXPECT_EQ(all[7].values.at("count"), 10.0);
  EXPECT_EQ(node.answers("minute").at(1).values.at("count"), 61.0);
  minute_of_readings(30);
  for (int turn = 0; turn < 4; ++turn) {
    node.clock.advance(std::chrono::seconds(6));
    node.commit();
  }
  EXPECT_EQ(panes(std::chrono::seconds(1)), 0u);
  EXPECT_EQ(panes(std::chrono::seconds(10)), 6u);
  EXPECT_EQ(panes(std::chrono::minutes(1)), 2u);
  EXPECT_EQ(node.answers("minute").at(1).values.at("count"), 61.0);
}

TEST(Views, HoppingWindowsAreComputedWhenAsked) {
  auto hopping = view("hop", std::chrono::minutes(10));
  hopping.window.type = "hopping";
  hopping.window.every = std::chrono::minutes(5);
  Node node({}, {hopping});
  EdgeDouble edge("e", 1, 1);
  const auto hour = kStart - kStart % (3600 * kSecond);
  for (int m = 0; m < 20; ++m) edge.take(1, hour + m * kMinute, m);
  greet(node, edge);
  deliver(node, edge, edge.flush(hour + 20 * kMinute));
  const auto hops = node.answers("hop");
  ASSERT_EQ(hops.size(), 5u);  // from the one that ends in the first readings
  EXPECT_EQ(hops[0].start, event_time(hour - 5 * kMinute));
  EXPECT_EQ(hops[0].values.at("count"), 5.0);
  EXPECT_EQ(hops[1].values.at("count"), 10.0);
  EXPECT_EQ(hops[4].state, State::provisional);
}

TEST(Views, NewViewIsFilledFromThePanes) {
  Node node;
  EdgeDouble edge("e", 1, 1);
  for (int m = 0; m < 30; ++m) edge.take(1, kStart + m * kMinute, m);
  greet(node, edge);
  deliver(node, edge, edge.flush(kStart + 30 * kMinute));
  node.kill();
  intake::Options options;
  options.data_dir = node.folder.path;
  options.views = answers::views_in_force({view("five", std::chrono::minutes(5))}).value();
  auto again = intake::Intake::open(node.disk, node.clock, std::move(options)).value();
  ASSERT_TRUE(again->commit().ok());
  EXPECT_THAT(node.answers("five").size(), testing::AnyOf(6u, 7u));
  EXPECT_EQ(node.answers("minute").size(), 30u);
}

TEST(Views, SilentDecadeIsNotAnsweredMinuteByMinute) {
  Node node;
  EdgeDouble edge("e", 1, 1);
  edge.take(1, kStart - 10LL * 365 * 86400 * kSecond, 1);  // a clock that was wrong
  edge.take(1, kStart, 2);
  greet(node, edge);
  deliver(node, edge, edge.flush(kStart + kMinute));
  node.settle();
  const auto answers = node.answers("minute");
  EXPECT_LE(answers.size(), answers::Emitter::kSilentWindowsMax + 3);
  EXPECT_EQ(answers.back().values.at("count"), 1.0);
  EXPECT_EQ(answers.back().state, State::sealed);
}

}  // namespace
}  // namespace tidemark::test
