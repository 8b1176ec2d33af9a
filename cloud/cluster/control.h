// What the cloud says to edges, as records that every gateway reads.
//
// Promise    an edge hears of its newest ledger, at most once in kEvery; requests and refusals go
//            at once. A ledger that a broker did not take is said again.
// When full  requests are dropped: they are made again while they are unmet.
// Threads    one.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <unordered_map>

#include "cloud/intake/intake.h"
#include "common/kafka/producer.h"

namespace tidemark::cluster {

class Control {
 public:
  static constexpr std::chrono::milliseconds kEvery{1000};
  static Result<std::unique_ptr<Control>> open(const kafka::Settings& settings, int partitions,
                                               int event);
  // The edge is to hear of its ledger.
  void tell(const std::string& edge) { due_.insert(edge); }
  void say(const intake::Reply& reply);
  // Says what is due.
  void turn(const intake::Intake& intake, SteadyTime now);
  [[nodiscard]] bool waits() const { return !due_.empty(); }

 private:
  Control(std::string topic, int partitions, std::unique_ptr<kafka::Producer> producer)
      : topic_(std::move(topic)), partitions_(partitions), producer_(std::move(producer)) {}
  bool produce(const std::string& edge, wire::FrameType type, std::uint64_t session,
               ByteSpan payload, bool ledger);

  const std::string topic_;
  const int partitions_;
  const std::unique_ptr<kafka::Producer> producer_;
  std::set<std::string> due_;
  std::unordered_map<std::uintptr_t, std::string> ledgers_;  // on their way
  std::uintptr_t next_tag_ = 1;
  SteadyTime said_{};
};

}  // namespace tidemark::cluster
