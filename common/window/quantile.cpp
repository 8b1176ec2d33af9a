#include "common/window/quantile.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

namespace tidemark::window {

std::optional<Rank> rank_of(std::string_view name) {
  if (!name.starts_with('p') || name.size() < 2) return std::nullopt;
  const auto text = name.substr(1);
  const auto dot = text.find('.');
  const auto decimals = dot == std::string_view::npos ? std::string_view{} : text.substr(dot + 1);
  if (dot != std::string_view::npos && (decimals.empty() || decimals.size() > 3)) {
    return std::nullopt;
  }
  const auto digits = std::string(text.substr(0, dot)) + std::string(decimals);
  Rank rank;
  const auto [at, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), rank.numerator);
  if (error != std::errc() || at != digits.data() + digits.size()) return std::nullopt;
  rank.denominator = 100;
  for (std::size_t i = 0; i < decimals.size(); ++i) rank.denominator *= 10;
  if (rank.numerator > rank.denominator) return std::nullopt;
  return rank;
}

Sketch::Mapping mapping_of(ValueType type) {
  return type == ValueType::f64 ? Sketch::Mapping::logarithmic : Sketch::Mapping::linear;
}

double quantile_of(const Sketch& sketch, const Rank& rank, const Aggregates& a, ValueType type,
                   int exponent) {
  const double v = sketch.quantile(rank.numerator, rank.denominator);
  const double scaled = type == ValueType::f64 || std::abs(v) >= 9e18
                            ? v
                            : decimal_to_double(std::llround(v), exponent);
  return std::clamp(scaled, *a.min, *a.max);
}

}  // namespace tidemark::window
