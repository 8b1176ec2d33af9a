// Answers as records (common/kafka/FORMAT.md): everything that is emitted goes into the topic of
// answers, once it is committed.
//
// Promise    every committed answer is in the topic, those of one series and view in their order.
//            After a crash the newest ones are said again: of a key the last record counts.
// When full  kBatch answers are on their way at most. While a broker does not take one, those
//            behind it wait in cloud.db, and the intake does not.
// Threads    one of its own, with a reader and a client of its own; the rest from any.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "cloud/query/reader.h"
#include "common/kafka/producer.h"

namespace tidemark::cluster {

class Outbox {
 public:
  using OpenReader = std::function<Result<std::unique_ptr<query::Reader>>()>;
  static constexpr std::size_t kBatch = 500;
  // Says what comes after position `from`.
  static Result<std::unique_ptr<Outbox>> start(const kafka::Settings& settings, int partitions,
                                               OpenReader open, std::uint64_t from);
  ~Outbox();
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  [[nodiscard]] std::uint64_t said() const { return said_.load(); }  // up to this position
  [[nodiscard]] std::string problem() const;                        // empty: none

 private:
  Outbox(const kafka::Settings& settings, int partitions, OpenReader open, std::uint64_t from,
         std::unique_ptr<kafka::Producer> producer);
  void run();
  // How many answers went; 0: there are none.
  Result<std::size_t> turn();
  Result<> say(const std::vector<answers::Answer>& batch);

  std::string topic_;
  int partitions_;
  OpenReader open_;
  std::unique_ptr<kafka::Producer> producer_;
  std::unique_ptr<query::Reader> reader_;
  std::atomic<std::uint64_t> said_;
  mutable std::mutex mutex_;  // of what follows
  std::condition_variable woken_;
  bool stopping_ = false;
  std::string problem_;
  std::thread thread_;
};

}  // namespace tidemark::cluster
