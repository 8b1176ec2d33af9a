#include "common/codec/sequence.h"

#include <gtest/gtest.h>

#include <cmath>

#include "common/codec/residuals.h"
#include "tests/common/blocks.h"

namespace tidemark::codec {
namespace {

constexpr Tier kTiers[] = {Tier::fast, Tier::standard, Tier::dense};

std::size_t below(std::mt19937_64& random, std::size_t bound) {
  return static_cast<std::size_t>(random() % bound);
}

TEST(Sequence, GivesBackEveryInteger) {
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    std::mt19937_64 random(seed);
    const auto tier = kTiers[seed % 3];
    const auto values = any_integers(random, below(random, seed % 40 == 0 ? 5000 : 200));
    ByteVector bytes;
    ByteWriter out(bytes);
    write_sequence(tier, values, out);
    out.u8(0xa5);  // the next thing in the block
    std::vector<std::int64_t> back(values.size());
    ByteReader in(bytes);
    ASSERT_TRUE(read_sequence(tier, in, back)) << "seed " << seed;
    ASSERT_EQ(back, values) << "seed " << seed;
    ASSERT_EQ(in.u8(), 0xa5) << "seed " << seed;
    ASSERT_TRUE(in.done()) << "seed " << seed;
  }
}

// Long sequences lie in segments, by the number of values; the last one may be shorter.
struct Signal {
  const char* name;
  std::int64_t (*at)(std::size_t i, std::mt19937_64& random);
};
std::int64_t wave(double size, std::size_t i, std::mt19937_64& random) {
  return static_cast<std::int64_t>(size * std::sin(static_cast<double>(i) / 9)) +
         static_cast<std::int64_t>(random() % 5);
}
constexpr Signal kSignals[] = {
    {"level", [](std::size_t, auto& r) { return static_cast<std::int64_t>(r() % 900); }},
    {"slope", [](std::size_t i, auto&) { return static_cast<std::int64_t>(i) * -7; }},
    {"wave", [](std::size_t i, auto& r) { return wave(2000, i, r); }},
    {"wave past 32 bits", [](std::size_t i, auto& r) { return wave(3e10, i, r); }},
    {"wave that grows past 32 bits",
     [](std::size_t i, auto& r) { return wave(i < 1234 ? 9e8 : 4e9, i, r); }},
    {"counter", [](std::size_t i, auto& r) {
       return static_cast<std::int64_t>(i * i + i * 1000 + r() % 3);
     }},
    {"few values", [](std::size_t i, auto& r) {
       return static_cast<std::int64_t>((i / 50 + r() % 4) % 9) * 1009;
     }},
    {"few steps", [](std::size_t i, auto& r) {
       return static_cast<std::int64_t>(i * 77'777) + static_cast<std::int64_t>(r() % 3) * 1003;
     }},
    {"outliers", [](std::size_t, auto& r) {
       return static_cast<std::int64_t>(r()) >> (r() % 50 == 0 ? 2 : 58);
     }},
};

TEST(Sequence, OfAnyNumberOfSegmentsComesBack) {
  constexpr std::size_t kCounts[] = {399,  400,  401,  1599, 1600, 1601, 3999,
                                     4000, 4001, 4007, 4008, 9999, 10'000};
  for (const auto& signal : kSignals) {
    for (const auto count : kCounts) {
      for (const auto tier : kTiers) {
        std::mt19937_64 random(count);
        std::vector<std::int64_t> values(count);
        for (std::size_t i = 0; i < count; ++i) values[i] = signal.at(i, random);
        ByteVector bytes;
        ByteWriter out(bytes);
        write_sequence(tier, values, out);
        bytes.shrink_to_fit();  // so that the address sanitiser sees the first byte past the end
        std::vector<std::int64_t> back(count);
        ByteReader in(bytes);
        ASSERT_TRUE(read_sequence(tier, in, back)) << signal.name << ' ' << count;
        ASSERT_TRUE(in.done()) << signal.name << ' ' << count;
        ASSERT_EQ(back, values) << signal.name << ' ' << count;
      }
    }
  }
}

TEST(Residuals, OfAnySizeSurviveEveryTier) {
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    std::mt19937_64 random(seed);
    const auto tier = kTiers[seed % 3];
    std::vector<std::int64_t> residuals(below(random, seed % 40 == 0 ? 5000 : 300));
    const auto width = random() % 65;
    const auto outliers = random() % 3 == 0 ? 20U : 1U << 30U;
    for (auto& r : residuals) {
      const auto w = random() % outliers == 0 ? random() % 65 : width;
      r = w == 0 ? 0 : static_cast<std::int64_t>(random()) >> (64 - w);
    }
    ByteVector bytes;
    ByteWriter out(bytes);
    write_residuals(tier, residuals, out);
    out.u8(0xa5);
    std::vector<std::int64_t> back(residuals.size());
    ByteReader in(bytes);
    ASSERT_TRUE(read_residuals(tier, in, back)) << "seed " << seed;
    ASSERT_EQ(back, residuals) << "seed " << seed;
    ASSERT_EQ(in.u8(), 0xa5) << "seed " << seed;
    ASSERT_TRUE(in.done()) << "seed " << seed;
  }
}

TEST(Residuals, OfDamagedBytesAreRefusedOrOthers) {
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    std::mt19937_64 random(seed);
    const auto tier = kTiers[seed % 3];
    std::vector<std::int64_t> residuals(1 + below(random, seed % 20 == 0 ? 5000 : 400));
    for (auto& r : residuals) r = static_cast<std::int64_t>(random() % 100) - 50;
    ByteVector bytes;
    ByteWriter out(bytes);
    write_residuals(tier, residuals, out);
    for (auto n = random() % 4; n > 0; --n) {
      auto& byte = bytes[below(random, bytes.size())];
      byte = static_cast<std::uint8_t>(byte ^ 1U << random() % 8);
    }
    bytes.resize(random() % 2 == 0 ? bytes.size() : below(random, bytes.size()));
    bytes.shrink_to_fit();  // so that the address sanitiser sees the first byte past the end
    ByteReader in(bytes);
    const bool taken = read_residuals(tier, in, residuals);
    ASSERT_EQ(taken, in.ok()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace tidemark::codec
