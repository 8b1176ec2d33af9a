// A node that only serves: reads the topics of answers and of their history
// (common/kafka/FORMAT.md) into a store of its own. Joins no group, writes nothing into Kafka.
//
// Promise    each record of both topics is taken once they are reached, committed ones alone
//            (read_committed); how far they are read is one transaction with what was taken. One
//            that cannot be read is counted and named, and those behind it go on.
// Order      none between the partitions and the two topics: the store makes it good.
// Gone       records that retention took before they were read are counted, and as-of reaches back
//            to what comes behind them.
// Layout     of topics that were made anew nothing is compared with what was read of others: the
//            store begins empty, then and while it runs.
// Bounds     kBatch records a transaction; of each topic as much fetched as a Consumer does.
// Threads    run() on one; condition() from any.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cloud/serve/answer_store.h"
#include "common/base/stop_signal.h"
#include "common/base/time.h"
#include "common/kafka/consumer.h"
#include "common/kafka/watch.h"

namespace tidemark::serve {

struct ServingOptions {
  kafka::Settings settings;
  Nanoseconds look_every = std::chrono::seconds(5);
  Nanoseconds look_again = std::chrono::seconds(1);  // while something is wrong
  // Empty: what is recorded, where the two topics have passed `topics check`.
  std::function<Result<kafka::Layout>(const kafka::Settings&)> layout = nullptr;
};

// How it is, for people.
struct Condition {
  bool reads = false;         // the topics are open
  bool ready = false;         // what was there at its start has been read
  std::string problem;        // what, where, why and what to do; empty: none
  std::uint64_t behind = 0;   // records that are there and have not been taken
  ServedCounts counts;

  // Why nobody should ask it yet; empty: it may be asked, as it may while brokers are away later.
  [[nodiscard]] std::string not_ready() const;
};

class Serving {
 public:
  static constexpr std::size_t kBatch = 2'000;

  // Reaches nobody yet. Fault::bad_input for settings that do not fit together.
  static Result<std::unique_ptr<Serving>> open(ServingOptions options, AnswerStore& store,
                                               const Clock& clock);
  ~Serving();
  Serving(const Serving&) = delete;
  Serving& operator=(const Serving&) = delete;

  // Until the signal; `each_turn` at least five times a second. The fault: of the store.
  Result<> run(const StopSignal& stop, const std::function<void()>& each_turn);
  // A step of it: what there is, as one transaction; how many records. Does not wait.
  Result<std::size_t> turn();
  [[nodiscard]] Condition condition() const;

 private:
  struct Partition {
    std::string name;  // under which the position is noted
    std::int64_t next = 0;
    std::int64_t saved = 0;
  };
  struct Topic {
    std::string name;
    bool whole = false;  // retention alone lets records go, the oldest first
    std::vector<Partition> partitions = {};
    std::shared_ptr<kafka::Consumer> consumer = nullptr;
  };
  Serving(ServingOptions options, AnswerStore& store, const Clock& clock, int event);
  Result<> begin(const kafka::Layout& layout);
  Result<Topic> open_topic(const std::string& name, const std::string& word, bool whole,
                           const kafka::Layout& layout);
  // How many records.
  std::size_t take();
  void on_record(Topic& topic, const kafka::Record& record);
  void compare(const Topic& topic, const Partition& partition, const kafka::Record& record);
  void look_for_topics();
  void maintain();
  void begin_batch();
  void save();
  void tell();
  void wait(const StopSignal& stop);

  const ServingOptions options_;
  AnswerStore& store_;
  const Clock& clock_;
  const int event_;
  std::unique_ptr<kafka::Watch> watch_;
  std::vector<Topic> topics_;
  SteadyTime tries_again_{};
  SteadyTime maintained_{};
  bool more_is_old_ = false;
  std::string layout_;  // id of the topics that are open
  bool told_ = false;  // of a record that this step passed over
  mutable std::mutex mutex_;  // of what follows
  Condition condition_;
};

}  // namespace tidemark::serve
