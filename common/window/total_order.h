// The order of readings of one time: by value, where doubles have the total order of IEEE 754, so
// that what depends on order does not depend on arrival. -0 is below +0.
#pragma once

#include <bit>
#include <cstdint>

namespace tidemark::window {

// The total order of doubles as that of integers.
constexpr std::int64_t order_of(double v) {
  const auto bits = std::bit_cast<std::int64_t>(v);
  return bits ^ static_cast<std::int64_t>(static_cast<std::uint64_t>(bits >> 63) >> 1);
}
constexpr std::int64_t order_of(std::int64_t v) { return v; }

}  // namespace tidemark::window
