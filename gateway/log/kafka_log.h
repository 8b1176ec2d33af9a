// The way to the cloud over Kafka (records: common/kafka/FORMAT.md). Towards a session it takes the
// cloud's place: it welcomes, acknowledges and refuses.
//
// Promise    what it acknowledges has been delivered: min.insync.replicas have it. A dictionary is
//            delivered before a block is produced that came after it from the same session, and so
//            names it. An edge's records of one topic keep their order. After the first record of a
//            session that failed nothing more of that session is acknowledged: it is refused, and
//            its edge sends again what has no acknowledgement.
//            That the cloud has seen it an acknowledgement does not say: its ledger is empty,
//            which edges take as "nothing new". What the cloud itself says (ledgers, requests,
//            refusals) comes from the control topic.
// Up         pings are answered while the topics passed their check and no more than
//            KafkaOptions::patience have gone without a broker: shorter than that, edges see their
//            credit stand still and nothing else.
// When full  send() says false; KafkaOptions::queue_bytes is above what the gateway lets wait.
// Threads    condition() from any, the rest from one. A thread of its own asks the brokers.
#pragma once

#include <functional>
#include <memory>

#include "common/base/random.h"
#include "common/base/time.h"
#include "common/kafka/topics.h"
#include "gateway/log/log.h"

namespace tidemark::gateway {

struct KafkaOptions {
  kafka::Settings settings;
  std::string gateway;                    // this one's name, in each record
  std::uint64_t queue_bytes = 320 << 20;  // keys and values without an outcome
  // For a broker: of the edges, and of a record. Sessions give up a little later themselves.
  Nanoseconds patience = std::chrono::seconds(90);
  Nanoseconds probe_every = std::chrono::seconds(5);
  Nanoseconds probe_again = std::chrono::seconds(1);  // while something is wrong
  // Asked until it succeeds; edges wait so long.
  std::function<Result<kafka::Layout>(const kafka::Settings&)> layout = kafka::good_layout;
};

// How the way is, for people.
struct Condition {
  std::string problem;  // what, where, why and what to do; empty: none
  std::string note;     // what a person should know though all is well
  std::uint64_t waiting = 0;    // records without an outcome
  std::uint64_t delivered = 0;  // since the start
  std::uint64_t failed = 0;
};

class KafkaLog : public Log {
 public:
  // Fault::bad_input for settings that do not fit together. Reaches nobody yet.
  static Result<std::unique_ptr<KafkaLog>> open(KafkaOptions options, const Clock& clock,
                                                Random& random);
  [[nodiscard]] virtual Condition condition() const = 0;
};

}  // namespace tidemark::gateway
