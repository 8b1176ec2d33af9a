// What an edge did that ran out of room: one block for several that never left it.
#include <gtest/gtest.h>

#include "cloud/query/sums.h"
#include "tests/cloud/edge_double.h"

namespace tidemark::test {
namespace {

using answers::State;

// Two minutes of readings, one a second.
EdgeDouble six_blocks() {
  EdgeDouble edge("press-07", 11, 1);
  for (std::int64_t s = 0; s < 120; ++s) {
    edge.take(0, kStart + s * kSecond, static_cast<double>(2300 + s));
    if (s % 20 == 19) edge.flush(kStart + (s + 1) * kSecond);
  }
  return edge;
}

TEST(Replaced, ABlockStandsForThoseThatItReplaces) {
  Node node;
  auto edge = six_blocks();
  const auto merged = edge.replace({2, 3, 4}, kStart + 120 * kSecond);
  greet(node, edge);
  node.take(edge, edge.block(1));
  node.take(edge, edge.last_seal());
  node.take(edge, edge.block(merged));
  node.commit();
  EXPECT_EQ(node.intake->ledger().answered, 80u);
  EXPECT_EQ(node.intake->ledger().taken, 120u);
  node.kill();
  node.start();
  node.take(edge, edge.hello());
  for (const std::uint64_t b : {5, 6}) node.take(edge, edge.block(b));
  // Of the same name as one that was replaced: its readings are here already.
  node.take(edge, edge.block(3));
  node.commit();
  EXPECT_EQ(node.intake->ledger().answered, 120u);
  EXPECT_EQ(node.intake->ledger().pending, 0u);
  EXPECT_EQ(node.intake->ledger().taken, 120u);
  EXPECT_EQ(node.answers("minute")[0].state, State::sealed);
  EXPECT_DOUBLE_EQ(node.answers("minute")[0].completeness.value(), 1.0);
}

TEST(Replaced, ABlockThatReplacesWhatIsHereIsKeptAside) {
  Node node;
  auto edge = six_blocks();
  const auto merged = edge.replace({2, 3, 4}, kStart + 120 * kSecond);
  greet(node, edge);
  for (const std::uint64_t b : {1, 2, 5, 6}) node.take(edge, edge.block(b));
  node.take(edge, edge.last_seal());
  node.take(edge, edge.block(merged));
  node.commit();
  EXPECT_EQ(node.intake->ledger().answered, 80u);
  EXPECT_EQ(node.intake->ledger().quarantined, 60u);
}

answers::View each_second() {
  answers::View view;
  view.name = "second";
  view.select = {"**"};
  view.window = {"tumbling", std::chrono::seconds(1), {}};
  view.aggregates = {"count"};
  return view;
}

// What is kept aside is missing from its seconds, and holds nobody up.
TEST(Replaced, ABlockThatIsKeptAsideStillStandsForThoseThatItReplaces) {
  Node node({}, {each_second()});
  auto edge = six_blocks();
  const auto merged = edge.replace({2, 3, 4}, kStart + 120 * kSecond);
  edge.blocks[merged].bytes[edge.blocks[merged].bytes.size() / 2] ^= 0x10;
  greet(node, edge);
  for (const std::uint64_t b : {1, 5, 6}) node.take(edge, edge.block(b));
  node.take(edge, edge.last_seal());
  node.take(edge, edge.block(merged));
  node.commit();
  node.settle();
  EXPECT_EQ(node.intake->ledger().answered, 60u);
  EXPECT_EQ(node.intake->ledger().quarantined, 60u);
  const auto seconds = node.answers("second");
  ASSERT_EQ(seconds.size(), 120u);
  for (std::size_t i = 0; i < seconds.size(); ++i) {
    SCOPED_TRACE(i);
    EXPECT_EQ(seconds[i].state, State::sealed);
    if (i < 80) {
      EXPECT_LT(seconds[i].completeness.value(), 1.0);
    } else {  // behind all that was in it
      EXPECT_EQ(seconds[i].completeness, 1.0);
    }
  }
  EXPECT_EQ(node.answers("minute").at(0).completeness, 1.0 / 3);
}

// Thinned rows have a place for every column of their device and few values: a day's worth of them
// is no jump of a clock.
TEST(Replaced, RowsWithFewValuesAreCountedByTheirValues) {
  constexpr std::int64_t kRows = 11'000;
  constexpr std::uint32_t kColumns = 100;
  EdgeDouble edge("press-07", 11, 1, false, kColumns);
  Block block;
  block.dictionaries = {edge.dictionary_hash()};
  Group group;
  for (std::int64_t row = 0; row < kRows; ++row) group.times.push_back(kStart + row * kSecond);
  for (std::uint32_t s = 0; s < kColumns; ++s) {
    Column column;
    column.series = s;
    column.type = edge.series()[s].type;
    for (std::int64_t row = 0; row < kRows; ++row) {
      column.present.push_back((row + s) % 50 == 0);
      if (!column.present.back()) continue;
      if (column.type == ValueType::i64) column.i64.push_back(row);
      if (column.type == ValueType::f64) column.f64.push_back(static_cast<double>(row));
    }
    group.columns.push_back(std::move(column));
  }
  block.groups.push_back(std::move(group));
  edge.flush(std::move(block), kStart + kRows * kSecond);
  Node node;
  node.clock.jump_wall(std::chrono::hours(24));
  greet(node, edge);
  node.take(edge, edge.block(1));
  node.commit();
  EXPECT_EQ(node.intake->ledger().quarantined, 0u);
  EXPECT_EQ(node.intake->ledger().answered, kRows * kColumns / 50);
}

// 20 readings of the first minute arrive as they are, 40 as one sum: which of its seconds these are
// in nobody can say. The second minute has all of its own.
TEST(Replaced, NoSecondIsCompleteWhoseMinuteCameAsOneSum) {
  Node node({}, {each_second()});
  auto edge = six_blocks();
  const auto sums = edge.replace_by_minutes({2, 3}, kStart + 120 * kSecond);
  greet(node, edge);
  for (const std::uint64_t b : {1, 4, 5, 6}) node.take(edge, edge.block(b));
  node.take(edge, edge.last_seal());
  node.take(edge, edge.block(sums));
  node.commit();
  node.settle();
  EXPECT_EQ(node.answers("minute").at(0).completeness, 1.0);
  EXPECT_EQ(node.answers("minute").at(0).values.at("count"), 60.0);
  const auto query = query::Reader::parse("count press-07/line1/m0 by 2s").value();
  const auto seconds = node.answers("second");
  const auto pairs = node.ask(query);
  ASSERT_EQ(seconds.size(), 120u);
  ASSERT_EQ(pairs.size(), 60u);
  for (const auto* all : {&seconds, &pairs}) {
    const double width = all == &seconds ? 1 : 2;
    const auto raw = static_cast<std::size_t>(20 / width);
    const auto minute = static_cast<std::size_t>(60 / width);
    for (std::size_t i = 0; i < all->size(); ++i) {
      const auto& a = (*all)[i];
      SCOPED_TRACE(i);
      EXPECT_EQ(a.state, State::sealed);
      EXPECT_EQ(a.values.at("count"), i < raw || i >= minute ? width : 0);
      EXPECT_EQ(a.completeness, i >= minute ? 1 : i < raw ? width / (width + 40) : 0);
      EXPECT_EQ(a.estimated, i < minute);
      ASSERT_EQ(a.missing.size(), i < minute ? 1u : 0u);
      if (i < minute) {
        EXPECT_EQ(a.missing[0].reason,
                  "40 readings came in sums that are wider than this window");
      }
    }
  }
}

// Half a minute can be told from the other where a sum ends at it.
TEST(Replaced, ASumInsideAWindowIsOfIt) {
  query::Sums sums(ValueType::i64, {}, std::chrono::seconds(10), event_time(0),
                   event_time(kMinute));
  window::Summary twenty(ValueType::i64);
  Column column;
  column.type = ValueType::i64;
  column.i64 = {7};
  for (int i = 0; i < 20; ++i) twenty.add(i * kSecond, column, 0);
  sums.add(event_time(0), event_time(20 * kSecond), twenty);
  query::Found half(ValueType::i64, {});
  sums.find(event_time(0), event_time(30 * kSecond), half);
  EXPECT_EQ(half.sum.partial().count(), 20u);
  EXPECT_EQ(half.unplaced, 0u);
  query::Found ten(ValueType::i64, {});
  sums.find(event_time(10 * kSecond), event_time(20 * kSecond), ten);
  EXPECT_EQ(ten.sum.partial().count(), 0u);
  EXPECT_EQ(ten.unplaced, 20u);
  query::Found after(ValueType::i64, {});
  sums.find(event_time(20 * kSecond), event_time(kMinute), after);
  EXPECT_EQ(after.unplaced, 0u);
}

}  // namespace
}  // namespace tidemark::test
