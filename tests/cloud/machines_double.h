// Machines that have no edge: plain JSON readings into a topic of librdkafka's mock brokers.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "common/kafka/producer.h"
#include "tests/cloud/listener_double.h"

namespace tidemark::test {

class Machines {
 public:
  static constexpr const char* kTopic = "plant.readings";
  explicit Machines(MockKafka& kafka)
      : producer_(kafka::Producer::open(kafka.settings, {}).value()) {
    kafka.make(kTopic);
  }
  void send(int partition, const std::string& record) {
    EXPECT_TRUE(producer_->send(kTopic, partition, as_bytes("k"), as_bytes(record), {}, 1));
  }
  void reading(int partition, const std::string& series, std::int64_t time, double value) {
    send(partition, fmt::format(R"({{"series":"{}","time":{},"value":{}}})", series, time, value));
  }
  void delivered() {
    for (const auto& d : producer_->finish(std::chrono::seconds(10))) EXPECT_FALSE(d.fault);
  }

 private:
  std::unique_ptr<kafka::Producer> producer_;
};

// One a second for a minute and ten seconds, so that with 5 s of lateness the minute is sealed.
inline void send_a_minute(Machines& machines, int partition, const std::string& series) {
  for (int s = 0; s < 70; ++s) machines.reading(partition, series, kStart + s * kSecond, s);
  machines.delivered();
}

// A cloud node that reads them.
class PlainNode : public ListenerNode {
 public:
  PlainNode(MockKafka& kafka, const std::filesystem::path& folder,
            std::chrono::milliseconds gather = kSoon,
            const decltype(Options::layout)& layout = layout_of_mock)
      : ListenerNode(kafka, folder, [&](Options& o) {
          o.layout = layout;
          o.json.topic = Machines::kTopic;
          o.json.fields.time_unit = TimeUnit::ns;
          o.json.gather = gather;
        }) {}

  // The newest answer of a window of a minute, from the start on; empty while there is none.
  [[nodiscard]] answers::Answer minute(const std::string& series, int n = 0) const {
    query::AnswerQuery q;
    q.view = "minute";
    q.select = series;
    const auto all = reader()->answers(q).value();
    const auto start = event_time(kStart + n * kMinute);
    const auto at = std::ranges::find(all, start, &answers::Answer::start);
    return at == all.end() ? answers::Answer{} : *at;
  }
};

}  // namespace tidemark::test
