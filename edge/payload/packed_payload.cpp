// Packed arrays of samples: FORMAT.md, section "Packed arrays".
#include <fmt/format.h>

#include <bit>

#include "edge/payload/payload.h"

namespace tidemark::payload {

namespace {

constexpr std::uint8_t kMagic0 = 'T';
constexpr std::uint8_t kMagic1 = 'M';
constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kHeaderBytes = 24;
constexpr std::uint8_t kBigEndian = 1;
enum SampleType : std::uint8_t { kI16 = 1, kI32 = 2, kF32 = 3, kF64 = 4 };
constexpr std::uint16_t kChannelsMax = 256;

Error bad(std::string text) { return {Fault::bad_input, "packed array: " + std::move(text)}; }

std::uint16_t swapped(std::uint16_t v) { return __builtin_bswap16(v); }
std::uint32_t swapped(std::uint32_t v) { return __builtin_bswap32(v); }
std::uint64_t swapped(std::uint64_t v) { return __builtin_bswap64(v); }

// Samples lie row by row: all channels of the first instant, then of the second.
template <typename Raw, typename As, typename To>
void unpack(ByteSpan body, bool big, std::vector<std::vector<To>>& columns) {
  const std::size_t channels = columns.size();
  const std::size_t samples = body.size() / sizeof(Raw) / channels;
  const auto* at = body.data();
  for (auto& column : columns) column.resize(samples);
  for (std::size_t row = 0; row < samples; ++row) {
    for (auto& column : columns) {
      Raw raw{};
      std::memcpy(&raw, at, sizeof raw);
      at += sizeof raw;
      column[row] = static_cast<To>(std::bit_cast<As>(big ? swapped(raw) : raw));
    }
  }
}

}  // namespace

bool is_packed(ByteSpan payload) {
  return payload.size() >= 2 && payload[0] == kMagic0 && payload[1] == kMagic1;
}

Result<PackedSamples> parse_packed(ByteSpan payload) {
  if (!is_packed(payload)) return bad("it does not begin with 'TM'");
  if (payload.size() < kHeaderBytes) {
    return bad(fmt::format("{} B are less than its header of {} B", payload.size(), kHeaderBytes));
  }
  ByteReader in(payload.subspan(2));
  const auto version = in.u8();
  if (version != kVersion) return bad(fmt::format("version {} is not known", version));
  const auto type = in.u8();
  if (type < kI16 || type > kF64) return bad(fmt::format("at byte 3: type {} is not known", type));
  const auto flags = in.u8();
  if (flags > kBigEndian) return bad(fmt::format("at byte 4: flags {:#x} are not known", flags));
  PackedSamples out;
  out.exponent = static_cast<std::int8_t>(in.u8());
  const bool integer = type == kI16 || type == kI32;
  if (out.exponent < -18 || out.exponent > 18 || (!integer && out.exponent != 0)) {
    return bad(fmt::format("at byte 5: exponent {} is not in [-18, 18], or not 0 with floats",
                           out.exponent));
  }
  out.channels = in.fixed<std::uint16_t>();
  if (out.channels == 0 || out.channels > kChannelsMax) {
    return bad(fmt::format("at byte 6: {} channels are not in [1, {}]", out.channels,
                           kChannelsMax));
  }
  out.start = event_time(std::bit_cast<std::int64_t>(in.fixed<std::uint64_t>()));
  out.interval = Nanoseconds(in.fixed<std::uint32_t>());
  out.samples = in.fixed<std::uint32_t>();
  const std::size_t each = type == kI16 ? 2 : type == kF64 ? 8 : 4;
  const auto body = payload.subspan(kHeaderBytes);
  if (body.size() % (each * out.channels) != 0 ||
      body.size() / (each * out.channels) != out.samples) {
    return bad(fmt::format("at byte {}: {} B of samples, its header says {} times {} of {} B",
                           kHeaderBytes, body.size(), out.samples, out.channels, each));
  }
  if (out.interval <= Nanoseconds{} && out.samples > 1) {
    return bad(fmt::format("at byte 16: dt is 0, of {} samples", out.samples));
  }
  std::int64_t end = 0;
  if (__builtin_mul_overflow(out.interval.count(), std::int64_t{out.samples}, &end) ||
      __builtin_add_overflow(end, count_ns(out.start), &end)) {
    return bad("its samples end after the year 2262");
  }
  const bool big = (flags & kBigEndian) != 0;
  if (integer) {
    out.type = ValueType::i64;
    out.i64.resize(out.channels);
  } else {
    out.f64.resize(out.channels);
  }
  switch (type) {
    case kI16: unpack<std::uint16_t, std::int16_t>(body, big, out.i64); break;
    case kI32: unpack<std::uint32_t, std::int32_t>(body, big, out.i64); break;
    case kF32: unpack<std::uint32_t, float>(body, big, out.f64); break;
    default: unpack<std::uint64_t, double>(body, big, out.f64); break;
  }
  return out;
}

}  // namespace tidemark::payload
