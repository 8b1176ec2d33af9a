#include <gtest/gtest.h>

#include <bit>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <random>

#include "common/window/partial.h"
#include "tests/common/rational.h"

namespace tidemark::window {
namespace {

constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

void check(const std::vector<std::int64_t>& values, int exponent) {
  Partial p(ValueType::i64);
  Rational sum = 0, squares = 0;
  std::int64_t t = 0;
  for (const auto v : values) {
    p.add(t++, v);
    sum += v;
    squares += Rational(v) * v;
  }
  const auto a = Aggregates::of(p, exponent);
  const auto scale = power(10, exponent);
  const Rational n = values.size();
  EXPECT_TRUE(is_nearest(*a.sum, sum * scale));
  EXPECT_TRUE(is_nearest(*a.mean, sum * scale / n));
  EXPECT_TRUE(is_nearest_root(*a.stddev, (n * squares - sum * sum) / (n * n) * scale * scale));
  const auto [min, max] = std::minmax_element(values.begin(), values.end());
  EXPECT_TRUE(is_nearest(*a.min, Rational(*min) * scale));
  EXPECT_TRUE(is_nearest(*a.max, Rational(*max) * scale));
  EXPECT_TRUE(is_nearest(*a.first, Rational(values.front()) * scale));
  EXPECT_TRUE(is_nearest(*a.last, Rational(values.back()) * scale));
}

TEST(Aggregates, OfDecimalsAreRoundedOnce) {
  check({2312, 2313, 2314}, -1);
  check({1, 2}, -18);
  check({kMin, kMax, kMin}, 18);
  check({kMin, kMin + 1, kMax}, -18);
  check({5}, 3);
  check({7, 7, 7}, -2);
  std::mt19937_64 random(11);
  for (int round = 0; round < 400; ++round) {
    std::vector<std::int64_t> values(1 + random() % 40);
    const auto shift = random() % 64;
    for (auto& v : values) v = static_cast<std::int64_t>(random()) >> shift;
    check(values, static_cast<int>(random() % 37) - 18);
    if (HasFailure()) FAIL() << "round " << round;
  }
}

TEST(Aggregates, OfDoublesAreRoundedOnce) {
  std::mt19937_64 random(12);
  for (int round = 0; round < 400; ++round) {
    Partial p;
    Rational sum = 0, squares = 0;
    const auto n = 1 + random() % 20;
    const bool near = random() % 2 == 0;
    for (std::size_t i = 0; i < n; ++i) {
      // Near ones differ in the last bits only: the textbook formula would find 0 or less than 0.
      const auto bits = near ? 0x4035000000000000U + random() % 9 : random();
      const auto v = std::bit_cast<double>(bits & 0xdfffffffffffffffU);  // no infinite squares
      p.add(static_cast<std::int64_t>(i), v);
      sum += exact(v);
      squares += exact(v) * exact(v);
    }
    const auto a = Aggregates::of(p, 0);
    const Rational count = n;
    ASSERT_TRUE(is_nearest(*a.sum, sum)) << round;
    ASSERT_TRUE(is_nearest(*a.mean, sum / count)) << round;
    ASSERT_TRUE(is_nearest_root(*a.stddev, (count * squares - sum * sum) / (count * count)))
        << round;
  }
}

// tests/golden/aggregates.py wrote them, with fractions.
TEST(Aggregates, AreThoseOfAnotherProgram) {
  std::ifstream lines(TIDEMARK_SOURCE "/tests/golden/aggregates.txt");
  std::string type, bar, word;
  int exponent = 0, read = 0;
  while (lines >> type >> exponent >> bar) {
    Partial p(type == "i64" ? ValueType::i64 : ValueType::f64);
    for (std::int64_t t = 0; lines >> word && word != "|"; ++t) {
      if (type == "i64") {
        p.add(t, std::int64_t{std::stoll(word)});
      } else {
        p.add(t, std::strtod(word.c_str(), nullptr));
      }
    }
    const auto a = Aggregates::of(p, exponent);
    for (const auto figure : {a.sum, a.mean, a.stddev}) {
      lines >> word;
      ASSERT_EQ(*figure, std::strtod(word.c_str(), nullptr)) << "line " << read + 1;
    }
    ++read;
  }
  EXPECT_EQ(read, 300);
}

TEST(Aggregates, OfSubnormalsAndTies) {
  constexpr double kSmallest = std::numeric_limits<double>::denorm_min();
  Partial p;
  p.add(0, kSmallest);
  p.add(1, 0.0);
  EXPECT_EQ(*Aggregates::of(p, 0).mean, 0.0);  // half of the smallest: the tie goes to even
  p.add(2, kSmallest);
  p.add(3, kSmallest);
  EXPECT_EQ(*Aggregates::of(p, 0).mean, kSmallest);  // three quarters
}

TEST(Aggregates, OfTheLargestDoublesStayFinite) {
  constexpr double kLargest = std::numeric_limits<double>::max();
  Partial p;
  p.add(0, kLargest);
  p.add(1, kLargest);
  const auto a = Aggregates::of(p, 0);
  EXPECT_EQ(*a.mean, kLargest);
  EXPECT_EQ(*a.stddev, 0.0);
  EXPECT_TRUE(std::isinf(*a.sum));
}

TEST(Aggregates, OfNothingAreEmpty) {
  Partial p;
  p.add_bad();
  const auto a = Aggregates::of(p, 0);
  EXPECT_EQ(a.count, 0u);
  EXPECT_FALSE(a.min || a.max || a.sum || a.mean || a.stddev || a.first || a.last);
}

TEST(Aggregates, OfTextAreCountAndEnds) {
  Partial p(ValueType::text);
  p.add(2, "open");
  p.add(1, "shut");
  const auto a = Aggregates::of(p, 0);
  EXPECT_EQ(a.count, 2u);
  EXPECT_EQ(a.first_text, "shut");
  EXPECT_EQ(a.last_text, "open");
  EXPECT_FALSE(a.sum.has_value());
}

TEST(Aggregates, AreKnownByName) {
  Partial p(ValueType::i64);
  p.add(1, std::int64_t{10});
  p.add(2, std::int64_t{30});
  const auto a = Aggregates::of(p, -1);
  const std::pair<const char*, double> cases[] = {
      {"count", 2}, {"min", 1},  {"max", 3},    {"sum", 4}, {"mean", 2},
      {"avg", 2},   {"stddev", 1}, {"first", 1}, {"last", 3}};
  for (const auto& [name, value] : cases) {
    EXPECT_TRUE(Aggregates::check_name(name).ok()) << name;
    EXPECT_EQ(a.get(name), value) << name;
  }
  const auto wrong = Aggregates::check_name("meen");
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.error().fault(), Fault::bad_input);
  EXPECT_NE(wrong.error().text().find("did you mean 'mean'"), std::string::npos);
  EXPECT_EQ(a.get("meen"), std::nullopt);
}

}  // namespace
}  // namespace tidemark::window
