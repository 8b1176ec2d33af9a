#include "common/base/random.h"

#include <sys/random.h>

#include "common/base/check.h"

namespace tidemark {

std::uint64_t Random::below(std::uint64_t bound) { return bound == 0 ? 0 : next() % bound; }

void fill_random(std::span<std::uint8_t> out) {
  std::size_t at = 0;
  while (at < out.size()) {
    const auto n = ::getrandom(out.data() + at, out.size() - at, 0);
    TIDE_CHECK(n > 0, "getrandom failed");
    at += static_cast<std::size_t>(n);
  }
}

std::uint64_t SystemRandom::next() {
  std::uint64_t v = 0;
  fill_random({reinterpret_cast<std::uint8_t*>(&v), sizeof v});
  return v;
}

std::uint64_t SeededRandom::next() {
  std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31);
}

}  // namespace tidemark
