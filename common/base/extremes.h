// The least and the largest of many times, and whether they rise.
//
// Speed      a vector of them at a time: no outcome of a comparison has to be guessed where times
//            come in any order.
// Threads    any.
#pragma once

#include <cstdint>
#include <span>

namespace tidemark {

struct Extremes {
  std::int64_t least, largest;
};

// Of at least one.
Extremes extremes_of(std::span<const std::int64_t> all);
// Whether each is larger than the one before it.
bool rise_strictly(std::span<const std::int64_t> all);

}  // namespace tidemark
