// A producer of transactions, on librdkafka's mock brokers, which show what was sent before it is
// committed: what readers of what is committed see is shown with a real broker (tests/system).
#include "common/kafka/producer.h"
#include "tests/support/eventually.h"
#include "tests/support/mock_kafka.h"

namespace tidemark::test {
namespace {

constexpr std::chrono::milliseconds kWait{1000};

class Transactions : public testing::Test {
 protected:
  void SetUp() override {
    producer_ = open("test.0");
    ASSERT_TRUE(eventually([&] { return producer_->be_owner(kWait).value().done; }));
  }
  std::unique_ptr<kafka::Producer> open(const std::string& id) {
    return kafka::Producer::open(kafka_.settings, {.patience = std::chrono::seconds(10),
                                                   .transactional_id = id})
        .value();
  }
  void send(const std::string& value) {
    const auto sent = producer_->send(kafka_.settings.answers(), 1, as_bytes("key"),
                                      as_bytes(value), {}, 7);
    ASSERT_TRUE(sent.ok()) << value << ": " << sent.error().text();
  }
  // Once it is known.
  Result<kafka::Attempt> commit(std::chrono::milliseconds wait = kWait) {
    for (;;) {
      auto there = producer_->commit(wait);
      if (!there || there->done) return there;
    }
  }

  MockKafka kafka_;
  std::unique_ptr<kafka::Producer> producer_;
};

TEST_F(Transactions, WhatIsCommittedIsThereAndSaysWhere) {
  for (const auto* value : {"one", "two"}) {
    ASSERT_TRUE(producer_->begin().ok());
    send(value);
    ASSERT_TRUE(commit().ok());
  }
  std::vector<std::int64_t> offsets;
  for (const auto& d : producer_->poll()) {
    EXPECT_FALSE(d.fault);
    EXPECT_EQ(d.tag, 7u);
    offsets.push_back(d.offset);
  }
  EXPECT_EQ(offsets, (std::vector<std::int64_t>{0, 1}));
  EXPECT_EQ(kafka_.read(kafka_.settings.answers()).size(), 2u);
}

// The library answers who asks again as the end comes twice: the second answer is the next call's.
TEST_F(Transactions, OneThatEndsAsItIsAskedForAgainIsFollowedByAnother) {
  constexpr std::size_t kTransactions = 5;
  constexpr std::chrono::milliseconds kEnd{200};
  kafka_.delay_end_of_transaction(kEnd, kTransactions);
  for (std::size_t i = 0; i < kTransactions; ++i) {
    ASSERT_TRUE(producer_->begin().ok());
    send(std::to_string(i));
    const auto there = commit(kEnd);
    ASSERT_TRUE(there.ok()) << there.error().text();
  }
  EXPECT_EQ(kafka_.read(kafka_.settings.answers()).size(), kTransactions);
}

TEST_F(Transactions, WhatIsGivenUpIsNotThereAndAnotherMayBegin) {
  ASSERT_TRUE(producer_->begin().ok());
  producer_->give_up({Fault::full, "no room"});
  const auto ended = commit();
  ASSERT_FALSE(ended.ok());
  EXPECT_EQ(ended.error().fault(), Fault::unavailable);
  EXPECT_EQ(ended.error().text(), "no room");
  ASSERT_TRUE(producer_->begin().ok());
  send("one");
  EXPECT_TRUE(commit().ok());
}

// As of brokers that are fewer than transaction.state.log.replication.factor.
TEST_F(Transactions, WithoutACoordinatorItSaysWhyAndWhatToDo) {
  kafka_.refuse_coordinator(RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, 1000);
  const auto waiting = open("test.1");
  const auto first = waiting->be_owner(kWait);
  ASSERT_TRUE(first.ok()) << first.error().text();
  EXPECT_FALSE(first->done);
  EXPECT_NE(first->why.find("transaction.state.log.replication.factor"), std::string::npos)
      << first->why;
}

TEST_F(Transactions, WhatIsNotKnownYetHasAReason) {
  ASSERT_TRUE(producer_->begin().ok());
  send("one");
  kafka_.refuse_end_of_transaction(RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, 10);
  const auto first = producer_->commit(std::chrono::milliseconds(50)).value();
  EXPECT_FALSE(first.done);
  EXPECT_FALSE(first.why.empty());
  EXPECT_TRUE(commit().ok());
}

TEST_F(Transactions, WhoIsRefusedIsSoForGood) {
  ASSERT_TRUE(producer_->begin().ok());
  send("one");
  kafka_.refuse_end_of_transaction(RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH);
  const auto refused = commit();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().fault(), Fault::denied);
  EXPECT_EQ(producer_->begin().error().fault(), Fault::denied);
}

}  // namespace
}  // namespace tidemark::test
