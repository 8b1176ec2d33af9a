#include "cloud/intake/time_order.h"

#include <algorithm>
#include <bit>
#include <numeric>

namespace tidemark::intake {
namespace {

constexpr std::size_t kSpreadMin = 32;  // fewer are sorted as fast
constexpr std::uint32_t kCrowd = 16;    // in one drawer

template <typename T>
void pick(const std::vector<T>& from, const std::vector<std::uint32_t>& which, std::vector<T>& to) {
  to.resize(from.empty() ? 0 : which.size());
  for (std::size_t i = 0; i < to.size(); ++i) to[i] = from[which[i]];
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
  if (up < behind_.size()) {
    order_.resize(times.size());
    std::iota(order_.begin(), order_.end(), 0U);
    return sort(times, order_);
  }
  sort(times, behind_);
  // One behind that has the time of a rising one came after it.
  order_.resize(times.size());
  std::merge(rising.begin(), rising.end(), behind_.begin(), behind_.end(), order_.begin(),
             [&](auto a, auto b) { return times[a] < times[b]; });
}

// By time, those of one time as they were. Into about as many drawers of equal width as there are
// rows, and then the few of each among themselves: where readings come in any order their times are
// spread evenly. Where many share a drawer, or times lie too far apart for a key, by a sort.
void TimeOrder::sort(const std::vector<std::int64_t>& times, std::vector<std::uint32_t>& rows) {
  if (rows.size() < 2) return;
  auto low = times[rows.front()];
  auto high = low;
  for (const auto row : rows) {
    low = std::min(low, times[row]);
    high = std::max(high, times[row]);
  }
  const auto from = static_cast<std::uint64_t>(low);
  const auto place_bits = std::bit_width(rows.size() - 1);
  const auto bits = std::bit_width(static_cast<std::uint64_t>(high) - from) + place_bits;
  if (bits > 64) {
    return std::stable_sort(rows.begin(), rows.end(),
                            [&](auto a, auto b) { return times[a] < times[b]; });
  }
  // A key is a time, and behind it the place where the row was.
  keys_.resize(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    keys_[i] = (static_cast<std::uint64_t>(times[rows[i]]) - from) << place_bits | i;
  }
  sort_keys(static_cast<unsigned>(bits));
  const auto places = (std::uint64_t{1} << place_bits) - 1;
  moved_.resize(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    moved_[i] = rows[static_cast<std::size_t>(keys_[i] & places)];
  }
  rows.swap(moved_);
}

void TimeOrder::sort_keys(unsigned bits) {
  if (keys_.size() < kSpreadMin) return std::sort(keys_.begin(), keys_.end());
  const auto drawers = static_cast<unsigned>(std::bit_width(keys_.size()));
  const auto shift = bits - std::min(bits, drawers);
  ends_.assign(std::size_t{1} << drawers, 0);
  for (const auto key : keys_) ++ends_[static_cast<std::size_t>(key >> shift)];
  std::uint32_t end = 0;
  std::uint32_t most = 0;
  for (auto& e : ends_) {
    most = std::max(most, e);
    e = end += e;
  }
  if (most > kCrowd) return std::sort(keys_.begin(), keys_.end());
  spread_.resize(keys_.size());
  for (const auto key : keys_) spread_[--ends_[static_cast<std::size_t>(key >> shift)]] = key;
  keys_.swap(spread_);
  for (std::size_t i = 1; i < keys_.size(); ++i) {
    const auto key = keys_[i];
    auto to = i;
    for (; to > 0 && key < keys_[to - 1]; --to) keys_[to] = keys_[to - 1];
    keys_[to] = key;
  }
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
