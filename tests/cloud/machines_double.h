// Machines that have no edge: plain JSON readings into a topic of librdkafka's mock brokers.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <thread>

#include "cloud/cluster/kafka_listener.h"
#include "common/kafka/producer.h"
#include "tests/cloud/kafka_double.h"

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

// A cloud node without a group, on a folder, that reads them.
class PlainNode {
 public:
  PlainNode(MockKafka& kafka, const std::filesystem::path& folder,
            std::chrono::milliseconds gather = kSoon)
      : folder_(folder) {
    intake::Options options;
    options.data_dir = folder;
    options.views = answers::views_in_force({}).value();
    options.from_log = true;
    intake_ = intake::Intake::open(disk_, clock_, std::move(options)).value();
    cluster::KafkaListenerOptions o;
    o.settings = kafka.settings;
    o.look_every = o.look_again = kSoon;
    o.layout = layout_of_mock;
    o.json.topic = Machines::kTopic;
    o.json.fields.time_unit = TimeUnit::ns;
    o.json.gather = gather;
    o.reader = [folder] { return query::Reader::open(folder); };
    listener_ = cluster::KafkaListener::open(std::move(o), clock_).value();
    thread_ = std::thread([this] { EXPECT_TRUE(listener_->run(*intake_, stop_, [] {})); });
  }
  ~PlainNode() {
    stop_.ask();
    thread_.join();
  }
  PlainNode(const PlainNode&) = delete;
  PlainNode& operator=(const PlainNode&) = delete;

  bool answers(std::uint64_t readings) {
    return eventually([&] { return ledger().answered == readings; });
  }
  [[nodiscard]] Ledger ledger() const {
    return query::Reader::open(folder_).value()->ledger().value();
  }
  // The newest answer of a window of a minute, from the start on; empty while there is none.
  [[nodiscard]] answers::Answer minute(const std::string& series, int n = 0) const {
    query::AnswerQuery q;
    q.view = "minute";
    q.select = series;
    const auto all = query::Reader::open(folder_).value()->answers(q).value();
    const auto start = event_time(kStart + n * kMinute);
    const auto at = std::ranges::find(all, start, &answers::Answer::start);
    return at == all.end() ? answers::Answer{} : *at;
  }
  cluster::Condition condition() const { return listener_->condition(); }

 private:
  std::filesystem::path folder_;
  SystemDisk disk_;
  SystemClock clock_;
  StopSignal stop_;
  std::unique_ptr<intake::Intake> intake_;
  std::unique_ptr<cluster::KafkaListener> listener_;
  std::thread thread_;
};

}  // namespace tidemark::test
