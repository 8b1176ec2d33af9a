// What an edge did that ran out of room: one block for several that never left it.
#include <gtest/gtest.h>

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
  node.take(edge, edge.hello());
  node.take(edge, edge.dictionary());
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
  node.take(edge, edge.hello());
  node.take(edge, edge.dictionary());
  for (const std::uint64_t b : {1, 2, 5, 6}) node.take(edge, edge.block(b));
  node.take(edge, edge.last_seal());
  node.take(edge, edge.block(merged));
  node.commit();
  EXPECT_EQ(node.intake->ledger().answered, 80u);
  EXPECT_EQ(node.intake->ledger().quarantined, 60u);
}

}  // namespace
}  // namespace tidemark::test
