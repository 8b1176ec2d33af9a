#include "common/window/sketch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <random>

namespace tidemark::window {
namespace {

// By sorting.
double naive_quantile(std::vector<double> values, std::uint64_t num, std::uint64_t den) {
  std::sort(values.begin(), values.end());
  const auto rank = std::max<std::uint64_t>((values.size() * num + den - 1) / den, 1);
  return values[rank - 1];
}

std::vector<double> readings(std::mt19937_64& random, int kind, std::size_t count) {
  std::vector<double> out;
  for (std::size_t i = 0; i < count; ++i) {
    const auto draw = static_cast<double>(random() % 1'000'000) / 1e6;
    switch (kind) {
      case 0: out.push_back(230 + draw); break;
      case 1: out.push_back(draw - 0.5); break;
      case 2: out.push_back(std::exp(40 * draw - 20)); break;
      default: {
        const auto v = std::bit_cast<double>(random());
        out.push_back(std::isfinite(v) ? v : 0);
      }
    }
  }
  return out;
}

TEST(Sketch, AQuantileIsWithinItsError) {
  std::mt19937_64 random(3);
  for (int kind = 0; kind < 4; ++kind) {
    for (const std::size_t count : {1u, 2u, 99u, 20'000u}) {
      const auto values = readings(random, kind, count);
      Sketch sketch;
      for (const double v : values) sketch.add(v);
      EXPECT_EQ(sketch.count(), count);
      if (kind < 2 && count < 100) {
        EXPECT_EQ(sketch.error(), 1.0 / 256);
      }
      for (const std::uint64_t n : {0u, 1u, 500u, 950u, 990u, 1000u}) {
        const double exact = naive_quantile(values, n, 1000);
        EXPECT_LE(std::abs(sketch.quantile(n, 1000) - exact), sketch.error() * std::abs(exact))
            << "kind " << kind << " count " << count << " quantile " << n;
      }
    }
  }
}

TEST(Sketch, OrderAndCutsDoNotMatter) {
  std::mt19937_64 random(4);
  for (int kind = 0; kind < 4; ++kind) {
    auto values = readings(random, kind, 5000);
    Sketch whole;
    for (const double v : values) whole.add(v);
    for (int run = 0; run < 4; ++run) {
      std::shuffle(values.begin(), values.end(), random);
      std::vector<Sketch> parts(1 + random() % 9);
      for (const double v : values) parts[random() % parts.size()].add(v);
      Sketch sum;
      for (const auto& part : parts) sum.merge(part);
      EXPECT_EQ(sum, whole) << "kind " << kind;
    }
  }
}

TEST(Sketch, ZeroIsExactAndSignsMirror) {
  Sketch sketch;
  for (const double v : {-8.0, 0.0, -0.0, 8.0}) sketch.add(v);
  EXPECT_EQ(sketch.quantile(1, 2), 0);
  EXPECT_EQ(sketch.quantile(0, 1), -sketch.quantile(1, 1));
}

}  // namespace
}  // namespace tidemark::window
