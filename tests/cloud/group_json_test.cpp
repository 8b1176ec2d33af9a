// Plain JSON readings of nodes of a group, over librdkafka's mock brokers: the owner of their
// edge's partition makes its blocks, and whoever has that later goes on.
#include "cloud/cluster/plain_topic.h"
#include "tests/cloud/machines_double.h"
#include "tests/cloud/member_double.h"

namespace tidemark::test {
namespace {

using answers::State;

constexpr auto kCheckpoints = std::chrono::milliseconds(50);

cluster::JsonOptions plain(bool once = false) {
  cluster::JsonOptions json;
  json.topic = Machines::kTopic;
  json.fields.time_unit = TimeUnit::ns;
  json.gather = kSoon;
  json.once = once;
  return json;
}

bool has_answered(Member& node, std::uint64_t readings) {
  return eventually([&] { return node.ledger().answered == readings; }, kLong);
}

answers::Answer minute(Member& node, const std::string& series) {
  for (const auto& a : node.answers("minute")) {
    if (a.series == series && a.start == event_time(kStart)) return a;
  }
  return {};
}

TEST(GroupJson, WhoeverHasThePartitionGoesOnWhereTheFormerOwnerStopped) {
  MockKafka kafka;
  Folder here;
  Folder there;
  Machines machines(kafka);
  machines.send(2, "garbage");
  send_a_minute(machines, 0, "press-07/power");
  {
    Member first(kafka, here.path, "hall-1", {}, false, {}, plain());
    ASSERT_TRUE(has_answered(first, 70));
    EXPECT_TRUE(eventually([&] {
      return minute(first, "json/press-07/power").state == State::sealed;
    }));
    EXPECT_EQ(first.pool().condition().refused, 1u);
  }
  send_a_minute(machines, 1, "press-08/power");
  machines.send(2, "more garbage");
  machines.delivered();
  Member second(kafka, there.path, "hall-2", {}, false, {}, plain());  // it has nothing yet
  ASSERT_TRUE(has_answered(second, 140));
  EXPECT_EQ(second.ledger().taken, 140u) << "nothing counts twice";
  EXPECT_EQ(second.ledger().pending, 0u);
  EXPECT_EQ(second.ledger().lost, 0u);
  for (const auto* series : {"json/press-07/power", "json/press-08/power"}) {
    ASSERT_TRUE(eventually([&] { return minute(second, series).state == State::sealed; }));
    const auto a = minute(second, series);
    EXPECT_EQ(a.values.at("count"), 60.0);
    EXPECT_TRUE(a.estimated);
  }
  EXPECT_TRUE(eventually([&] {
    return second.pool().readers()->reader()->dead_letters({10}).value().size() == 2;
  }));
  machines.reading(3, "press-07/power", kStart + 30 * kSecond, 1000);
  machines.delivered();
  EXPECT_TRUE(eventually([&] {
    const auto a = minute(second, "json/press-07/power");
    return a.state == State::revised && a.values.at("max") == 1000.0;
  }));
  EXPECT_TRUE(eventually([&] { return second.pool().condition().problem.empty(); }))
      << second.pool().condition().problem;
  EXPECT_EQ(second.pool().condition().lost, 0u);
}

// Only the archive knows what is a repeat, and it is fetched again with the rest of the partition.
TEST(GroupJson, WhatCameBeforeACheckpointIsKnownWhenItComesAgain) {
  MockKafka kafka;
  Folder here;
  Folder there;
  Machines machines(kafka);
  send_a_minute(machines, 0, "a/v");
  const SystemClock clock;
  {
    Member first(kafka, here.path, "hall-1", kCheckpoints, true, {}, plain(true));
    ASSERT_TRUE(has_answered(first, 70));
    const auto answered = clock.wall();
    send_a_minute(machines, 0, "b/v");
    ASSERT_TRUE(has_answered(first, 140));
    ASSERT_TRUE(eventually([&] {
      const auto all = first.partitions();
      return std::ranges::any_of(all, [&](const auto& p) { return p.checkpoint > answered; });
    }, kLong));
  }
  Member second(kafka, there.path, "hall-2", kCheckpoints, true, {}, plain(true));
  ASSERT_TRUE(has_answered(second, 140));
  send_a_minute(machines, 2, "a/v");
  EXPECT_TRUE(eventually([&] {
    return second.ledger().taken == 210 && second.ledger().pending == 0;
  }, kLong));
  EXPECT_EQ(second.ledger().answered, 140u);
  EXPECT_EQ(second.ledger().duplicate, 70u);
}

// What was said last is not noted yet when the topic is opened anew.
TEST(GroupJson, ATopicThatIsOpenedAnewIsReadOnWhereTheLastFlushEnds) {
  MockKafka kafka;
  Folder folder;
  Machines machines(kafka);
  Member node(kafka, folder.path, "hall-1", {}, false, {}, plain());
  send_a_minute(machines, 0, "a/v");
  ASSERT_TRUE(has_answered(node, 70));
  kafka.refuse_end_of_transaction(RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, 20);
  send_a_minute(machines, 0, "b/v");
  kafka.have(Machines::kTopic, false);
  ASSERT_TRUE(eventually([&] { return !node.pool().condition().problem.empty(); }, kLong));
  kafka.have(Machines::kTopic, true);
  send_a_minute(machines, 1, "c/v");
  ASSERT_TRUE(has_answered(node, 210));
  send_a_minute(machines, 1, "d/v");
  ASSERT_TRUE(has_answered(node, 280));
  EXPECT_EQ(node.ledger().taken, 280u) << "nothing counts twice";
}

TEST(GroupJson, OneNodeWithoutAGroupGoesOnWhereTheGroupEnded) {
  MockKafka kafka;
  Folder here;
  Folder there;
  Machines machines(kafka);
  send_a_minute(machines, 0, "a/v");
  {
    Member node(kafka, here.path, "hall-1", {}, false, {}, plain());
    ASSERT_TRUE(has_answered(node, 70));
  }
  send_a_minute(machines, 1, "b/v");
  PlainNode alone(kafka, there.path);
  ASSERT_TRUE(alone.answers(140));
  EXPECT_EQ(alone.ledger().taken, 140u);
  Member node(kafka, here.path, "hall-1", {}, false, {}, plain());
  EXPECT_TRUE(eventually([&] {
    return alone.condition().problem.find("nodes of a group read these") != std::string::npos;
  }, kLong)) << "two that read them would count all twice";
}

TEST(GroupJson, OneOfTheNodesReadsThem) {
  MockKafka kafka;
  Folder here;
  Folder there;
  Machines machines(kafka);
  Fleet fleet(kafka);
  Member first(kafka, here.path, "hall-1", {}, false, {}, plain());
  Member second(kafka, there.path, "hall-2", {}, false, {}, plain());
  ASSERT_TRUE(eventually([&] { return first.has().size() == 2 && second.has().size() == 2; },
                         kLong));
  fleet.send(0);
  send_a_minute(machines, 0, "a/v");
  ASSERT_TRUE(eventually([&] {
    return first.ledger().answered + second.ledger().answered == fleet.readings + 70;
  }, kLong));
  first.stop();
  send_a_minute(machines, 3, "b/v");
  fleet.send(1);
  ASSERT_TRUE(has_answered(second, fleet.readings + 140));
  EXPECT_EQ(second.ledger().taken, fleet.readings + 140);
}

// The intake that a flush is noted in, and what would be said of it.
class PlainTopicTest : public testing::Test {
 protected:
  // The records of the next transaction; none: there is nothing to say.
  std::vector<cluster::Outbox::Record> next() {
    const auto reader = query::Reader::open(node_.folder.path).value();
    batch_ = feed_.next(*reader, 0).value();
    return batch_.records;
  }
  void put(const std::string& device) {
    plain::PlainReading r;
    r.device = device;
    r.metric = "v";
    r.time = event_time(kStart);
    ASSERT_TRUE(edge_.take(r));
  }
  static std::vector<std::string> types(const std::vector<cluster::Outbox::Record>& records) {
    std::vector<std::string> all;
    for (const auto& r : records) {
      all.emplace_back(r.headers.empty() ? "dictionary" : r.headers[0].value);
    }
    return all;
  }

  test::Node node_;
  const kafka::Settings settings_;
  plain::PlainEdge edge_{{"json", "readings"}, {.incarnation = {7}}};
  cluster::PlainTopic topic_{settings_, "json", 2, -1};
  cluster::Outbox::Feed feed_ = topic_.feed();
  cluster::Outbox::Batch batch_;
};

using Types = std::vector<std::string>;

TEST_F(PlainTopicTest, DictionariesAreSaidBeforeWhatNamesThem) {
  EXPECT_TRUE(topic_.takes(*node_.intake));
  put("press");
  topic_.take(edge_, {edge_.flush(event_time(kStart)), {{"t/0/1", "no reading", {}}},
                      {{"json json topic t 0", 5}}});
  EXPECT_FALSE(topic_.takes(*node_.intake));
  EXPECT_EQ(types(next()), Types{"dictionary"});
  EXPECT_EQ(types(next()), Types{"dictionary"}) << "it may have been taken back";
  batch_.gone();
  const auto flush = next();
  EXPECT_EQ(types(flush), (Types{"block", "seal", "refused", "noted"}));
  for (const auto& r : flush) {
    EXPECT_EQ(r.topic, settings_.live());
    EXPECT_EQ(r.partition, 2);
    EXPECT_EQ(r.key, "json");
  }
  batch_.gone();
  EXPECT_TRUE(next().empty());
  EXPECT_FALSE(topic_.takes(*node_.intake)) << "it was said, and is not noted yet";
  EXPECT_TRUE(cluster::take_noted(*node_.intake, flush.back().value));
  EXPECT_TRUE(topic_.takes(*node_.intake));
  EXPECT_EQ(node_.intake->noted("json json topic t 0"), 5u);
}

TEST_F(PlainTopicTest, OfARecordNothingElseIsNoted) {
  for (const std::string text : {"7 kafka mock live 0\n", "x json a\n", "7\n",
                                 "1 json json next\n7 kafka mock live 0\n"}) {
    EXPECT_FALSE(cluster::take_noted(*node_.intake, as_bytes(text))) << text;
  }
  EXPECT_EQ(node_.intake->noted("kafka mock live 0"), 0u);
  EXPECT_EQ(node_.intake->noted("json json next"), 0u) << "all of it or nothing";
}

}  // namespace
}  // namespace tidemark::test
