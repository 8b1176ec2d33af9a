#include "bench/plant/signal.h"

#include <cmath>
#include <numbers>

namespace tidemark::plant {

double unit_hash(std::uint64_t seed, std::uint64_t index) {
  std::uint64_t z = seed * 0x9E3779B97F4A7C15ULL + index * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1.0p-53;
}

double evaluate(const Signal& signal, double t_s, std::uint64_t seed, std::uint64_t index) {
  const double angle = 2 * std::numbers::pi * (t_s / signal.period_s + unit_hash(seed, 0));
  return signal.base + signal.swing * std::sin(angle) +
         signal.noise * (2 * unit_hash(seed, index + 1) - 1) + signal.slope * t_s;
}

}  // namespace tidemark::plant
