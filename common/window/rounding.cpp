#include "common/window/rounding.h"

#include <algorithm>
#include <boost/multiprecision/cpp_int.hpp>

namespace tidemark::window {
namespace {

using boost::multiprecision::cpp_int;

struct Scaled {  // value * 2^exponent
  cpp_int value;
  int exponent = 0;
};

Scaled scaled(const ExactSum& sum) {
  const auto parts = sum.integer();
  Scaled out{0, parts.exponent};
  if (parts.magnitude.empty()) return out;  // import_bits() cannot take nothing
  import_bits(out.value, parts.magnitude.begin(), parts.magnitude.end(), 32, false);
  if (parts.negative) out.value = -out.value;
  return out;
}

int bits_of(const cpp_int& v) { return static_cast<int>(msb(v)) + 1; }

double rounded(const cpp_int& magnitude, int exponent, bool negative, bool inexact) {
  ExactSum::Integer out;
  out.negative = negative;
  out.exponent = exponent;
  export_bits(magnitude, std::back_inserter(out.magnitude), 32, false);
  return round_to_double(out, inexact);
}

cpp_int power_of_ten(int n) { return pow(cpp_int(10), static_cast<unsigned>(n)); }

// numerator / denominator * 2^exponent with `bits` or one more places, and whether more follow.
struct Quotient {
  cpp_int value;
  int exponent;
  bool inexact;
};
Quotient divide(cpp_int numerator, cpp_int denominator, int exponent, int bits) {
  int shift = bits - (bits_of(numerator) - bits_of(denominator));
  if (((exponent - shift) & 1) != 0) ++shift;  // even, so that a square root can halve it
  if (shift > 0) {
    numerator <<= static_cast<unsigned>(shift);
  } else {
    denominator <<= static_cast<unsigned>(-shift);
  }
  cpp_int quotient, rest;
  divide_qr(numerator, denominator, quotient, rest);
  return {std::move(quotient), exponent - shift, !rest.is_zero()};
}

double rounded_ratio(Scaled sum, std::uint64_t count, int exponent) {
  if (sum.value.is_zero()) return 0;
  const bool negative = sum.value < 0;
  if (negative) sum.value = -sum.value;
  cpp_int denominator = count;
  (exponent < 0 ? denominator : sum.value) *= power_of_ten(std::abs(exponent));
  const auto q = divide(std::move(sum.value), std::move(denominator), sum.exponent, 66);
  return rounded(q.value, q.exponent, negative, q.inexact);
}

}  // namespace

double rounded_sum(const ExactSum& sum, int exponent) {
  return exponent == 0 ? sum.to_double() : rounded_ratio(scaled(sum), 1, exponent);
}

double rounded_mean(const ExactSum& sum, std::uint64_t count, int exponent) {
  return rounded_ratio(scaled(sum), count, exponent);
}

namespace {

int lowest_exponent(std::span<const Term> terms) {
  int lowest = terms[0].exponent;
  for (const auto& t : terms) lowest = std::min(lowest, t.exponent);
  return lowest;
}

// In units of 10^(power * lowest).
Scaled total(std::span<const Term> terms, const ExactSum* Term::*which, int power, int lowest) {
  Scaled all;
  for (const auto& t : terms) {
    auto part = scaled(*(t.*which));
    if (part.value.is_zero()) continue;
    part.value *= power_of_ten(power * (t.exponent - lowest));
    if (all.value.is_zero()) all.exponent = part.exponent;
    const int common = std::min(part.exponent, all.exponent);
    part.value <<= static_cast<unsigned>(part.exponent - common);
    all.value <<= static_cast<unsigned>(all.exponent - common);
    all.value += part.value;
    all.exponent = common;
  }
  return all;
}

double rounded_deviation(Scaled s, Scaled q, std::uint64_t count, int exponent) {
  s.value *= s.value;
  s.exponent *= 2;
  q.value *= count;
  const int common = std::min(s.exponent, q.exponent);
  s.value <<= static_cast<unsigned>(s.exponent - common);
  q.value <<= static_cast<unsigned>(q.exponent - common);
  cpp_int numerator = q.value - s.value;
  if (numerator <= 0) return 0;
  cpp_int denominator = cpp_int(count) * count;
  (exponent < 0 ? denominator : numerator) *= power_of_ten(2 * std::abs(exponent));
  // The root of 134 places has 67; the root of its integer part is the integer part of its root.
  const auto variance = divide(std::move(numerator), std::move(denominator), common, 134);
  cpp_int rest;
  const cpp_int root = sqrt(variance.value, rest);
  return rounded(root, variance.exponent / 2, false, variance.inexact || !rest.is_zero());
}

}  // namespace

double rounded_deviation(const ExactSum& sum, const ExactSum& squares, std::uint64_t count,
                         int exponent) {
  return rounded_deviation(scaled(sum), scaled(squares), count, exponent);
}

double rounded_sum(std::span<const Term> terms) { return rounded_mean(terms, 1); }

double rounded_mean(std::span<const Term> terms, std::uint64_t count) {
  const int lowest = lowest_exponent(terms);
  return rounded_ratio(total(terms, &Term::sum, 1, lowest), count, lowest);
}

double rounded_deviation(std::span<const Term> terms, std::uint64_t count) {
  const int lowest = lowest_exponent(terms);
  return rounded_deviation(total(terms, &Term::sum, 1, lowest),
                           total(terms, &Term::squares, 2, lowest), count, lowest);
}

}  // namespace tidemark::window
