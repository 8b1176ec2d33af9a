// Modbus TCP frames: transaction, protocol 0, length, unit, and the function with its data (Modbus
// Messaging on TCP/IP Implementation Guide 1.0b, 3.1.3). Private to the folder.
#pragma once

#include <array>

#include "common/base/bytes.h"
#include "edge/fieldbus/field_bus.h"

namespace tidemark::modbus {

inline constexpr std::size_t kTcpFrameBytesMax = 260;

using TcpRequest = std::array<std::uint8_t, 12>;
TcpRequest tcp_request(std::uint16_t transaction, const Request& request);

// One frame from the beginning of what came.
struct TcpAnswer {
  enum class Kind : std::uint8_t {
    partial,      // not all of it is there
    answer,       // `reply`, garbled when it answers something else
    stray,        // to an earlier request: late, or sent twice
    out_of_step,  // no frame begins here: `reply` says why; the rest cannot be told apart
  };
  Kind kind = Kind::partial;
  std::size_t size = 0;  // of the frame
  Reply reply;
};
// `earlier`: how many requests of this connection were sent before this one; their transactions
// count up to `transaction`.
TcpAnswer read_tcp(std::uint16_t transaction, std::uint64_t earlier, const Request& request,
                   ByteSpan bytes, std::span<std::uint16_t> out);

}  // namespace tidemark::modbus
