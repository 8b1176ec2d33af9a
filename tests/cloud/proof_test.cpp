// No window says that it is complete which is not: what the archive no longer keeps, seals that do
// not name their sources, and sums that an edge made over more than a minute.
#include <gmock/gmock.h>

#include "cloud/store/store.h"
#include "common/sqlite/database.h"
#include "tests/cloud/edge_double.h"

namespace tidemark::test {
namespace {

using testing::HasSubstr;

std::vector<answers::Answer> ask(Node& node, const std::string& expression,
                                 std::int64_t from = kStart,
                                 std::int64_t to = kStart + 24 * 60 * kMinute) {
  auto q = query::Reader::parse(expression).value();
  q.from = event_time(from);
  q.to = event_time(to);
  return node.ask(q);
}

// As retention does when the segments of the first blocks have become too old.
void forget_blocks(Node& node, std::size_t blocks) {
  SystemDisk disk;
  auto store = store::Store::open(disk, node.folder.path).value();
  auto positions = store->database().prepare("SELECT position FROM blocks ORDER BY position");
  std::vector<std::uint64_t> all;
  positions->start();
  while (positions->next()) all.push_back(positions->count(0));
  store->begin();
  store->blocks().forget_before({blocks < all.size() ? all[blocks] : all.back() + 1},
                                kEventTimeMax);
  ASSERT_TRUE(store->commit().ok());
}

TEST(Retention, WhatTheArchiveNoLongerKeepsIsMissingFromWindowsThatNeedIt) {
  Node node;
  EdgeDouble edge("press-07", 11, 1);
  for (std::int64_t s = 0; s < 180; ++s) {
    edge.take(0, kStart + s * kSecond, static_cast<double>(s));
    if (s % 30 == 29) edge.flush(kStart + (s + 1) * kSecond);
  }
  send(node, edge);
  node.commit();
  node.kill();
  forget_blocks(node, 3);  // the first minute and a half
  node.start();

  const auto seconds = ask(node, "count press-07/line1/m0 by 1s");
  ASSERT_EQ(seconds.size(), 180u);
  for (std::size_t s = 0; s < seconds.size(); ++s) {
    SCOPED_TRACE(s);
    const auto& a = seconds[s];
    EXPECT_EQ(a.values.at("count"), s < 90 ? 0.0 : 1.0);
    if (s < 60) {
      EXPECT_EQ(a.completeness, 0.0);
    } else if (s < 90) {
      EXPECT_EQ(a.completeness, 0.0);
    } else if (s < 120) {  // of a minute that is not there in full: nobody can tell which half
      EXPECT_LT(a.completeness.value(), 1.0);
    } else {
      EXPECT_EQ(a.completeness, 1.0);
      EXPECT_TRUE(a.missing.empty());
    }
    if (s >= 120) continue;
    EXPECT_TRUE(a.estimated);
    ASSERT_EQ(a.missing.size(), 1u);
    EXPECT_THAT(a.missing[0].reason, HasSubstr("readings are older than what the archive keeps"));
  }
  // Whole minutes are kept as panes; what sticks out is not.
  query::AnswerQuery range = query::Reader::parse("count press-07/line1/m0").value();
  range.from = event_time(kStart + 30 * kSecond);
  range.to = event_time(kStart + 2 * kMinute);
  const auto span = node.ask(range);
  ASSERT_EQ(span.size(), 1u);
  EXPECT_EQ(span[0].values.at("count"), 60.0);
  EXPECT_LT(span[0].completeness.value(), 1.0);
  EXPECT_EQ(ask(node, "count press-07/line1/m0 by 1min").at(0).completeness, 1.0);
}

// An idle edge says how far its sources are without their names, which an earlier seal gave.
TEST(Seals, SpeakOfTheSourcesThatEarlierOnesNamed) {
  Node node;
  EdgeDouble edge("press-07", 11, 1);
  for (std::int64_t s = 0; s < 120; ++s) {
    edge.take(0, kStart + s * kSecond, 1);
    edge.poll(kStart + s * kSecond, s % 3 == 0);
  }
  edge.flush(kStart + 120 * kSecond);
  greet(node, edge);
  node.take(edge, edge.block(1));
  auto named = edge.seals.back();
  named.sources[0].sealed_until = event_time(kStart + 60 * kSecond);
  node.take(edge, EdgeDouble::frame(named));
  node.commit();
  node.settle();
  EXPECT_EQ(node.answers("minute")[0].state, answers::State::sealed);
  EXPECT_EQ(node.answers("minute")[1].state, answers::State::provisional);
  auto brief = named;
  ++brief.number;
  brief.sources.clear();
  brief.rest = event_time(kStart + 120 * kSecond);
  node.take(edge, EdgeDouble::frame(brief));
  node.commit();
  const auto all = node.answers("minute");
  EXPECT_EQ(all[1].state, answers::State::sealed);
  EXPECT_EQ(all[1].completeness, 1.0);
  EXPECT_DOUBLE_EQ(all[1].coverage.value(), 1.0 / 3);
}

// Through a gateway that hung: meanwhile a newer one has named a source whose time is not known.
TEST(Seals, OfLongAgoDoNotSpeakOfSourcesThatCameLater) {
  Node node;
  EdgeDouble edge("press-07", 11, 1);
  edge.take(0, kStart, 1);
  edge.flush(kStart + 10 * kSecond);
  greet(node, edge);
  node.take(edge, edge.block(1));
  auto seal = edge.seals.back();
  node.take(edge, EdgeDouble::frame(seal));
  auto hung = seal;
  ++hung.number;
  hung.sources.clear();
  hung.rest = event_time(kStart + 3600 * kSecond);
  seal.number += 2;
  auto door = seal.sources[0];
  door.source = "door";
  door.minutes.clear();
  door.sealed_until = kEventTimeMin;
  seal.sources.push_back(door);
  node.take(edge, EdgeDouble::frame(seal));
  node.take(edge, EdgeDouble::frame(hung));
  node.commit();
  std::map<std::string, EventTime> frontiers;
  const auto edges = query::Reader::open(node.folder.path).value()->edges().value();
  for (const auto& source : edges.at(0).sources) frontiers[source.name] = source.frontier;
  EXPECT_EQ(frontiers.at("door"), kEventTimeMin);
  EXPECT_EQ(frontiers.at("line1"), event_time(kStart + 10 * kSecond));
}

// A sum of readings `step` apart, counted, as the agent does, in the minute in which it starts.
void flush_sum(EdgeDouble& edge, std::int64_t start, std::int64_t size, std::int64_t step,
               std::int64_t sealed_until) {
  window::Partial sum(ValueType::i64);
  Column column;
  column.type = ValueType::i64;
  column.i64 = {7};
  for (auto t = start; t < start + size; t += step) {
    sum.add(t, column, 0);
    edge.count(start);
  }
  Block block;
  block.dictionaries = {edge.dictionary_hash()};
  PartialRow row{0, start, size, 1, sum.readings(), false, {}};
  ByteWriter out(row.state);
  sum.encode(out);
  block.partials.push_back(std::move(row));
  edge.flush(std::move(block), sealed_until);
}

// Sums of an hour as an edge with a rule of hourly windows sends them.
struct HourlyEdge {
  explicit HourlyEdge(std::uint32_t series = 1) : edge("press-07", 11, 1, false, series) {}
  void hour(std::int64_t start, std::int64_t sealed_until) {
    flush_sum(edge, start, 60 * kMinute, kMinute, sealed_until);
  }
  EdgeDouble edge;
};

constexpr auto kHour = 60 * kMinute;
constexpr std::int64_t kHourStart = kStart - kStart % kHour;

TEST(WideSums, AreCompleteWhereTheyFitAndMissingWhereTheyDoNot) {
  Node node;
  node.clock.jump_wall(std::chrono::hours(24));
  HourlyEdge hourly(2);
  // Beside them a series that travels as it is.
  for (std::int64_t m = 0; m < 60; ++m) {
    hourly.edge.take(1, kHourStart + m * kMinute, 1);
  }
  hourly.edge.flush(kHourStart);
  hourly.hour(kHourStart, kHourStart + kHour);
  send(node, hourly.edge);
  node.commit();
  node.settle();
  const auto hour = ask(node, "count press-07/line1/m0 by 1h", kHourStart, kHourStart + kHour);
  ASSERT_EQ(hour.size(), 1u);
  EXPECT_EQ(hour[0].values.at("count"), 60.0);
  EXPECT_EQ(hour[0].completeness, 1.0);
  EXPECT_EQ(hour[0].lost, 0u);
  for (const auto& a : ask(node, "count **/m0 by 1min", kHourStart, kHourStart + kHour)) {
    EXPECT_EQ(a.completeness, 0.0) << format_utc(a.start);
    EXPECT_EQ(a.lost, 0u) << format_utc(a.start);
  }
  for (const auto& a : ask(node, "count **/m1 by 1min", kHourStart, kHourStart + kHour)) {
    EXPECT_EQ(a.completeness, 1.0) << format_utc(a.start);
    EXPECT_EQ(a.lost, 0u) << format_utc(a.start);
  }
}

// An hour's sum that was evicted is missing from each of its minutes, though they count nothing.
TEST(WideSums, ThatNeverComeAreMissingFromEveryWindowTheyMeet) {
  Node node;
  node.clock.jump_wall(std::chrono::hours(24));
  HourlyEdge hourly;
  hourly.hour(kHourStart, kHourStart + kHour);
  hourly.hour(kHourStart + kHour, kHourStart + 2 * kHour);
  hourly.edge.evict(2);
  hourly.edge.seal(kHourStart + 2 * kHour);
  greet(node, hourly.edge);
  node.take(hourly.edge, hourly.edge.block(1));
  node.take(hourly.edge, hourly.edge.last_seal());
  node.commit();
  node.settle();
  for (int restart = 0; restart < 2; ++restart) {
    for (const auto* expression : {"count press-07/line1/m0 by 15min", "minute"}) {
      const auto all = ask(node, expression, kHourStart, kHourStart + 2 * kHour);
      ASSERT_EQ(all.size(), *expression == 'm' ? 120u : 8u);
      for (const auto& a : all) {
        EXPECT_EQ(a.completeness, 0.0) << expression << " " << format_utc(a.start);
      }
    }
    const auto hours =
        ask(node, "count press-07/line1/m0 by 1h", kHourStart, kHourStart + 2 * kHour);
    ASSERT_EQ(hours.size(), 2u);
    EXPECT_EQ(hours[0].completeness, 1.0);
    EXPECT_EQ(hours[1].completeness, 0.0);
    EXPECT_EQ(hours[1].lost, 60u);
    node.kill();
    node.start();
  }
}

// A late sum changes what is known of every sealed window that it meets.
TEST(WideSums, ThatComeLateRevise) {
  Node node;
  node.clock.jump_wall(std::chrono::hours(24));
  HourlyEdge hourly(2);
  for (std::int64_t m = 0; m < 120; ++m) hourly.edge.take(0, kHourStart + m * kMinute, 7);
  hourly.edge.flush(kHourStart + 2 * kHour);
  send(node, hourly.edge);
  node.commit();
  node.settle();
  ASSERT_EQ(node.answers("minute", "**/m0").at(30).completeness, 1.0);
  hourly.hour(kHourStart, kHourStart + 2 * kHour);
  node.take(hourly.edge, hourly.edge.block(2));
  node.take(hourly.edge, hourly.edge.last_seal());
  node.commit();
  node.settle();
  const auto all = node.answers("minute", "**/m0");
  ASSERT_EQ(all.size(), 120u);
  for (std::size_t m = 0; m < all.size(); ++m) {
    EXPECT_EQ(all[m].completeness, m < 60 ? 1.0 / 61 : 1.0) << m;
    EXPECT_EQ(all[m].revision, m < 60 ? 1u : 0u) << m;
  }
}

// Whoever reads the archive for a later hour of a sum finds it there, too.
TEST(WideSums, AreFoundByEachHourTheyReachInto) {
  Node node;
  node.clock.jump_wall(std::chrono::hours(24));
  EdgeDouble edge("press-07", 11, 1, false, 1);
  const auto day = kStart - kStart % (24 * kHour);
  flush_sum(edge, day, 6 * kHour, kHour, day + 6 * kHour);
  send(node, edge);
  node.commit();
  auto q = query::Reader::parse("count press-07/line1/m0 by 1s").value();
  q.from = event_time(day + 4 * kHour + 5 * kSecond);
  q.to = q.from + std::chrono::seconds(2);
  const auto seconds = node.ask(q);
  ASSERT_EQ(seconds.size(), 2u);
  for (const auto& a : seconds) {
    EXPECT_EQ(a.completeness, 0.0);
    ASSERT_EQ(a.missing.size(), 1u);
    EXPECT_THAT(a.missing[0].reason, HasSubstr("6 readings came in sums"));
  }
}

}  // namespace
}  // namespace tidemark::test
