// A gateway's Kafka form for one edge, on librdkafka's mock brokers.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "gateway/log/kafka_log.h"
#include "tests/cloud/edge_double.h"
#include "tests/support/eventually.h"
#include "tests/support/mock_kafka.h"

namespace tidemark::test {

inline constexpr auto kSoon = std::chrono::milliseconds(20);

inline Result<kafka::Layout> layout_of_mock(const kafka::Settings& /*settings*/) {
  return kafka::Layout{.id = "mock", .partitions = MockKafka::kPartitions};
}

// A gateway for one edge.
class Gateway {
 public:
  Gateway(MockKafka& kafka, const EdgeDouble& edge) : edge_(edge.name()) {
    gateway::KafkaOptions o;
    o.settings = kafka.settings;
    o.gateway = "gw1";
    o.probe_every = o.probe_again = kSoon;
    o.layout = layout_of_mock;
    log_ = gateway::KafkaLog::open(std::move(o), clock_, random_).value();
    EXPECT_TRUE(eventually([&] {
      listen();
      return log_->send(edge_, 77, bytes_of(edge.hello()));
    }));
    EXPECT_TRUE(until([&] { return welcomed_; }));
  }
  void send(const wire::Frame& frame) { EXPECT_TRUE(log_->send(edge_, 77, bytes_of(frame))); }
  // Until the brokers have this block.
  bool acknowledged(std::uint64_t sequence) {
    return until([&] { return held_.contains(Sequence{sequence}); });
  }
  template <typename Condition>
  bool until(Condition condition) {
    return eventually([&] {
      listen();
      return condition();
    });
  }

  Ledger ledger;  // the last that the cloud said
  std::vector<wire::Request> requests;

 private:
  static ByteVector bytes_of(const wire::Frame& frame) {
    ByteVector out;
    wire::append_frame(out, frame.type, frame.payload);
    return out;
  }
  void listen() {
    while (const auto e = log_->receive()) {
      wire::FrameReader reader(wire::kFramePayloadMax);
      reader.feed(e->frame);
      const auto frame = *reader.next().value();
      if (frame.type == wire::FrameType::welcome) welcomed_ = true;
      if (frame.type == wire::FrameType::request) {
        requests.push_back(wire::decode_request(frame.payload).value());
      }
      if (frame.type != wire::FrameType::ack) continue;
      const auto ack = wire::decode_ack(frame.payload).value();
      if (ack.ledger != Ledger{}) ledger = ack.ledger;
      for (const auto& h : ack.holdings) held_.add(h.blocks);
    }
  }

  SystemClock clock_;
  SystemRandom random_;
  std::string edge_;
  std::unique_ptr<gateway::KafkaLog> log_;
  bool welcomed_ = false;
  SequenceRanges held_;
};

// Three readings in a block, at minute `n`.
inline std::uint64_t next_block(EdgeDouble& edge, int n) {
  for (int i = 0; i < 3; ++i) edge.take(0, kStart + n * kMinute + i * kSecond, i);
  return edge.flush(kStart + (n + 1) * kMinute);
}

}  // namespace tidemark::test
