// Records read from librdkafka's mock brokers, with a queue that is full again and again.
#include "common/kafka/consumer.h"

#include <gtest/gtest.h>

#include "common/kafka/producer.h"
#include "tests/support/eventually.h"
#include "tests/support/mock_kafka.h"

namespace tidemark::test {
namespace {

constexpr std::size_t kRecords = 20'000;  // some forty queues full

void send_records(MockKafka& kafka, const std::string& topic) {
  kafka.settings.client["batch.num.messages"] = "100";
  const auto producer = kafka::Producer::open(kafka.settings, {}).value();
  for (std::size_t i = 0; i < kRecords; ++i) {
    const auto partition = static_cast<int>(i % MockKafka::kPartitions);
    ASSERT_TRUE(producer->send(topic, partition, {}, as_bytes(std::to_string(i)), {}, 1));
  }
  for (const auto& d : producer->finish(std::chrono::seconds(60))) ASSERT_FALSE(d.fault);
  kafka.settings.client.clear();
}

// The library would look at the queue a second later, each time.
TEST(Consumer, GoesOnAtOnceWhereTheQueueWasFull) {
  MockKafka kafka;
  const auto topic = kafka.settings.live();
  send_records(kafka, topic);
  kafka::ConsumerOptions options;
  options.topic = topic;
  options.from.assign(MockKafka::kPartitions, 0);
  options.queue_records_max = 400;
  options.queue_records_low = 200;
  options.fetch_bytes_of_partition = 2048;
  const auto consumer = kafka::Consumer::open(kafka.settings, std::move(options)).value();
  std::size_t taken = 0;
  std::vector<std::int64_t> next(MockKafka::kPartitions, 0);
  const auto all_taken = [&] {
    while (consumer->poll_many(50, [&](const kafka::Record& r) {
             EXPECT_EQ(r.offset, next[static_cast<std::size_t>(r.partition)]++);
             ++taken;
           }) > 0) {
    }
    return taken == kRecords;
  };
  EXPECT_TRUE(eventually(all_taken)) << taken;
}

}  // namespace
}  // namespace tidemark::test
