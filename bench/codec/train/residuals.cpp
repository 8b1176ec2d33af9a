#include "bench/codec/train/residuals.h"

#include <algorithm>
#include <cmath>

#include "common/base/random.h"

namespace tidemark::bench {
namespace {

constexpr int kStreams = 3000;
constexpr double kValueMax = 1e15;

class Chance {
 public:
  double uniform() { return static_cast<double>(random_.next() >> 11) * 0x1p-53; }
  double uniform(double from, double to) { return from + (to - from) * uniform(); }
  double normal() {  // to six standard deviations, without a logarithm
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += uniform();
    return sum;
  }
  bool with(double p) { return uniform() < p; }
  std::uint64_t below(std::uint64_t bound) { return random_.below(bound); }

 private:
  SeededRandom random_{12'345};
};

// 2^x by its series: std::exp2 may differ among machines.
double power_of_two(double x) {
  const double whole = std::floor(x);
  const double part = (x - whole) * 0.69314718055994530942;
  double term = 1, sum = 1;
  for (int i = 1; i < 16; ++i) {
    term *= part / i;
    sum += term;
  }
  return std::ldexp(sum, static_cast<int>(std::clamp(whole, -60.0, 60.0)));
}

// How one stream is distributed and how that changes along it.
struct Shape {
  std::uint64_t kind;
  double scale;       // log2 of a residual's size
  double wander;      // of the scale, slowly
  double flutter;     // of the scale, from one residual to the next
  double correlated;  // with the residual before
  double zero;        // chance of exactly 0
  double spike;       // chance of one twelve times as large
};

Shape shape_of(Chance& chance, int index) {
  Shape s{};
  // Most sensors leave a few steps of noise; a third of the streams reach to 2^17.
  s.scale = chance.uniform(-3, index % 3 == 0 ? 17 : 8);
  s.kind = chance.below(5);
  s.wander = chance.with(0.5) ? 0 : chance.uniform(0, 0.3);
  s.correlated = chance.with(0.6) ? 0 : chance.uniform(-0.3, 0.3);
  s.zero = chance.with(0.25) ? chance.uniform(0, 0.9) : 0;
  s.spike = chance.with(0.3) ? chance.uniform(0, 0.03) : 0;
  s.flutter = chance.with(0.3) ? chance.uniform(0, 0.7) : 0;
  return s;
}

double noise(Chance& chance, std::uint64_t kind) {
  const double normal = chance.normal();
  switch (kind) {
    case 2: {  // Laplace: a bell whose variance is exponential
      const double a = chance.normal(), b = chance.normal();
      return 0.7 * normal * std::sqrt(a * a + b * b);
    }
    case 3: return normal * power_of_two(0.72 * chance.normal());  // heavy tails
    case 4: return chance.uniform(-1.7, 1.7);                      // of a coarser grid
    default: return normal;
  }
}

std::vector<std::int64_t> stream_of(Chance& chance, const Shape& s) {
  const auto size = static_cast<std::size_t>(60 * power_of_two(chance.uniform(0, 6.64)));
  std::vector<std::int64_t> residuals(size);
  double wandered = 0, before = 0;
  for (auto& r : residuals) {
    wandered = 0.98 * wandered + s.wander * chance.normal();
    const double scale = s.scale + wandered + s.flutter * chance.normal();
    double x = noise(chance, s.kind) * power_of_two(scale) + s.correlated * before;
    if (chance.with(s.zero)) x = 0;
    if (chance.with(s.spike)) x *= 12;
    before = std::clamp(x, -kValueMax, kValueMax);
    r = static_cast<std::int64_t>(std::nearbyint(before));
  }
  return residuals;
}

}  // namespace

std::vector<std::vector<std::int64_t>> training_residuals() {
  Chance chance;
  std::vector<std::vector<std::int64_t>> streams;
  for (int i = 0; i < kStreams; ++i) {
    const auto shape = shape_of(chance, i);
    streams.push_back(stream_of(chance, shape));
  }
  return streams;
}

}  // namespace tidemark::bench
