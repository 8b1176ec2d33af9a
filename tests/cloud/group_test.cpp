// Cloud nodes that share the partitions, over librdkafka's mock brokers: who comes gets some, who
// goes hands over, and whoever has a partition answers what the one before did.
#include <gtest/gtest.h>

#include <thread>

#include "cloud/cluster/pool.h"
#include "cloud/store/part_folder.h"
#include "cloud/store/store.h"
#include "tests/cloud/kafka_double.h"

namespace tidemark::test {
namespace {

constexpr auto kLong = std::chrono::seconds(60);  // the group's first members are waited for

class Member {
 public:
  Member(MockKafka& kafka, const std::filesystem::path& folder, std::string name) {
    cluster::PoolOptions o;
    o.listener.settings = kafka.settings;
    o.listener.look_every = o.listener.look_again = kSoon;
    o.listener.layout = layout_of_mock;
    o.group = "cloud";
    o.name = std::move(name);
    o.session = std::chrono::seconds(6);
    o.data_dir = folder;
    o.intake.views = answers::views_in_force({}).value();
    o.asks_owners = false;
    pool_ = cluster::Pool::open(std::move(o), disk_, clock_).value();
    reader_ = pool_->readers()->reader();
    thread_ = std::thread([this] { EXPECT_TRUE(pool_->run(stop_, [] {}).ok()); });
  }
  ~Member() { stop(); }
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;
  void stop() {
    stop_.ask();
    if (thread_.joinable()) thread_.join();
  }

  // Partitions that can be read here.
  std::vector<int> has() {
    std::vector<int> all;
    const auto states = reader_->partitions().value();
    for (const auto& p : states) {
      if (p.here) all.push_back(p.number);
    }
    return all;
  }
  Ledger ledger() { return reader_->ledger().value(); }
  cluster::Pool& pool() { return *pool_; }

 private:
  SystemDisk disk_;
  SystemClock clock_;
  StopSignal stop_{StopSignal::ByHand{}};
  std::unique_ptr<cluster::Pool> pool_;
  std::unique_ptr<query::Reader> reader_;
  std::thread thread_;
};

// An edge for each partition, with a gateway.
class Fleet {
 public:
  explicit Fleet(MockKafka& kafka) {
    std::vector<bool> taken(MockKafka::kPartitions);
    for (int n = 0; edges_.size() < taken.size(); ++n) {
      const auto name = "press-" + std::to_string(n);
      const auto p = static_cast<std::size_t>(kafka::partition_of(name, MockKafka::kPartitions));
      if (taken[p]) continue;
      taken[p] = true;
      edges_.push_back(std::make_unique<EdgeDouble>(name, 11, 1));
      gateways_.push_back(std::make_unique<Gateway>(kafka, *edges_.back()));
      gateways_.back()->send(edges_.back()->dictionary());
    }
  }
  // A block of three readings of each.
  void send(int minute) {
    for (std::size_t i = 0; i < edges_.size(); ++i) {
      const auto block = next_block(*edges_[i], minute);
      gateways_[i]->send(edges_[i]->block(block));
      gateways_[i]->send(edges_[i]->last_seal());
      EXPECT_TRUE(gateways_[i]->acknowledged(block));
      readings += 3;
    }
  }
  std::uint64_t readings = 0;

 private:
  std::vector<std::unique_ptr<EdgeDouble>> edges_;
  std::vector<std::unique_ptr<Gateway>> gateways_;
};

TEST(Group, AloneANodeHasAllPartitionsAndAStoreForEach) {
  MockKafka kafka;
  Folder folder;
  Fleet fleet(kafka);
  fleet.send(0);
  {
    Member node(kafka, folder.path, "hall-1");
    ASSERT_TRUE(eventually([&] { return node.ledger().answered == fleet.readings; }, kLong));
    EXPECT_TRUE(eventually([&] { return node.has() == std::vector<int>{0, 1, 2, 3}; }));
    EXPECT_TRUE(eventually([&] { return node.pool().condition().problem.empty(); }))
        << node.pool().condition().problem;
  }
  for (int p = 0; p < MockKafka::kPartitions; ++p) {
    EXPECT_TRUE(exists(store::database_path(store::part_folder(folder.path, p)))) << p;
  }
  EXPECT_EQ(query::Reader::open(folder.path).value()->ledger()->answered, fleet.readings)
      << "the stores of a stopped node read as one";
  fleet.send(1);
  Member node(kafka, folder.path, "hall-1");
  ASSERT_TRUE(eventually([&] { return node.ledger().answered == fleet.readings; }, kLong));
  EXPECT_EQ(node.ledger().taken, fleet.readings);
  node.stop();
  EXPECT_EQ(node.pool().counters().blocks, 4u) << "what was committed is not read again";
}

TEST(Group, NodesThatComeGetTheirShareAndThoseThatGoHandOver) {
  MockKafka kafka;
  Folder here;
  Folder there;
  Fleet fleet(kafka);
  fleet.send(0);
  Member first(kafka, here.path, "hall-1");
  ASSERT_TRUE(eventually([&] { return first.ledger().answered == fleet.readings; }, kLong));
  Member second(kafka, there.path, "hall-2");
  ASSERT_TRUE(eventually([&] { return first.has().size() == 2 && second.has().size() == 2; },
                         kLong));
  fleet.send(1);
  ASSERT_TRUE(eventually([&] {
    return first.ledger().answered + second.ledger().answered == fleet.readings;
  }, kLong));
  first.stop();
  EXPECT_TRUE(first.has().empty());
  fleet.send(2);
  ASSERT_TRUE(eventually([&] { return second.ledger().answered == fleet.readings; }, kLong));
  EXPECT_EQ(second.ledger().taken, fleet.readings) << "nothing counts twice";
  EXPECT_EQ(second.ledger().duplicate, 0u);
}

TEST(Group, ANodeThatWasCountedOutLetsGoAndComesAgain) {
  MockKafka kafka;
  Folder folder;
  Fleet fleet(kafka);
  Member node(kafka, folder.path, "hall-1");
  fleet.send(0);
  ASSERT_TRUE(eventually([&] { return node.ledger().answered == fleet.readings; }, kLong));
  const auto since = [&] {
    const auto all = node.pool().readers()->reader()->partitions().value();
    return all.empty() ? EventTime{} : all[0].since;
  };
  const auto before = since();
  kafka.refuse_heartbeat(RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID);
  ASSERT_TRUE(eventually([&] { return node.has().size() == 4 && since() > before; }, kLong));
  fleet.send(1);
  ASSERT_TRUE(eventually([&] { return node.ledger().answered == fleet.readings; }, kLong));
  EXPECT_EQ(node.ledger().taken, fleet.readings);
}

TEST(Group, ANodeDoesNotTakeTheStoreOfOneWithoutAGroup) {
  MockKafka kafka;
  Folder folder;
  SystemDisk disk;
  const SystemClock clock;
  { const auto of_old = store::Store::open(disk, folder.path).value(); }
  cluster::PoolOptions o;
  o.listener.settings = kafka.settings;
  o.group = "cloud";
  o.data_dir = folder.path;
  const auto pool = cluster::Pool::open(std::move(o), disk, clock);
  ASSERT_FALSE(pool.ok());
  EXPECT_EQ(pool.error().fault(), Fault::bad_input);
}

}  // namespace
}  // namespace tidemark::test
