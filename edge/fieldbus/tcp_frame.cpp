#include "edge/fieldbus/tcp_frame.h"

#include <fmt/format.h>

#include <algorithm>

#include "edge/fieldbus/pdu.h"

namespace tidemark::modbus {
namespace {

constexpr std::size_t kPrefix = 6;  // transaction, protocol, length
constexpr std::size_t kLengthMin = 3;  // unit, function, byte count or exception code
constexpr std::size_t kLengthMax = kTcpFrameBytesMax - kPrefix;
constexpr std::uint64_t kEarlierMax = 64;  // requests whose answers may still come

std::uint16_t word(ByteSpan bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

Reply garbled(std::string why) { return {Reply::Kind::garbled, 0, std::move(why)}; }

// `frame` begins with the unit.
Reply read_answer(const Request& r, ByteSpan frame, std::span<std::uint16_t> out) {
  if (frame[0] != r.unit && !r.any_unit) {
    return garbled(fmt::format("unit {} answered instead of {}", frame[0], r.unit));
  }
  const bool refused = frame[1] == (r.function | kException);
  if (!refused && frame[1] != r.function) {
    return garbled(fmt::format("function {} was answered instead of {}", frame[1], r.function));
  }
  const auto data = frame.subspan(kLengthMin);
  if (refused) {
    if (!data.empty()) return garbled(fmt::format("an exception of {} B", frame.size()));
    return {Reply::Kind::exception, frame[2], ""};
  }
  if (frame[2] != data_bytes(r)) {
    return garbled(fmt::format("{} bytes of data, expected {}", frame[2], data_bytes(r)));
  }
  if (data.size() != frame[2]) {
    return garbled(fmt::format("it says {} bytes of data and holds {}", frame[2], data.size()));
  }
  take_values(r, data, out);
  return {};
}

}  // namespace

TcpRequest tcp_request(std::uint16_t transaction, const Request& r) {
  return {high(transaction), low(transaction), 0, 0, 0, 6, r.unit, r.function,
          high(r.address),   low(r.address),   high(r.count), low(r.count)};
}

TcpAnswer read_tcp(std::uint16_t transaction, std::uint64_t earlier, const Request& request,
                   ByteSpan bytes, std::span<std::uint16_t> out) {
  using Kind = TcpAnswer::Kind;
  if (bytes.size() < kPrefix) return {};
  const std::size_t length = word(bytes, 4);
  if (word(bytes, 2) != 0 || length < kLengthMin || length > kLengthMax) {
    return {Kind::out_of_step, 0,
            garbled(fmt::format("no Modbus TCP frame: protocol {}, length {}; is it RTU over TCP "
                                "(rtu+tcp://)?", word(bytes, 2), length))};
  }
  if (bytes.size() < kPrefix + length) return {};
  const auto size = kPrefix + length;
  const auto number = word(bytes, 0);
  if (number == transaction) {
    return {Kind::answer, size, read_answer(request, bytes.subspan(kPrefix, length), out)};
  }
  const auto behind = static_cast<std::uint16_t>(transaction - number);
  if (behind <= std::min(earlier, kEarlierMax)) return {Kind::stray, size, {}};
  return {Kind::answer, size,
          garbled(fmt::format("transaction {} was answered instead of {}", number, transaction))};
}

}  // namespace tidemark::modbus
