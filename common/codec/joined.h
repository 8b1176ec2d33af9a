// Ulps in the low bits of the integers beside which they stand: one sequence of
// k * 2^bits + u + 2^(bits - 1) instead of two, where nearly every value has some. It takes as many
// bits packed, but half the time, and a value that recurs is one number again. Private to this
// folder; layout in FORMAT.md under "Doubles".
#pragma once

#include <cstdint>
#include <span>

#include "common/codec/double_modes.h"

namespace tidemark::codec {

inline constexpr unsigned kJoinedBitsMax = 7;

// The bits that all the ulps fit in; 0: too many, or there are none.
unsigned joined_bits(std::span<const std::int64_t> ulps);
inline std::int64_t joined(std::int64_t k, std::int64_t ulps, unsigned bits) {
  const auto high = static_cast<std::uint64_t>(k) << bits;
  return static_cast<std::int64_t>(high) + ulps + (std::int64_t{1} << (bits - 1));
}
void join(std::span<const std::int64_t> ulps, unsigned bits, std::span<std::int64_t> integers);
// Back to what join() had.
void part(std::span<const std::int64_t> ulps, unsigned bits, std::span<std::int64_t> integers);

// What gives the values back.
struct Joined {
  DoubleMode mode = DoubleMode::decimal_ulps;  // one with ulps
  unsigned exponent = 0;
  double scale = 0;
  unsigned bits = 1;  // 1 to kJoinedBitsMax

  // As many as there are numbers, kStep at most.
  void restore(std::span<const std::int64_t> numbers, double* to) const;
  // True: it was done.
  [[nodiscard]] bool restore(std::int64_t base, std::span<const std::int32_t> offsets,
                             double* to) const;
};

}  // namespace tidemark::codec
