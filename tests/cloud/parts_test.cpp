// Stores of several partitions as one.
#include "cloud/query/parts.h"

#include <gtest/gtest.h>

#include <array>

#include "common/base/time.h"
#include "tests/cloud/fake_store.h"

namespace tidemark::test {
namespace {

constexpr std::uint64_t kFirst = 1000;

class PartsTest : public testing::Test {
 protected:
  void open(int number) {
    EXPECT_TRUE(parts_->open(number, [this, number]() -> Result<std::unique_ptr<query::Reader>> {
      return stores_[static_cast<std::size_t>(number)].reader();
    }).ok());
  }
  FakeStore& store(int number) { return stores_[static_cast<std::size_t>(number)]; }
  void emit(int number, const std::string& series, double mean = 1) {
    store(number).emit(some_answer(series, event_time(0), mean));
  }
  // Series and positions, as a listener hears of them.
  std::vector<std::pair<std::string, std::uint64_t>> since(query::Reader& reader,
                                                           std::uint64_t position,
                                                           std::size_t limit = 100) {
    std::vector<std::pair<std::string, std::uint64_t>> found;
    const auto answers = reader.since(position, limit);
    EXPECT_TRUE(answers.ok());
    for (const auto& a : *answers) found.emplace_back(a.series, a.position);
    return found;
  }

  std::array<FakeStore, 3> stores_;
  std::shared_ptr<query::Parts> parts_ = query::Parts::make(kFirst);
};

using Heard = std::vector<std::pair<std::string, std::uint64_t>>;

TEST_F(PartsTest, WhatIsOpenIsReadAsOneStoreAndNothingElse) {
  store(0).set_edges({some_edge("press-07", event_time(0))});
  store(1).set_edges({some_edge("oven-01", event_time(0))});
  store(2).set_edges({some_edge("saw-03", event_time(0))});
  const auto reader = parts_->reader();
  EXPECT_TRUE(reader->edges()->empty());
  EXPECT_EQ(reader->views().error().fault(), Fault::unavailable);
  open(0);
  open(1);
  auto edges = reader->edges().value();
  ASSERT_EQ(edges.size(), 2u);
  EXPECT_EQ(edges[0].name, "oven-01");
  EXPECT_EQ(edges[1].name, "press-07");
  EXPECT_EQ(reader->ledger()->taken, edges[0].ledger.taken + edges[1].ledger.taken);
  parts_->close(1);
  edges = reader->edges().value();
  ASSERT_EQ(edges.size(), 1u);
  EXPECT_EQ(edges[0].name, "press-07");
}

TEST_F(PartsTest, EmissionsOfAllPartitionsHavePositionsThatRise) {
  emit(0, "press-07/line1/before");  // nobody asked yet
  open(0);
  open(1);
  const auto reader = parts_->reader();
  EXPECT_EQ(reader->position().value(), kFirst);
  emit(0, "press-07/line1/a");
  emit(0, "press-07/line1/b");
  EXPECT_EQ(reader->position().value(), kFirst + 2);
  emit(1, "oven-01/line1/a");
  const auto other = parts_->reader();
  EXPECT_EQ(other->position().value(), kFirst + 3);
  emit(0, "press-07/line1/c");
  const Heard all{{"press-07/line1/a", kFirst + 1},
                  {"press-07/line1/b", kFirst + 2},
                  {"oven-01/line1/a", kFirst + 3},
                  {"press-07/line1/c", kFirst + 4}};
  EXPECT_EQ(since(*reader, kFirst), all);
  EXPECT_EQ(since(*other, kFirst + 1, 2), Heard(all.begin() + 1, all.begin() + 3));
  EXPECT_EQ(since(*reader, kFirst + 4), Heard());
}

TEST_F(PartsTest, EmissionsOfAPartitionThatLeftAreNotHeardAgain) {
  open(0);
  open(1);
  const auto reader = parts_->reader();
  emit(0, "press-07/line1/a");
  EXPECT_EQ(reader->position().value(), kFirst + 1);
  emit(1, "oven-01/line1/a");
  EXPECT_EQ(reader->position().value(), kFirst + 2);
  parts_->close(0);
  EXPECT_EQ(since(*reader, kFirst), (Heard{{"oven-01/line1/a", kFirst + 2}}));
  open(0);
  emit(0, "press-07/line1/b");
  EXPECT_EQ(since(*reader, kFirst), (Heard{{"oven-01/line1/a", kFirst + 2},
                                           {"press-07/line1/b", kFirst + 3}}));
}

TEST_F(PartsTest, AnswersComeInOrderOfTheirSeriesWithinTheLimitOfAll) {
  open(0);
  open(1);
  emit(0, "press-07/line1/a");
  emit(1, "oven-01/line1/a");
  const auto reader = parts_->reader();
  query::AnswerQuery query;
  query.view = "power_1m";
  const auto all = reader->answers(query).value();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].series, "oven-01/line1/a");
  query.limit = 1;
  EXPECT_EQ(reader->answers(query).error().fault(), Fault::full);
}

// A sum of half of them would look like an answer.
TEST_F(PartsTest, AGroupOfTwoPartitionsIsRefused) {
  open(0);
  open(1);
  for (const int n : {0, 1}) {
    auto answer = some_answer("", event_time(0), 1);
    answer.labels = {{"area", "stamping"}};
    store(n).emit(answer);
  }
  const auto reader = parts_->reader();
  query::AnswerQuery query;
  query.view = "power_1m";
  const auto refused = reader->answers(query);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().fault(), Fault::unsupported);
  parts_->close(1);
  EXPECT_EQ(reader->answers(query)->size(), 1u);
}

TEST_F(PartsTest, AFaultOfOneStoreIsTheFaultOfTheAnswer) {
  open(0);
  open(1);
  const auto reader = parts_->reader();
  store(1).fail(true);
  EXPECT_FALSE(reader->edges().ok());
  EXPECT_FALSE(reader->position().ok());
  store(1).fail(false);
  EXPECT_TRUE(reader->edges().ok());
}

TEST_F(PartsTest, SaysWhatIsKnownOfAllPartitions) {
  parts_->tell({{0, true, "hall-1:8080", event_time(7), 3}, {1, false, "hall-2:8080", {}, 0}});
  const auto states = parts_->reader()->partitions().value();
  ASSERT_EQ(states.size(), 2u);
  EXPECT_EQ(states[1].owner, "hall-2:8080");
}

}  // namespace
}  // namespace tidemark::test
