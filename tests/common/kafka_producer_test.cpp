// A producer whose client comes to its end goes on with another one.
#include "common/kafka/producer.h"

#include "tests/support/eventually.h"
#include "tests/support/mock_kafka.h"

namespace tidemark::test {
namespace {

class ProducerTest : public testing::Test {
 protected:
  Result<> send(std::uintptr_t tag) {
    return producer_->send(kafka_.settings.answers(), 1, as_bytes("key"), as_bytes("value"), {},
                           tag);
  }
  // All outcomes of so many records, by their tags.
  std::map<std::uintptr_t, bool> outcomes(std::size_t n) {
    std::map<std::uintptr_t, bool> all;
    EXPECT_TRUE(eventually([&] {
      for (const auto& d : producer_->poll()) {
        EXPECT_TRUE(all.emplace(d.tag, !d.fault).second) << "each has one outcome";
      }
      return all.size() == n;
    }));
    return all;
  }

  MockKafka kafka_;
  std::unique_ptr<kafka::Producer> producer_ =
      kafka::Producer::open(kafka_.settings, {.patience = std::chrono::seconds(30)}).value();
};

using Outcomes = std::map<std::uintptr_t, bool>;

// A broker that stood still may leave it with a sequence that is not known there.
TEST_F(ProducerTest, WhatItHadComesBackAndWhatFollowsIsDelivered) {
  ASSERT_TRUE(send(1));
  EXPECT_EQ(outcomes(1), (Outcomes{{1, true}}));
  kafka_.refuse_produce(RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
  ASSERT_TRUE(send(2));
  EXPECT_EQ(outcomes(1), (Outcomes{{2, false}}));
  ASSERT_TRUE(eventually([&] {
    producer_->poll();
    return send(3).ok();
  }));
  EXPECT_EQ(outcomes(1), (Outcomes{{3, true}}));
  EXPECT_EQ(kafka_.read(kafka_.settings.answers()).size(), 2u);
}

TEST_F(ProducerTest, ItsEndBeforeTheFirstRecordIsNone) {
  kafka_.refuse_producer_id(RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, 1);
  std::uintptr_t sent = 0;
  ASSERT_TRUE(eventually([&] {
    const bool refused = !send(sent + 1).ok();
    if (!refused) ++sent;
    return refused;
  })) << "it has not come to its end";
  EXPECT_EQ(outcomes(sent).size(), sent);
  constexpr std::uintptr_t kNext = 1'000'000;
  ASSERT_TRUE(eventually([&] {
    producer_->poll();
    return send(kNext).ok();
  }));
  EXPECT_EQ(outcomes(1), (Outcomes{{kNext, true}}));
}

}  // namespace
}  // namespace tidemark::test
