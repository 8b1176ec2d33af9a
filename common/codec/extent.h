// The least and the largest of integers. Private to this folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tidemark::codec {

struct Extent {
  std::int64_t low = 0, high = 0;
};

// Of at least one; for loops that are compiled for the CPU at hand.
[[gnu::always_inline]] inline Extent extent_within(const std::int64_t* v, std::size_t n) {
  auto low = v[0], high = v[0];
  for (std::size_t i = 0; i < n; ++i) {
    low = v[i] < low ? v[i] : low;
    high = v[i] > high ? v[i] : high;
  }
  return {low, high};
}
Extent extent_of(std::span<const std::int64_t> values);  // of at least one

}  // namespace tidemark::codec
