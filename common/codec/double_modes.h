// How doubles become integers, exactly: every mode is accepted only when it gives back every bit.
// Private to this folder; layout in FORMAT.md under "Doubles".
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/codec/codec.h"

namespace tidemark::codec {

// Low four bits of the first byte of a column of doubles; the high four are the exponent of the
// decimal modes.
enum class DoubleMode : std::uint8_t {
  ordered_bits = 0,        // as an integer that rises with the value
  decimal = 1,             // k / 10^e
  float_decimal = 2,       // the same, rounded to a float
  decimal_ulps = 3,        // k / 10^e, some ulps beside
  grid_ulps = 4,           // k * scale, some ulps beside
  float_bits = 5,          // ordered bits of floats
  float_decimal_ulps = 6,  // float(k / 10^e), some ulps of a float beside
  float_split = 7,         // sign and exponent of floats; their mantissas raw
  constant = 8,
  packed = 9,              // zstd of the raw bits
  stored = 10,             // the raw bits
  special = 11,            // NaN, infinities and -0.0 apart
  float_grid_ulps = 12,    // float(k * scale), some ulps of a float beside
  printed_float = 13,      // float(k / 10^e), some ulps of a double beside: floats cut by a printer
  joined = 14,             // one of those with ulps, k and the ulps in one integer (joined.h)
};

constexpr bool has_ulps(DoubleMode m) {
  return m == DoubleMode::decimal_ulps || m == DoubleMode::grid_ulps ||
         m == DoubleMode::float_decimal_ulps || m == DoubleMode::float_grid_ulps ||
         m == DoubleMode::printed_float;
}
constexpr bool has_scale(DoubleMode m) {
  return m == DoubleMode::grid_ulps || m == DoubleMode::float_grid_ulps;
}

struct DoubleChoice {
  DoubleMode mode = DoubleMode::ordered_bits;
  unsigned exponent = 0;
  double scale = 0;                    // of the grids
  std::vector<std::int64_t> integers;  // one for each value
  std::vector<std::int64_t> ulps;      // the same, when has_ulps()
};

// Whether these, of any kind, are the decimals that this series had before: most are, and then
// there is nothing to choose.
bool may_be_decimal_again(const Memory& memory);
bool is_decimal_again(std::span<const double> values, Memory& memory, DoubleChoice& choice);
// The mode for finite values without -0.0, of which the largest magnitude is known. `memory` is
// what fitted this series before, and learns.
void choose_mode(std::span<const double> values, double largest, Memory& memory,
                 DoubleChoice& choice);

// Integers to values, `to` has room for as many.
void restore_doubles(DoubleMode mode, unsigned exponent, double scale,
                     std::span<const std::int64_t> integers, double* to);
// The same of base + offsets[i], where that can be had without these sums; false: it was not done.
bool restore_doubles(DoubleMode mode, unsigned exponent, double scale, std::int64_t base,
                     std::span<const std::int32_t> offsets, double* to);
// Moves values by ulps, of the modes that have them.
void add_ulps(DoubleMode mode, std::span<const std::int64_t> ulps, double* values);
// The same of base + offsets[i], where that can be had in few steps; false: it was not done.
bool add_ulps(DoubleMode mode, std::int64_t base, std::span<const std::int32_t> offsets,
              double* values);

}  // namespace tidemark::codec
