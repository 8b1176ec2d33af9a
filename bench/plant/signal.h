// What the simulated world does: smooth movement, noise and steps, the same for the same seed.
#pragma once

#include <cstdint>

namespace tidemark::plant {

struct Signal {
  double base = 0;
  double swing = 0;      // amplitude of the slow movement
  double noise = 0;      // amplitude of the noise
  double period_s = 60;  // of the slow movement
  double slope = 0;      // a second: counters rise
};

// A hash of its arguments as a number in [0, 1).
double unit_hash(std::uint64_t seed, std::uint64_t index);

// The signal at `t_s`; `index` picks the noise.
double evaluate(const Signal& signal, double t_s, std::uint64_t seed, std::uint64_t index);

}  // namespace tidemark::plant
