// What TCP and RTU frames have in common: the function and what follows it. Private to the folder.
#pragma once

#include <span>

#include "common/base/bytes.h"
#include "edge/fieldbus/field_bus.h"

namespace tidemark::modbus {

inline constexpr std::uint8_t kException = 0x80;  // set in the function of a refusal

constexpr std::uint8_t low(std::uint16_t v) { return static_cast<std::uint8_t>(v & 0xff); }
constexpr std::uint8_t high(std::uint16_t v) { return static_cast<std::uint8_t>(v >> 8); }

// Of the answer to `r`, without its byte count.
constexpr std::uint16_t data_bytes(const Request& r) {
  return static_cast<std::uint16_t>(r.function <= 2 ? (r.count + 7) / 8 : 2 * r.count);
}

inline void take_values(const Request& r, ByteSpan data, std::span<std::uint16_t> out) {
  if (r.function <= 2) {
    for (std::size_t i = 0; i < r.count; ++i) {
      out[i] = static_cast<std::uint16_t>(data[i / 8] >> (i % 8) & 1);
    }
    return;
  }
  for (std::size_t i = 0; i < r.count; ++i) {
    out[i] = static_cast<std::uint16_t>(data[2 * i] << 8 | data[2 * i + 1]);
  }
}

}  // namespace tidemark::modbus
