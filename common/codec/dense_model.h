// What the dense tier believes of the next residual: counters in two contexts, whose votes are
// weighed. Private to this folder; rules in FORMAT.md under "Residuals, dense".
//
// Integers only, so that every machine believes the same. A block starts from a prior that
// bench/codec/train makes of signals, which is what keeps blocks of 100 rows small.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "common/codec/range_coder.h"

namespace tidemark::codec::dense {

// The odds of a one, and how often they were adapted: the more often, the less they move.
struct Counter {
  std::uint16_t p = 32768;  // in 1/65,536
  std::uint16_t seen = 0;
};

// A residual is told by its class, the bit width of its magnitude: is it at least the one that is
// expected, and then one by one upwards or downwards. Steps past the last node share it.
inline constexpr int kSteps = 8;
inline constexpr int kNodes = 1 + 2 * kSteps;

inline constexpr int kScales = 40;             // half octaves of the mean magnitude
inline constexpr int kNear = 9;                // a class, relative to the expected one
inline constexpr int kRoughScales = 4;         // the expected class: 0, 1, 2 to 3, more
inline constexpr int kSigns = 3 * 3 * 4 * 12;  // signs before, class before, class
inline constexpr int kTops = 24 * 3 * 3;       // class, above expectation or not, bit before

// Of two votes; 65,536 is one.
struct Weights {
  std::int32_t a = 30'000, b = 30'000;
};

using Nodes = std::array<Counter, kNodes>;

struct Model {
  std::array<Nodes, kScales> by_scale;
  std::array<Nodes, kNear * kNear> by_last_two;
  std::array<Counter, kSigns> sign;
  std::array<Counter, kTops> top;  // the two bits below the highest
  std::array<Weights, kNodes * kRoughScales> weights;
};

// As a new block finds it. A Model{} knows nothing: to train.
const Model& prior();
// The text of dense_prior.inc for a model that has seen the training signals.
std::string prior_text(const Model& trained);
// How sure the prior is of itself: it counts as so many adaptations at most.
inline constexpr int kPriorSeen = 6;

}  // namespace tidemark::codec::dense
