// Rows of a block that are late by hours, among live ones: their order, the panes they meet in
// memory or in rows, and what waits for its turn because of them.
#include <gmock/gmock.h>

#include <limits>
#include <map>
#include <optional>
#include <set>

#include "cloud/answers/window_map.h"
#include "cloud/intake/time_order.h"
#include "cloud/store/pane_cache.h"
#include "cloud/store/schema.h"
#include "common/base/random.h"
#include "tests/cloud/edge_double.h"
#include "tests/edge/temporary_folder.h"

namespace tidemark::test {
namespace {

struct Seen {
  std::int64_t time;
  std::int64_t value;
  Quality quality;
  friend auto operator<=>(const Seen&, const Seen&) = default;
};

std::vector<Seen> readings_of(const Group& group, const Column& column) {
  std::vector<Seen> all;
  for (std::size_t row = 0, value = 0; row < group.times.size(); ++row) {
    if (!column.present.empty() && !column.present[row]) continue;
    all.push_back({group.times[row], column.i64[value], column.quality_of(value)});
    ++value;
  }
  return all;
}

// Times that repeat, some of them far behind; a column with every row and one with gaps. Values
// count up, so that they tell which of two rows of one time came first.
Group mixed_group(Random& random) {
  Group group;
  group.columns.resize(2);
  for (auto& c : group.columns) c.type = ValueType::i64;
  auto& gappy = group.columns[1];
  for (std::int64_t row = 0; row < 200; ++row) {
    const auto late = random.below(5) == 0 ? static_cast<std::int64_t>(random.below(100)) : 0;
    group.times.push_back((row / 2 - late) * kMinute);
    group.columns[0].i64.push_back(row);
    gappy.present.push_back(random.below(3) > 0);
    if (!gappy.present.back()) continue;
    gappy.i64.push_back(row);
    gappy.quality.push_back(random.below(2) == 0 ? Quality::good : Quality::bad_range);
  }
  return group;
}

TEST(TimeOrder, KeepsEveryReadingAndTheOrderOfThoseOfOneTime) {
  SeededRandom random(1);
  intake::TimeOrder order;
  for (int n = 0; n < 50; ++n) {
    const auto group = mixed_group(random);
    const auto& sorted = order.of(group);
    ASSERT_EQ(sorted.columns.size(), group.columns.size());
    for (std::size_t c = 0; c < group.columns.size(); ++c) {
      auto expected = readings_of(group, group.columns[c]);
      std::sort(expected.begin(), expected.end());
      ASSERT_EQ(readings_of(sorted, sorted.columns[c]), expected);
    }
  }
}

struct Spread {
  const char* name;
  std::uint64_t width;  // of the times, which are drawn from it
  std::uint64_t far;    // one of so many rows lies a thousand times as far off
};
void PrintTo(const Spread& s, std::ostream* out) { *out << s.name; }

class TimesInAnyOrder : public testing::TestWithParam<Spread> {};

TEST_P(TimesInAnyOrder, AreSortedAsASortWould) {
  const auto& [name, width, far] = GetParam();
  SeededRandom random(5);
  intake::TimeOrder order;
  for (const std::size_t rows : {2u, 31u, 40u, 1000u, 5000u}) {
    Group group;
    auto& column = group.columns.emplace_back();
    column.type = ValueType::i64;
    std::vector<std::pair<std::int64_t, std::int64_t>> expected;
    for (std::size_t row = 0; row < rows; ++row) {
      const auto off = random.below(width) * (random.below(far) == 0 ? 1000u : 1u);
      const auto time = static_cast<std::int64_t>(off - width / 2);  // before and after 1970
      group.times.push_back(time);
      column.i64.push_back(static_cast<std::int64_t>(row));
      expected.emplace_back(time, row);
    }
    std::sort(expected.begin(), expected.end());
    const auto& sorted = order.of(group);
    for (std::size_t row = 0; row < rows; ++row) {
      ASSERT_EQ(std::pair(sorted.times[row], sorted.columns[0].i64[row]), expected[row]) << row;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, TimesInAnyOrder,
    testing::Values(Spread{"few times", 7, 1'000'000}, Spread{"evenly", 1'000'000'000, 1'000'000},
                    Spread{"one far off", 10'000'000, 900},
                    Spread{"as far as can be", std::uint64_t{1} << 62, 1'000'000'000}));

TEST(TimeOrder, LeavesWhatIsInOrderWhereItIs) {
  Group group;
  group.times = {1, 2, 2, 5};
  intake::TimeOrder order;
  EXPECT_EQ(&order.of(group), &group);
}

class Panes : public testing::Test {
 protected:
  void SetUp() override { open(); }
  void open() {
    panes_.reset();
    database_ = store::open_writer(folder_.path() / "cloud.db").value();
    panes_ = std::make_unique<store::PaneCache>(*database_, changes_);
  }
  void commit() {
    database_->run("BEGIN");
    panes_->flush();
    database_->run("COMMIT");
    panes_->make_room();
  }
  ByteVector encoded(store::SeriesId series, std::int64_t minute) {
    window::Summary sum(ValueType::i64);
    const auto start = event_time(minute * kMinute);
    panes_->sum(series, start, start + Nanoseconds(kMinute), {}, sum);
    return bytes_of(sum.partial());
  }
  static ByteVector bytes_of(const window::Partial& partial) {
    ByteVector bytes;
    ByteWriter out(bytes);
    partial.encode(out);
    return bytes;
  }

  TemporaryFolder folder_;
  std::unique_ptr<sqlite::Database> database_;
  store::Changes changes_;
  std::unique_ptr<store::PaneCache> panes_;
};

TEST_F(Panes, GatheredBesideTheirRowsAreWhatTheyWereTogether) {
  SeededRandom random(2);
  std::map<std::pair<store::SeriesId, std::int64_t>, window::Partial> expected;
  for (int batch = 0; batch < 30; ++batch) {
    if (batch % 7 == 3) open();  // nothing is in memory
    for (int i = 0; i < 300; ++i) {
      const auto series = static_cast<store::SeriesId>(1 + random.below(3));
      // Neighbours and far ones, some beyond all rows.
      const auto minute = static_cast<std::int64_t>(
          random.below(2) == 0 ? random.below(100) : random.below(1000) * 10);
      const auto value = static_cast<std::int64_t>(random.below(1'000'000)) - 500'000;
      const auto time = minute * kMinute + static_cast<std::int64_t>(random.below(60));
      auto& pane = random.below(10) == 0
                       ? panes_->change(series, ValueType::i64, store::Tier::minute,
                                        event_time(minute * kMinute))
                       : panes_->gather(series, ValueType::i64, store::Tier::minute,
                                        event_time(minute * kMinute));
      pane.rows.add(time, value);
      expected.try_emplace({series, minute}, ValueType::i64).first->second.add(time, value);
    }
    // Some are asked for before they are written.
    const auto& [asked, sum] = *std::next(
        expected.begin(), static_cast<std::ptrdiff_t>(random.below(expected.size())));
    ASSERT_EQ(encoded(asked.first, asked.second), bytes_of(sum));
    commit();
  }
  open();
  for (const auto& [key, sum] : expected) {
    ASSERT_EQ(encoded(key.first, key.second), bytes_of(sum)) << key.first << ' ' << key.second;
  }
}

// Windows of ten minutes, of panes that are in memory, gathered, in rows only, or nowhere.
TEST_F(Panes, OfAWindowAddUpWhereverTheyAre) {
  SeededRandom random(4);
  std::map<std::int64_t, window::Partial> expected;
  for (std::int64_t batch = 0; batch < 60; ++batch) {
    if (batch % 9 == 5) {
      commit();
      open();  // nothing is in memory
    }
    for (int i = 0; i < 40; ++i) {
      const auto minute = batch + static_cast<std::int64_t>(random.below(40));
      if (minute % 17 == 3) continue;  // a gap
      const auto value = static_cast<std::int64_t>(random.below(1'000'000));
      const auto time = minute * kMinute + static_cast<std::int64_t>(random.below(60));
      panes_->gather(1, ValueType::i64, store::Tier::minute, event_time(minute * kMinute))
          .rows.add(time, value);
      expected.try_emplace(minute, ValueType::i64).first->second.add(time, value);
    }
    if (batch % 3 == 0) commit();
    ASSERT_EQ(panes_->first(1), event_time(expected.begin()->first * kMinute));
    const auto from = static_cast<std::int64_t>(random.below(100));
    window::Partial all(ValueType::i64);
    for (auto m = from; m < from + 10; ++m) {
      if (const auto it = expected.find(m); it != expected.end()) all.merge(it->second);
    }
    window::Summary sum(ValueType::i64);
    const auto start = event_time(from * kMinute);
    ASSERT_EQ(panes_->sum(1, start, start + Nanoseconds(10 * kMinute), {}, sum), 0u);
    ASSERT_EQ(bytes_of(sum.partial()), bytes_of(all)) << batch;
  }
  const auto end = event_time(50 * kMinute);
  panes_->remove(1, event_time(0), end);
  EXPECT_EQ(panes_->first(1), event_time(expected.lower_bound(50)->first * kMinute));
  panes_->fold(1, ValueType::i64, store::Tier::minute, event_time(90 * kMinute), {}, 1000);
  EXPECT_EQ(panes_->first(1), event_time(45 * kMinute)) << "a quarter of an hour";
}

// Of a series with panes of any tiers, in memory and in rows, also just after a start.
TEST_F(Panes, StartWhereTheyAreInAnyTier) {
  SeededRandom random(6);
  std::map<store::SeriesId, std::map<store::Tier, std::set<EventTime>>> all;
  for (int batch = 0; batch < 40; ++batch) {
    for (int i = 0; i < 10; ++i) {
      const auto series = static_cast<store::SeriesId>(1 + random.below(20));
      // Each has tiers of its own, some only one.
      const auto tier = static_cast<store::Tier>((series + random.below(1 + series % 3)) % 5);
      const auto minute = static_cast<std::int64_t>(random.below(10'000));
      const auto start = floor_to(event_time(minute * kMinute), reconcile::width_of(tier));
      panes_->gather(series, ValueType::i64, tier, start).rows.add(count_ns(start), minute);
      all[series][tier].insert(start);
    }
    if (batch % 3 == 1) commit();
    if (batch % 5 == 4) {
      commit();
      open();
    }
    const auto series = static_cast<store::SeriesId>(1 + random.below(20));
    const auto coarsest = static_cast<store::Tier>(random.below(5));
    const auto from = random.below(3) == 0
                          ? kEventTimeMin
                          : event_time(static_cast<std::int64_t>(random.below(10'000)) * kMinute);
    std::vector<EventTime> expected;
    auto newest = std::numeric_limits<std::int64_t>::min();
    std::optional<EventTime> first;
    for (const auto& [tier, starts] : all[series]) {
      if (tier <= coarsest) expected.insert(expected.end(), starts.lower_bound(from), starts.end());
      if (!first || *starts.begin() < *first) first = *starts.begin();
      newest = std::max(newest, count_ns(*starts.rbegin() + reconcile::width_of(tier)) - 1);
    }
    ASSERT_EQ(panes_->starts(series, coarsest, from, kEventTimeMax, 1000), expected) << batch;
    ASSERT_EQ(panes_->first(series), first) << batch;
    ASSERT_EQ(panes_->newest(series), newest) << batch;
  }
}

TEST_F(Panes, InMemoryAreBounded) {
  const auto most = static_cast<std::int64_t>(store::PaneCache::kPanesMax);
  for (int batch = 0; batch < 4; ++batch) {
    for (std::int64_t m = 0; m < most / 2; ++m) {
      const auto minute = batch * most / 2 + m;
      panes_->gather(1, ValueType::i64, store::Tier::minute, event_time(minute * kMinute))
          .rows.add(minute * kMinute, std::int64_t{1});
    }
    commit();
    EXPECT_LE(panes_->size(), store::PaneCache::kPanesMax + 2);
  }
  // The newest stay.
  EXPECT_GE(panes_->size(), store::PaneCache::kPanesMax / 2);
  EXPECT_EQ(panes_->readings(1, event_time(0), event_time(2 * most * kMinute)),
            static_cast<std::uint64_t>(2 * most));
}

Block block_of(const EdgeDouble& edge, const std::vector<std::int64_t>& times) {
  Block block;
  block.dictionaries = {edge.dictionary_hash()};
  auto& group = block.groups.emplace_back();
  group.times = times;
  auto& column = group.columns.emplace_back();
  column.type = ValueType::i64;
  for (const auto t : times) column.i64.push_back(t / kSecond % 1000);
  return block;
}

// A device sends what it kept beside what it measures: each block has one row of the past days.
// Then it sends a hundred of those again, and others, far apart.
TEST(LateRows, OfADeviceAreComparedWithWhatIsOfTheirTimes) {
  constexpr std::int64_t kBlocks = 10'000;
  constexpr std::int64_t kDay = 86'400;
  Node node;
  node.clock.advance(std::chrono::hours(24 * 10));
  EdgeDouble edge("press-07", 11, 1, true, 1);
  greet(node, edge);
  const auto late = [&](std::int64_t i) { return kStart + i * 7919 % (3 * kDay) * kSecond; };
  for (std::int64_t i = 0; i < kBlocks; ++i) {
    const auto sequence = edge.flush(block_of(edge, {kStart + (4 * kDay + i) * kSecond, late(i)}),
                                     kStart);
    node.take(edge, edge.block(sequence));
  }
  node.commit();
  std::vector<std::int64_t> times;
  for (std::int64_t i = 0; i < 100; ++i) times.push_back(late(i * 99));
  for (std::int64_t t = 150; t < 3 * kDay; t += 300) times.push_back(kStart + t * kSecond + 1);
  node.take(edge, edge.block(edge.flush(block_of(edge, times), kStart)));
  node.commit();
  EXPECT_EQ(node.intake->ledger().quarantined, 0u);
  EXPECT_EQ(node.intake->ledger().duplicate, 100u);
  EXPECT_EQ(node.intake->ledger().answered, static_cast<std::uint64_t>(2 * kBlocks) +
                                                times.size() - 100);
}

TEST(WindowMap, IsAMap) {
  SeededRandom random(3);
  answers::WindowMap<int> map;
  std::map<EventTime, int> expected;
  for (int i = 0; i < 20'000; ++i) {
    const auto t = event_time(static_cast<std::int64_t>(random.below(700)) * kMinute);
    switch (random.below(4)) {
      case 0: ASSERT_EQ(map.erase(t), expected.erase(t)); break;
      case 1:
        if (const auto at = map.find(t); at != map.end()) {
          map.erase(at);
          expected.erase(t);
        }
        break;
      default: ASSERT_EQ(map.try_emplace(t, i).second, expected.try_emplace(t, i).second);
    }
    const auto other = event_time(static_cast<std::int64_t>(random.below(700)) * kMinute);
    ASSERT_EQ(map.contains(other), expected.contains(other));
    if (map.knows(other)) {
      ASSERT_TRUE(expected.contains(other));
    }
    ASSERT_EQ(map.size(), expected.size());
  }
  EXPECT_TRUE(std::equal(map.begin(), map.end(), expected.begin(), expected.end()));
}

}  // namespace
}  // namespace tidemark::test
