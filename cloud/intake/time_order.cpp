#include "cloud/intake/time_order.h"

#include <algorithm>

namespace tidemark::intake {
namespace {

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

// Where a few rows are behind the others, only those are sorted.
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
  order_.resize(times.size());
  if (up < behind_.size()) {
    by_time_.sort(times);
    std::ranges::transform(by_time_.rows(), order_.begin(), &RowOrder::Row::second);
    return;
  }
  behind_times_.clear();
  for (const auto row : behind_) behind_times_.push_back(times[row]);
  by_time_.sort(behind_times_);
  moved_.clear();
  for (const auto& row : by_time_.rows()) moved_.push_back(behind_[row.second]);
  behind_.swap(moved_);
  // One behind that has the time of a rising one came after it.
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
