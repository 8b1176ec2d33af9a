// Exact arithmetic in long hand, as the reference for figures: rationals of big integers.
#pragma once

#include <boost/multiprecision/cpp_int.hpp>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace tidemark::window {

using Rational = boost::multiprecision::cpp_rational;
using BigInteger = boost::multiprecision::cpp_int;

inline Rational power(int base, int exponent) {
  const Rational p = boost::multiprecision::pow(BigInteger(base),
                                                static_cast<unsigned>(std::abs(exponent)));
  return exponent < 0 ? Rational(1) / p : p;
}

inline Rational exact(double v) {
  int exponent = 0;
  const double fraction = std::frexp(v, &exponent);
  return Rational(static_cast<std::int64_t>(std::ldexp(fraction, 53))) * power(2, exponent - 53);
}

// Whether `v` is the double nearest to the exact result, ties to even. `compare(x)` is the sign of
// (exact result - x), so that roots can be compared by their squares.
template <typename Compare>
bool is_nearest_by(double v, Compare compare) {
  if (!std::isfinite(v)) return false;
  const auto bits = std::bit_cast<std::int64_t>(std::abs(v));
  const bool even = (bits & 1) == 0;
  const auto neighbour = [&](double towards) {
    const double next = std::nextafter(v, towards);
    return std::isfinite(next) ? exact(next) : exact(v) * 2;
  };
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const int above_low = compare((exact(v) + neighbour(-kInfinity)) / 2);
  const int above_high = compare((exact(v) + neighbour(kInfinity)) / 2);
  return (above_low > 0 || (above_low == 0 && even)) &&
         (above_high < 0 || (above_high == 0 && even));
}

inline int sign_of(const Rational& v) { return v < 0 ? -1 : v > 0 ? 1 : 0; }

inline bool is_nearest(double v, const Rational& x) {
  return is_nearest_by(v, [&](const Rational& y) { return sign_of(x - y); });
}

// v == sqrt(square), rounded once.
inline bool is_nearest_root(double v, const Rational& square) {
  return is_nearest_by(v, [&](const Rational& y) {
    return y < 0 ? 1 : sign_of(square - y * y);
  });
}

}  // namespace tidemark::window
