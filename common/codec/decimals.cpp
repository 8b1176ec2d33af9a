// Why two steps are enough. Let P = 10^e, y = 1 / P rounded, z = (1 - y * P) / P rounded, all to 53
// bits; the rest 1 - y * P is one of a division, which a fused step gives exactly.
// - y + z is 1 / P but for a part of 2^-105, since z is a part of 2^-53 of y at most. So k * y plus
//   the rounded k * z, which the fused step adds up exactly, is k / P but for a part of 2^-104,
//   before its one rounding.
// - That rounding is the one of k / P unless a midpoint of two doubles lies between. None does: a
//   midpoint is M * 2^t with M of 54 bits, k has 51, so t < 0 and k * 2^-t - M * 10^e is a multiple
//   of 2^e, and not 0 since M has more bits than k. So k / P is away from it by a part of
//   2^-54 / 5^15 > 2^-89 at least.
// The test of a value v is v + (k - v * P) * y, by two fused steps; k - v * P is exact for a v near
// k / P, being a multiple of 2^e ulp(v) of at most 5^e * 2 of them. If v is not k / P rounded, then
// k / P lies past a midpoint by that much, and what comes out is another double than v, by the same
// reason; where v is far away the rest need not be exact, and v is far from what comes out.
#include "common/codec/decimals.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <type_traits>

#include "common/base/clones.h"
#include "common/codec/feed.h"
#include "common/codec/numbers.h"

namespace tidemark::codec {
namespace {

constexpr std::array<double, kExponentMax + 1> kPowers = {
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
constexpr std::uint64_t kSignAndExponent = 0xfff0000000000000U;

// By a division, or by a product and a fused step.
template <bool kFused>
struct Divisor {
  explicit Divisor(unsigned exponent) : power(kPowers[exponent]), by(reciprocal(exponent)) {}
  [[nodiscard, gnu::always_inline]] double of(double k) const {
    if constexpr (kFused) return __builtin_fma(k, by.high, k * by.low);
    return k / power;
  }
  // k / power if v is that, else another double; k is v * power, nearly.
  [[nodiscard, gnu::always_inline]] double of(double k, double v) const {
    if constexpr (kFused) return __builtin_fma(__builtin_fma(-v, power, k), by.high, v);
    return k / power;
  }
  double power;
  Reciprocal by;
};

template <bool kFused>
[[gnu::always_inline]] inline std::uint64_t misses_by(const double* v, std::size_t n,
                                                      unsigned exponent, std::int64_t* k) {
  const Divisor<kFused> divisor(exponent);
  std::uint64_t wrong = 0, far = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double t = v[i] * divisor.power + kMagic;
    k[i] = static_cast<std::int64_t>(bits_of(t) - bits_of(kMagic));
    wrong |= bits_of(divisor.of(t - kMagic, v[i])) ^ bits_of(v[i]);
    far |= bits_of(t) ^ bits_of(kMagic);  // there: past 2^51, or no number
  }
  return wrong | (far & kSignAndExponent);
}

template <bool kFused>
[[gnu::always_inline]] inline bool distances_by(const double* v, std::size_t n, unsigned exponent,
                                                std::int64_t first, std::int32_t* distances) {
  const Divisor<kFused> divisor(exponent);
  // Of a number past 2^51, or of none, the distance is far.
  const auto zero = bits_of(kMagic) + static_cast<std::uint64_t>(first);
  constexpr auto kEnd = static_cast<std::uint64_t>(kDistanceEnd);
  std::uint64_t wrong = 0, far = 0;
  if (exponent == 0) {
    for (std::size_t i = 0; i < n; ++i) {
      const double t = v[i] + kMagic;
      const auto d = bits_of(t) - zero;
      distances[i] = static_cast<std::int32_t>(d);
      wrong |= bits_of(t - kMagic) ^ bits_of(v[i]);
      far |= d + kEnd;
    }
    return wrong == 0 && far < 2 * kEnd;
  }
  for (std::size_t i = 0; i < n; ++i) {
    const double t = v[i] * divisor.power + kMagic;
    const auto d = bits_of(t) - zero;
    distances[i] = static_cast<std::int32_t>(d);
    wrong |= bits_of(divisor.of(t - kMagic, v[i])) ^ bits_of(v[i]);
    far |= d + kEnd;
  }
  return wrong == 0 && far < 2 * kEnd;
}

struct ByIntegers {
  const std::int64_t* k;
  [[nodiscard, gnu::always_inline]] double operator[](std::size_t i) const {
    return small_to_double(k[i]);
  }
};
struct ByOffsets {
  double base;
  const std::int32_t* offsets;
  [[nodiscard, gnu::always_inline]] double operator[](std::size_t i) const {
    return base + static_cast<double>(offsets[i]);
  }
};

template <bool kFused, bool kFloats, typename Numbers>
[[gnu::always_inline]] inline void divide_by(Numbers k, std::size_t n, unsigned exponent,
                                             double* v) {
  if (exponent == 0 && !kFloats) {
    for (std::size_t i = 0; i < n; ++i) v[i] = k[i];
    return;
  }
  const Divisor<kFused> divisor(exponent);
  for (std::size_t i = 0; i < n; ++i) {
    const auto q = divisor.of(k[i]);
    v[i] = kFloats ? static_cast<double>(static_cast<float>(q)) : q;
  }
}

// Calls `loop` with the better way that the CPU has; it is compiled for both.
#if defined(TIDE_AVX2)
template <typename Loop>
TIDE_AVX2 auto by_fma(const Loop& loop) {
  return loop(std::true_type{});
}
template <typename Loop>
auto best(const Loop& loop) {
  static const bool fma = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
  return fma ? by_fma(loop) : loop(std::false_type{});
}
#elif defined(__FP_FAST_FMA)
template <typename Loop>
auto best(const Loop& loop) {
  return loop(std::true_type{});
}
#else
template <typename Loop>
auto best(const Loop& loop) {
  return loop(std::false_type{});
}
#endif

}  // namespace

double power_of_10(unsigned exponent) { return kPowers[exponent]; }
Reciprocal reciprocal(unsigned exponent) {
  static const auto all = [] {
    std::array<Reciprocal, kExponentMax + 1> r;
    for (unsigned e = 0; e <= kExponentMax; ++e) {
      const double high = 1 / kPowers[e];
      r[e] = {high, std::fma(-high, kPowers[e], 1.0) / kPowers[e]};
    }
    return r;
  }();
  return all[exponent];
}

std::uint64_t decimal_misses(const double* v, std::size_t n, unsigned exponent, std::int64_t* k) {
  return best([=](auto fused) __attribute__((always_inline)) {
    return misses_by<fused()>(v, n, exponent, k);
  });
}
bool decimal_distances(const double* v, std::size_t n, unsigned exponent, std::int64_t first,
                       std::int32_t* distances) {
  return best([=](auto fused) __attribute__((always_inline)) {
    return distances_by<fused()>(v, n, exponent, first, distances);
  });
}
bool all_end_in_0(std::span<const std::int64_t> k) {
  return std::all_of(k.begin(), k.end(), [](auto x) { return x % 10 == 0; });
}
void divide(const std::int64_t* k, std::size_t n, unsigned exponent, double* v) {
  best([=](auto fused) __attribute__((always_inline)) {
    divide_by<fused(), false>(ByIntegers{k}, n, exponent, v);
  });
}
void divide(std::int64_t base, const std::int32_t* offsets, std::size_t n, unsigned exponent,
            double* v) {
  best([=](auto fused) __attribute__((always_inline)) {
    divide_by<fused(), false>(ByOffsets{static_cast<double>(base), offsets}, n, exponent, v);
  });
}
void divide_floats(const std::int64_t* k, std::size_t n, unsigned exponent, double* v) {
  best([=](auto fused) __attribute__((always_inline)) {
    divide_by<fused(), true>(ByIntegers{k}, n, exponent, v);
  });
}
void divide_floats(std::int64_t base, const std::int32_t* offsets, std::size_t n,
                   unsigned exponent, double* v) {
  best([=](auto fused) __attribute__((always_inline)) {
    divide_by<fused(), true>(ByOffsets{static_cast<double>(base), offsets}, n, exponent, v);
  });
}

}  // namespace tidemark::codec
