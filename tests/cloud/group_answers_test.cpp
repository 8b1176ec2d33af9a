// Nodes of a group publish what they answer: whoever has a partition, nothing goes back.
#include "tests/cloud/member_double.h"

namespace tidemark::test {
namespace {

// The last of each key in the topic of answers; the revisions of none go back on the way there.
std::map<std::string, std::string> published(MockKafka& kafka) {
  std::map<std::string, answers::Answer> newest;
  for (const auto& r : kafka.read(kafka.settings.answers())) {
    const auto a = answers::from_json(r.value).value();
    EXPECT_EQ(r.key, a.view + "\t" + answers::subject_of(a) + "\t" + format_utc(a.start));
    EXPECT_EQ(r.partition, kafka::partition_of(answers::place_of(a), MockKafka::kPartitions));
    const auto [at, first] = newest.try_emplace(r.key, a);
    if (first) continue;
    EXPECT_GT(a.revision, at->second.revision) << r.key;
    EXPECT_GT(a.position, at->second.position) << r.key;
    at->second = a;
  }
  std::map<std::string, std::string> all;
  for (const auto& [key, a] : newest) all[key] = answers::to_json(a);
  return all;
}

// What a node answers, as far as anything is said of it.
std::map<std::string, std::string> answered(Member& node) {
  std::map<std::string, std::string> all;
  for (const auto* view : {"minute", "site"}) {
    for (const auto& a : node.answers(view)) {
      all[a.view + "\t" + answers::subject_of(a) + "\t" + format_utc(a.start)] =
          answers::to_json(a);
    }
  }
  return all;
}

bool says_what_it_answers(MockKafka& kafka, Member& node) {
  return eventually([&] {
    const auto here = answered(node);
    return !here.empty() && node.pool().condition().unpublished == 0 && here == published(kafka);
  }, kLong);
}

TEST(GroupAnswers, AnswersGoOnWhereTheFormerOwnerStopped) {
  MockKafka kafka;
  Folder here;
  Folder there;
  Fleet fleet(kafka);
  fleet.send(0);
  fleet.send(1);
  {
    Member first(kafka, here.path, "hall-1", {}, true);
    ASSERT_TRUE(answers_all(first, fleet));
    ASSERT_TRUE(says_what_it_answers(kafka, first));
  }
  const auto before = kafka.read(kafka.settings.answers()).size();
  {
    Member second(kafka, there.path, "hall-2", {}, true);  // it has nothing yet
    ASSERT_TRUE(answers_all(second, fleet));
    ASSERT_TRUE(says_what_it_answers(kafka, second));
    EXPECT_EQ(kafka.read(kafka.settings.answers()).size(), before) << "nothing is said again";
    fleet.send(2);
    ASSERT_TRUE(eventually([&] {
      return kafka.read(kafka.settings.answers()).size() > before;
    }, kLong));
    ASSERT_TRUE(says_what_it_answers(kafka, second));
  }
  Member again(kafka, here.path, "hall-1", {}, true);  // with a store of before
  ASSERT_TRUE(answers_all(again, fleet));
  ASSERT_TRUE(says_what_it_answers(kafka, again));
  fleet.send(3);
  ASSERT_TRUE(answers_all(again, fleet));
  ASSERT_TRUE(says_what_it_answers(kafka, again));
}

TEST(GroupAnswers, AnswersGoOnFromACheckpoint) {
  MockKafka kafka;
  Folder here;
  Folder there;
  Fleet fleet(kafka);
  fleet.send(0);
  const SystemClock clock;
  {
    Member first(kafka, here.path, "hall-1", std::chrono::milliseconds(50), true);
    ASSERT_TRUE(answers_all(first, fleet));
    const auto answered_at = clock.wall();
    fleet.send(1);
    ASSERT_TRUE(answers_all(first, fleet));
    ASSERT_TRUE(eventually([&] { return all_kept(first, answered_at); }, kLong));
    ASSERT_TRUE(says_what_it_answers(kafka, first));
  }
  Member second(kafka, there.path, "hall-2", std::chrono::milliseconds(50), true);
  ASSERT_TRUE(answers_all(second, fleet));
  ASSERT_TRUE(ready(second));
  for (const auto& p : second.partitions()) EXPECT_TRUE(p.restored) << p.number;
  ASSERT_TRUE(says_what_it_answers(kafka, second));
  fleet.send(2);
  ASSERT_TRUE(answers_all(second, fleet));
  ASSERT_TRUE(says_what_it_answers(kafka, second));
}

// Retention has emptied the backlog, and nothing comes to it any more.
TEST(GroupAnswers, WhatOthersReadAndIsGoneIsNotWaitedFor) {
  MockKafka kafka;
  Folder here;
  Folder there;
  Fleet fleet(kafka);
  fleet.send(0);
  fleet.send(1);
  std::map<std::string, std::string> before;
  {
    Member first(kafka, here.path, "hall-1", {}, true);
    ASSERT_TRUE(answers_all(first, fleet));
    ASSERT_TRUE(says_what_it_answers(kafka, first));
    before = answered(first);
  }
  const auto producer = kafka::Producer::open(kafka.settings, {}).value();
  const std::vector<kafka::Header> far{{"live", "0"}, {"backlog", "500"}};
  for (const auto& r : kafka.read(kafka.settings.answers())) {
    ASSERT_TRUE(producer->send(kafka.settings.answers(), r.partition, as_bytes(r.key),
                               as_bytes(r.value), far, 0).ok());
  }
  producer->finish(std::chrono::seconds(10));
  const auto said = kafka.read(kafka.settings.answers()).size();
  Member second(kafka, there.path, "hall-2", {}, true);
  ASSERT_TRUE(answers_all(second, fleet));
  ASSERT_TRUE(ready(second));
  EXPECT_TRUE(eventually([&] { return answered(second) == before; }));
  EXPECT_EQ(kafka.read(kafka.settings.answers()).size(), said) << "nothing is said again";
}

TEST(GroupAnswers, AnswersThatCannotBeOfThePartitionArePassedOver) {
  MockKafka kafka;
  Folder folder;
  Fleet fleet(kafka);
  fleet.send(0);
  constexpr std::uint64_t kFar = std::uint64_t{1} << 50;
  answers::Answer foreign;
  foreign.view = "minute";
  foreign.series = "press-0/line1/m0";
  foreign.start = event_time(kStart);
  foreign.end = event_time(kStart + kMinute);
  foreign.position = kFar;
  const auto own = kafka::partition_of(answers::edge_of(foreign), MockKafka::kPartitions);
  const auto json = answers::to_json(foreign);
  const auto producer = kafka::Producer::open(kafka.settings, {}).value();
  for (int p = 0; p < MockKafka::kPartitions; ++p) {
    if (p == own) continue;
    ASSERT_TRUE(producer->send(kafka.settings.answers(), p, as_bytes("foreign"), as_bytes(json), {},
                               0).ok());
  }
  producer->finish(std::chrono::seconds(10));
  Member node(kafka, folder.path, "hall-1", {}, true);
  ASSERT_TRUE(answers_all(node, fleet));
  ASSERT_TRUE(ready(node));
  const auto said = [&] {
    std::map<int, std::uint64_t> positions;  // the highest of each partition
    for (const auto& r : kafka.read(kafka.settings.answers())) {
      if (r.key == "foreign") continue;
      auto& at = positions[r.partition];
      at = std::max(at, answers::from_json(r.value).value().position);
    }
    return positions;
  };
  ASSERT_TRUE(eventually([&] { return said().size() == MockKafka::kPartitions; }, kLong));
  for (const auto& [p, position] : said()) EXPECT_LT(position, kFar) << "partition " << p;
}

// The brokers take its producer for one that another node has replaced.
TEST(GroupAnswers, WhoIsRefusedLetsGoOfThePartitionAndComesAgain) {
  MockKafka kafka;
  Folder folder;
  Fleet fleet(kafka);
  fleet.send(0);
  Member node(kafka, folder.path, "hall-1", {}, true);
  ASSERT_TRUE(answers_all(node, fleet));
  ASSERT_TRUE(says_what_it_answers(kafka, node));
  kafka.refuse_end_of_transaction(RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH);
  fleet.send(1);
  ASSERT_TRUE(eventually([&] {
    return node.pool().condition().problem.find("partition") != std::string::npos;
  }, kLong));
  ASSERT_TRUE(answers_all(node, fleet));
  ASSERT_TRUE(says_what_it_answers(kafka, node));
  EXPECT_TRUE(eventually([&] { return node.pool().condition().problem.empty(); }, kLong))
      << node.pool().condition().problem;
  EXPECT_EQ(node.ledger().taken, fleet.readings);
}

// Of two owners, and the second one has a store of before, or none.
TEST(GroupAnswers, GroupsOverPartitionsGoOnWhereTheFormerOwnerStopped) {
  const std::vector<answers::View> views{view_by_site()};
  constexpr double kCount = 3.0 * MockKafka::kPartitions;
  MockKafka kafka;
  Folder here;
  Folder there;
  Fleet fleet(kafka);
  fleet.send(0);
  fleet.send(1);
  std::map<std::string, std::string> before;
  {
    Member first(kafka, here.path, "hall-1", {}, true, views);
    ASSERT_TRUE(eventually([&] { return proved_windows({&first}, kCount) == 2; }, kLong));
    ASSERT_TRUE(says_what_it_answers(kafka, first));
    before = published(kafka);
  }
  {
    Member second(kafka, there.path, "hall-2", {}, true, views);
    ASSERT_TRUE(ready(second));
    ASSERT_TRUE(says_what_it_answers(kafka, second));
    EXPECT_EQ(published(kafka), before) << "nothing is said again";
    fleet.send(2);
    ASSERT_TRUE(eventually([&] { return proved_windows({&second}, kCount) == 3; }, kLong));
    ASSERT_TRUE(says_what_it_answers(kafka, second));
  }
  Member again(kafka, here.path, "hall-1", {}, true, views);
  ASSERT_TRUE(ready(again));
  fleet.send(3);
  ASSERT_TRUE(eventually([&] { return proved_windows({&again}, kCount) == 4; }, kLong));
  ASSERT_TRUE(says_what_it_answers(kafka, again));
}

}  // namespace
}  // namespace tidemark::test
