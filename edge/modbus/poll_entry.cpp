#include "edge/modbus/poll_entry.h"

#include <fmt/format.h>

#include <algorithm>

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
    for (const auto r : range.registers) out.fixed(r);
  }
}

Result<PollEntry> PollEntry::decode(ByteSpan bytes) {
  ByteReader in(bytes);
  const auto version = in.u8();
  if (in.ok() && version != kVersion && version != kWithoutTimes) {
    return Error{Fault::unsupported,
                 fmt::format("a Modbus poll of version {}, this program knows {}", version,
                             kVersion)};
  }
  PollEntry entry;
  entry.poll_class = in.text();
  entry.count = in.varint();
  const auto good = in.u8();
  entry.good = good == 1;
  entry.reason = in.text();
  if (version != kWithoutTimes) {
    entry.ago = read_time(in);
    entry.period = read_time(in);
  }
  const auto ranges = in.length(4);
  for (std::size_t i = 0; i < ranges && in.ok(); ++i) {
    ReadRange range;
    range.function = in.u8();
    if (version != kWithoutTimes) range.model = static_cast<std::uint16_t>(in.varint());
    range.address = in.fixed<std::uint16_t>();
    const auto registers = in.length(2);
    for (std::size_t r = 0; r < registers; ++r) {
      range.registers.push_back(in.fixed<std::uint16_t>());
    }
    entry.ranges.push_back(std::move(range));
  }
  if (!in.done() || good > 1 || entry.count == 0 || entry.count > kCountMax) {
    return Error{Fault::bad_input, "bytes that are not a Modbus poll"};
  }
  return entry;
}

}  // namespace tidemark::modbus
