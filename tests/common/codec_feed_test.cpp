// Numbers that are made while they are written: whatever a feed cannot make is written otherwise.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "common/codec/codec.h"
#include "common/codec/feed.h"

namespace tidemark::codec {
namespace {

constexpr std::size_t kRows = 3000;

// A series' second block: the first one told what it is.
void expect_back(const std::vector<double>& before, const std::vector<double>& values) {
  Memory memory;
  Column column;
  column.type = ValueType::f64;
  column.f64 = before;
  static_cast<void>(encode_values(column, Tier::fast, &memory));
  column.f64 = values;
  const auto bytes = encode_values(column, Tier::fast, &memory);
  Column back;
  back.type = ValueType::f64;
  back.f64.resize(values.size());
  ASSERT_TRUE(decode_values(bytes, Tier::fast, back).ok());
  for (std::size_t i = 0; i < values.size(); ++i) {
    ASSERT_EQ(std::bit_cast<std::uint64_t>(values[i]), std::bit_cast<std::uint64_t>(back.f64[i]))
        << "row " << i;
  }
}

std::vector<double> decimals() {
  std::mt19937_64 random(3);
  std::vector<double> values(kRows);
  for (auto& v : values) v = static_cast<double>(random() % 4000) / 100;
  return values;
}

TEST(Feed, ABlockOfDecimalsMayEndOtherwise) {
  const auto before = decimals();
  const double others[] = {std::nan(""), -0.0,   std::numeric_limits<double>::infinity(), M_PI,
                           1e300,        5e-324, 1.001,                                 6e6};
  for (const auto other : others) {
    for (const std::size_t row : {std::size_t{0}, std::size_t{5}, std::size_t{256},
                                  std::size_t{257}, kRows / 2, kRows - 1}) {
      auto values = decimals();
      values[row] = other;
      expect_back(before, values);
    }
  }
}

TEST(Feed, DecimalsMayHaveFewerDigitsNow) {
  auto fewer = decimals();
  for (auto& v : fewer) v = std::floor(v);
  expect_back(decimals(), fewer);
}

TEST(Feed, DecimalsMayBeLarge) {
  for (const double base : {5.6e12, -5.6e12, 1.12589990684262e13, 2.2e13, -2.2e13}) {
    auto values = decimals();
    for (auto& v : values) v = std::nearbyint((v + base) * 100) / 100;
    expect_back(values, values);
  }
}

TEST(Feed, DistancesOfIntegersHaveAnEnd) {
  for (const std::int64_t first : {std::int64_t{0}, std::int64_t{1} << 60,
                                   std::numeric_limits<std::int64_t>::max(),
                                   std::numeric_limits<std::int64_t>::min()}) {
    const auto at = [&](std::int64_t distance) {
      return static_cast<std::int64_t>(static_cast<std::uint64_t>(first) +
                                       static_cast<std::uint64_t>(distance));
    };
    const std::vector<std::int64_t> near = {first, at(kDistanceEnd - 1), at(-kDistanceEnd)};
    IntegerFeed feed(near);
    ASSERT_TRUE(feed.make(0, near.size()));
    EXPECT_EQ(feed.distances()[1], kDistanceEnd - 1);
    EXPECT_EQ(feed.distances()[2], -kDistanceEnd);
    std::vector<std::int64_t> wide;
    feed.widen(wide);
    EXPECT_EQ(wide, near);
    for (const auto far : {kDistanceEnd, -kDistanceEnd - 1, std::int64_t{1} << 32,
                           std::numeric_limits<std::int64_t>::min()}) {
      const std::vector<std::int64_t> numbers = {first, at(far)};
      EXPECT_FALSE(IntegerFeed(numbers).make(0, 2)) << far;
    }
  }
}

TEST(Feed, AWindowAheadIsMadeAndMadeAgain) {
  std::vector<std::int64_t> numbers(1000);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<std::int64_t>(i * i);
  IntegerFeed feed(numbers);
  ASSERT_TRUE(feed.make(600, 700));
  EXPECT_EQ(feed.distances()[650], 650 * 650);
  ASSERT_TRUE(feed.make(0, 1000));
  for (std::int32_t i = 0; i < 1000; ++i) ASSERT_EQ(feed.distances()[i], i * i);
}

}  // namespace
}  // namespace tidemark::codec
