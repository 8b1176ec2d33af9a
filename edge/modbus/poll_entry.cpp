#include "edge/modbus/poll_entry.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace tidemark::modbus {
namespace {
constexpr std::uint8_t kVersion = 2;
constexpr std::uint8_t kWithoutTimes = 1;  // nor models: an agent before this wrote it

Nanoseconds read_time(ByteReader& in) {
  constexpr std::uint64_t kMax = std::uint64_t{1} << 62;
  return Nanoseconds(static_cast<std::int64_t>(std::min(in.varint(), kMax)));
}

}  // namespace

void PollEntry::encode(ByteWriter& out) const {
  out.u8(kVersion);
  out.text(poll_class);
  out.varint(count);
  out.u8(good ? 1 : 0);
  out.text(reason);
  out.varint(static_cast<std::uint64_t>(ago.count()));
  out.varint(static_cast<std::uint64_t>(period.count()));
  out.varint(ranges.size());
  for (const auto& range : ranges) {
    out.u8(range.function);
    out.varint(range.model);
    out.fixed(range.address);
    out.varint(range.registers.size());
    static_assert(std::endian::native == std::endian::little);
    out.raw({reinterpret_cast<const std::uint8_t*>(range.registers.data()),
             2 * range.registers.size()});
  }
}

Result<PollEntry> PollEntry::decode(ByteSpan bytes) {
  PollEntry entry;
  TIDE_TRY(decode(bytes, entry));
  return entry;
}

Result<> PollEntry::decode(ByteSpan bytes, PollEntry& into) {
  ByteReader in(bytes);
  const auto version = in.u8();
  if (in.ok() && version != kVersion && version != kWithoutTimes) {
    return Error{Fault::unsupported,
                 fmt::format("a Modbus poll of version {}, this program knows {}", version,
                             kVersion)};
  }
  into.poll_class = in.text();
  into.count = in.varint();
  const auto good = in.u8();
  into.good = good == 1;
  into.reason = in.text();
  into.ago = version != kWithoutTimes ? read_time(in) : Nanoseconds{};
  into.period = version != kWithoutTimes ? read_time(in) : Nanoseconds{};
  into.ranges.resize(in.length(4));
  for (auto& range : into.ranges) {
    if (!in.ok()) break;
    range.function = in.u8();
    range.model = version != kWithoutTimes ? static_cast<std::uint16_t>(in.varint()) : 0;
    range.address = in.fixed<std::uint16_t>();
    const auto registers = in.raw(2 * in.length(2));
    range.registers.resize(registers.size() / 2);
    if (!registers.empty()) {
      std::memcpy(range.registers.data(), registers.data(), registers.size());
    }
  }
  if (!in.done() || good > 1 || into.count == 0 || into.count > kCountMax) {
    return Error{Fault::bad_input, "bytes that are not a Modbus poll"};
  }
  return {};
}

}  // namespace tidemark::modbus
