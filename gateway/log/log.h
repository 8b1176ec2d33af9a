// The way from gateway to cloud: frames of edges there, answers back. A seam: ZeroMQ here,
// Kafka beside it, memory in tests.
//
// Promise    messages of one edge keep their order while the cloud stays up. Nothing is promised
//            beyond that: what is not acknowledged is sent again by its edge.
// When full  send() says false and has taken nothing.
// Threads    one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace tidemark::gateway {

struct Envelope {
  std::string edge;  // empty: between gateway and cloud themselves
  std::uint64_t session = 0;
  ByteVector frame;  // with its header
};

class Log {
 public:
  virtual ~Log() = default;
  virtual bool send(std::string_view edge, std::uint64_t session, ByteSpan frame) = 0;
  virtual std::optional<Envelope> receive() = 0;  // empty: nothing is there
  // Readable when receive() may have something; after it, receive until nothing is left. -1: ask
  // receive() each turn.
  [[nodiscard]] virtual int descriptor() const = 0;
};

struct ZmqOptions {
  std::string address;   // of the cloud: "ipc:///run/tidemark/cloud.zmq", "tcp://127.0.0.1:7444"
  std::string identity;  // of this gateway; the cloud answers to it
};
// Fault::bad_input for an address that leaves this machine: nothing protects that way yet.
Result<std::unique_ptr<Log>> open_zmq_log(const ZmqOptions& options);

}  // namespace tidemark::gateway
