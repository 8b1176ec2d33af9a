#include "cloud/intake/time_order.h"

#include <algorithm>

namespace tidemark::intake {
namespace {

template <typename T>
void pick(const std::vector<T>& from, const std::vector<std::uint32_t>& which, std::vector<T>& to) {
  to.clear();
  if (from.empty()) return;
  to.reserve(which.size());
  for (const auto i : which) to.push_back(from[i]);
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
  rising.clear();
  behind_.clear();
  auto latest = times.front();
  for (std::uint32_t row = 0; row < times.size(); ++row) {
    (times[row] >= latest ? rising : behind_).push_back(row);
    latest = std::max(latest, times[row]);
  }
  std::stable_sort(behind_.begin(), behind_.end(),
                   [&](auto a, auto b) { return times[a] < times[b]; });
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
