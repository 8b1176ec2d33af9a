#include "common/model/sequence_ranges.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <set>

namespace tidemark {
namespace {

constexpr std::uint64_t kLast = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kUniverse = 40;

SequenceRanges from_set(const std::set<std::uint64_t>& set) {
  SequenceRanges r;
  for (const auto s : set) r.add(Sequence{s});
  return r;
}

void expect_same(const SequenceRanges& ranges, const std::set<std::uint64_t>& set) {
  ASSERT_EQ(ranges.count(), set.size());
  ASSERT_EQ(ranges.highest().count, set.empty() ? 0 : *set.rbegin());
  std::uint64_t contiguous = 0;
  while (set.contains(contiguous + 1)) ++contiguous;
  ASSERT_EQ(ranges.contiguous().count, contiguous);
  for (std::uint64_t s = 0; s <= kUniverse; ++s) {
    ASSERT_EQ(ranges.contains({s}), set.contains(s)) << s;
  }
  for (std::size_t i = 1; i < ranges.ranges().size(); ++i) {  // disjoint, sorted, merged
    ASSERT_GT(ranges.ranges()[i].first, ranges.ranges()[i - 1].last + 1);
  }
  for (const auto& r : ranges.ranges()) ASSERT_LE(r.first, r.last);
}

TEST(SequenceRanges, AreASet) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    std::mt19937_64 random(seed);
    SequenceRanges ranges;
    std::set<std::uint64_t> set;
    for (int step = 0; step < 60; ++step) {
      const auto a = 1 + random() % kUniverse;
      const auto b = std::min(kUniverse, a + random() % 6 - (a > 1 ? 1 : 0));
      switch (random() % 4) {
        case 0: {
          const bool fresh = set.insert(a).second;
          ASSERT_EQ(ranges.add(Sequence{a}), fresh);
          break;
        }
        case 1:
          ranges.add(SequenceRange{a, b});
          for (auto s = a; s <= b; ++s) set.insert(s);
          break;
        case 2:
          ranges.remove({a, b});
          for (auto s = a; s <= b; ++s) set.erase(s);
          break;
        default: {
          SequenceRanges other{{a, b}, {a + 10, a + 11}};
          other.remove({kUniverse + 1, kLast});
          ranges.add(other);
          for (auto s = a; s <= b; ++s) set.insert(s);
          for (auto s = a + 10; s <= std::min(kUniverse, a + 11); ++s) set.insert(s);
        }
      }
      expect_same(ranges, set);
      if (HasFatalFailure()) FAIL() << "seed " << seed;
      ASSERT_EQ(ranges, from_set(set));

      std::set<std::uint64_t> missing;
      for (auto s = a; s <= b; ++s) {
        if (!set.contains(s)) missing.insert(s);
      }
      ASSERT_EQ(ranges.missing_in({a, b}), from_set(missing));
      ASSERT_EQ(ranges.covers({a, b}), missing.empty());
    }
    ByteVector bytes;
    ByteWriter out(bytes);
    ranges.encode(out);
    ByteReader in(bytes);
    ASSERT_EQ(SequenceRanges::decode(in), ranges);
    ASSERT_TRUE(in.done());
  }
}

TEST(SequenceRanges, ReachTheLastNumber) {
  SequenceRanges r{{5, kLast}};
  EXPECT_FALSE(r.add(Sequence{kLast}));
  r.add({1, 4});
  EXPECT_EQ(r.ranges().size(), 1u);
  EXPECT_TRUE(r.covers({1, kLast}));
  EXPECT_TRUE(r.missing_in({1, kLast}).empty());
  r.remove({kLast, kLast});
  EXPECT_EQ(r.missing_in({1, kLast}), (SequenceRanges{{kLast, kLast}}));
  ByteVector bytes;
  ByteWriter out(bytes);
  SequenceRanges{{0, 0}, {2, 2}, {kLast, kLast}}.encode(out);
  ByteReader in(bytes);
  EXPECT_EQ(SequenceRanges::decode(in), (SequenceRanges{{0, 0}, {2, 2}, {kLast, kLast}}));
  EXPECT_TRUE(in.done());
}

TEST(SequenceRanges, EmptyRangesChangeNothing) {
  SequenceRanges r{{3, 5}};
  r.add({9, 8});
  r.remove({5, 3});
  EXPECT_EQ(r, (SequenceRanges{{3, 5}}));
  EXPECT_TRUE(r.covers({9, 8}));
  EXPECT_TRUE(r.missing_in({9, 8}).empty());
  EXPECT_EQ(SequenceRanges().contiguous().count, 0u);
}

TEST(SequenceRanges, RefuseWhatDoesNotRise) {
  const ByteVector cases[] = {
      {1},                 // no range follows
      {2, 1, 0, 1, 0},     // touches the one before: one range, two spellings
      {2, 1, 0, 0, 0},     // the same again
      {1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 1},  // past the last number
      {200, 1},
  };
  for (const auto& bytes : cases) {
    ByteReader in(bytes);
    static_cast<void>(SequenceRanges::decode(in));
    EXPECT_FALSE(in.ok()) << to_hex(bytes);
  }
}

}  // namespace
}  // namespace tidemark
