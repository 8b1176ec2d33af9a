// Residuals of a whole run of the fast tier added up to values. Private to this folder.
#pragma once

#include <cstdint>

namespace tidemark::codec::fast {

// Of kRun numbers, to each of which `low` is added, wrapping around: the sums of each and all
// before it, where they lie.
void sum(std::uint32_t* numbers, std::uint32_t low);
// The sums of those sums, to each of which `step` is added: of numbers in stretches (bit_lanes.h),
// in their order.
void sum_twice(std::uint32_t* places, std::uint32_t low, std::uint32_t step,
               std::uint32_t* sums);
// As sum(), in 64 bits, on top of `last`; and of residuals where they lie.
void sum_wide(const std::uint32_t* numbers, std::int64_t low, std::int64_t last, std::int64_t* to);
void sum_wide(std::int64_t* residuals, std::int64_t last);

}  // namespace tidemark::codec::fast
