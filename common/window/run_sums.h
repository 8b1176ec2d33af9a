// Sums of many values at once: what add() of each gives, to the bit, at a fraction of the cost,
// because a run of readings has few exponents and each needs one deposit.
#pragma once

#include <cstdint>
#include <span>

#include "common/base/extremes.h"
#include "common/window/exact_sum.h"

namespace tidemark::window {

// Adds the values and their squares.
void add_run(std::span<const std::int64_t> values, ExactSum& sum, ExactSum& squares);
void add_run(std::span<const double> values, ExactSum& sum, ExactSum& squares);  // all finite
// The least and the largest of at least one, by total_order.h.
Extremes orders_of(std::span<const double> values);
Extremes orders_of(std::span<const std::int64_t> values);

}  // namespace tidemark::window
