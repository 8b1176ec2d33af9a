// One partition of the input on the node that owns it: a store, an intake and a reader of its
// topics, on a thread of its own.
//
// Promise    received set, panes, answers and how far the partition was read lie in one store and
//            advance together; a partition that was here before goes on where that store is, or
//            from a checkpoint that is well ahead of it (cloud/checkpoint).
//            Where answers are published, nobody else publishes this partition's from then on
//            (voice.h); an owner that comes later ends this one.
// Threads    its own; all of this may be called from any.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "cloud/checkpoint/restore.h"
#include "cloud/checkpoint/writer.h"
#include "cloud/cluster/kafka_listener.h"
#include "cloud/intake/intake.h"

namespace tidemark::cluster {

struct PartitionOptions {
  int number = 0;
  intake::Options intake;
  KafkaListenerOptions listener;
  Nanoseconds checkpoint_every = std::chrono::minutes(1);  // 0: none is written
  std::function<void()> opened;  // readers of the store open from now on; on the thread
};

class Partition {
 public:
  // Opens its store on its thread: that may take seconds.
  Partition(PartitionOptions options, Disk& disk, const Clock& clock);
  ~Partition();
  Partition(const Partition&) = delete;
  Partition& operator=(const Partition&) = delete;

  // Ends soon: commits what it has, if it may.
  void ask_to_stop() { stop_.ask(); }
  void wait();
  [[nodiscard]] int number() const { return options_.number; }
  [[nodiscard]] EventTime since() const { return since_; }
  [[nodiscard]] SteadyTime begun() const { return begun_; }
  [[nodiscard]] intake::Counters counters() const;
  [[nodiscard]] Condition condition() const;
  // How it came here, and what it leaves for others.
  struct Takeover {
    bool restored = false;             // from a checkpoint
    std::optional<Nanoseconds> ready;  // until it had read all that was there; empty: not yet
    checkpoint::Written written;
    std::string problem;               // of the last checkpoint; empty: none
  };
  [[nodiscard]] Takeover takeover() const;
  // Why it ended by itself; nothing while it runs and when it was asked.
  [[nodiscard]] std::optional<Error> fault() const;
  // When it ended because the brokers took it for another node's, though nobody asked it to stop.
  [[nodiscard]] std::optional<SteadyTime> let_go() const;

 private:
  Result<> run();
  // Empty: it was asked to stop.
  std::optional<kafka::Layout> layout();
  Result<checkpoint::Brought> bring(const checkpoint::Place& place);
  void wait_with(const std::string& problem);
  void read_views(intake::Options& taking);
  void look(const intake::Intake& intake);
  [[nodiscard]] std::int64_t since_begun() const;  // ms

  const PartitionOptions options_;
  Disk& disk_;
  const Clock& clock_;
  const EventTime since_;
  const SteadyTime begun_;
  std::int64_t opened_ms_ = 0;  // until it could be read; of the thread
  StopSignal stop_{StopSignal::ByHand{}};
  mutable std::mutex mutex_;  // of what follows
  const KafkaListener* listener_ = nullptr;  // while it runs
  const checkpoint::Writer* writer_ = nullptr;  // likewise
  Takeover takeover_;
  Condition last_{.problem = "its store is being opened"};
  intake::Counters counters_;
  bool silenced_ = false;  // by an owner that came later
  std::optional<Error> fault_;
  std::optional<SteadyTime> let_go_;
  std::thread thread_;
};

}  // namespace tidemark::cluster
