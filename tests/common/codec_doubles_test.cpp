// Every double comes back bit for bit, in every mode; what is small stays small.
#include <gtest/gtest.h>

#include <cmath>

#include "common/codec/outline.h"
#include "tests/common/blocks.h"

namespace tidemark::codec {
namespace {

constexpr Tier kTiers[] = {Tier::fast, Tier::standard, Tier::dense};

struct Kind {
  const char* name;
  const char* mode;  // that it begins with; empty: whichever
  double bits_max;   // a value, in tier standard
  double (*value)(std::mt19937_64& random, std::size_t i);
};
void PrintTo(const Kind& k, std::ostream* out) { *out << k.name; }

double walk(std::mt19937_64& random, std::size_t i) {
  return std::floor(500 * std::sin(static_cast<double>(i) / 40)) +
         static_cast<double>(random() % 16);
}
double f32(double v) { return static_cast<double>(static_cast<float>(v)); }

const Kind kKinds[] = {
    {"decimals", "decimal2", 6, [](auto& r, auto i) { return (walk(r, i) + 2000) / 100; }},
    {"floats of decimals", "float-decimal1", 6,
     [](auto& r, auto i) { return f32((walk(r, i) + 2000) / 10); }},
    {"computed tenths", "decimal+ulps1", 7.5,
     [](auto& r, auto i) { return (walk(r, i) + 2000) * 0.1; }},
    {"converter counts", "grid+ulps", 7, [](auto& r, auto i) { return walk(r, i) * 0.0023942017; }},
    {"converter counts as floats", "float-grid+ulps", 7,
     [](auto& r, auto i) { return f32((walk(r, i) + 0.0) * (9.80665 / 4096)); }},
    {"floats of decimals, printed short", "printed-float3", 12,
     [](auto& r, auto i) {
       const double v = f32((walk(r, i) + 3000) / 1000);
       return std::nextafter(v, r() % 4 == 0 ? 9.0 : v);
     }},
    {"floats of decimals, printed alike", "printed-float3", 12,
     [](auto& r, auto i) {
       const auto k = walk(r, i) * 7 + 4000;
       const double v = f32(k / 1000);
       return std::nextafter(v, std::fmod(k, 4) == 0 ? 9.0 : v);
     }},
    {"noise of floats", "float-", 33,
     [](auto& r, auto) {
       return static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(r()) &
                                                       0xbfffffffU));
     }},
    {"noise of bits", "", 66, [](auto& r, auto) { return std::bit_cast<double>(r()); }},
    {"subnormals", "", 66,
     [](auto& r, auto) { return std::bit_cast<double>(r() & 0x800fffffffffffffU); }},
    {"odd ones", "special", 6,
     [](auto& r, auto) {
       constexpr std::uint64_t kOdd[] = {0x8000000000000000U, 0x7ff0000000000000U,
                                         0xfff0000000000000U, 0x7ff8000000000000U, 0};
       return std::bit_cast<double>(kOdd[r() % 5]);
     }},
    {"a few odd ones", "special", 8,
     [](auto& r, auto i) {
       if (i % 300 == 7) return std::bit_cast<double>(0x7ff4000000000000U | i);
       return i % 200 == 9 ? -0.0 : (walk(r, i) + 2000) / 100;
     }},
    {"one value", "constant", 0.1, [](auto&, auto) { return 1.0 / 3; }},
    {"a row that recurs", "", 4,
     [](auto&, auto i) { return std::sqrt(static_cast<double>(i % 50)); }},
    {"large and small", "", 66,
     [](auto& r, auto i) {
       return std::ldexp(static_cast<double>(r() >> 11), i % 2 == 0 ? 960 : -1074);
     }},
    {"steps of 2^53", "", 66,
     [](auto&, auto i) { return 9007199254740992.0 + 2 * static_cast<double>(i); }},
};

class Doubles : public testing::TestWithParam<Kind> {};

TEST_P(Doubles, ComeBackBitForBit) {
  for (const auto tier : kTiers) {
    Memory memory;
    for (const std::size_t n : {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{5},
                                std::size_t{63}, std::size_t{64}, std::size_t{65},
                                std::size_t{129}, std::size_t{500}, std::size_t{1700}}) {
      std::mt19937_64 random(n);
      Column c, back;
      for (std::size_t i = 0; i < n; ++i) c.f64.push_back(GetParam().value(random, i));
      back.f64.resize(n);
      const auto bytes = encode_values(c, tier, &memory);
      const auto read = decode_values(bytes, tier, back);
      ASSERT_TRUE(read.ok()) << n << " values";
      for (std::size_t i = 0; i < n; ++i) {
        ASSERT_EQ(std::bit_cast<std::uint64_t>(back.f64[i]), std::bit_cast<std::uint64_t>(c.f64[i]))
            << n << " values, at " << i;
      }
      EXPECT_LE(bytes.size(), n * 8 + (n > 0 ? 1 : 0));
      if (n < 1000 || tier != Tier::standard) continue;
      EXPECT_LE(static_cast<double>(bytes.size() * 8) / static_cast<double>(n),
                GetParam().bits_max);
      EXPECT_EQ(method_of(c, tier).mode.find(GetParam().mode), 0u) << method_of(c, tier).mode;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, Doubles, testing::ValuesIn(kKinds));

TEST(Memory, IsOnlyAHint) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    std::mt19937_64 random(seed);
    Memory memory;
    for (int block = 0; block < 4; ++block) {  // the signal changes under it
      Column c, back;
      c.f64 = any_doubles(random, static_cast<std::size_t>(1 + random() % 200));
      back.f64.resize(c.f64.size());
      const auto before = memory;
      const auto bytes = encode_values(c, kTiers[seed % 3], &memory);
      auto again = before;
      ASSERT_EQ(encode_values(c, kTiers[seed % 3], &again), bytes) << "seed " << seed;
      ASSERT_TRUE(decode_values(bytes, kTiers[seed % 3], back).ok()) << "seed " << seed;
      for (std::size_t i = 0; i < c.f64.size(); ++i) {
        ASSERT_EQ(std::bit_cast<std::uint64_t>(back.f64[i]),
                  std::bit_cast<std::uint64_t>(c.f64[i]));
      }
    }
  }
}

Block summed(std::vector<double> values) {
  Block b;
  b.groups.resize(1);
  b.groups[0].copy = true;
  b.groups[0].columns.resize(2);
  for (std::size_t i = 0; i < values.size(); ++i) {
    b.groups[0].times.push_back(1'000 + static_cast<std::int64_t>(i * 37 % 200));
    b.groups[0].columns[1].i64.push_back(
        i % 2 == 0 ? std::numeric_limits<std::int64_t>::min() : 3 - static_cast<std::int64_t>(i));
  }
  b.groups[0].columns[0].series = 4;
  b.groups[0].columns[0].f64 = std::move(values);
  b.groups[0].columns[1].series = 9;
  b.groups[0].columns[1].type = ValueType::i64;
  return b;
}

std::vector<ColumnSummary> columns_told(const Block& block) {
  return outline(encode(block, Tier::standard).value()).value().columns;
}

TEST(Footers, TellWhatALongColumnHolds) {
  std::vector<double> values;
  for (int i = 0; i < 200; ++i) values.push_back((i * 7 % 41 - 20) / 4.0);
  const auto told = columns_told(summed(values));
  ASSERT_EQ(told.size(), 2u);
  const auto& f = told[0];
  EXPECT_EQ(f.series, 4u);
  EXPECT_TRUE(f.copy);
  EXPECT_EQ(f.count, 200u);
  EXPECT_EQ(f.missing, 0u);
  EXPECT_EQ(f.time_min, 1'000);
  EXPECT_EQ(f.time_max, 1'199);
  ASSERT_TRUE(f.decimal);
  EXPECT_EQ(f.exponent, 2);
  EXPECT_EQ(f.min, -500);
  EXPECT_EQ(f.max, 500);
  EXPECT_EQ(f.first, -500);
  EXPECT_EQ(f.last, (199 * 7 % 41 - 20) * 25);
  std::int64_t sum = 0;
  for (const auto v : values) sum += static_cast<std::int64_t>(v * 100);
  EXPECT_EQ(f.sum, (WideSum{sum < 0 ? -1 : 0, static_cast<std::uint64_t>(sum)}));

  const auto& i = told[1];  // its sum does not fit 64 bits: 100 * -2^63 + ...
  EXPECT_EQ(i.min, std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(i.first, i.min);
  EXPECT_EQ(i.max, 2);
  std::int64_t odd = 0;
  for (int k = 1; k < 200; k += 2) odd += 3 - k;
  EXPECT_EQ(i.sum.high, -50 + (odd < 0 ? -1 : 0));
  EXPECT_EQ(i.sum.low, static_cast<std::uint64_t>(odd));
}

TEST(Footers, AreOnlyOfLongGoodNumbers) {
  const auto count = [](const Block& b) { return columns_told(b).size(); };
  std::vector<double> values(128, 0.5);
  values[3] = std::sqrt(2.0);
  EXPECT_EQ(count(summed(values)), 2u);
  EXPECT_FALSE(columns_told(summed(values))[0].decimal);
  EXPECT_EQ(columns_told(summed(values))[0].max_value, values[3]);
  values[5] = std::nan("");
  EXPECT_EQ(count(summed(values)), 1u);
  values.resize(127);
  EXPECT_EQ(count(summed(values)), 0u);
  auto b = summed(std::vector<double>(128, 0.5));
  b.groups[0].columns[1].quality.resize(128);
  EXPECT_EQ(count(b), 1u);
}

TEST(Tiers, AreEachSmallerThanTheOneBefore) {
  std::mt19937_64 random(3);
  Column c;
  for (std::size_t i = 0; i < 5000; ++i) c.f64.push_back((walk(random, i) + 2000) / 100);
  const auto size = [&](Tier tier) { return encode_values(c, tier).size(); };
  EXPECT_LT(size(Tier::standard), size(Tier::fast));
  EXPECT_LT(size(Tier::dense), size(Tier::standard));
}

}  // namespace
}  // namespace tidemark::codec
