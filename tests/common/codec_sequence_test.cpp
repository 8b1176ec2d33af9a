#include "common/codec/sequence.h"

#include <gtest/gtest.h>

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
    std::vector<std::int64_t> residuals(1 + below(random, 400));
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
