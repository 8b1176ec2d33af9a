// Readings that devices stamped count once, however they come again: found in memory where that has
// them, in the archive where it has not.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <set>

#include "cloud/reconcile/newest_readings.h"
#include "common/base/random.h"
#include "tests/cloud/edge_double.h"

namespace tidemark::test {
namespace {

using reconcile::Identity;
using reconcile::Marks;
using reconcile::NewestReadings;

constexpr auto kLatest = std::numeric_limits<std::int64_t>::max();
constexpr NewestReadings::Range kAllTime{std::numeric_limits<std::int64_t>::min(), kLatest};

// What of these the series has in its range, by its own word.
Marks marked(const NewestReadings::Followed& series, const std::vector<Identity>& all) {
  Marks repeated(all.size());
  const auto& range = series.range();
  std::size_t first = 0;
  while (first < all.size() && all[first].time < range.from) ++first;
  auto last = first;
  while (last < all.size() && all[last].time < range.until) ++last;
  series.mark(all, first, last, repeated);
  return repeated;
}

TEST(NewestReadings, AreFoundByTimeAndValueWhereverTheyLie) {
  SeededRandom random(3);
  NewestReadings newest;
  auto& series = newest.follow(7, kAllTime);
  std::set<Identity> before;
  for (std::int64_t block = 0; block < 300; ++block) {
    std::vector<Identity> column;
    for (int i = 0; i < 40; ++i) {
      const auto back = static_cast<std::int64_t>(random.below(random.below(4) == 0 ? 2000 : 40));
      column.push_back({block * 20 - back, random.below(3)});
    }
    std::stable_sort(column.begin(), column.end(),
                     [](const auto& a, const auto& b) { return a.time < b.time; });
    auto repeated = marked(series, column);
    for (std::size_t i = 0; i < column.size(); ++i) {
      ASSERT_EQ(repeated[i] != 0, before.contains(column[i])) << block << ' ' << i;
    }
    // As a column is: none is twice in itself.
    for (std::size_t i = 0; i < column.size(); ++i) {
      repeated[i] = before.insert(column[i]).second ? 0 : 1;
    }
    newest.add(series, column, repeated, kLatest);
  }
}

TEST(NewestReadings, KnowNothingFromWhatWasSetAsideOn) {
  NewestReadings newest;
  auto& series = newest.follow(7, {100, 10'000});
  newest.add(series, std::vector<Identity>{{50, 1}, {100, 1}, {400, 1}, {500, 1}}, {}, 450);
  EXPECT_EQ(series.range().from, 100);
  EXPECT_EQ(series.range().until, 500);
  EXPECT_EQ(marked(series, {{100, 1}, {400, 1}, {400, 2}}), (Marks{1, 1, 0}));
  newest.add(series, std::vector<Identity>{{600, 1}}, {}, 1000);
  EXPECT_EQ(series.range().until, 500);
  EXPECT_TRUE(newest.follow(7, {700, 800}).range().from == 700 && newest.find(7) == &series);
  EXPECT_EQ(marked(series, {{750, 1}}), (Marks{0}));
  EXPECT_EQ(newest.find(8), nullptr);
}

TEST(NewestReadings, OfOneSeriesAndOfAllAreBounded) {
  NewestReadings newest;
  constexpr std::uint32_t kSeries = 200;
  constexpr std::int64_t kColumn = 1000;
  for (std::uint32_t s = 0; s < kSeries; ++s) newest.follow(s, kAllTime);
  const auto add = [&](std::uint32_t s, std::int64_t from, std::int64_t n) {
    std::vector<Identity> column;
    for (auto t = from; t < from + n; ++t) column.push_back({t, s});
    newest.add(*newest.find(s), column, {}, kLatest);
  };
  for (int round = 0; round < 10; ++round) {
    for (std::uint32_t s = 1; s < kSeries; ++s) {
      add(s, round * kColumn, s == 1 ? 1 : kColumn);
      ASSERT_LE(newest.room(), NewestReadings::kReadingsMax);
    }
  }
  add(0, 0, NewestReadings::kOfSeriesMax + 1);
  EXPECT_EQ(newest.find(0)->range().from,
            std::int64_t{NewestReadings::kOfSeriesMax} + 1 - NewestReadings::kOfSeriesMax / 2);
  EXPECT_EQ(newest.find(1)->range().from, kAllTime.from) << "those with few stay";
  for (std::uint32_t s = 2; s < kSeries; ++s) {
    const auto from = newest.find(s)->range().from;
    ASSERT_GT(from, 0) << s;
    std::vector<Identity> all;
    for (auto t = from; t < 10 * kColumn + 5; ++t) all.push_back({t, s});
    const auto repeated = marked(*newest.find(s), all);
    ASSERT_EQ(std::count(repeated.begin(), repeated.end(), 1), 10 * kColumn - from) << s;
  }
}

TEST(NewestReadings, OfOneTimeGoTogether) {
  NewestReadings newest;
  auto& series = newest.follow(1, kAllTime);
  std::vector<Identity> column;
  for (std::uint64_t v = 0; v <= NewestReadings::kOfSeriesMax; ++v) column.push_back({5, v});
  column.push_back({6, 0});
  newest.add(series, column, {}, kLatest);
  EXPECT_EQ(series.range().from, 6);
  EXPECT_EQ(marked(series, {{5, 1}, {6, 0}, {6, 1}}), (Marks{0, 1, 0}));
}

// A device at 10 Hz whose readings come up to 5 s out of order, some of them again: soon or after
// long, with another value, or from beyond what the node believes.
class Device {
 public:
  Device(Node& node, EdgeDouble& edge, std::uint64_t seed)
      : node_(node), edge_(edge), random_(seed) {}

  // The readings of ten more seconds, packed.
  std::uint64_t pack() {
    now_ += 10 * kSecond;
    node_.clock.advance(event_time(now_ + kSecond) - node_.clock.wall());
    latest_ = now_ + kSecond + 600 * kSecond;
    for (std::uint32_t s = 0; s < 2; ++s) {
      for (int i = 0; i < 100; ++i) take_one(s);
    }
    return edge_.flush(now_ - 5 * kSecond);
  }
  [[nodiscard]] std::uint64_t repeats() const { return repeats_; }

 private:
  void take_one(std::uint32_t s) {
    const auto kind = random_.below(100);
    auto& all = of_[s];
    if (kind < 15 && !all.empty()) {
      const auto back = kind < 12 ? std::min<std::size_t>(all.size(), 200) : all.size();
      const auto [time, value] = all[all.size() - 1 - random_.below(back)];
      return take(s, time, value);
    }
    const auto value = static_cast<double>(random_.below(20));
    if (kind == 99) {
      const auto ahead = static_cast<std::int64_t>(random_.below(60)) * kSecond;
      return take(s, latest_ + ahead, value);
    }
    const auto tenths = static_cast<std::int64_t>(random_.below(150));
    return take(s, now_ - tenths * kSecond / 10, value);
  }
  void take(std::uint32_t s, std::int64_t time, double value) {
    edge_.take(s, time, value);
    of_[s].emplace_back(time, value);
    if (!seen_[s].emplace(time, value).second) ++repeats_;
  }

  Node& node_;
  EdgeDouble& edge_;
  SeededRandom random_;
  std::int64_t now_ = kStart + 3600 * kSecond;
  std::int64_t latest_ = 0;
  std::vector<std::pair<std::int64_t, double>> of_[2];
  std::set<std::pair<std::int64_t, double>> seen_[2];
  std::uint64_t repeats_ = 0;
};

TEST(Repeats, CountOnceThroughDisorderRestartsAndTimesToCome) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    Node node;
    EdgeDouble edge("press-07", 1, 1, true);
    Device device(node, edge, seed);
    greet(node, edge);
    SeededRandom random(seed + 100);
    for (int block = 0; block < 150; ++block) {
      const auto sequence = device.pack();
      node.take(edge, edge.block(sequence));
      if (const auto die = random.below(20); die < 2) {
        if (die == 0) node.commit();  // else nothing of the batch was there, and it comes again
        node.kill();
        node.start();
        greet(node, edge);
        node.take(edge, edge.block(sequence));
      }
      node.take(edge, edge.last_seal());
      node.commit();
      ASSERT_EQ(node.intake->ledger().duplicate, device.repeats()) << seed << ' ' << block;
    }
  }
}

TEST(Repeats, OfLiveReadingsOutOfOrderAreFoundWithoutTheArchive) {
  Node node;
  EdgeDouble edge("press-07", 1, 1, true);
  greet(node, edge);
  const auto send_some = [&](int from, int to) {
    for (int b = from; b < to; ++b) {
      for (int i = 0; i < 100; ++i) {  // of 5 s before it, too; ten of them again
        edge.take(0, kStart + (b * 10 + (i * 7) % 15 - 5) * kSecond + i % 90, i % 90);
      }
      node.take(edge, edge.block(edge.flush(kStart + (b * 10 - 5) * kSecond)));
      node.take(edge, edge.last_seal());
      node.commit();
    }
  };
  send_some(0, 50);
  EXPECT_LE(node.intake->counters().blocks_compared, 1u);
  EXPECT_EQ(node.intake->counters().readings, 5000u);
  node.kill();
  node.start();
  greet(node, edge);
  send_some(50, 100);
  EXPECT_LE(node.intake->counters().blocks_compared, 4u) << "those before the start only";
}

}  // namespace
}  // namespace tidemark::test
