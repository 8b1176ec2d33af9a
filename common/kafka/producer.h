// Records to Kafka: idempotent, acknowledged by all replicas in sync, each with its outcome.
//
// Promise    every record that send() took comes back once from poll(), delivered or with a fault.
//            Records of one partition lie there in the order of send(), but for those that failed.
//            The library's client may come to an end at which it can deliver nothing more (after a
//            broker that stood still it does not know what that took): poll() gives back what
//            it had as failed, and goes on with another client. An owner's is not made anew.
// When full  send() says Fault::full and has taken nothing; Options bounds what waits.
// Owner      with a transactional id, of all producers that ever had it the one that began last
//            alone can say anything: the brokers refuse what the others send, and what one of them
//            had not ended is not there for who reads what is committed.
// Threads    one. The library has threads of its own.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/kafka/settings.h"

namespace tidemark::kafka {

struct ProducerOptions {
  std::uint64_t queue_bytes_max = 320 << 20;  // keys and values that wait, delivered or not
  std::size_t record_bytes_max = 2 << 20;
  // How long a record may wait for a broker before it comes back as failed.
  std::chrono::milliseconds patience{120'000};
  int event = -1;  // an eventfd of the caller, who keeps it longer; -1: one of its own
  // Looked up as soon as a broker is reached. The first record for any other topic waits until the
  // library (2.0.2) looks at what is new, a second at most.
  std::vector<std::string> topics = {};
  // Records are sent between begin() and commit(), once be_owner() has succeeded; empty: at once.
  std::string transactional_id = {};
};
struct Header {
  std::string_view name;
  std::string value;
};
struct Delivery {
  std::uintptr_t tag = 0;
  std::optional<Error> fault;  // empty: min.insync.replicas have it
  std::int64_t offset = -1;    // where it lies in its partition, then
};

// Of what is called again until it is done.
struct Attempt {
  bool done = false;
  std::string why = {};  // it is not: what, where and what to do
};

class Producer {
 public:
  // Reaches nobody yet. Fault::bad_input for settings that do not fit together.
  static Result<std::unique_ptr<Producer>> open(const Settings& settings,
                                                const ProducerOptions& options);
  virtual ~Producer() = default;  // gives what waits a second

  // Copies the bytes. Faults: full; bad_input: larger than record_bytes_max.
  virtual Result<> send(const std::string& topic, int partition, ByteSpan key, ByteSpan value,
                        std::span<const Header> headers, std::uintptr_t tag) = 0;
  virtual std::vector<Delivery> poll() = 0;
  // Waits for the outcome of everything that was sent, at most so long.
  virtual std::vector<Delivery> finish(std::chrono::milliseconds within) = 0;
  // An eventfd, readable when poll() may have something; poll() reads it.
  [[nodiscard]] virtual int descriptor() const = 0;
  [[nodiscard]] virtual std::size_t waiting() const = 0;  // records without an outcome
  // From here on all others with its transactional id are refused, once that is
  // done. Fault::denied, as of the two that follow: this producer is refused for good.
  virtual Result<Attempt> be_owner(std::chrono::milliseconds within) = 0;
  virtual Result<> begin() = 0;
  // commit() takes back what was sent since begin(), and says so.
  virtual void give_up(const Error& why) = 0;
  // All that was sent since begin() is there, at once, if it is done; else that is not known yet.
  // Fault::unavailable: none of it is, and another may begin.
  virtual Result<Attempt> commit(std::chrono::milliseconds within) = 0;
  // Asks the brokers for a topic, of which each partition has a leader.
  struct Found {
    int partitions = 0;
    int behind = 0;  // of them, those of which a copy is not in sync
  };
  virtual Result<Found> probe(const std::string& topic, std::chrono::milliseconds within) = 0;
};

}  // namespace tidemark::kafka
