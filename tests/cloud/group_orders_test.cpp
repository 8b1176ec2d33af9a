// Orders to nodes of a group, over librdkafka's mock brokers: given once, obeyed by whoever has the
// partition, also by who makes its store anew.
#include <gmock/gmock.h>

#include "cloud/cluster/order_topic.h"
#include "cloud/store/orders.h"
#include "common/kafka/producer.h"
#include "tests/cloud/member_double.h"

namespace tidemark::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class GroupOrders : public testing::Test {
 protected:
  cluster::OrderTopic topic(std::chrono::milliseconds within = std::chrono::seconds(30)) {
    return cluster::OrderTopic({kafka_.settings, within, layout_of_mock});
  }
  cluster::Outcomes give(const std::string& words,
                         std::chrono::milliseconds within = std::chrono::seconds(30)) {
    return topic(within).give(words, "ada", clock_.wall(), random_).value();
  }
  std::string waive(int partition, const std::string& verb = "waive") {
    return verb + " " + fleet_.edge(partition).name() + "/line1 " +
           std::to_string(kStart + 30 * kMinute) + " ada cable%20cut";
  }
  std::size_t records() { return kafka_.read(kafka_.settings.orders()).size(); }

  MockKafka kafka_;
  SystemClock clock_;
  SystemRandom random_;
  Fleet fleet_{kafka_};
  Folder here_, there_;
};

TEST_F(GroupOrders, AreObeyedByThePartitionsThatTheyAreAboutAndByEveryLaterOwner) {
  fleet_.send(0);
  std::vector<query::WaivedSource> waived;
  const auto before = clock_.wall();
  {
    Member first(kafka_, here_.path, "hall-1");
    ASSERT_TRUE(answers_all(first, fleet_));
    for (const int p : {1, 3}) {
      const auto outcomes = give(waive(p));
      ASSERT_EQ(outcomes.size(), 1u);
      EXPECT_EQ(outcomes.begin()->first, p);
      EXPECT_THAT(outcomes.at(p).value_or("never"),
                  StartsWith("ok: 1 source of " + fleet_.edge(p).name() + ": waived until "));
    }
    const auto all = give("replay ** " + std::to_string(kStart) + " " +
                          std::to_string(kStart + kMinute));
    EXPECT_EQ(all.size(), 4u);
    for (const auto& [p, outcome] : all) {
      EXPECT_THAT(outcome.value_or("never"), StartsWith("ok: nothing of these series")) << p;
    }
    EXPECT_THAT(give("accept nobody b2").begin()->second.value_or("never"),
                StartsWith("error: no edge is called 'nobody'"));
    EXPECT_FALSE(topic().give("views", "ada", clock_.wall(), random_).ok())
        << "each node has a file of its own";
    waived = first.waived();
    ASSERT_EQ(waived.size(), 2u);
    for (const auto& w : waived) {
      EXPECT_EQ(w.reason, "cable cut");
      EXPECT_GE(w.at, before);
    }
  }
  const auto listed = topic().all().value();
  ASSERT_EQ(listed.size(), 4u);
  EXPECT_EQ(listed[0].order.words, waive(1));
  EXPECT_EQ(listed[0].order.by, "ada");
  EXPECT_EQ(listed[2].outcomes.size(), 4u);
  const auto lying = records();
  Member second(kafka_, there_.path, "hall-2");  // with a store that it makes anew
  ASSERT_TRUE(answers_all(second, fleet_));
  ASSERT_TRUE(eventually([&] { return second.waived().size() == 2; }, kLong));
  const auto again = second.waived();
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(again[i].source, waived[i].source);
    EXPECT_EQ(again[i].at, waived[i].at) << "histories agree";
    EXPECT_EQ(again[i].until, waived[i].until);
  }
  EXPECT_TRUE(eventually([&] { return second.pool().counters().orders_waiting == 0; }, kLong));
  EXPECT_EQ(records(), lying) << "what came of them is not said again";
}

// A start is refused from a moment of the log on: who reads it again refuses the same.
TEST_F(GroupOrders, AreObeyedAgainAtTheSamePlaceOfTheLog) {
  fleet_.send(0);
  const auto& edge = fleet_.edge(2);
  const auto kept = [](Member& node) {
    return node.pool().counters().letters[static_cast<std::size_t>(
               store::LetterReason::second_box) - 1];
  };
  Ledger ledger;
  std::uint64_t letters = 0;
  {
    Member first(kafka_, here_.path, "hall-1");
    ASSERT_TRUE(answers_all(first, fleet_));
    const auto outcome = give("refuse " + edge.name() + " b").at(2);
    EXPECT_THAT(outcome.value_or("never"), HasSubstr("is refused, and its later starts with it"));
    fleet_.send(1);
    ASSERT_TRUE(eventually([&] { return kept(first) == 2; }, kLong)) << "a block and its seal";
    ASSERT_TRUE(eventually([&] { return first.ledger().answered == fleet_.readings - 3; }, kLong));
    ledger = first.ledger();
    letters = kept(first);
  }
  Member second(kafka_, there_.path, "hall-2");
  EXPECT_TRUE(eventually([&] { return second.ledger() == ledger; }, kLong))
      << second.ledger().answered << " of " << ledger.answered;
  EXPECT_TRUE(eventually([&] { return kept(second) == letters; }, kLong));
}

TEST_F(GroupOrders, WaitForAnOwnerAndGoWithACheckpoint) {
  fleet_.send(0);
  EXPECT_FALSE(give(waive(0), std::chrono::milliseconds(100)).at(0).has_value());
  const auto outcome_of = [&](std::size_t n) {
    return topic().all().value().at(n).outcomes.begin()->second;
  };
  {
    Member first(kafka_, here_.path, "hall-1", std::chrono::milliseconds(50));
    ASSERT_TRUE(answers_all(first, fleet_));
    ASSERT_TRUE(eventually([&] { return outcome_of(0).has_value(); }, kLong));
    EXPECT_EQ(first.waived().size(), 1u);
    const auto now = clock_.wall();
    fleet_.send(1);  // a checkpoint is written where something has moved
    ASSERT_TRUE(answers_all(first, fleet_));
    ASSERT_TRUE(eventually([&] {
      const auto all = first.partitions();
      return std::ranges::all_of(all, [&](const auto& p) { return p.checkpoint > now; });
    }, kLong));
  }
  EXPECT_FALSE(give(waive(0, "unwaive").substr(0, waive(0, "unwaive").find("/line1") + 6) + " bob",
                    std::chrono::milliseconds(100)).at(0).has_value());
  Member second(kafka_, there_.path, "hall-2");
  ASSERT_TRUE(answers_all(second, fleet_));
  ASSERT_TRUE(ready(second));
  for (const auto& p : second.partitions()) EXPECT_TRUE(p.restored) << p.number;
  ASSERT_TRUE(eventually([&] { return outcome_of(1).has_value(); }, kLong));
  ASSERT_EQ(second.waived().size(), 1u);
  EXPECT_EQ(second.waived()[0].ended_by, "bob");
}

TEST_F(GroupOrders, WhatIsNoneLiesAside) {
  Member node(kafka_, here_.path, "hall-1");
  const auto producer = kafka::Producer::open(kafka_.settings, {}).value();
  const auto put = [&](int partition, const std::string& key, const std::string& words,
                       std::vector<kafka::Header> headers) {
    ASSERT_TRUE(producer->send(kafka_.settings.orders(), partition, as_bytes(key), as_bytes(words),
                               headers, 0).ok());
  };
  const kafka::Header order{"type", "order"}, at{"at", "2026-11-21T02:00:00Z"};
  const auto& name = fleet_.edge(1).name();
  put(0, "a1", "accept " + name + " b", {order, at});  // not the partition of its edge
  put(1, "a2", "letter drop all ada x", {order, at});
  put(1, "a3", "accept " + name + " b", {order, {"at", "yesterday"}});
  put(1, "", "accept " + name + " b", {order, at});
  put(1, "a5", "accept " + name + " b", {{"type", "wish"}});
  producer->finish(std::chrono::seconds(10));
  const auto foreign = [&] {
    return node.pool().counters().letters[static_cast<std::size_t>(
               store::LetterReason::foreign) - 1];
  };
  EXPECT_TRUE(eventually([&] { return foreign() == 5; }, kLong)) << foreign();
  EXPECT_EQ(node.pool().counters().orders, 0u);
}

TEST_F(GroupOrders, SayThatBrokersAreAway) {
  kafka_.be_there(false);
  const auto given = cluster::OrderTopic({kafka_.settings}).give("accept press-0 b", "ada",
                                                                 clock_.wall(), random_);
  ASSERT_FALSE(given.ok());
  EXPECT_EQ(given.error().fault(), Fault::unavailable);
}

}  // namespace
}  // namespace tidemark::test
