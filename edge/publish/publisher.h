// Results of windows and events to a broker nearby, for the machine's own panel.
//
// Promise    none to the panel: messages go with QoS 0. It never holds whoever calls: publish()
//            puts into a bounded queue and returns.
// When full  more than kMessagesMax messages or kBytesMax wait (the broker is away or slow): the
//            oldest go, counted in dropped.
// Threads    publish() and status() from any; one of its own for the broker.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "common/base/result.h"
#include "common/base/time.h"

namespace tidemark::publish {

struct Options {
  std::string url;        // mqtt://host[:1883] or mqtts://host[:8883]
  std::string client_id;  // unique at the broker
  std::string username;
  std::string password;
  std::filesystem::path ca_file, cert_file, key_file;  // mqtts
  bool retain = false;    // the broker hands the last one to a panel that comes later
  Nanoseconds backoff_min = std::chrono::seconds(1);
  Nanoseconds backoff_max = std::chrono::seconds(30);
};

struct Status {
  std::string state;  // ok, connecting
  std::string error;  // the last one; empty when ok
  std::uint64_t published = 0;  // handed to the connection
  std::uint64_t dropped = 0;
  std::uint64_t queued = 0;
};

class Publisher {
 public:
  static constexpr std::size_t kMessagesMax = 4096;
  static constexpr std::size_t kBytesMax = 1 << 20;

  // Reaches out from then on, and again for ever. Fault::bad_input for what cannot be meant.
  static Result<std::unique_ptr<Publisher>> start(Options options);
  virtual ~Publisher() = default;  // what is queued is handed over, as far as 1 s goes
  virtual void publish(std::string topic, std::string payload) = 0;
  [[nodiscard]] virtual Status status() const = 0;
};

}  // namespace tidemark::publish
