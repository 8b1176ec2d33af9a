// Doubles that are k / 10^e and back: the loops that all tiers spend most of their time around.
// Private to this folder.
//
// Where the CPU multiplies and adds in one step (FMA, NEON), k / 10^e is k times the reciprocal, in
// two such steps; elsewhere it is divided. Both are the correctly rounded quotient for
// every |k| < 2^51 and e to 15, so that they read and write the same bytes (why: decimals.cpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tidemark::codec {

inline constexpr unsigned kExponentMax = 15;
double power_of_10(unsigned exponent);  // 0 to kExponentMax
// 1 / 10^e to twice as many bits: k / 10^e is fma(k, high, k * low).
struct Reciprocal {
  double high = 1, low = 0;
};
Reciprocal reciprocal(unsigned exponent);

// k[i] = v[i] * 10^e, rounded. 0 when every v[i] is k[i] / 10^e to the bit and |k[i]| < 2^51; k is
// for use then only. Any v, also NaN, infinities and -0.0, which are none.
std::uint64_t decimal_misses(const double* v, std::size_t n, unsigned exponent, std::int64_t* k);

// The same as k[i] - first, |first| < 2^50, in 32 bits: whether it is so of all, and each of these
// is at least -kDistanceEnd and less than kDistanceEnd (feed.h).
bool decimal_distances(const double* v, std::size_t n, unsigned exponent, std::int64_t first,
                       std::int32_t* distances);
// Whether a smaller exponent does.
bool all_end_in_0(std::span<const std::int64_t> k);

// v[i] = k[i] / 10^e; of a larger |k| than 2^51 anything.
void divide(const std::int64_t* k, std::size_t n, unsigned exponent, double* v);
// The same, of base + offsets[i].
void divide(std::int64_t base, const std::int32_t* offsets, std::size_t n, unsigned exponent,
            double* v);
// The same, rounded to a float.
void divide_floats(const std::int64_t* k, std::size_t n, unsigned exponent, double* v);
void divide_floats(std::int64_t base, const std::int32_t* offsets, std::size_t n,
                   unsigned exponent, double* v);

}  // namespace tidemark::codec
