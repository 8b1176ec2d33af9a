// The last step of a figure: exact integers in, the nearest double out (ties to even). Private to
// this folder; the one place that knows a big-integer library.
#pragma once

#include <cstdint>
#include <span>

#include "common/window/exact_sum.h"

namespace tidemark::window {

// sum * 10^exponent
double rounded_sum(const ExactSum& sum, int exponent);
// sum * 10^exponent / count; count > 0
double rounded_mean(const ExactSum& sum, std::uint64_t count, int exponent);
// sqrt(count * squares - sum^2) / count * 10^exponent; count > 0. A difference below zero, which
// only damaged state can hold, gives 0.
double rounded_deviation(const ExactSum& sum, const ExactSum& squares, std::uint64_t count,
                         int exponent);

// Of sums that are held by several exponents, added exactly.
struct Term {
  const ExactSum* sum = nullptr;
  const ExactSum* squares = nullptr;
  int exponent = 0;
};
double rounded_sum(std::span<const Term> terms);
double rounded_mean(std::span<const Term> terms, std::uint64_t count);
double rounded_deviation(std::span<const Term> terms, std::uint64_t count);

}  // namespace tidemark::window
