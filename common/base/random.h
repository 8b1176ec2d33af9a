// Randomness as a seam: seeded from the system in production, by the test's printed seed elsewhere.
#pragma once

#include <cstdint>
#include <span>

namespace tidemark {

class Random {
 public:
  virtual ~Random() = default;
  virtual std::uint64_t next() = 0;
  // Uniform in [0, bound); bound 0 gives 0.
  std::uint64_t below(std::uint64_t bound);
};

// getrandom(2): fit for keys and incarnations. Any thread.
class SystemRandom final : public Random {
 public:
  std::uint64_t next() override;
};

// splitmix64; the same seed gives the same numbers. One thread.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() override;

 private:
  std::uint64_t state_;
};

void fill_random(std::span<std::uint8_t> out);  // getrandom(2)

}  // namespace tidemark
