#include <charconv>
#include <cmath>

#include "edge/profile/profile.h"

namespace tidemark::profile {

std::optional<Decimal> decimal_of(double v) {
  constexpr int kDigitsMax = 18;
  if (!std::isfinite(v)) return std::nullopt;
  if (v == 0) return Decimal{};
  char buffer[40];
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, v, std::chars_format::scientific).ptr;
  Decimal d;
  int digits = 0;
  int after_point = 0;
  bool negative = false;
  bool point = false;
  const char* at = buffer;
  for (; at != end && *at != 'e'; ++at) {
    if (*at == '-') {
      negative = true;
    } else if (*at == '.') {
      point = true;
    } else {
      if (++digits > kDigitsMax) return std::nullopt;
      d.mantissa = d.mantissa * 10 + (*at - '0');
      after_point += point ? 1 : 0;
    }
  }
  ++at;                              // the 'e'
  if (at != end && *at == '+') ++at;  // from_chars does not take it
  std::from_chars(at, end, d.exponent);
  d.exponent -= after_point;
  while (d.mantissa % 10 == 0) d.mantissa /= 10, ++d.exponent;
  if (negative) d.mantissa = -d.mantissa;
  if (d.exponent < -kDigitsMax || d.exponent > kDigitsMax) return std::nullopt;
  return d;
}

}  // namespace tidemark::profile
