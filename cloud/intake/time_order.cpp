#include "cloud/intake/time_order.h"

#include <algorithm>
#include <bit>

namespace tidemark::intake {
namespace {

constexpr std::size_t kSpreadMin = 32;  // fewer are sorted as fast
constexpr std::uint32_t kCrowd = 16;    // in one drawer

template <typename T>
void pick(const std::vector<T>& from, const std::vector<std::uint32_t>& which, std::vector<T>& to) {
  to.resize(from.empty() ? 0 : which.size());
  for (std::size_t i = 0; i < to.size(); ++i) to[i] = from[which[i]];
}

// Rows in the order of their times, those of one time as they were. Into about as many drawers of
// equal width as there are rows, and then the few of each among themselves: where readings come in
// any order their times are spread evenly. Where most share a drawer, by a sort.
void put_in_order(const std::vector<std::int64_t>& times, std::vector<std::uint32_t>& rows,
                  std::vector<std::uint32_t>& spread) {
  const auto earlier = [&](auto a, auto b) { return times[a] < times[b]; };
  if (rows.size() < kSpreadMin) return std::stable_sort(rows.begin(), rows.end(), earlier);
  auto low = times[rows.front()];
  auto high = low;
  for (const auto row : rows) {
    low = std::min(low, times[row]);
    high = std::max(high, times[row]);
  }
  const auto from = static_cast<std::uint64_t>(low);
  const auto width = static_cast<std::uint64_t>(high) - from;
  const auto shift = static_cast<unsigned>(
      std::max(0, static_cast<int>(std::bit_width(width)) -
                      static_cast<int>(std::bit_width(rows.size()))));
  const auto drawer = [&](std::uint32_t row) {
    return static_cast<std::size_t>((static_cast<std::uint64_t>(times[row]) - from) >> shift);
  };
  std::vector<std::uint32_t> ends(static_cast<std::size_t>(width >> shift) + 1);
  for (const auto row : rows) ++ends[drawer(row)];
  bool crowded = false;
  std::uint32_t end = 0;
  for (auto& e : ends) {
    crowded = crowded || e > kCrowd;
    e = end += e;
  }
  spread.resize(rows.size());
  for (auto i = rows.size(); i-- > 0;) spread[--ends[drawer(rows[i])]] = rows[i];
  rows.swap(spread);
  if (crowded) return std::stable_sort(rows.begin(), rows.end(), earlier);
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const auto row = rows[i];
    auto to = i;
    for (; to > 0 && times[row] < times[rows[to - 1]]; --to) rows[to] = rows[to - 1];
    rows[to] = row;
  }
}

}  // namespace

const Group& TimeOrder::of(const Group& group) {
  if (std::is_sorted(group.times.begin(), group.times.end())) return group;
  find_order(group.times);
  sorted_.copy = group.copy;
  pick(group.times, order_, sorted_.times);
  sorted_.columns.resize(group.columns.size());
  for (std::size_t c = 0; c < group.columns.size(); ++c) {
    arrange(group.columns[c], sorted_.columns[c]);
  }
  return sorted_;
}

// Mostly a few rows are behind the others: only those are sorted.
void TimeOrder::find_order(const std::vector<std::int64_t>& times) {
  std::vector<std::uint32_t>& rising = values_;
  rising.resize(times.size());
  behind_.resize(times.size());
  std::size_t up = 0;
  auto latest = times.front();
  // Both are written, and one goes on: nobody could guess which it is.
  for (std::uint32_t row = 0; row < times.size(); ++row) {
    rising[up] = behind_[row - up] = row;
    up += times[row] >= latest ? 1 : 0;
    latest = std::max(latest, times[row]);
  }
  rising.resize(up);
  behind_.resize(times.size() - up);
  put_in_order(times, behind_, order_);
  // One behind that has the time of a rising one came after it.
  order_.resize(times.size());
  std::merge(rising.begin(), rising.end(), behind_.begin(), behind_.end(), order_.begin(),
             [&](auto a, auto b) { return times[a] < times[b]; });
}

void TimeOrder::arrange(const Column& from, Column& to) {
  to.series = from.series;
  to.type = from.type;
  to.present.clear();
  const auto* which = &order_;
  if (!from.present.empty()) {
    // The value of each row, by its place; then those of the rows that have one.
    std::vector<std::uint32_t> value_of(from.present.size());
    std::uint32_t values = 0;
    for (std::size_t row = 0; row < value_of.size(); ++row) {
      value_of[row] = values;
      if (from.present[row]) ++values;
    }
    values_.clear();
    for (const auto row : order_) {
      to.present.push_back(from.present[row]);
      if (from.present[row]) values_.push_back(value_of[row]);
    }
    which = &values_;
  }
  pick(from.f64, *which, to.f64);
  pick(from.i64, *which, to.i64);
  pick(from.text, *which, to.text);
  pick(from.quality, *which, to.quality);
}

}  // namespace tidemark::intake
