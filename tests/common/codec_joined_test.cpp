// Ulps joined to their integers move values as ulps apart do.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "common/codec/joined.h"
#include "common/codec/numbers.h"
#include "common/codec/residuals.h"

namespace tidemark::codec {
namespace {

struct Kind {
  const char* name;
  DoubleMode mode;
  unsigned exponent;
  double scale;
  std::int64_t k_end;
};
void PrintTo(const Kind& k, std::ostream* out) { *out << k.name; }

constexpr Kind kKinds[] = {
    {"decimals", DoubleMode::decimal_ulps, 8, 0, std::int64_t{1} << 49},
    {"decimals around 0", DoubleMode::decimal_ulps, 2, 0, 3},
    {"a grid", DoubleMode::grid_ulps, 0, 0.0023942017, 100'000},
    {"a grid of subnormals", DoubleMode::grid_ulps, 0, 0x1p-1074, 200},
    {"floats of decimals", DoubleMode::float_decimal_ulps, 3, 0, 16'000'000},
    {"floats of decimals around 0", DoubleMode::float_decimal_ulps, 3, 0, 3},
    {"a grid of floats", DoubleMode::float_grid_ulps, 0, 9.80665 / 4096, 40'000},
    {"a grid of subnormal floats", DoubleMode::float_grid_ulps, 0, 0x1p-149, 200},
    {"a grid of large floats", DoubleMode::float_grid_ulps, 0, 0x1p104, (1 << 23) - 1},
    {"printed floats", DoubleMode::printed_float, 3, 0, 50'000},
};

class JoinedUlps : public testing::TestWithParam<Kind> {};

TEST_P(JoinedUlps, MoveAsThoseApart) {
  const auto& kind = GetParam();
  std::mt19937_64 random(5);
  for (unsigned bits = 1; bits <= kJoinedBitsMax; ++bits) {
    for (const std::size_t n : {std::size_t{1}, std::size_t{7}, kStep}) {
      std::vector<std::int64_t> k(n), ulps(n);
      const auto half = std::int64_t{1} << (bits - 1);
      for (std::size_t i = 0; i < n; ++i) {
        const auto any = static_cast<std::int64_t>(random() >> 1);
        k[i] = any % kind.k_end * (random() % 2 == 0 ? 1 : -1);
        ulps[i] = static_cast<std::int64_t>(random() % (std::uint64_t{1} << bits)) - half;
      }
      std::vector<double> apart(n), joined(n);
      restore_doubles(kind.mode, kind.exponent, kind.scale, k, apart.data());
      add_ulps(kind.mode, ulps, apart.data());

      auto numbers = k;
      join(ulps, bits, numbers);
      const Joined by{kind.mode, kind.exponent, kind.scale, bits};
      by.restore(numbers, joined.data());
      for (std::size_t i = 0; i < n; ++i) {
        ASSERT_EQ(bits_of(joined[i]), bits_of(apart[i])) << k[i] << " and " << ulps[i];
      }
      part(ulps, bits, numbers);
      EXPECT_EQ(numbers, k);
    }
  }
}

TEST_P(JoinedUlps, OfOffsetsAreThoseOfTheirSums) {
  const auto& kind = GetParam();
  std::mt19937_64 random(6);
  constexpr unsigned kBits = 4;
  const std::int64_t base = kind.k_end << (kBits - 1);
  std::vector<std::int32_t> offsets(kStep);
  std::vector<std::int64_t> numbers;
  for (auto& o : offsets) {
    o = static_cast<std::int32_t>(random() % 1000) - 500;
    numbers.push_back(base + o);
  }
  const Joined by{kind.mode, kind.exponent, kind.scale, kBits};
  std::vector<double> by_offset(kStep), by_number(kStep);
  ASSERT_TRUE(by.restore(base, offsets, by_offset.data()));
  by.restore(numbers, by_number.data());
  for (std::size_t i = 0; i < kStep; ++i) {
    EXPECT_EQ(bits_of(by_offset[i]), bits_of(by_number[i])) << numbers[i];
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, JoinedUlps, testing::ValuesIn(kKinds));

TEST(JoinedBits, AreThoseThatHoldEveryUlp) {
  const std::vector<std::int64_t> none(9, 0), small{0, -1, 1, -4, 3}, wide{0, 64, -1};
  EXPECT_EQ(joined_bits(none), 0U);
  EXPECT_EQ(joined_bits(small), 3U);
  EXPECT_EQ(joined_bits(wide), 0U);
}

}  // namespace
}  // namespace tidemark::codec
