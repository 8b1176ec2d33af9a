// The quick loops of decimals against a division for each value.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "common/codec/decimals.h"

namespace tidemark::codec {
namespace {

constexpr std::int64_t kEnd = std::int64_t{1} << 51;

std::uint64_t bits_of(double v) { return std::bit_cast<std::uint64_t>(v); }

// Of all widths; every other one as near as can be to the middle of two doubles once divided.
std::vector<std::int64_t> numbers(std::mt19937_64& random, double power) {
  std::vector<std::int64_t> k{0, 1, -1, 5, 10, kEnd - 1, 1 - kEnd};
  while (k.size() < 4096) {
    auto v = static_cast<std::int64_t>(random() >> (13 + random() % 51));
    if (k.size() % 2 == 0) {
      const auto quotient = static_cast<long double>(v) / static_cast<long double>(power);
      const auto below = static_cast<double>(quotient);
      const auto middle = (static_cast<long double>(below) +
                           static_cast<long double>(std::nextafter(below, INFINITY))) / 2;
      v = static_cast<std::int64_t>(middle * static_cast<long double>(power));
    }
    k.push_back(random() % 2 == 0 ? v : -v);
  }
  return k;
}

class DecimalsOf : public testing::TestWithParam<unsigned> {};

TEST_P(DecimalsOf, AreTheQuotientsOfADivision) {
  const auto power = power_of_10(GetParam());
  std::mt19937_64 random(GetParam());
  for (int round = 0; round < 50; ++round) {
    const auto k = numbers(random, power);
    std::vector<double> v(k.size()), floats(k.size());
    divide(k.data(), k.size(), GetParam(), v.data());
    divide_floats(k.data(), k.size(), GetParam(), floats.data());
    for (std::size_t i = 0; i < k.size(); ++i) {
      const auto q = static_cast<double>(k[i]) / power;
      ASSERT_EQ(bits_of(v[i]), bits_of(q)) << k[i];
      ASSERT_EQ(bits_of(floats[i]), bits_of(static_cast<float>(q))) << k[i];
    }
    std::vector<std::int64_t> back(k.size());
    ASSERT_EQ(decimal_misses(v.data(), v.size(), GetParam(), back.data()), 0U);
    ASSERT_EQ(back, k);
  }
}

TEST_P(DecimalsOf, OffsetsAreTheSameNumbers) {
  std::mt19937_64 random(GetParam());
  std::vector<std::int32_t> offsets(1000);
  for (auto& o : offsets) o = static_cast<std::int32_t>(random());
  const std::int64_t base = -123'456'789'012'345;
  std::vector<std::int64_t> k;
  for (const auto o : offsets) k.push_back(base + o);
  std::vector<double> by_offset(k.size()), by_number(k.size());
  divide(base, offsets.data(), k.size(), GetParam(), by_offset.data());
  divide(k.data(), k.size(), GetParam(), by_number.data());
  EXPECT_EQ(by_offset, by_number);
  divide_floats(base, offsets.data(), k.size(), GetParam(), by_offset.data());
  divide_floats(k.data(), k.size(), GetParam(), by_number.data());
  EXPECT_EQ(by_offset, by_number);
}

TEST_P(DecimalsOf, NothingElseIsADecimal) {
  const auto exponent = GetParam();
  const auto power = power_of_10(exponent);
  std::mt19937_64 random(exponent);
  const auto is_decimal = [&](double v) {
    const double k = std::nearbyint(v * power);
    return std::fabs(k) < static_cast<double>(kEnd) && bits_of((k + 0.0) / power) == bits_of(v);
  };
  std::vector<double> values{-0.0, INFINITY, -INFINITY, NAN, -NAN, 1e300, -1e300, 4.9e-324,
                             static_cast<double>(kEnd) / power, -12e15 / power, 1e18};
  for (const auto k : numbers(random, power)) {
    const auto v = static_cast<double>(k) / power;
    const auto flipped = bits_of(v) ^ std::uint64_t{1} << random() % 64;
    for (const auto b : {bits_of(v) - 1, bits_of(v) + 1, flipped}) {
      values.push_back(std::bit_cast<double>(b));
    }
  }
  for (const auto v : values) {
    std::int64_t k = 0;
    EXPECT_EQ(decimal_misses(&v, 1, exponent, &k) == 0, is_decimal(v)) << v << ' ' << bits_of(v);
    const std::vector<double> many(9, v);  // whole vectors of a CPU too
    std::vector<std::int64_t> ks(9);
    EXPECT_EQ(decimal_misses(many.data(), 9, exponent, ks.data()) == 0, is_decimal(v)) << v;
  }
}

INSTANTIATE_TEST_SUITE_P(Exponents, DecimalsOf, testing::Range(0U, kExponentMax + 1));

}  // namespace
}  // namespace tidemark::codec
