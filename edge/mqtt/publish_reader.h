// Reads PUBLISH packets of MQTT 3.1.1 and 5 straight from a socket that libmosquitto opened, many
// with a system call, and leaves every other packet in it for libmosquitto.
//
// Why        libmosquitto reads a packet with three system calls and waits with a fourth, prints it
//            for the log, writes each PUBACK by itself, and does not say DUP: that is most of what
//            a message costs, and a repeated message is only known from a line of text.
// Promise    a packet is handed out whole, once, in order. Its PUBACK lies in acks() afterwards;
//            when it leaves is the caller's affair.
// Bound      kPieceBytes of memory, and for one message that is larger its kept beginning.
// Threads    one.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace tidemark::mqtt {

struct Delivery {
  std::string_view topic;
  ByteSpan payload;         // all of it, or its first bytes
  std::uint64_t size = 0;   // of the payload as it was sent
  std::uint16_t packet_id = 0;
  bool duplicate = false;
  bool retained = false;
};

class PublishReader {
 public:
  static constexpr std::size_t kPieceBytes = 64 * 1024;

  // `take` says whether the message is stored. At least `keep_bytes` of a payload are handed out.
  PublishReader(std::function<bool(const Delivery&)> take, std::size_t keep_bytes)
      : take_(std::move(take)), keep_bytes_(keep_bytes) {}

  // A new connection. Of MQTT 5 a message's properties are passed over; topic aliases do not come,
  // since the client allows none.
  void begin(bool with_properties = false);

  struct Turn {
    std::size_t messages = 0;
    std::size_t bytes = 0;
    bool other = false;    // a whole packet of another kind is next, or the end: libmosquitto's
    bool refused = false;  // take said no: nothing may be acknowledged any more
  };
  // What is there now. Fault::bad_input: no MQTT, or what this client did not ask for.
  Result<Turn> read(int fd);

  // PUBACKs of what was handed out.
  [[nodiscard]] ByteVector& acks() { return acks_; }

 private:
  struct Packet {
    enum class Kind : std::uint8_t { part, publish, other } kind = Kind::part;
    std::size_t head = 0;   // bytes of the fixed header
    std::size_t total = 0;  // with it; 0: not known yet
  };
  static Result<Packet> packet_at(ByteSpan bytes);
  // Of a PUBLISH: `bytes` is all of it, or its beginning with the topic.
  Result<Delivery> delivery_of(const Packet& packet, ByteSpan bytes) const;
  Result<bool> hand_out(const Packet& packet, ByteSpan bytes);
  Result<> read_large(int fd, Turn& turn);
  void wait_for_bytes(int fd, std::size_t bytes);

  std::function<bool(const Delivery&)> take_;
  std::size_t keep_bytes_;
  bool with_properties_ = false;
  ByteVector piece_;
  ByteVector acks_;
  std::size_t low_water_ = 1;
  Packet large_;             // being read, if total is not 0
  ByteVector large_bytes_;   // its beginning
  std::size_t large_read_ = 0;
};

}  // namespace tidemark::mqtt
