// Readings that came too late for every tier: windows say that they lack them, and
// `tidemark cloud late replay` brings them back, to the bit.
#include <gmock/gmock.h>

#include "cloud/store/orders.h"
#include "cloud/store/store.h"
#include "tests/cloud/edge_double.h"

namespace tidemark::test {
namespace {

using std::chrono::hours;
using testing::HasSubstr;

constexpr auto kDay = 24 * 60 * kMinute;
constexpr std::int64_t kMidnight = kStart - kStart % kDay;

reconcile::Horizons short_horizons() {
  reconcile::Horizons horizons;
  horizons.age = {hours(1), hours(2), hours(24), hours(48)};
  return horizons;
}

std::vector<answers::Answer> ask(Node& node, const std::string& expression, std::int64_t from,
                                 std::int64_t to) {
  auto q = query::Reader::parse(expression).value();
  q.from = event_time(from);
  q.to = event_time(to);
  q.aggregates = {"count", "sum", "first", "last", "stddev"};
  return node.ask(q);
}

std::string replay(Node& node, const std::string& glob = "**",
                   std::int64_t from = kMidnight - kDay, std::int64_t to = kMidnight + 30 * kDay) {
  const auto words = "replay " + glob + " " + std::to_string(from) + " " + std::to_string(to);
  const auto order = store::give_order(node.folder.path, words, node.clock.wall());
  node.clock.advance(std::chrono::seconds(6));
  for (int i = 0; i < 1000; ++i) {
    node.commit();
    const auto outcome = store::order_outcome(node.folder.path, *order).value();
    if (outcome) return *outcome;
  }
  return "never";
}

// Readings of the first day, some of them sent five days later, when all tiers have passed it.
struct LateDay {
  explicit LateDay(bool device_stamped = false) : edge("press-07", 11, 1, device_stamped) {
    for (std::int64_t m = 0; m < 120; ++m) {
      for (std::uint32_t s = 0; s < 2; ++s) {
        edge.take(s, kMidnight + m * kMinute, 0.1 * static_cast<double>(m));
      }
    }
    on_time = edge.flush(kMidnight + kDay);
    for (std::int64_t d = 1; d <= 5; ++d) {
      for (std::uint32_t s = 0; s < 2; ++s) edge.take(s, kMidnight + d * kDay, 1);
    }
    later = edge.flush(kMidnight + 5 * kDay + kMinute);
    for (std::int64_t m = 0; m < 10; ++m) {
      edge.take(1, kMidnight + m * kMinute + kSecond, 1e17 + static_cast<double>(m));
      if (device_stamped) edge.take(1, kMidnight + m * kMinute, 0.1 * static_cast<double>(m));
    }
    late = edge.flush(kMidnight + 5 * kDay + kMinute);
  }
  void send(Node& node, const std::vector<std::uint64_t>& order) {
    node.clock.jump_wall(hours(24 * 6));
    greet(node, edge);
    for (const auto b : order) {
      node.take(edge, edge.block(b));
      node.take(edge, edge.seal_frame(b - 1));
      node.commit();
      for (int i = 0; i < 5; ++i) node.settle();
    }
  }
  EdgeDouble edge;
  std::uint64_t on_time = 0, later = 0, late = 0;
};

TEST(LateLedger, WindowsSayWhatTheyLackAndAReplayBringsItBack) {
  for (const bool stamped : {false, true}) {
    LateDay day(stamped);
    Node node(short_horizons());
    day.send(node, {day.on_time, day.later, day.late});
    const auto before = node.intake->ledger();
    EXPECT_EQ(before.late_ledger, 10u);
    const auto query = [&] {
      return ask(node, "sum press-07/line1/m1 by 1day", kMidnight, kMidnight + kDay).at(0);
    };
    auto answer = query();
    EXPECT_EQ(answer.values.at("count"), 120.0);
    EXPECT_DOUBLE_EQ(answer.completeness.value(), 120.0 / 130);
    EXPECT_TRUE(answer.estimated);
    ASSERT_EQ(answer.missing.size(), 1u);
    EXPECT_THAT(answer.missing[0].reason, HasSubstr("10 readings wait in the late ledger"));
    EXPECT_EQ(ask(node, "sum press-07/line1/m0 by 1day", kMidnight, kMidnight + kDay)
                  .at(0).completeness, 1.0);

    EXPECT_THAT(replay(node, "press-07/line1/m0"), HasSubstr("nothing of these series"));
    EXPECT_THAT(replay(node), HasSubstr("ok: 10 readings of 1 series are back"));
    for (int restart = 0; restart < 2; ++restart) {
      auto after = node.intake->ledger();
      EXPECT_EQ(after.late_ledger, 0u);
      EXPECT_EQ(after.answered, before.answered + 10);
      EXPECT_EQ(after.taken, before.taken);
      answer = query();
      EXPECT_EQ(answer.values.at("count"), 130.0);
      EXPECT_EQ(answer.completeness, 1.0);
      EXPECT_TRUE(answer.missing.empty());
      // As if all of it had come in time.
      Node batch;
      day.send(batch, {day.on_time, day.late, day.later});
      const auto right =
          ask(batch, "sum press-07/line1/m1 by 1day", kMidnight, kMidnight + kDay).at(0);
      EXPECT_EQ(answer.values, right.values);
      node.kill();
      node.start();
    }
    auto reader = query::Reader::open(node.folder.path).value();
    const auto rows = reader->late("**", 100).value();
    for (const auto& row : rows) EXPECT_NE(row.placement, "late_ledger");
    EXPECT_THAT(replay(node), HasSubstr("nothing"));
  }
}

TEST(LateLedger, ADayBeforeAllThatWasAnsweredIsAnsweredOnceItIsBack) {
  auto days = answers::built_in_view();
  days.name = "days";
  days.window.size = hours(24);
  EdgeDouble edge("press-07", 11, 1);
  Node node(short_horizons(), {days});
  node.clock.jump_wall(hours(24 * 6));
  greet(node, edge);
  const auto say = [&] {
    node.take(edge, edge.block(edge.flush(kMidnight + 4 * kDay)));
    node.take(edge, edge.last_seal());
    node.commit();
    for (int i = 0; i < 5; ++i) node.settle();
  };
  edge.take(1, kMidnight + 3 * kDay, 1);
  say();
  for (std::int64_t m = 0; m < 120; ++m) edge.take(1, kMidnight + kDay + m * kMinute, 1);
  say();
  EXPECT_EQ(node.answers("days").at(0).start, event_time(kMidnight + 3 * kDay));
  EXPECT_THAT(replay(node), HasSubstr("ok: 120 readings of 1 series are back"));
  for (int i = 0; i < 5; ++i) node.settle();
  const auto answers = node.answers("days");
  EXPECT_EQ(answers.at(0).start, event_time(kMidnight + kDay));
  EXPECT_EQ(answers.at(0).values.at("count"), 120.0);
  EXPECT_EQ(answers.at(1).values.at("count"), 0.0);
}

TEST(LateLedger, WhatTheArchiveNoLongerHasStays) {
  LateDay day;
  Node node(short_horizons());
  day.send(node, {day.on_time, day.later, day.late});
  node.kill();
  {
    SystemDisk disk;
    auto store = store::Store::open(disk, node.folder.path).value();
    auto second = store->database().prepare("SELECT MIN(position) FROM blocks WHERE sequence>1");
    second->start();
    ASSERT_TRUE(second->next());
    store->begin();
    store->blocks().forget_before({second->count(0)}, kEventTimeMax);
    second->rewind();
    ASSERT_TRUE(store->commit().ok());
  }
  node.start();
  const auto before = node.intake->ledger();
  EXPECT_THAT(replay(node), HasSubstr("error: 0 readings of 1 series are back in their windows; 10 "
                                      "stay where they are; 1 days stay as they are: of 130 "
                                      "readings on"));
  EXPECT_EQ(node.intake->ledger(), before);
  EXPECT_EQ(ask(node, "sum press-07/line1/m1 by 1day", kMidnight, kMidnight + kDay)
                .at(0).values.at("count"), 120.0);
}

// Windows of an edge cannot be added twice: a later revision of one that was merged into a wider
// pane waits, and the pane is made anew with it.
TEST(LateLedger, ALaterRevisionOfAMergedWindowRevisesItsAnswers) {
  auto horizons = short_horizons();
  horizons.age = {hours(1), hours(2), hours(24 * 10), hours(24 * 20)};
  answers::View quarter;
  quarter.name = "quarter";
  quarter.select = "**";
  quarter.window.size = quarter.window.every = std::chrono::minutes(15);
  quarter.aggregates = {"count", "sum"};
  Node node(horizons, {quarter});
  EdgeDouble edge("press-07", 11, 1, false, 1);
  window::Partial sum(ValueType::i64);
  Column column;
  column.type = ValueType::i64;
  column.i64 = {7};
  const auto send_revision = [&](std::uint64_t revision, std::int64_t sealed) {
    sum.add(kStart + static_cast<std::int64_t>(revision) * kSecond, column, 0);
    edge.count(kStart);
    Block block;
    block.dictionaries = {edge.dictionary_hash()};
    PartialRow row{0, kStart, kMinute, revision, 1, false, {}};
    ByteWriter out(row.state);
    sum.encode(out);
    block.partials.push_back(std::move(row));
    const auto sequence = edge.flush(std::move(block), sealed);
    node.take(edge, edge.block(sequence));
    node.take(edge, edge.last_seal());
    node.commit();
    for (int i = 0; i < 5; ++i) node.settle();
  };
  node.clock.jump_wall(hours(24));
  greet(node, edge);
  send_revision(1, kStart + 15 * kMinute);
  edge.take(0, kStart + 5 * 60 * kMinute, 1);
  node.take(edge, edge.block(edge.flush(kStart + 5 * 60 * kMinute + kMinute)));
  node.take(edge, edge.last_seal());
  node.commit();
  for (int i = 0; i < 5; ++i) node.settle();
  send_revision(2, kStart + 5 * 60 * kMinute + kMinute);
  EXPECT_EQ(node.intake->ledger().late_ledger, 1u);
  auto answer = node.answers("quarter").at(0);
  EXPECT_EQ(answer.values.at("count"), 1.0);
  EXPECT_EQ(answer.completeness, 0.5);

  const auto known = node.clock.wall();
  EXPECT_THAT(replay(node), HasSubstr("ok: 1 readings of 1 series are back"));
  node.settle();
  query::AnswerQuery then;
  then.view = "quarter";
  then.as_of = known;
  EXPECT_EQ(node.ask(then).at(0).values.at("count"), 1.0);
  answer = node.answers("quarter").at(0);
  EXPECT_EQ(answer.values.at("count"), 2.0);
  EXPECT_DOUBLE_EQ(answer.values.at("sum").value(), 1.4);
  EXPECT_EQ(answer.completeness, 1.0);
  EXPECT_EQ(answer.state, answers::State::revised);
  EXPECT_EQ(answer.cause, "operator");
  EXPECT_THAT(answers::to_json(answer), HasSubstr(R"("difference":{"count":1,"sum":0.7)"));
}

// A reading beyond now is set aside and moves nothing; once its day is over a person may let it in.
TEST(Quarantine, HoldsReadingsOfTimesToCome) {
  Node node;
  EdgeDouble edge("press-07", 11, 1, true);
  const auto tomorrow = kMidnight + kDay;
  for (std::int64_t s = 0; s < 60; ++s) edge.take(0, kStart + s * kSecond, 7);
  edge.take(0, tomorrow + 60 * kMinute, 8);
  edge.take(0, tomorrow + 61 * kMinute, 9);
  edge.take(0, 4'102'444'800LL * kSecond, 10);  // 2100
  greet(node, edge);
  node.take(edge, edge.block(edge.flush(4'102'444'801LL * kSecond)));
  node.take(edge, edge.last_seal());
  node.commit();
  node.settle();
  EXPECT_EQ(node.intake->ledger().quarantined, 3u);
  EXPECT_EQ(node.intake->ledger().answered, 60u);
  auto reader = query::Reader::open(node.folder.path).value();
  EXPECT_LT(reader->series("**/m0").value().at(0).last, event_time(kStart + kMinute));
  EXPECT_EQ(reader->edges().value().at(0).alarms.at(0).kind, "clock");
  std::uint64_t listed = 0;
  const auto rows = reader->late("**", 100).value();
  for (const auto& row : rows) listed += row.placement == "quarantine" ? row.readings : 0;
  EXPECT_EQ(listed, 3u);
  EXPECT_EQ(node.answers("minute").at(0).values.at("count"), 60.0);
  EXPECT_EQ(node.answers("minute").at(0).completeness, 1.0);
  // What comes after is as live as before.
  edge.take(0, kStart + 90 * kSecond, 7);
  node.take(edge, edge.block(edge.flush(kStart + 2 * kMinute)));
  node.take(edge, edge.last_seal());
  node.commit();
  node.settle();
  EXPECT_EQ(node.answers("minute").at(1).values.at("count"), 1.0);

  EXPECT_THAT(replay(node), HasSubstr("the day is not over"));
  node.clock.jump_wall(hours(48));
  EXPECT_THAT(replay(node), HasSubstr("ok: 2 readings of 1 series are back"));
  EXPECT_EQ(node.intake->ledger().quarantined, 1u);
  EXPECT_EQ(node.intake->ledger().answered, 63u);
  const auto days = ask(node, "count press-07/line1/m0 by 1day", tomorrow, tomorrow + kDay);
  EXPECT_EQ(days.at(0).values.at("count"), 2.0);
}

// Sent again before its time and when it has come, it is one reading, which comes back once.
TEST(Quarantine, KnowsRepeats) {
  Node node;
  EdgeDouble edge("press-07", 11, 1, true, 1);
  const auto tomorrow = kMidnight + kDay + 60 * kMinute;
  edge.take(0, kStart, 7);
  edge.flush(kStart + kMinute);
  for (int i = 0; i < 3; ++i) {
    edge.take(0, tomorrow, 8);
    edge.flush(kStart + kMinute);
  }
  greet(node, edge);
  for (const auto block : {1U, 2U, 3U}) node.take(edge, edge.block(block));
  node.take(edge, edge.last_seal());
  node.commit();
  EXPECT_EQ(node.intake->ledger().quarantined, 1u);
  EXPECT_EQ(node.intake->ledger().duplicate, 1u);
  node.kill();
  node.start();
  node.clock.jump_wall(hours(48));
  node.take(edge, edge.hello());
  node.take(edge, edge.block(4));
  node.commit();
  EXPECT_EQ(node.intake->ledger().duplicate, 2u);
  EXPECT_THAT(replay(node), HasSubstr("ok: 1 readings of 1 series are back"));
  EXPECT_EQ(node.intake->ledger().quarantined, 0u);
  EXPECT_EQ(node.intake->ledger().answered, 2u);
}

// A view that is finer than the panes so far, put in force later: its windows know nothing of the
// minutes that they lie in until they are filled from the archive.
TEST(Backfill, GivesAViewWhatItWouldHaveHadFromTheStart) {
  answers::View seconds;
  seconds.name = "seconds";
  seconds.select = "**";
  seconds.group_by = {"series"};
  seconds.window.size = seconds.window.every = std::chrono::seconds(1);
  seconds.aggregates = {"count", "sum"};
  EdgeDouble edge("press-07", 11, 1);
  for (std::int64_t s = 0; s < 300; ++s) {
    edge.take(0, kStart + s * kSecond, static_cast<double>(s));
    edge.take(1, kStart + s * kSecond, 0.1 * static_cast<double>(s));
    if (s % 60 == 59) edge.flush(kStart + (s + 1) * kSecond);
  }
  const auto send = [&](Node& node) {
    greet(node, edge);
    for (const auto& [sequence, block] : edge.blocks) node.take(edge, edge.block(sequence));
    node.take(edge, edge.last_seal());
    node.commit();
  };
  Node always({}, {seconds});
  send(always);
  for (int i = 0; i < 5; ++i) always.settle();
  const auto right = always.answers("seconds");
  ASSERT_EQ(right.size(), 600u);

  Node node;
  send(node);
  node.settle();
  node.views().push_back(seconds);
  ASSERT_TRUE(store::give_order(node.folder.path, "views", node.clock.wall()).ok());
  for (int i = 0; i < 5; ++i) node.settle();
  auto all = node.answers("seconds");
  ASSERT_EQ(all.size(), 600u);
  EXPECT_EQ(all[7].completeness, 0.0);
  EXPECT_EQ(all[7].values.at("count"), 0.0);

  const auto order = [&](const std::string& words) {
    const auto id = store::give_order(node.folder.path, words, node.clock.wall());
    for (int i = 0; i < 5; ++i) node.settle();
    return store::order_outcome(node.folder.path, *id).value().value_or("never");
  };
  const auto times = " " + std::to_string(kMidnight) + " " + std::to_string(kMidnight + kDay);
  EXPECT_THAT(order("backfill power" + times), HasSubstr("error: no view 'power' is in force"));
  EXPECT_EQ(order("backfill seconds" + times),
            "ok: 2 days of 2 series are filled from the archive");
  for (int restart = 0; restart < 2; ++restart) {
    all = node.answers("seconds");
    ASSERT_EQ(all.size(), 600u);
    for (std::size_t i = 0; i < all.size(); ++i) {
      SCOPED_TRACE(i);
      EXPECT_EQ(all[i].values, right[i].values);
      EXPECT_EQ(all[i].completeness, 1.0);
      EXPECT_TRUE(all[i].missing.empty());
      EXPECT_EQ(all[i].cause, "operator");
    }
    EXPECT_EQ(node.intake->ledger(), always.intake->ledger());
    node.kill();
    node.start();
  }
  const auto minutes = node.answers("minute");
  const auto expected = always.answers("minute");
  ASSERT_EQ(minutes.size(), expected.size());
  for (std::size_t i = 0; i < minutes.size(); ++i) EXPECT_EQ(minutes[i].values, expected[i].values);
}

// A reading of a window of one minute, which supersedes what was said of it.
void send_one(Node& node, EdgeDouble& edge, std::int64_t second) {
  edge.take(0, kStart + second * kSecond, 1);
  node.take(edge, edge.block(edge.flush(kStart + kMinute)));
  node.take(edge, edge.last_seal());
  node.commit();
  node.settle();
}

// A revision that was superseded is kept for a while only; who asks further back hears so.
TEST(AsOf, BeforeWhatIsKeptIsAnError) {
  Node node;
  EdgeDouble edge("press-07", 11, 1);
  greet(node, edge);
  send_one(node, edge, 1);
  query::AnswerQuery q;
  q.view = "minute";
  q.as_of = node.clock.wall();
  EXPECT_EQ(node.ask(q).at(0).values.at("count"), 1.0);
  send_one(node, edge, 2);
  EXPECT_EQ(node.ask(q).at(0).values.at("count"), 1.0);
  node.clock.advance(hours(24 * 91));  // more than keep_revisions
  node.commit();
  auto reader = query::Reader::open(node.folder.path).value();
  const auto too_old = reader->answers(q);
  ASSERT_FALSE(too_old.ok());
  EXPECT_THAT(too_old.error().text(), HasSubstr("is no longer kept: as-of reaches back to 2025"));
  q.as_of = node.clock.wall();
  EXPECT_EQ(node.ask(q).at(0).values.at("count"), 2.0);
}

// What was said long ago is still what was known until something else was said.
TEST(AsOf, WhatWasInForceBehindTheFloorIsKept) {
  Node node;
  EdgeDouble edge("press-07", 11, 1);
  greet(node, edge);
  send_one(node, edge, 1);
  node.clock.advance(hours(24 * 60));
  query::AnswerQuery q;
  q.view = "minute";
  q.as_of = node.clock.wall();
  send_one(node, edge, 2);
  node.clock.advance(hours(24 * 40));  // the first was said before what is kept, the second not
  node.commit();
  ASSERT_EQ(node.ask(q).size(), 1u);
  EXPECT_EQ(node.ask(q).at(0).values.at("count"), 1.0);
}

}  // namespace
}  // namespace tidemark::test
