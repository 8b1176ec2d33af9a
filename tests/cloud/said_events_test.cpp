// Who gets a partition says none of the events again that its topic has.
#include "cloud/cluster/said_events.h"

#include <gtest/gtest.h>

#include "cloud/cluster/outbox.h"
#include "cloud/store/store.h"
#include "tests/support/eventually.h"
#include "tests/support/folder.h"
#include "tests/support/mock_kafka.h"

namespace tidemark::test {
namespace {

constexpr int kPartition = 1;

class SaidEventsTest : public testing::Test {
 protected:
  SaidEventsTest() {
    store_->begin();
    for (const char* series : {"a/b/c", "a/b/d", "a/b/e", "a/b/f"}) {
      store_->events().add({.edge = "a",
                            .series = series,
                            .time = event_time(0),
                            .cause = "spike",
                            .state = "raised",
                            .json = "{}"});
    }
    EXPECT_TRUE(store_->commit().ok());
    reader_ = query::Reader::open(folder_.path).value();
  }
  static std::string key(const std::string& series) {
    return series + "\t1970-01-01T00:00:00Z\tspike\traised\t0";
  }
  void say(const std::string& key, int partition = kPartition) {
    const auto producer = kafka::Producer::open(kafka_.settings, {}).value();
    ASSERT_TRUE(producer->send(kafka_.settings.events(), partition, as_bytes(key), as_bytes("{}"),
                               {}, 0).ok());
    for (const auto& d : producer->finish(std::chrono::seconds(10))) ASSERT_FALSE(d.fault);
  }
  std::shared_ptr<cluster::SaidEvents> said(std::int64_t from) {
    return std::make_shared<cluster::SaidEvents>(
        kafka_.settings,
        kafka::Stretch{kafka_.settings.events(), MockKafka::kPartitions, kPartition, from});
  }
  static bool knows(const cluster::SaidEvents& said) {
    return eventually([&] { return said.known().ok() && said.known().value(); });
  }
  std::vector<std::string> keys_of(const cluster::Outbox::Feed& feed, std::uint64_t after) {
    std::vector<std::string> keys;
    const auto batch = feed.next(*reader_, after).value();
    for (const auto& r : batch.records) keys.push_back(r.key);
    return keys;
  }

  MockKafka kafka_;
  Folder folder_;
  SystemDisk disk_;
  std::unique_ptr<store::Store> store_ = store::Store::open(disk_, folder_.path).value();
  std::unique_ptr<query::Reader> reader_;
};

TEST_F(SaidEventsTest, AreThoseOfItsPartitionBehindTheOffset) {
  for (const char* series : {"a/b/c", "a/b/d", "a/b/e"}) say(key(series));
  say(key("a/b/f"), 0);
  const auto all = said(1);
  ASSERT_TRUE(knows(*all));
  EXPECT_FALSE(all->has(key("a/b/c")));  // noted by the store already
  EXPECT_TRUE(all->has(key("a/b/d")));
  EXPECT_TRUE(all->has(key("a/b/e")));
  EXPECT_FALSE(all->has(key("a/b/f")));  // of another partition
}

TEST_F(SaidEventsTest, AreNotSaidAgainHoweverOftenABatchIsMade) {
  for (const char* series : {"a/b/c", "a/b/e"}) say(key(series));
  const auto all = said(0);
  ASSERT_TRUE(knows(*all));
  const auto feed = cluster::events_feed(kafka_.settings, MockKafka::kPartitions, all);
  const std::vector<std::string> left{key("a/b/d"), key("a/b/f")};
  EXPECT_EQ(keys_of(feed, 0), left);
  EXPECT_EQ(keys_of(feed, 0), left);  // the brokers did not take it
  EXPECT_EQ(feed.next(*reader_, 0).value().to, 4u);
  EXPECT_TRUE(keys_of(feed, 4).empty());
}

// No event is said before it is known whether it was.
TEST_F(SaidEventsTest, AreAwaitedWhileTheBrokersAreAway) {
  say(key("a/b/c"));
  kafka_.be_there(false);
  const auto all = said(0);
  const auto feed = cluster::events_feed(kafka_.settings, MockKafka::kPartitions, all);
  const auto early = feed.next(*reader_, 0);
  EXPECT_TRUE(!early || (early->records.empty() && early->to == 0));
  kafka_.be_there(true);
  ASSERT_TRUE(knows(*all));
  EXPECT_EQ(keys_of(feed, 0).size(), 3u);
}

}  // namespace
}  // namespace tidemark::test
