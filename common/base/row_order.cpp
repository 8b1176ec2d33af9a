#include "common/base/row_order.h"

#include <algorithm>
#include <bit>

#include "common/base/extremes.h"

namespace tidemark {
namespace {

constexpr std::size_t kFew = 16;  // are put in order by moving each to where it belongs

void insert_each(std::span<RowOrder::Row> rows) {
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const auto row = rows[i];
    auto at = i;
    for (; at > 0 && row.first < rows[at - 1].first; --at) rows[at] = rows[at - 1];
    rows[at] = row;
  }
}

}  // namespace

void RowOrder::sort(std::span<const std::int64_t> times) {
  rows_.resize(times.size());
  if (times.empty()) return;
  const auto [low, high] = extremes_of(times);
  const auto distance = [low = low](std::int64_t time) {
    return static_cast<std::uint64_t>(time) - static_cast<std::uint64_t>(low);
  };
  const auto bits = static_cast<int>(std::bit_width(times.size()));
  const auto shift = std::max(0, static_cast<int>(std::bit_width(distance(high))) - bits);
  ends_.assign((std::size_t{1} << bits) + 1, 0);
  for (const auto t : times) ++ends_[(distance(t) >> shift) + 1];
  for (std::size_t i = 1; i < ends_.size(); ++i) ends_[i] += ends_[i - 1];
  for (std::uint32_t row = 0; row < times.size(); ++row) {
    rows_[ends_[distance(times[row]) >> shift]++] = {times[row], row};
  }
  std::uint32_t begin = 0;
  for (const auto end : ends_) {
    const auto place = std::span(rows_).subspan(begin, end - begin);
    if (place.size() <= kFew) {
      insert_each(place);
    } else {
      std::ranges::sort(place);
    }
    begin = end;
  }
}

}  // namespace tidemark
