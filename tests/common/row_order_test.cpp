// Rows by their times, however these are spread.
#include "common/base/row_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>

namespace tidemark {
namespace {

using Times = std::vector<std::int64_t>;
constexpr auto kFirst = std::numeric_limits<std::int64_t>::min();
constexpr auto kLast = std::numeric_limits<std::int64_t>::max();

std::vector<RowOrder::Row> sorted(const Times& times) {
  std::vector<RowOrder::Row> rows;
  for (std::uint32_t row = 0; row < times.size(); ++row) rows.emplace_back(times[row], row);
  std::ranges::stable_sort(rows, {}, &RowOrder::Row::first);
  return rows;
}

TEST(RowOrder, IsThatOfAStableSort) {
  RowOrder order;  // one for all: what a sort leaves is of no account to the next
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    std::mt19937_64 random(seed);
    Times times(random() % 3000);
    const auto unit = std::int64_t{1} << random() % 40;
    const auto range = 1 + static_cast<std::int64_t>(random() % 5000);
    for (auto& t : times) t = static_cast<std::int64_t>(random()) % range * unit;
    for (std::size_t i = 0; i < times.size(); i += 1 + seed % 7) times[i] /= 1000;  // many at zero
    order.sort(times);
    EXPECT_TRUE(std::ranges::equal(order.rows(), sorted(times))) << seed;
  }
}

TEST(RowOrder, KnowsTheEndsOfTime) {
  RowOrder order;
  for (const auto& times : {Times{}, Times{5}, Times{5, 5, 5}, Times{kLast, kFirst},
                            Times{0, kLast, kFirst, -1, kLast, 1, kFirst}}) {
    order.sort(times);
    EXPECT_TRUE(std::ranges::equal(order.rows(), sorted(times)));
  }
}

}  // namespace
}  // namespace tidemark
