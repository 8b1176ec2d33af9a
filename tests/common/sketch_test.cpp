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

// Pressure of N(1013, 1) hPa in steps of 0.01, as a register has it: a relative error would be off
// by several hPa.
std::vector<std::int64_t> pressure(std::mt19937_64& random, std::size_t count) {
  std::normal_distribution<double> hpa(1013, 1);
  std::vector<std::int64_t> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(std::llround(hpa(random) * 100));
  return out;
}

TEST(LinearSketch, AnOffsetSensorsQuantilesAreWithinItsStep) {
  std::mt19937_64 random(5);
  for (const std::size_t count : {1u, 600u, 60'000u}) {
    auto values = pressure(random, count);
    Sketch sketch(Sketch::Mapping::linear);
    for (const auto v : values) sketch.add(v);
    std::sort(values.begin(), values.end());
    EXPECT_LE(sketch.error(), 1.0);
    for (const std::uint64_t n : {0u, 1u, 500u, 950u, 990u, 1000u}) {
      const auto rank = std::max<std::uint64_t>((count * n + 999) / 1000, 1);
      EXPECT_LE(std::abs(sketch.quantile(n, 1000) - static_cast<double>(values[rank - 1])),
                sketch.error()) << count << " quantile " << n;
    }
  }
}

TEST(LinearSketch, FarValuesWidenItAndOrderDoesNotMatter) {
  std::mt19937_64 random(6);
  for (int round = 0; round < 20; ++round) {
    auto values = pressure(random, 3000);
    for (int i = 0; i < 40; ++i) values.push_back(static_cast<std::int64_t>(random()) >> (i + 1));
    Sketch whole(Sketch::Mapping::linear);
    for (const auto v : values) whole.add(v);
    std::shuffle(values.begin(), values.end(), random);
    std::vector<Sketch> parts(1 + random() % 9, Sketch(Sketch::Mapping::linear));
    for (const auto v : values) parts[random() % parts.size()].add(v);
    Sketch sum(Sketch::Mapping::linear);
    for (const auto& part : parts) sum.merge(part);
    ASSERT_EQ(sum, whole);
    std::sort(values.begin(), values.end());
    EXPECT_LE(std::abs(whole.quantile(1, 2) - static_cast<double>(values[values.size() / 2 - 1])),
              whole.error());
  }
}

TEST(Sketch, WhatIsSubtractedWasNeverThere) {
  std::mt19937_64 random(7);
  for (const auto mapping : {Sketch::Mapping::linear, Sketch::Mapping::logarithmic}) {
    Sketch first(mapping), second(mapping), both(mapping);
    const auto add = [&](Sketch& to, std::int64_t v) {
      if (mapping == Sketch::Mapping::linear) {
        to.add(v);
      } else {
        to.add(static_cast<double>(v) * 0.01);
      }
    };
    for (const auto v : pressure(random, 2000)) add(first, v), add(both, v);
    for (const auto v : pressure(random, 100)) add(second, v - 50), add(both, v - 50);
    both.subtract(second);
    EXPECT_EQ(both.count(), 2000u);
    for (std::uint64_t n = 0; n <= 100; ++n) {
      EXPECT_LE(std::abs(both.quantile(n, 100) - first.quantile(n, 100)),
                mapping == Sketch::Mapping::linear ? both.error() + first.error()
                                                   : both.error() * 1100) << n;
    }
    both.subtract(first);
    EXPECT_EQ(both.count(), 0u);
  }
}

}  // namespace
}  // namespace tidemark::window
