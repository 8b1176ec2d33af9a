// Records to Kafka: idempotent, acknowledged by all replicas in sync, each with its outcome.
//
// Promise    every record that send() took comes back once from poll(), delivered or with a fault.
//            Records of one partition lie there in the order of send(), but for those that failed.
// When full  send() says Fault::full and has taken nothing; Options bounds what waits.
// Threads    probe() from any; the rest from one. The library has threads of its own.
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
};
struct Header {
  std::string_view name;
  std::string value;
};
struct Delivery {
  std::uintptr_t tag = 0;
  std::optional<Error> fault;  // empty: min.insync.replicas have it
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
  // Set when this producer can never deliver again; make another one.
  [[nodiscard]] virtual std::optional<Error> fatal() const = 0;
  // Asks the brokers for a topic: its number of partitions, each of which has a leader.
  virtual Result<int> probe(const std::string& topic, std::chrono::milliseconds within) = 0;
};

}  // namespace tidemark::kafka
