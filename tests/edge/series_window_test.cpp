#include "edge/window/series_window.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <tuple>

#include "common/base/random.h"

namespace tidemark::window {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using Placement = SeriesWindow::Placement;

constexpr std::int64_t kSecond = 1'000'000'000;
EventTime at(double s) { return event_time(static_cast<std::int64_t>(s * 1e9)); }

WindowOptions tumbling(Nanoseconds size) { return {.size = size, .hop = size}; }
WindowOptions hopping(Nanoseconds size, Nanoseconds hop) { return {.size = size, .hop = hop}; }

Column column_of(std::vector<double> values) {
  Column column;
  column.f64 = std::move(values);
  return column;
}

Placement add(SeriesWindow& window, double second, double value) {
  return window.add(at(second), column_of({value}), 0);
}

Partial state_of(const PartialRow& row) {
  ByteReader in(row.state);
  auto partial = Partial::decode(in);
  EXPECT_TRUE(partial.ok() && in.done());
  return std::move(partial).value();
}

std::vector<PartialRow> flush(SeriesWindow& window, double frontier_second) {
  std::vector<PartialRow> rows;
  std::vector<LocalResult> results;
  window.flush(at(frontier_second), 3, rows, results);
  EXPECT_TRUE(results.empty());
  return rows;
}

TEST(SeriesWindow, ACarrierLeavesWithEveryFlushAndIsCumulative) {
  SeriesWindow window(tumbling(seconds(10)));
  EXPECT_FALSE(window.dirty());
  ASSERT_EQ(add(window, 0, 4), Placement::taken);
  ASSERT_EQ(add(window, 9.999999999, 6), Placement::taken);
  EXPECT_TRUE(window.dirty());

  auto rows = flush(window, 5);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].series, 3u);
  EXPECT_EQ(rows[0].start, 0);
  EXPECT_EQ(rows[0].size, 10 * kSecond);
  EXPECT_EQ(rows[0].revision, 1u);
  EXPECT_EQ(rows[0].readings, 2u);
  EXPECT_FALSE(rows[0].copy);
  EXPECT_TRUE(flush(window, 6).empty());  // nothing new

  ASSERT_EQ(add(window, 7, 5), Placement::taken);
  ASSERT_EQ(add(window, 10, 1), Placement::taken);  // the end belongs to the next one
  rows = flush(window, 8);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].revision, 2u);
  EXPECT_EQ(rows[0].readings, 1u);
  EXPECT_EQ(state_of(rows[0]).count(), 3u);
  EXPECT_EQ(state_of(rows[0]).sum().to_double(), 15);
  EXPECT_EQ(rows[1].start, 10 * kSecond);
  EXPECT_EQ(rows[1].revision, 1u);
  EXPECT_FALSE(window.dirty());
}

// As the pipeline's table of series grows.
TEST(SeriesWindow, StaysItselfWhenItIsMoved) {
  std::vector<SeriesWindow> windows;
  for (int i = 0; i < 3000; ++i) {
    windows.emplace_back(tumbling(seconds(10)));
    if (i % 2 == 0) {
      ASSERT_EQ(add(windows.back(), 4, 1), Placement::taken);
    }
  }
  for (auto& window : windows) {
    ASSERT_EQ(add(window, 5, 1), Placement::taken);
    const auto rows = flush(window, 6);
    ASSERT_EQ(rows.size(), 1u);
    ASSERT_EQ(rows[0].start, 0);
  }
}

TEST(SeriesWindow, TimesBefore1970FallIntoTheirOwnSlice) {
  SeriesWindow window(tumbling(seconds(10)));
  ASSERT_EQ(add(window, -0.5, 1), Placement::taken);
  const auto rows = flush(window, -5);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].start, -10 * kSecond);
}

TEST(SeriesWindow, ALateReadingReopensItsWindowWhileThatIsKept) {
  auto options = tumbling(seconds(10));
  options.keep = seconds(30);
  SeriesWindow window(options);
  (void)add(window, 5, 1);
  (void)flush(window, 39.9);
  ASSERT_EQ(add(window, 6, 2), Placement::taken);
  const auto rows = flush(window, 40);  // and forgets it now
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].revision, 2u);
  EXPECT_EQ(window.panes(), 0u);
  EXPECT_EQ(add(window, 7, 3), Placement::too_old);
  EXPECT_EQ(add(window, 11, 3), Placement::taken);  // late as well, but of a slice never sent
}

TEST(SeriesWindow, BeyondItsBoundTheLeastRecentlyTouchedPaneGoes) {
  auto options = tumbling(seconds(1));
  options.late_panes = 2;
  options.keep = seconds(1000);
  SeriesWindow window(options);
  ASSERT_EQ(window.panes_max(), 3u);
  for (const double t : {100.0, 101.0, 102.0}) {
    (void)add(window, t, 1);
    (void)flush(window, 0);
  }
  (void)add(window, 100, 2);
  (void)add(window, 103, 1);
  EXPECT_EQ(flush(window, 0).size(), 2u);
  EXPECT_EQ(window.panes(), 3u);
  EXPECT_EQ(add(window, 101, 1), Placement::too_old);
  EXPECT_EQ(add(window, 100, 1), Placement::taken);
}

TEST(SeriesWindow, AJumpAheadAndBackCostsOnlyThePanesOfTheJump) {
  SeriesWindow window(tumbling(seconds(1)));
  (void)add(window, 1'000'000, 1);
  (void)flush(window, 1'000'002);
  EXPECT_EQ(add(window, 50, 1), Placement::taken);
  EXPECT_EQ(flush(window, 50).size(), 1u);
  EXPECT_EQ(add(window, 51, 1), Placement::taken);
}

TEST(SeriesWindow, BetweenFlushesItIsBoundedToo) {
  SeriesWindow window(tumbling(seconds(1)));
  for (std::size_t i = 0; i < SeriesWindow::kPanesMax; ++i) {
    ASSERT_EQ(add(window, static_cast<double>(i), 1), Placement::taken);
  }
  EXPECT_EQ(add(window, 1e6, 1), Placement::too_old);
  EXPECT_EQ(add(window, 0.5, 1), Placement::taken);
  EXPECT_EQ(flush(window, 0).size(), SeriesWindow::kPanesMax);
  EXPECT_EQ(window.panes(), window.panes_max());
}

TEST(SeriesWindow, CopiesWaitForTheirEnd) {
  auto options = tumbling(seconds(10));
  options.upstream = Upstream::copy;
  options.keep = seconds(60);
  SeriesWindow window(options);
  (void)add(window, 5, 1);
  EXPECT_TRUE(flush(window, 9).empty());
  EXPECT_TRUE(window.dirty());
  auto rows = flush(window, 10);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_TRUE(rows[0].copy);
  (void)add(window, 6, 1);
  rows = flush(window, 11);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].revision, 2u);
}

TEST(SeriesWindow, HoppingSendsItsPanes) {
  SeriesWindow window(hopping(seconds(6), seconds(4)));  // panes of 2 s
  for (int s = 0; s < 12; ++s) (void)add(window, s, 1);
  std::vector<std::tuple<bool, std::int64_t, std::int64_t, std::uint64_t>> got;
  for (const auto& row : flush(window, 12)) {
    got.emplace_back(row.copy, row.start / kSecond, row.size / kSecond, row.readings);
  }
  EXPECT_THAT(got, testing::ElementsAre(
                       std::tuple(false, 0, 2, 2u), std::tuple(false, 2, 2, 2u),
                       std::tuple(false, 4, 2, 2u), std::tuple(false, 6, 2, 2u),
                       std::tuple(false, 8, 2, 2u), std::tuple(false, 10, 2, 2u)));
}

TEST(SeriesWindow, BadAndNonFiniteReadingsAreCountedApart) {
  SeriesWindow window(tumbling(seconds(1)));
  auto column = column_of({1, std::numeric_limits<double>::infinity(), 3});
  column.quality = {Quality::bad_range, Quality::good, Quality::uncertain};
  for (std::size_t i = 0; i < 3; ++i) ASSERT_EQ(window.add(at(0), column, i), Placement::taken);
  const auto rows = flush(window, 0);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].readings, 3u);
  const auto state = state_of(rows[0]);
  EXPECT_EQ(state.bad(), 1u);
  EXPECT_EQ(state.nonfinite(), 1u);
  EXPECT_EQ(state.count(), 1u);
}

// Any order of arrival, any flushes in between: the last rows are the same bytes, and what their
// revisions add is what was put in.
TEST(SeriesWindow, TheOrderOfArrivalDoesNotMatter) {
  for (const auto hop : {seconds(6), seconds(3), seconds(4)}) {
    auto options = hopping(seconds(6), hop);
    options.keep = seconds(1000);
    options.late_panes = 1000;
    std::vector<std::pair<EventTime, double>> readings;
    SeededRandom random(static_cast<std::uint64_t>(hop.count()));
    for (int i = 0; i < 400; ++i) {
      readings.emplace_back(event_time(static_cast<std::int64_t>(random.below(100'000'000'000))),
                            static_cast<double>(random.below(1000)) * 0.1 - 20);
    }
    using Final = std::map<std::tuple<bool, std::int64_t, std::int64_t>, ByteVector>;
    std::vector<Final> outcomes;
    for (int run = 0; run < 5; ++run) {
      for (std::size_t i = readings.size(); i > 1; --i) {
        std::swap(readings[i - 1], readings[random.below(i)]);
      }
      SeriesWindow window(options);
      Final last;
      std::map<std::tuple<bool, std::int64_t, std::int64_t>, std::uint64_t> revisions;
      std::uint64_t carried = 0;
      const auto take = [&](EventTime frontier) {
        std::vector<PartialRow> rows;
        std::vector<LocalResult> results;
        window.flush(frontier, 0, rows, results);
        for (auto& row : rows) {
          const std::tuple key{row.copy, row.start, row.size};
          EXPECT_EQ(row.revision, ++revisions[key]);
          if (!row.copy) carried += row.readings;
          last[key] = std::move(row.state);
        }
      };
      for (const auto& [time, value] : readings) {
        ASSERT_EQ(window.add(time, column_of({value}), 0), Placement::taken);
        if (random.below(10) == 0) take(at(static_cast<double>(random.below(100))));
      }
      take(at(200));
      EXPECT_EQ(carried, readings.size());
      outcomes.push_back(std::move(last));
    }
    for (const auto& outcome : outcomes) EXPECT_EQ(outcome, outcomes.front());
  }
}

TEST(SeriesWindow, RefusesWindowsThatCannotBeMeant) {
  const auto why = [](const WindowOptions& options) {
    const auto result = options.check();
    return result.ok() ? std::string() : result.error().text();
  };
  EXPECT_EQ(why(tumbling(milliseconds(1))), "");
  EXPECT_EQ(why(hopping(seconds(1024), seconds(1))), "");
  EXPECT_THAT(why(tumbling(seconds(0))), HasSubstr("window.size"));
  EXPECT_THAT(why(tumbling(std::chrono::hours(24 * 367))), HasSubstr("window.size"));
  EXPECT_THAT(why(hopping(seconds(1), seconds(2))), HasSubstr("window.hop: 2s"));
  EXPECT_THAT(why(hopping(seconds(1), seconds(0))), HasSubstr("window.hop"));
  EXPECT_THAT(why(hopping(seconds(1025), seconds(1))), HasSubstr("1025 panes"));
}

}  // namespace
}  // namespace tidemark::window
