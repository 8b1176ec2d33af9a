// A TLS connection to a gateway with frames on it, over a socket of its own that is polled together
// with a descriptor to wake up by. One thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/tls/connection.h"
#include "common/wire/frame.h"
#include "edge/uplink/uplink.h"

namespace tidemark::uplink {

class Channel {
 public:
  // Dials "host:port", by the proxy if there is one, and shakes hands. `interrupt` is a descriptor
  // whose readability ends the wait; -1: none. Faults are those of uplink::dial and of TLS.
  static Result<std::unique_ptr<Channel>> dial(const std::string& address, const Proxy& proxy,
                                               tls::ClientContext& tls, Nanoseconds patience,
                                               int interrupt);
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // The bytes to be sent; append here.
  ByteVector& output() { return output_; }
  // Waits until something can be done, `wake` is readable or `patience` is over; then reads and
  // writes what is possible. Fault::unavailable when the connection has gone.
  Result<> turn(Nanoseconds patience, int wake);
  Result<std::optional<wire::Frame>> next() { return reader_.next(); }
  // Turns until there is a frame.
  Result<wire::Frame> await(Nanoseconds patience, int interrupt);
  // Sends the rest of the output for at most `patience`, then closes.
  void close(Nanoseconds patience);

  [[nodiscard]] const tls::Peer& peer() const { return tls_->peer(); }
  [[nodiscard]] bool resumed() const { return tls_->resumed(); }  // a session of before
  [[nodiscard]] std::uint64_t bytes_out() const { return tls_->bytes_out(); }
  [[nodiscard]] std::uint64_t bytes_in() const { return tls_->bytes_in(); }

 private:
  Channel(int descriptor, std::string address)
      : descriptor_(descriptor), address_(std::move(address)) {}
  Result<> shake_hands(SteadyTime until, int interrupt);
  Result<> read();
  Result<> write();

  int descriptor_;
  std::string address_;
  std::unique_ptr<tls::Connection> tls_;
  wire::FrameReader reader_{wire::kFramePayloadMax};
  ByteVector output_;
};

}  // namespace tidemark::uplink
