#include "common/codec/joined.h"

#include <array>
#include <bit>
#include <limits>

#include "common/base/bytes.h"
#include "common/base/clones.h"
#include "common/codec/bits.h"
#include "common/codec/numbers.h"
#include "common/codec/residuals.h"

namespace tidemark::codec {
namespace {

// Where the quotients begin that are no decimals of a writer's: shifts are of non-negative numbers.
constexpr auto kBias = std::uint64_t{1} << 62;

using Integers = std::array<std::int64_t, kStep>;

struct ByIntegers {
  const std::int64_t* x;
  [[nodiscard, gnu::always_inline]] std::uint64_t operator[](std::size_t i) const {
    return static_cast<std::uint64_t>(x[i]);
  }
};
struct ByOffsets {
  std::uint64_t base;
  const std::int32_t* offsets;
  [[nodiscard, gnu::always_inline]] std::uint64_t operator[](std::size_t i) const {
    return base + static_cast<std::uint64_t>(std::int64_t{offsets[i]});
  }
};

template <typename Numbers>
[[gnu::always_inline]] inline void quotients_of(Numbers x, std::size_t n, unsigned bits,
                                                std::int64_t* k) {
  const auto bias = kBias >> bits;
  for (std::size_t i = 0; i < n; ++i) {
    k[i] = static_cast<std::int64_t>(((x[i] + kBias) >> bits) - bias);
  }
}
TIDE_CLONES void quotients(ByIntegers x, std::size_t n, unsigned bits, std::int64_t* k) {
  quotients_of(x, n, bits, k);
}
TIDE_CLONES void quotients(ByOffsets x, std::size_t n, unsigned bits, std::int64_t* k) {
  quotients_of(x, n, bits, k);
}

// The ulps, and moves the values by them, which are more bits of positive values and fewer of
// negative ones. False where a value passed 0: then the values are not for use.
template <typename Numbers>
[[gnu::always_inline]] inline bool move_by(Numbers x, std::size_t n, unsigned bits,
                                           std::int64_t* ulps, double* v) {
  const auto mask = low_mask(bits);
  const auto half = std::int64_t{1} << (bits - 1);
  std::int64_t passed = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const auto u = static_cast<std::int64_t>(x[i] & mask) - half;
    ulps[i] = u;
    const auto b = std::bit_cast<std::int64_t>(v[i]);
    const auto moved = plus(b, b < 0 ? -u : u);
    passed |= moved ^ b;
    v[i] = std::bit_cast<double>(moved);
  }
  return passed >= 0;
}
TIDE_CLONES bool move(ByIntegers x, std::size_t n, unsigned bits, std::int64_t* ulps,
                            double* v) {
  return move_by(x, n, bits, ulps, v);
}
TIDE_CLONES bool move(ByOffsets x, std::size_t n, unsigned bits, std::int64_t* ulps,
                            double* v) {
  return move_by(x, n, bits, ulps, v);
}

// Ulps of floats are 2^29 of a double's, of floats that are neither subnormal nor near the end.
template <typename Numbers>
[[gnu::always_inline]] inline bool move_floats_by(Numbers x, std::size_t n, unsigned bits,
                                                  std::int64_t* ulps, double* v) {
  constexpr auto kLeast = std::bit_cast<std::int64_t>(0x1p-120);
  constexpr auto kMost = std::bit_cast<std::int64_t>(0x1p120);
  constexpr auto kMagnitude = std::numeric_limits<std::int64_t>::max();
  const auto mask = low_mask(bits);
  const auto half = std::int64_t{1} << (bits - 1);
  std::int64_t beyond = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const auto u = static_cast<std::int64_t>(x[i] & mask) - half;
    ulps[i] = u;
    const auto b = std::bit_cast<std::int64_t>(v[i]);
    const auto magnitude = b & kMagnitude;
    beyond |= u == 0 ? 0 : (magnitude - kLeast) | (kMost - magnitude);
    const auto step = static_cast<std::int64_t>(static_cast<std::uint64_t>(u) << 29);
    v[i] = std::bit_cast<double>(plus(b, b < 0 ? -step : step));
  }
  return beyond >= 0;
}
TIDE_CLONES bool move_floats(ByIntegers x, std::size_t n, unsigned bits, std::int64_t* ulps,
                                   double* v) {
  return move_floats_by(x, n, bits, ulps, v);
}
TIDE_CLONES bool move_floats(ByOffsets x, std::size_t n, unsigned bits, std::int64_t* ulps,
                                   double* v) {
  return move_floats_by(x, n, bits, ulps, v);
}

template <typename Numbers>
void restore_by(const Joined& j, Numbers x, std::size_t n, double* to) {
  alignas(32) Integers k, ulps;
  quotients(x, n, j.bits, k.data());
  restore_doubles(j.mode, j.exponent, j.scale, {k.data(), n}, to);
  const bool floats = j.mode == DoubleMode::float_decimal_ulps ||
                      j.mode == DoubleMode::float_grid_ulps;
  if (floats ? move_floats(x, n, j.bits, ulps.data(), to) : move(x, n, j.bits, ulps.data(), to)) {
    return;
  }
  restore_doubles(j.mode, j.exponent, j.scale, {k.data(), n}, to);
  add_ulps(j.mode, {ulps.data(), n}, to);
}

// All bits that the ulps need but for the sign.
TIDE_CLONES std::int64_t bits_in(const std::int64_t* ulps, std::size_t n) {
  std::int64_t any = 0;
  for (std::size_t i = 0; i < n; ++i) any |= ulps[i] < 0 ? ~ulps[i] : ulps[i];
  return any;
}
TIDE_CLONES void join_all(const std::int64_t* ulps, std::size_t n, unsigned bits,
                                std::int64_t* integers) {
  for (std::size_t i = 0; i < n; ++i) integers[i] = joined(integers[i], ulps[i], bits);
}

TIDE_CLONES void part_all(const std::int64_t* ulps, std::size_t n, unsigned bits,
                                std::int64_t* integers) {
  const auto half = std::int64_t{1} << (bits - 1);
  for (std::size_t i = 0; i < n; ++i) integers[i] = (integers[i] - ulps[i] - half) >> bits;
}

}  // namespace

unsigned joined_bits(std::span<const std::int64_t> ulps) {
  const auto any = bits_in(ulps.data(), ulps.size());
  const auto bits = static_cast<unsigned>(std::bit_width(static_cast<std::uint64_t>(any))) + 1;
  return any == 0 || bits > kJoinedBitsMax ? 0 : bits;
}

void join(std::span<const std::int64_t> ulps, unsigned bits, std::span<std::int64_t> integers) {
  join_all(ulps.data(), ulps.size(), bits, integers.data());
}

void part(std::span<const std::int64_t> ulps, unsigned bits, std::span<std::int64_t> integers) {
  part_all(ulps.data(), ulps.size(), bits, integers.data());
}

void Joined::restore(std::span<const std::int64_t> numbers, double* to) const {
  restore_by(*this, ByIntegers{numbers.data()}, numbers.size(), to);
}
bool Joined::restore(std::int64_t base, std::span<const std::int32_t> offsets, double* to) const {
  restore_by(*this, ByOffsets{static_cast<std::uint64_t>(base), offsets.data()}, offsets.size(),
             to);
  return true;
}

}  // namespace tidemark::codec
