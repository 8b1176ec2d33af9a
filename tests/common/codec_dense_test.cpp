// The residual coder of the dense tier: what it promises to its folder.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "common/base/random.h"
#include "common/codec/dense.h"

namespace tidemark::codec {
namespace {

using Residuals = std::vector<std::int64_t>;

ByteVector written(const Residuals& residuals) {
  ByteVector bytes;
  ByteWriter out(bytes);
  dense::write(residuals, out);
  return bytes;
}

// Nothing when the stream is refused.
Residuals read(ByteReader& in, std::size_t count) {
  dense::Reader reader(in, count);
  Residuals residuals(count + dense::kRun);
  std::size_t at = 0;
  while (const auto n = reader.next(residuals.data() + at)) at += n;
  residuals.resize(reader.finish(in) ? at : 0);
  return residuals;
}

struct Case {
  const char* name;
  std::int64_t (*at)(Random& random, std::size_t i);
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

constexpr auto kLow = std::numeric_limits<std::int64_t>::min();
constexpr auto kHigh = std::numeric_limits<std::int64_t>::max();
const Case kCases[] = {
    {"zeros", [](Random&, std::size_t) { return std::int64_t{0}; }},
    {"ones", [](Random&, std::size_t) { return std::int64_t{-1}; }},
    {"few steps", [](Random& r, std::size_t) { return static_cast<std::int64_t>(r.below(5)) - 2; }},
    {"a wave", [](Random& r, std::size_t i) {
       return static_cast<std::int64_t>(900 * std::sin(static_cast<double>(i) / 7)) +
              static_cast<std::int64_t>(r.below(9));
     }},
    {"all sizes", [](Random& r, std::size_t) {
       return static_cast<std::int64_t>(r.next() >> r.below(64));
     }},
    {"both ends", [](Random& r, std::size_t) { return r.below(2) == 0 ? kLow : kHigh; }},
    {"rare spikes", [](Random& r, std::size_t) {
       return r.below(300) == 0 ? static_cast<std::int64_t>(r.next()) : std::int64_t{0};
     }},
};

class Dense : public testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(Signals, Dense, testing::ValuesIn(kCases));

TEST_P(Dense, GivesBackWhatItWroteAndStandsBehindIt) {
  SeededRandom random(7);
  for (const std::size_t count : {1U, 2U, 63U, 64U, 128U, 129U, 1000U, 20'000U}) {
    Residuals residuals;
    for (std::size_t i = 0; i < count; ++i) residuals.push_back(GetParam().at(random, i));
    // What follows is another's: neither side may care what it is.
    for (const int next : {0x00, 0x55, 0xff}) {
      auto bytes = written(residuals);
      bytes.insert(bytes.end(), 12, static_cast<std::uint8_t>(next));
      ByteReader in(bytes);
      ASSERT_EQ(read(in, count), residuals) << count << " before " << next;
      ASSERT_EQ(in.left(), 12U);
    }
    const auto bytes = written(residuals);
    ByteReader in(bytes);
    ASSERT_EQ(read(in, count), residuals) << count << " at the end";
    ASSERT_TRUE(in.done());
  }
}

TEST_P(Dense, RefusesAStreamThatIsCutShort) {
  SeededRandom random(8);
  Residuals residuals;
  for (std::size_t i = 0; i < 500; ++i) residuals.push_back(GetParam().at(random, i));
  const auto bytes = written(residuals);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    ByteReader in(ByteSpan(bytes).first(size));
    // Zeros stand for what is missing, so the numbers may come out right: the bytes do not.
    EXPECT_TRUE(read(in, residuals.size()).empty()) << size << " of " << bytes.size();
    EXPECT_FALSE(in.ok());
  }
}

TEST(DenseBounds, NoResidualsTakeNoBytes) {
  EXPECT_TRUE(written({}).empty());
  const ByteVector other{1, 2, 3};
  ByteReader in(other);
  EXPECT_TRUE(read(in, 0).empty());
  EXPECT_EQ(in.left(), 3U);
}

TEST(DenseBounds, RefusesHeadsThatNobodyWrites) {
  for (const int head : {50, 63, 0x80, 0xff, 0x40 + 50}) {
    const ByteVector bytes(64, static_cast<std::uint8_t>(head));
    ByteReader in(bytes);
    EXPECT_TRUE(read(in, 5).empty()) << head;
    EXPECT_FALSE(in.ok());
  }
}

TEST(DenseBounds, ArbitraryBytesEndSomewhere) {
  SeededRandom random(9);
  for (int i = 0; i < 300; ++i) {
    ByteVector bytes(static_cast<std::size_t>(random.below(200)));
    for (auto& b : bytes) b = static_cast<std::uint8_t>(random.next());
    ByteReader in(bytes);
    read(in, static_cast<std::size_t>(1 + random.below(4000)));
    EXPECT_LE(in.position(), bytes.size());
  }
}

// The shipped prior: 100 residuals of a sensor's noise take what the noise holds, and half a bit.
TEST(DensePrior, KnowsTheNoiseOfSensors) {
  SeededRandom random(10);
  Residuals residuals;
  for (int i = 0; i < 100; ++i) {  // a bell of 8 steps: log2(8) + 2.05 = 5.05 bits each
    double sum = -6;
    for (int j = 0; j < 12; ++j) sum += static_cast<double>(random.next() >> 11) * 0x1p-53;
    residuals.push_back(std::llround(8 * sum));
  }
  EXPECT_LE(written(residuals).size(), 69U);
}

}  // namespace
}  // namespace tidemark::codec
