#include "common/window/partial.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "common/base/disk.h"

namespace tidemark::window {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

ByteVector bytes_of(const Partial& p) {
  ByteVector bytes;
  ByteWriter out(bytes);
  p.encode(out);
  return bytes;
}

Result<Partial> read(const ByteVector& bytes) {
  ByteReader in(bytes);
  auto p = Partial::decode(in);
  if (p.ok() && !in.done()) return Error{Fault::bad_input, "bytes are left over"};
  return p;
}

struct Reading {
  std::int64_t time;
  double f64;
  std::int64_t i64;
  std::string text;
  Quality quality;
};

Reading any_reading(std::mt19937_64& random) {
  static const double kDoubles[] = {0.0,  -0.0,     1.5,        -2.25,     1e300, 5e-324,
                                    kNan, kInfinity, -kInfinity, 1e-300, 21.7,  -1e300};
  static const std::int64_t kIntegers[] = {0, 1, -1, 2312, std::numeric_limits<std::int64_t>::min(),
                                           std::numeric_limits<std::int64_t>::max()};
  static const std::string kTexts[] = {"", "on", "off", std::string(300, 'x')};
  return {static_cast<std::int64_t>(random() % 8) - 4, kDoubles[random() % 12],
          kIntegers[random() % 6], kTexts[random() % 4],
          static_cast<Quality>(random() % 16 < 13 ? 0 : random() % 6)};
}

Column column_of(ValueType type, const std::vector<Reading>& readings) {
  Column c;
  c.type = type;
  for (const auto& r : readings) {
    if (type == ValueType::f64) c.f64.push_back(r.f64);
    if (type == ValueType::i64) c.i64.push_back(r.i64);
    if (type == ValueType::boolean) c.i64.push_back(r.i64 & 1);
    if (type == ValueType::text) c.text.push_back(r.text);
    c.quality.push_back(r.quality);
  }
  return c;
}

class PartialOfType : public testing::TestWithParam<ValueType> {};

TEST_P(PartialOfType, AnyOrderAndAnyMergesGiveTheSameBytes) {
  for (std::uint64_t seed = 0; seed < 120; ++seed) {
    std::mt19937_64 random(seed);
    std::vector<Reading> readings(random() % 30);
    for (auto& r : readings) r = any_reading(random);
    Partial straight(GetParam());
    auto column = column_of(GetParam(), readings);
    for (std::size_t i = 0; i < readings.size(); ++i) straight.add(readings[i].time, column, i);

    std::shuffle(readings.begin(), readings.end(), random);
    column = column_of(GetParam(), readings);
    std::vector<Partial> parts(1 + random() % 4, Partial(GetParam()));
    for (std::size_t i = 0; i < readings.size(); ++i) {
      parts[random() % parts.size()].add(readings[i].time, column, i);
    }
    Partial merged(GetParam());
    for (const auto& p : parts) {
      const auto back = read(bytes_of(p));
      ASSERT_TRUE(back.ok()) << back.error().text();
      merged.merge(*back);
    }
    ASSERT_EQ(to_hex(bytes_of(merged)), to_hex(bytes_of(straight))) << "seed " << seed;
    ASSERT_EQ(merged, straight);
    ASSERT_EQ(merged.readings(), readings.size());
  }
}

// Runs as columns have them: rising times mostly, values of a few exponents or of any.
TEST_P(PartialOfType, ARunAtOnceGivesTheBytesOfItsReadings) {
  for (std::uint64_t seed = 0; seed < 600; ++seed) {
    std::mt19937_64 random(seed);
    const auto family = random() % 5;
    std::vector<Reading> readings(random() % (seed % 50 == 0 ? 1500 : 60));
    std::vector<std::int64_t> times;
    std::int64_t time = 0;
    for (auto& r : readings) {
      r = any_reading(random);
      const auto small = static_cast<std::int64_t>(random() % 4000) - 2000;
      if (family > 0) r.quality = family == 1 && small == 0 ? r.quality : Quality::good;
      if (family == 2) r.f64 = static_cast<double>(small) * 0.01 + 1013;
      if (family == 3) r.f64 = std::bit_cast<double>(random() & 0x800f'ffff'ffff'ffff);
      if (family == 4) {
        r.f64 = std::ldexp(1 + 1e-9 * static_cast<double>(small), static_cast<int>(small % 12));
      }
      if (family > 2) r.i64 = small << random() % 40;
      time += family == 1 ? static_cast<std::int64_t>(random() % 20) : 7;
      times.push_back(time);
    }
    const auto column = column_of(GetParam(), readings);
    Partial straight(GetParam()), runs(GetParam());
    for (std::size_t i = 0; i < times.size(); ++i) straight.add(times[i], column, i);
    for (std::size_t from = 0; from < times.size();) {
      const auto n = std::min<std::size_t>(times.size() - from, 1 + random() % 1000);
      runs.add(std::span(times).subspan(from, n), column, from);
      from += n;
    }
    ASSERT_EQ(to_hex(bytes_of(runs)), to_hex(bytes_of(straight))) << "seed " << seed;
  }
}

TEST_P(PartialOfType, WhatIsReadIsWhatIsWritten) {
  // Damaged bytes are refused or are some other partial's canonical form; never half of each.
  std::mt19937_64 random(3);
  for (int round = 0; round < 20; ++round) {
    std::vector<Reading> readings(1 + random() % 5);
    for (auto& r : readings) r = any_reading(random);
    const auto column = column_of(GetParam(), readings);
    Partial p(GetParam());
    for (std::size_t i = 0; i < readings.size(); ++i) p.add(readings[i].time, column, i);
    const auto good = bytes_of(p);
    for (std::size_t at = 0; at < good.size(); ++at) {
      for (unsigned change = 1; change < 256; change += 37) {
        auto bytes = good;
        bytes[at] = static_cast<std::uint8_t>(bytes[at] ^ change);
        const auto back = read(bytes);
        if (back.ok()) { ASSERT_EQ(to_hex(bytes_of(*back)), to_hex(bytes)); }
      }
      ASSERT_FALSE(read(ByteVector(good.begin(), good.begin() + static_cast<long>(at))).ok());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, PartialOfType,
                         testing::Values(ValueType::f64, ValueType::i64, ValueType::boolean,
                                         ValueType::text));

TEST(Partial, CountsBadAndNonfiniteApart) {
  Partial p;
  p.add(1, 2.0);
  p.add(2, kNan);
  p.add(3, -kInfinity);
  p.add_bad();
  EXPECT_EQ(p.count(), 1u);
  EXPECT_EQ(p.nonfinite(), 2u);
  EXPECT_EQ(p.bad(), 1u);
  EXPECT_EQ(p.readings(), 4u);
  EXPECT_EQ(p.last().time, 1);
}

TEST(Partial, TakesUncertainReadingsAndNoBadOnes) {
  Column c;
  c.f64 = {1, 2, 3};
  c.quality = {Quality::good, Quality::uncertain, Quality::bad_sentinel};
  Partial p;
  for (std::size_t i = 0; i < 3; ++i) p.add(0, c, i);
  EXPECT_EQ(p.count(), 2u);
  EXPECT_EQ(p.bad(), 1u);
}

TEST(Partial, CountsAColumnOfAnotherTypeAsBad) {
  Column c;
  c.type = ValueType::text;
  c.text = {"on"};
  Partial p(ValueType::i64);
  p.add(0, c, 0);
  EXPECT_EQ(p.bad(), 1u);
  EXPECT_EQ(p.count(), 0u);
}

TEST(Partial, EndsOfOneTimeGoByValueAndMinusZeroIsBelowZero) {
  Partial p;
  p.add(5, 0.0);
  p.add(5, -0.0);
  EXPECT_TRUE(std::signbit(p.first().f64));
  EXPECT_FALSE(std::signbit(p.last().f64));
  const auto figures = Aggregates::of(p, 0);
  EXPECT_TRUE(std::signbit(*figures.min));
  EXPECT_FALSE(std::signbit(*figures.max));
}

TEST(Partial, CutsTextAtItsBound) {
  Partial p(ValueType::text);
  p.add(1, std::string(Partial::kTextBytesMax + 1, 'a'));
  EXPECT_EQ(p.first().text.size(), Partial::kTextBytesMax);
}

TEST(Partial, IsSmall) {
  Partial one(ValueType::i64), minute(ValueType::i64), doubles;
  const std::int64_t t = 1'763'690'400'000'000'000;
  one.add(t, std::int64_t{2312});
  for (int i = 0; i < 60; ++i) {
    minute.add(t + i * 1'000'000'000LL, std::int64_t{2300 + i % 7});
    doubles.add(t + i * 1'000'000'000LL, 21.5 + 0.01 * i);
  }
  EXPECT_LE(bytes_of(one).size(), 14u);
  EXPECT_LE(bytes_of(minute).size(), 35u);
  EXPECT_LE(bytes_of(doubles).size(), 80u);
}

TEST(Partial, IsWrittenAsTheFormatSays) {
  Partial p(ValueType::i64);
  p.add(1000, std::int64_t{2312});
  p.add(3000, std::int64_t{2314});
  p.add_bad();
  const auto text = read_file(TIDEMARK_WINDOW_FORMAT, 1 << 16);
  ASSERT_TRUE(text.ok());
  std::string hex;
  for (const auto b : bytes_of(p)) hex += (hex.empty() ? "" : " ") + to_hex({&b, 1});
  EXPECT_NE(text->find("`" + hex + "`"), std::string::npos) << hex;
}

TEST(Partial, RefusesANewerVersion) {
  const auto p = read({0x40});
  ASSERT_FALSE(p.ok());
  EXPECT_EQ(p.error().fault(), Fault::unsupported);
}

}  // namespace
}  // namespace tidemark::window
