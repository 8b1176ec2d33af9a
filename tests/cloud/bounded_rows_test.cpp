// Rows that an edge can make come to an end.
#include <gtest/gtest.h>

#include "cloud/store/schema.h"
#include "cloud/store/store.h"
#include "common/sqlite/database.h"
#include "tests/cloud/edge_double.h"

namespace tidemark::test {
namespace {

constexpr std::int64_t kDay = 24 * 60 * kMinute;

std::uint64_t ask(Node& node, const std::string& question) {
  auto database = sqlite::Database::open(store::database_path(node.folder.path),
                                         {.pragmas = "", .version = store::kSchemaVersion}).value();
  auto count = database->prepare(question);
  count->start();
  return count->next() ? count->count(0) : 0;
}

// A device that never answers has no series; each minute it is due all the same.
TEST(BoundedRows, MinutesOfASourceWithoutReadingsGoWithTheirHorizon) {
  reconcile::Horizons horizons;
  horizons.age = {std::chrono::hours(1), std::chrono::hours(1), std::chrono::hours(24 * 400),
                  std::chrono::hours(24 * 400)};
  Node node(horizons);
  node.clock.jump_wall(std::chrono::hours(24 * 12));
  EdgeDouble edge("press-07", 11, 1);
  constexpr std::int64_t kMinutes = 12 * 24 * 60;
  for (std::int64_t m = 0; m < kMinutes; ++m) edge.poll(kStart + m * kMinute, false);
  edge.seal(kStart + kMinutes * kMinute);
  greet(node, edge);
  node.take(edge, edge.last_seal());
  node.commit();
  for (int i = 0; i < 4; ++i) {
    node.clock.advance(std::chrono::seconds(6));
    node.commit();
  }
  // A later start may state those of eight days again.
  EXPECT_LE(ask(node, "SELECT COUNT(*) FROM minutes"), 8u * 24 * 60 + 15);
  EXPECT_EQ(ask(node, "SELECT (SELECT SUM(due) FROM folded) + COUNT(*) FROM minutes"),
            static_cast<std::uint64_t>(kMinutes)) << "each is counted once";
}

TEST(BoundedRows, NothingIsCountedOfMinutesThatAreFarToCome) {
  Node node;
  EdgeDouble edge("press-07", 11, 1);
  edge.take(0, kStart, 1);
  edge.take(0, kStart + 3 * kDay, 1);  // its clock jumped
  edge.take(0, kStart + 12 * kMinute * 60, 1);
  edge.flush(kStart + kMinute);
  send(node, edge);
  node.settle();
  EXPECT_EQ(node.intake->ledger().quarantined, 2u);
  EXPECT_EQ(ask(node, "SELECT COUNT(*) FROM minutes"), 2u);
  const auto answers = node.answers("minute");
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].values.at("count"), 1.0);
}

TEST(BoundedRows, TimesThatAnEdgeWasOffAreKeptAsManyAsAreUsed) {
  Node node;
  const EdgeDouble edge("press-07", 99, 10'000);
  constexpr auto kMost = reconcile::OffTimes::kSpansMax;
  std::vector<Closing> closings;
  for (std::uint64_t i = 0; i < kMost + 500; ++i) {
    Closing c;
    c.incarnation = {1000 + i};
    c.start_ordinal = i + 1;
    c.off_from = event_time(kStart - kDay + static_cast<std::int64_t>(i) * 2 * kSecond);
    c.off_until = c.off_from + Nanoseconds(kSecond);
    closings.push_back(c);
  }
  node.take(edge, edge.hello(closings));
  node.commit();
  EXPECT_EQ(ask(node, "SELECT COUNT(*) FROM off_times"), kMost);
  EXPECT_EQ(ask(node, "SELECT MAX(off_from) FROM off_times"),
            static_cast<std::uint64_t>(count_ns(closings.back().off_from)));
  node.kill();
  node.start();
}

}  // namespace
}  // namespace tidemark::test
