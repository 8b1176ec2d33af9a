// A cloud node without a group on a folder, over librdkafka's mock brokers.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <thread>

#include "cloud/cluster/kafka_listener.h"
#include "tests/cloud/kafka_double.h"

namespace tidemark::test {

class ListenerNode {
 public:
  using Options = cluster::KafkaListenerOptions;
  // `more` says what else the node is to do.
  ListenerNode(MockKafka& kafka, const std::filesystem::path& folder,
               const std::function<void(Options&)>& more)
      : folder_(folder) {
    intake::Options options;
    options.data_dir = folder;
    options.views = answers::views_in_force({}).value();
    options.from_log = true;
    intake_ = intake::Intake::open(disk_, clock_, std::move(options)).value();
    Options o;
    o.settings = kafka.settings;
    o.look_every = o.look_again = kSoon;
    o.layout = layout_of_mock;
    o.reader = [folder] { return query::Reader::open(folder); };
    more(o);
    listener_ = cluster::KafkaListener::open(std::move(o), clock_).value();
    thread_ = std::thread([this] {
      const auto ended = listener_->run(*intake_, stop_, [this] { copy_counters(); });
      EXPECT_EQ(ended.ok(), holds.load());
    });
  }
  ~ListenerNode() { stop(); }
  ListenerNode(const ListenerNode&) = delete;
  ListenerNode& operator=(const ListenerNode&) = delete;
  void stop() {
    if (!thread_.joinable()) return;
    stop_.ask();
    thread_.join();
  }

  intake::Counters counters() {
    const std::lock_guard lock(mutex_);
    return counters_;
  }
  [[nodiscard]] Ledger ledger() const { return reader()->ledger().value(); }
  bool answers(std::uint64_t readings) {
    return eventually([&] { return ledger().answered == readings; });
  }
  cluster::Condition condition() const { return listener_->condition(); }
  std::atomic<bool> holds{true};  // where the options ask for it

 protected:
  [[nodiscard]] std::unique_ptr<query::Reader> reader() const {
    return query::Reader::open(folder_).value();
  }

 private:
  void copy_counters() {
    const std::lock_guard lock(mutex_);
    counters_ = intake_->counters();
  }
  std::filesystem::path folder_;
  SystemDisk disk_;
  SystemClock clock_;
  StopSignal stop_;
  std::unique_ptr<intake::Intake> intake_;
  std::unique_ptr<cluster::KafkaListener> listener_;
  std::mutex mutex_;
  intake::Counters counters_;
  std::thread thread_;
};

}  // namespace tidemark::test
