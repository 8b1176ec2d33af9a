// Quantiles by name: p50, p95, p99.9.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "common/window/partial.h"
#include "common/window/sketch.h"

namespace tidemark::window {

struct Rank {
  std::uint64_t numerator = 0;
  std::uint64_t denominator = 1;
};

// "p95", "p99.9": at most three decimals, at most p100. Nothing for what is no quantile.
std::optional<Rank> rank_of(std::string_view name);

// Steps where values are mantissas, so that a quantile is exact to the step.
Sketch::Mapping mapping_of(ValueType type);

// In the unit of the series, within [min, max] of `a`, which is of the same readings. Mantissas
// stay whole numbers, so that a figure shows no finer step than its channel has. Only of some.
double quantile_of(const Sketch& sketch, const Rank& rank, const Aggregates& a, ValueType type,
                   int exponent);

}  // namespace tidemark::window
