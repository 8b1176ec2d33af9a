// Seals that count what is not there, and blocks that nobody counted.
#include <gmock/gmock.h>

#include "tests/cloud/alarms_of.h"

namespace tidemark::test {
namespace {

using answers::State;
using testing::HasSubstr;

EdgeDouble a_minute(const std::string& name, std::uint64_t incarnation, std::int64_t readings) {
  EdgeDouble edge(name, incarnation, 1);
  for (std::int64_t s = 0; s < readings; ++s) edge.take(0, kStart + s * kSecond, 1);
  return edge;
}

TEST(Counts, OfReadingsThatAreInNoBlockAreNamedAndNothingIsLost) {
  Node node;
  auto edge = a_minute("press-07", 11, 55);
  for (std::int64_t s = 55; s < 60; ++s) edge.count(kStart + s * kSecond);
  edge.flush(kStart + kMinute);
  auto other = a_minute("press-08", 12, 60);
  other.flush(kStart + kMinute);
  send(node, edge);
  send(node, other);
  node.commit();
  node.settle();
  const auto a = node.answers("minute", "press-07/**").at(0);
  EXPECT_EQ(a.state, State::sealed);
  EXPECT_DOUBLE_EQ(a.completeness.value(), 55.0 / 60);
  EXPECT_TRUE(a.estimated);
  EXPECT_EQ(a.lost, 0u);
  ASSERT_FALSE(a.missing.empty());
  EXPECT_EQ(a.missing[0].reason, "its seals count 60 readings, their blocks hold 55");
  const auto alarms = alarms_of(node, "press-07");
  ASSERT_EQ(alarms.size(), 1u);
  EXPECT_EQ(alarms[0].kind, "count_conflict");
  EXPECT_EQ(alarms[0].times, 1u);
  auto reader = query::Reader::open(node.folder.path).value();
  EXPECT_THAT(reader->dead_letters({10}).value().at(0).reason, HasSubstr("'line1' count 60"));
  const auto good = node.answers("minute", "press-08/**").at(0);
  EXPECT_EQ(good.completeness, 1.0);
  EXPECT_FALSE(good.estimated);
  EXPECT_TRUE(alarms_of(node, "press-08").empty());
}

TEST(Counts, OfFewerReadingsThanCameAreNamed) {
  Node node;
  auto edge = a_minute("press-07", 11, 60);
  edge.flush(kStart + kMinute);
  auto& seal = edge.seals.back();
  seal.ledger.taken = 50;
  seal.sources[0].minutes[0].sent = 50;
  seal.sources[0].minutes[0].taken = 50;
  send(node, edge);
  node.commit();
  node.settle();
  const auto a = node.answers("minute").at(0);
  EXPECT_EQ(a.state, State::sealed);
  EXPECT_TRUE(a.estimated);
  ASSERT_FALSE(a.missing.empty());
  EXPECT_EQ(a.missing[0].reason, "its seals count 50 readings, their blocks hold 60");
  const auto alarms = alarms_of(node, "press-07");
  ASSERT_EQ(alarms.size(), 1u);
  EXPECT_EQ(alarms[0].kind, "count_conflict");
  EXPECT_THAT(alarms[0].text, HasSubstr("hold 10 readings more than its seals count"));
  EXPECT_EQ(node.intake->counters().dead_letters, 1u);
}

// A seal names the minutes that changed; one that is behind it may be on another way.
TEST(Counts, OfASealThatComesLateAreNoContradiction) {
  Node node;
  auto edge = a_minute("press-07", 11, 60);
  edge.flush(kStart + kMinute);
  edge.seal(kStart + 2 * kMinute);
  auto later = edge.seals[1];
  later.sources[0].minutes.clear();
  greet(node, edge);
  node.take(edge, edge.block(1));
  node.take(edge, EdgeDouble::frame(later));
  node.commit();
  node.settle();
  EXPECT_EQ(node.answers("minute").at(0).state, State::sealed);
  EXPECT_TRUE(node.answers("minute").at(0).estimated);
  node.take(edge, edge.seal_frame(0));
  node.commit();
  node.settle();
  EXPECT_TRUE(alarms_of(node, "press-07").empty());
  EXPECT_EQ(node.answers("minute").at(0).completeness, 1.0);
  EXPECT_FALSE(node.answers("minute").at(0).estimated);
}

// What is under way, evicted or late contradicts nobody.
TEST(Counts, OfWhatIsStillToComeAreNoContradiction) {
  Node node;
  EdgeDouble edge("press-07", 11, 1);
  for (std::int64_t s = 0; s < 120; ++s) {
    edge.take(0, kStart + s * kSecond, 1);
    if (s % 20 == 19) edge.flush(kStart + (s + 1) * kSecond);
  }
  greet(node, edge);
  for (const std::uint64_t b : {1, 2, 3, 5, 6}) node.take(edge, edge.block(b));
  node.take(edge, edge.last_seal());
  node.commit();
  edge.evict(4);
  edge.take(0, kStart + 30 * kSecond + 1, 1);  // late: its count comes before it
  edge.flush(kStart + 120 * kSecond);
  node.take(edge, edge.last_seal());
  node.commit();
  node.settle();
  node.take(edge, edge.block(7));
  node.commit();
  node.settle();
  EXPECT_TRUE(alarms_of(node, "press-07").empty());
  EXPECT_EQ(node.answers("minute").at(1).lost, 20u);
  EXPECT_EQ(node.answers("minute").at(0).completeness, 1.0);
}

// The alarm lane's block 7 came, 6 of the same flush went with the power, and no seal speaks of it.
TEST(Uncounted, BlocksLeaveTheirWindowsWithoutCompleteness) {
  answers::View seconds;
  seconds.name = "second";
  seconds.select = "**";
  seconds.aggregates = {"count"};
  seconds.window = {"tumbling", std::chrono::seconds(1), {}};
  Node node({}, {seconds});
  EdgeDouble edge("press-07", 11, 1);
  for (std::int64_t s = 0; s < 7; ++s) {
    edge.take(0, kStart + s * kSecond, 1);
    edge.flush(kStart + (s + 1) * kSecond);
  }
  greet(node, edge);
  for (const std::uint64_t b : {1, 2, 3, 4, 5, 7}) node.take(edge, edge.block(b));
  node.take(edge, edge.seal_frame(4));
  node.commit();
  edge.off_from = event_time(kStart + 7 * kSecond);
  edge.off_until = event_time(kStart + 30 * kSecond);
  EdgeDouble next("press-07", 12, 2);
  next.take(0, kStart + 119 * kSecond, 1);
  next.flush(kStart + 2 * kMinute);
  send(node, next, {edge.closing(5)});
  node.commit();
  for (int restart = 0; restart < 2; ++restart) {
    node.settle();
    const auto minutes = node.answers("minute");
    ASSERT_EQ(minutes.size(), 2u);
    EXPECT_EQ(minutes[0].state, State::sealed);
    EXPECT_FALSE(minutes[0].completeness.has_value());
    EXPECT_TRUE(minutes[0].estimated);
    ASSERT_FALSE(minutes[0].missing.empty());
    EXPECT_THAT(minutes[0].missing.back().reason, HasSubstr("1 blocks were lost with the power"));
    EXPECT_EQ(minutes[1].completeness, 1.0);
    const auto each = node.answers("second");
    ASSERT_EQ(each.size(), 120u);
    EXPECT_EQ(each[4].completeness, 1.0);
    EXPECT_FALSE(each[5].completeness.has_value());
    EXPECT_EQ(each[119].completeness, 1.0);
    auto q = query::Reader::parse("count ** by 30s").value();
    q.from = event_time(kStart);
    q.to = event_time(kStart + 2 * kMinute);
    const auto read = node.ask(q);
    ASSERT_EQ(read.size(), 4u);
    EXPECT_FALSE(read[0].completeness.has_value());
    node.kill();
    node.start();
  }
  node.take(edge, edge.block(6));  // it had left the box after all
  node.commit();
  node.settle();
  EXPECT_TRUE(node.answers("minute").at(0).completeness.has_value());
}

}  // namespace
}  // namespace tidemark::test
