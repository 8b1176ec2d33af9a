// How a run of the fast tier is written best: what its predictor leaves, and which of that is told
// apart. Private to this folder.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/codec/fast.h"
#include "common/codec/predictor.h"

namespace tidemark::codec::fast {

using Residuals = std::array<std::int64_t, kRun>;
using Numbers = std::array<std::uint32_t, kRun>;

struct Plan {
  Run run;
  std::uint32_t base = 0;  // of numbers: below the ones that are not patched
  std::uint32_t start = 0;  // of these, above the least residual
  std::size_t bits = 0;
  Numbers numbers;  // not of wide runs: above `base`; past the end as the middle one
};

// Of rows [at, at + n) of values, or of their distances from the first one (feed.h), which `p`
// predicts. `r` is filled for runs whose numbers take more than 32 bits.
void plan_run(const Predictor& p, const std::int64_t* v, std::size_t at, std::size_t n,
              Residuals& r, Plan& plan);
void plan_run(const Predictor& p, const std::int32_t* distances, std::size_t at, std::size_t n,
              Plan& plan);

}  // namespace tidemark::codec::fast
