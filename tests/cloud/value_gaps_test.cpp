// Panes without a value are passed over once, not by every window that looks for a value before it.
#include <gtest/gtest.h>

#include <limits>

#include "cloud/store/store.h"
#include "cloud/store/value_gaps.h"
#include "tests/cloud/edge_double.h"

namespace tidemark::test {
namespace {

using reconcile::Tier;
using store::ValueGaps;

constexpr std::uint32_t kSeries = 7;

EventTime at(std::int64_t s) { return event_time(kStart + s * kSecond); }

TEST(ValueGaps, MeetSplitAndAreOfOneTier) {
  ValueGaps gaps;
  gaps.found(kSeries, Tier::second, at(10), at(20));
  gaps.found(kSeries, Tier::second, at(20), at(40));
  EXPECT_EQ(gaps.back_from(kSeries, Tier::second, at(40)), at(10));
  EXPECT_EQ(gaps.back_from(kSeries, Tier::second, at(25)), at(10));
  EXPECT_EQ(gaps.back_from(kSeries, Tier::second, at(10)), at(10));
  EXPECT_EQ(gaps.back_from(kSeries, Tier::second, at(41)), at(41));
  EXPECT_EQ(gaps.back_from(kSeries, Tier::minute, at(40)), at(40));
  EXPECT_EQ(gaps.on_from(kSeries, Tier::second, at(10)), at(40));
  EXPECT_EQ(gaps.on_from(kSeries, Tier::second, at(9)), at(9));
  EXPECT_EQ(gaps.on_from(kSeries, Tier::second, at(40)), at(40));
  gaps.changed(kSeries, Tier::second, at(30));
  EXPECT_EQ(gaps.back_from(kSeries, Tier::second, at(40)), at(30) + Nanoseconds(1));
  EXPECT_EQ(gaps.back_from(kSeries, Tier::second, at(30)), at(10));
  EXPECT_EQ(gaps.on_from(kSeries, Tier::second, at(20)), at(30));
}

// A sensor that is not available for an hour, under a view that asks what was held.
class WithoutValues : public testing::Test {
 protected:
  static constexpr std::int64_t kPanes = 3600;

  void SetUp() override {
    auto opened = store::Store::open(disk, folder.path);
    ASSERT_TRUE(opened.ok());
    store = std::move(opened).value();
    store->begin();
    put(-1, 5);
    for (std::int64_t s = 0; s < kPanes; ++s) put(s, std::numeric_limits<double>::quiet_NaN());
    put(kPanes, 6);
  }
  void put(std::int64_t s, double value) {
    store->panes().change(kSeries, ValueType::f64, Tier::second, at(s)).rows.add(
        count_ns(at(s)), value);
  }
  [[nodiscard]] double value_before(std::int64_t s) {
    const auto sample = store->panes().before(kSeries, at(s)).sample;
    return sample ? sample->f64 : 0;
  }

  Folder folder;
  SystemDisk disk;
  std::unique_ptr<store::Store> store;
};

TEST_F(WithoutValues, EachPaneIsLookedAtOnce) {
  for (std::int64_t s = 1; s <= kPanes; ++s) ASSERT_EQ(value_before(s), 5) << s;
  for (std::int64_t s = 1; s < kPanes; ++s) {
    ASSERT_EQ(store->panes().after(kSeries, at(s)), at(kPanes)) << s;
  }
  // Else some 13 million.
  EXPECT_LE(store->panes().walked(), 2 * kPanes * (ValueGaps::kPanesMin + 2));
}

TEST_F(WithoutValues, AValueThatComesLateIsFound) {
  ASSERT_EQ(value_before(kPanes), 5);
  ASSERT_EQ(store->panes().after(kSeries, at(10)), at(kPanes));
  put(1000, 9);
  EXPECT_EQ(value_before(kPanes), 9);
  EXPECT_EQ(value_before(1000), 5);
  EXPECT_EQ(value_before(1001), 9);
  EXPECT_EQ(store->panes().after(kSeries, at(10)), at(1000));
  EXPECT_EQ(store->panes().after(kSeries, at(1000)), at(kPanes));
}

}  // namespace
}  // namespace tidemark::test
