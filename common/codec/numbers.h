// Arithmetic that wraps around, and integers of less than 51 bits to doubles and back by one
// addition, which vectorises on every CPU. Private to this folder.
#pragma once

#include <bit>
#include <cstdint>

namespace tidemark::codec {

// Differences wrap around, so that any two int64 have one.
constexpr std::int64_t minus(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}
constexpr std::int64_t plus(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
constexpr std::int64_t times(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
}

// 1.5 * 2^52: adding it rounds to the nearest integer, halves to even, and leaves that integer in
// the low bits.
inline constexpr double kMagic = 6755399441055744.0;
inline constexpr double kSmallEnd = 2251799813685248.0;  // 2^51: below are the integers that fit

inline std::uint64_t bits_of(double v) { return std::bit_cast<std::uint64_t>(v); }

inline double small_to_double(std::int64_t k) {
  return std::bit_cast<double>(static_cast<std::uint64_t>(k) + bits_of(kMagic)) - kMagic;
}
inline std::int64_t double_to_small(double v) {  // rounds to nearest, halves to even
  return static_cast<std::int64_t>(bits_of(v + kMagic) - bits_of(kMagic));
}

// Good to 0.01 bit, from +, * only: the same on every CPU.
inline double rough_log2(double x) {
  const auto bits = bits_of(x);
  const auto exponent = static_cast<double>(static_cast<int>(bits >> 52) - 1023);
  const auto m =
      std::bit_cast<double>((bits & 0xfffffffffffffU) | 0x3ff0000000000000U);  // [1, 2)
  return exponent + (-1.0 / 3 * m + 2) * m - 5.0 / 3;
}

}  // namespace tidemark::codec
