#include "edge/profile/decode.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "common/base/check.h"

namespace tidemark::profile {
namespace {

std::uint16_t swap_bytes(std::uint16_t v) {
  return static_cast<std::uint16_t>((v << 8) | (v >> 8));
}
bool bytes_swapped(ByteOrder o) { return o == ByteOrder::badc || o == ByteOrder::dcba; }
bool words_swapped(ByteOrder o) { return o == ByteOrder::cdab || o == ByteOrder::dcba; }

// One register is big-endian whatever the order of wider values: the standard says so and devices
// that swap the bytes of floats still give plain 16-bit numbers.
ByteOrder order_of(const Point& p) { return p.registers > 1 ? p.byte_order : ByteOrder::abcd; }

std::int64_t sign_extend(std::uint64_t bits, unsigned width) {
  return static_cast<std::int64_t>(bits << (64 - width)) >> (64 - width);
}

// raw * factor + addend; what does not fit saturates and is said to be implausible.
std::int64_t scaled(const Point& p, std::int64_t raw, Quality& quality) {
  std::int64_t v = 0;
  if (!__builtin_mul_overflow(raw, p.factor, &v) && !__builtin_add_overflow(v, p.addend, &v)) {
    return v;
  }
  quality = Quality::bad_range;
  return (raw < 0) == (p.factor < 0) ? std::numeric_limits<std::int64_t>::max()
                                     : std::numeric_limits<std::int64_t>::min();
}
std::int64_t signed_of(std::uint64_t raw, Quality& quality) {
  constexpr std::uint64_t kMax = std::numeric_limits<std::int64_t>::max();
  if (raw > kMax) quality = Quality::bad_range;
  return static_cast<std::int64_t>(std::min(raw, kMax));
}

// The dynamic scale of SunSpec is from -10 to 10; 0x8000 says that there is none now.
constexpr int kScaleMost = 10;
constexpr std::uint16_t kNoScale = 0x8000;

std::int64_t scaled_by(const Point& p, std::int64_t raw, std::uint16_t scale, Quality& quality) {
  const int power = static_cast<std::int16_t>(scale);
  if (scale == kNoScale) quality = Quality::bad_sentinel;
  if (std::abs(power) > kScaleMost) {
    if (quality == Quality::good) quality = Quality::bad_range;
    return 0;
  }
  auto v = scaled(p, raw, quality);
  int shift = p.scale_exponent + power - p.exponent;
  for (; shift > 0; --shift) {
    if (!__builtin_mul_overflow(v, std::int64_t{10}, &v)) continue;
    quality = Quality::bad_range;
    return raw < 0 ? std::numeric_limits<std::int64_t>::min()
                   : std::numeric_limits<std::int64_t>::max();
  }
  if (shift == 0) return v;
  std::int64_t step = 1;
  for (; shift < 0 && step <= std::numeric_limits<std::int64_t>::max() / 10; ++shift) step *= 10;
  // To the nearest, halves away from zero.
  const auto rest = v % step;
  const auto up = std::abs(rest) >= step / 2 + step % 2 ? 1 : 0;
  return v / step + (v < 0 ? -up : up);
}

std::string text_of(const Point& p, std::span<const std::uint16_t> registers) {
  std::string out;
  for (auto r : registers) {
    if (bytes_swapped(p.byte_order)) r = swap_bytes(r);
    if (p.text_bytes != TextBytes::low) out += static_cast<char>(r >> 8);
    if (p.text_bytes != TextBytes::high) out += static_cast<char>(r & 0xff);
  }
  const auto end = out.find('\0');  // padded with NUL or blanks
  if (end != std::string::npos) out.resize(end);
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

}  // namespace

std::uint64_t join_registers(std::span<const std::uint16_t> registers, ByteOrder order) {
  TIDE_CHECK(registers.size() <= 4, "a number has at most four registers");
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < registers.size(); ++i) {
    const auto at = words_swapped(order) ? registers.size() - 1 - i : i;
    const auto word = bytes_swapped(order) ? swap_bytes(registers[at]) : registers[at];
    bits = bits << 16 | word;
  }
  return bits;
}

void split_registers(std::uint64_t bits, ByteOrder order, std::span<std::uint16_t> registers) {
  TIDE_CHECK(registers.size() <= 4, "a number has at most four registers");
  for (std::size_t i = registers.size(); i-- > 0; bits >>= 16) {
    const auto at = words_swapped(order) ? registers.size() - 1 - i : i;
    const auto word = static_cast<std::uint16_t>(bits & 0xffff);
    registers[at] = bytes_swapped(order) ? swap_bytes(word) : word;
  }
}

Value decode_at(const Point& p, std::span<const std::uint16_t> registers) {
  const auto first = p.begin();
  const auto scale = p.scale_address < 0 ? std::uint16_t{0}
                                         : registers[p.scale_register() - first];
  return decode(p, registers.subspan(p.address - first, p.registers), scale);
}

Value decode(const Point& p, std::span<const std::uint16_t> registers, std::uint16_t scale) {
  TIDE_CHECK(registers.size() == p.registers, "decode() got another number of registers");
  Value out;
  if (p.type == RegisterType::string) {
    out.text = text_of(p, registers);
    return out;
  }
  const auto bits = join_registers(registers, order_of(p));
  const auto width = static_cast<unsigned>(16 * p.registers);
  bool not_available = std::find(p.invalid.begin(), p.invalid.end(), bits) != p.invalid.end();
  switch (p.type) {
    case RegisterType::f32:
    case RegisterType::f64: {
      const double raw = p.type == RegisterType::f32
                             ? std::bit_cast<float>(static_cast<std::uint32_t>(bits))
                             : std::bit_cast<double>(bits);
      not_available = not_available || (p.nan_invalid && std::isnan(raw));
      // Scaled only when there is something to scale: x * 1 + 0 turns -0 into 0.
      out.f64 = p.scale == 1 && p.offset == 0 ? raw : raw * p.scale + p.offset;
      break;
    }
    case RegisterType::i16:
    case RegisterType::i32:
    case RegisterType::i64:
      out.i64 = p.scale_address < 0
                    ? scaled(p, sign_extend(bits, width), out.quality)
                    : scaled_by(p, sign_extend(bits, width), scale, out.quality);
      break;
    case RegisterType::bits:
      out.i64 = p.bit < 0 ? static_cast<std::int64_t>(bits)
                          : static_cast<std::int64_t>(bits >> p.bit & 1);
      break;
    default: {
      const auto raw = signed_of(bits, out.quality);
      out.i64 = p.scale_address < 0 ? scaled(p, raw, out.quality)
                                    : scaled_by(p, raw, scale, out.quality);
      break;
    }
  }
  if (not_available) {
    out.quality = Quality::bad_sentinel;
  } else if (out.quality == Quality::good && (p.min || p.max)) {
    const auto v = number_of(p, out);
    // A NaN is not outside; windows count it apart.
    if ((p.min && v < *p.min) || (p.max && v > *p.max)) out.quality = Quality::bad_range;
  }
  return out;
}

double number_of(const Point& point, const Value& value) {
  if (point.value_type == ValueType::f64) return value.f64;
  return decimal_to_double(value.i64, point.exponent);
}

double as_written(float v) {
  if (!std::isfinite(v)) return static_cast<double>(v);
  char buffer[40];
  const auto* const end = std::to_chars(buffer, buffer + sizeof buffer, v).ptr;
  double out = 0;
  std::from_chars(buffer, end, out);
  return out;
}

}  // namespace tidemark::profile
