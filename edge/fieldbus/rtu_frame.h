// The bytes of Modbus RTU: unit, function, data, CRC (low byte first). Modbus over serial line 2.3
// and 2.5.1. Requests that read only; there is no way to write one that writes.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "common/base/bytes.h"
#include "edge/fieldbus/field_bus.h"

namespace tidemark::modbus {

// x^16 + x^15 + x^2 + 1, reflected, from 0xFFFF.
std::uint16_t rtu_crc(ByteSpan bytes);

using RtuRequest = std::array<std::uint8_t, 8>;
RtuRequest rtu_request(const Request& request);

struct RtuAnswer {
  bool complete = false;  // else more bytes may make it one
  Reply reply;            // of a complete one
};
// What came back so far. Before it, the request itself may lie: cheap adapters hear themselves.
// `out` holds request.count entries and is filled by a good answer only.
RtuAnswer read_rtu(const Request& request, ByteSpan bytes, std::span<std::uint16_t> out);

}  // namespace tidemark::modbus
