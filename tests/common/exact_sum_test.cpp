#include "common/window/exact_sum.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <numeric>
#include <random>

#include "tests/common/rational.h"

namespace tidemark::window {
namespace {

constexpr double kSmallest = std::numeric_limits<double>::denorm_min();
constexpr double kLargest = std::numeric_limits<double>::max();
constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

ByteVector bytes_of(const ExactSum& s) {
  ByteVector bytes;
  ByteWriter out(bytes);
  s.encode(out);
  return bytes;
}

template <typename... Values>
ExactSum sum_of(Values... values) {
  ExactSum s;
  (s.add(values), ...);
  return s;
}

// Doubles of every kind: a few digits, full mantissas, subnormals, both ends of the range.
double any_double(std::mt19937_64& random) {
  switch (random() % 6) {
    case 0: return static_cast<double>(random() % 10'000) / 100 - 50;
    case 1: return std::bit_cast<double>(random() & 0x800fffffffffffffU);  // subnormal
    case 2: return random() % 2 == 0 ? 0.0 : -0.0;
    case 3: return (random() % 2 == 0 ? 1 : -1) * kLargest / static_cast<double>(1 + random() % 9);
    case 4: return std::ldexp(1.0, static_cast<int>(random() % 2098) - 1074);
    default: {
      const auto v = std::bit_cast<double>(random());
      return std::isfinite(v) ? v : 1.5;
    }
  }
}

TEST(ExactSum, CancelsWhereDoublesWouldNot) {
  EXPECT_EQ(sum_of(1e100, 1.0, -1e100).to_double(), 1.0);
  EXPECT_EQ(sum_of(0.1, 0.2, 0.3).to_double(), 0.6);
  EXPECT_EQ(sum_of(kLargest, kLargest, -kLargest).to_double(), kLargest);
  EXPECT_EQ(sum_of(kLargest, kSmallest, -kLargest).to_double(), kSmallest);
  EXPECT_TRUE(sum_of(1e300, -1e300).is_zero());
}

TEST(ExactSum, ZeroHasOneForm) {
  EXPECT_EQ(bytes_of(ExactSum()), ByteVector{0});
  EXPECT_EQ(bytes_of(sum_of(-0.0)), ByteVector{0});
  EXPECT_EQ(bytes_of(sum_of(kMin, kMax, std::int64_t{1})), ByteVector{0});
  EXPECT_FALSE(std::signbit(sum_of(-0.0).to_double()));
}

TEST(ExactSum, RoundsTiesToEven) {
  const auto base = std::ldexp(1.0, 53);
  EXPECT_EQ(sum_of(base, 1.0).to_double(), base);
  EXPECT_EQ(sum_of(base, 1.0, kSmallest).to_double(), base + 2);
  EXPECT_EQ(sum_of(base, 3.0).to_double(), base + 4);
  EXPECT_EQ(sum_of(base, 3.0, -kSmallest).to_double(), base + 2);
  EXPECT_EQ(sum_of(-base, -1.0).to_double(), -base);
  EXPECT_EQ(sum_of(-base, -3.0).to_double(), -base - 4);
  EXPECT_EQ(sum_of(std::numeric_limits<double>::min(), -kSmallest).to_double(),
            std::numeric_limits<double>::min() - kSmallest);
}

TEST(ExactSum, IsInfiniteOnlyPastTheRange) {
  const double half_step = std::ldexp(1.0, 970);  // half of the last place of the largest double
  EXPECT_EQ(sum_of(kLargest, half_step, -kSmallest).to_double(), kLargest);
  EXPECT_EQ(sum_of(kLargest, half_step).to_double(), std::numeric_limits<double>::infinity());
  EXPECT_EQ(sum_of(-kLargest, -kLargest).to_double(), -std::numeric_limits<double>::infinity());
}

TEST(ExactSum, TakesTheEndsOfInt64) {
  auto s = sum_of(kMin, kMin, kMax);
  EXPECT_EQ(s.to_double(), -std::ldexp(1.0, 63));  // -2^63 - 1, rounded
  s.add(kMax);
  EXPECT_EQ(s.to_double(), -2.0);
  ExactSum squares;
  squares.add_square(kMin);
  EXPECT_EQ(squares.to_double(), std::ldexp(1.0, 126));
  squares.add_square(kLargest);
  squares.add_square(kSmallest);
  const auto parts = squares.integer();
  EXPECT_LE(parts.magnitude.size(), ExactSum::kLimbsMax);
}

TEST(ExactSum, IntegersAndDoublesMeet) {
  EXPECT_EQ(sum_of(std::int64_t{1} << 40, 0.5), sum_of(0.5, std::ldexp(1.0, 40)));
}

TEST(ExactSum, AnyOrderAndAnyMergesGiveTheSameBytes) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    std::mt19937_64 random(seed);
    std::vector<double> values(1 + random() % 60);
    for (auto& v : values) v = any_double(random);
    ExactSum straight, squares;
    Rational sum = 0, square_sum = 0;
    for (const auto v : values) {
      straight.add(v);
      squares.add_square(v);
      sum += exact(v);
      square_sum += exact(v) * exact(v);
    }
    std::vector<ExactSum> parts(1 + random() % 5), square_parts(parts.size());
    std::shuffle(values.begin(), values.end(), random);
    for (const auto v : values) {
      const auto at = random() % parts.size();
      parts[at].add(v);
      square_parts[at].add_square(v);
    }
    ExactSum merged, merged_squares;
    for (const auto& p : parts) merged.merge(p);
    for (const auto& p : square_parts) merged_squares.merge(p);
    ASSERT_EQ(bytes_of(merged), bytes_of(straight)) << "seed " << seed;
    ASSERT_EQ(bytes_of(merged_squares), bytes_of(squares)) << "seed " << seed;
    const auto rounded = straight.to_double();
    if (std::isfinite(rounded)) {
      ASSERT_TRUE(is_nearest(rounded, sum)) << "seed " << seed;
    } else {
      ASSERT_GE(abs(sum), exact(kLargest)) << "seed " << seed;
    }
    if (std::isfinite(squares.to_double())) {
      ASSERT_TRUE(is_nearest(squares.to_double(), square_sum)) << "seed " << seed;
    }
    for (const auto v : values) merged.subtract(sum_of(v));
    ASSERT_TRUE(merged.is_zero()) << "seed " << seed;
  }
}

TEST(ExactSum, CarriesInTime) {
  // Doubling reaches the bound of uncarried deposits quickly; the sum is 2^40 times the first.
  auto s = sum_of(0.1, kMax, -1e-300, kMin);
  const auto once = s.integer();
  Rational expected = exact(0.1) + exact(-1e-300) - 1;
  for (int i = 0; i < 40; ++i) {
    s.merge(s);
    expected *= 2;
  }
  EXPECT_TRUE(is_nearest(s.to_double(), expected));
  EXPECT_NE(once, s.integer());
}

TEST(ExactSum, ReadsBackWhatItWrote) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 2000; ++round) {
    ExactSum s;
    for (std::size_t i = random() % 4; i > 0; --i) s.add(any_double(random));
    if (random() % 2 == 0) s.add(static_cast<std::int64_t>(random()));
    const auto bytes = bytes_of(s);
    ByteReader in(bytes);
    auto back = ExactSum::decode(in);
    ASSERT_TRUE(in.done());
    ASSERT_EQ(back, s);
    back.subtract(s);
    ASSERT_TRUE(back.is_zero());
  }
}

TEST(ExactSum, RefusesOtherForms) {
  const ByteVector cases[] = {
      {},                // nothing
      {1},               // minus zero
      {2, 0},            // a byte is missing
      {2, 0, 0},         // a zero byte at the ends
      {4, 0, 1, 0},      // at the high end
      {4, 0, 0, 1},      // at the low end
      {2, 0xff, 0x7f, 1},  // far below the smallest square
      {2, 0xfe, 0x7f, 1},  // far above the largest sum
  };
  for (const auto& bytes : cases) {
    ByteReader in(bytes);
    static_cast<void>(ExactSum::decode(in));
    EXPECT_FALSE(in.ok()) << to_hex(bytes);
  }
}

}  // namespace
}  // namespace tidemark::window
