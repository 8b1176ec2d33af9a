#include "edge/fieldbus/rtu_frame.h"

#include <fmt/format.h>

#include <algorithm>

#include "edge/fieldbus/pdu.h"

namespace tidemark::modbus {
namespace {

constexpr std::size_t kHeader = 3;  // unit, function, byte count or exception code
constexpr std::size_t kCrc = 2;

RtuAnswer garbled(std::string why) {
  return {true, {Reply::Kind::garbled, 0, std::move(why)}};
}

}  // namespace

std::uint16_t rtu_crc(ByteSpan bytes) {
  std::uint16_t crc = 0xFFFF;
  for (const auto byte : bytes) {
    crc = static_cast<std::uint16_t>(crc ^ byte);
    for (int bit = 0; bit < 8; ++bit) {
      const bool carry = (crc & 1) != 0;
      crc = static_cast<std::uint16_t>(crc >> 1);
      if (carry) crc = static_cast<std::uint16_t>(crc ^ 0xA001);
    }
  }
  return crc;
}

RtuRequest rtu_request(const Request& r) {
  RtuRequest out = {r.unit,         r.function,    high(r.address), low(r.address),
                    high(r.count), low(r.count)};
  const auto crc = rtu_crc(ByteSpan(out).first(out.size() - kCrc));
  out[6] = low(crc);
  out[7] = high(crc);
  return out;
}

RtuAnswer read_rtu(const Request& r, ByteSpan bytes, std::span<std::uint16_t> out) {
  const auto own = rtu_request(r);
  if (bytes.size() >= own.size() && std::equal(own.begin(), own.end(), bytes.begin())) {
    bytes = bytes.subspan(own.size());
  }
  if (bytes.size() < kHeader + kCrc) return {};
  const bool refused = bytes[1] == (r.function | kException);
  const auto size = refused ? kHeader + kCrc : kHeader + data_bytes(r) + kCrc;
  if (!refused && (bytes[1] != r.function || bytes[2] != data_bytes(r))) {
    // An answer to something else, or our own request on its way back.
    const bool may_be_own = bytes.size() < own.size() &&
                            std::equal(bytes.begin(), bytes.end(), own.begin());
    if (may_be_own) return {};
    return garbled(fmt::format("function {}, {} bytes; expected function {}, {} bytes", bytes[1],
                               bytes[2], r.function, data_bytes(r)));
  }
  if (bytes.size() < size) return {};
  if (bytes.size() > size) {
    return garbled(fmt::format("{} bytes after its end", bytes.size() - size));
  }
  const auto crc = rtu_crc(bytes.first(size - kCrc));
  const bool intact = bytes[size - 2] == low(crc) && bytes[size - 1] == high(crc);
  if (!intact) return garbled("its CRC is wrong");
  if (bytes[0] != r.unit && !r.any_unit) return garbled(fmt::format("unit {} answered", bytes[0]));
  if (refused) return {true, {Reply::Kind::exception, bytes[2], ""}};
  take_values(r, bytes.subspan(kHeader), out);
  return {true, {}};
}

}  // namespace tidemark::modbus
