#include "cloud/reconcile/identities.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "common/base/extremes.h"
#include "common/base/hash.h"

namespace tidemark::reconcile {

std::uint64_t value_bits(const Column& column, std::size_t value) {
  switch (column.type) {
    case ValueType::f64: return std::bit_cast<std::uint64_t>(column.f64[value]);
    case ValueType::i64:
    case ValueType::boolean: return static_cast<std::uint64_t>(column.i64[value]);
    case ValueType::text: return xxh3(as_bytes(column.text[value]));
  }
  return 0;
}

namespace {

// Where each row has a value.
template <typename Value>
void add_pairs(const std::vector<std::int64_t>& times, const std::vector<Value>& values,
               std::vector<Identity>& to) {
  const auto at = to.size();
  to.resize(at + values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    to[at + i] = {times[i], std::bit_cast<std::uint64_t>(values[i])};
  }
}

}  // namespace

void add_identities(const Group& group, const Column& column, std::vector<Identity>& to) {
  const bool full = column.present.empty();
  if (full && column.type == ValueType::f64) return add_pairs(group.times, column.f64, to);
  if (full && column.type != ValueType::text) return add_pairs(group.times, column.i64, to);
  each_value(group, column, [&](std::size_t row, std::size_t value) {
    to.push_back({group.times[row], value_bits(column, value)});
  });
}

void BlockIdentities::add(std::uint32_t series, const Group& group, const Column& column) {
  add_identities(group, column, by_series_[series]);
  count_ += column.values();
}

void BlockIdentities::sort() {
  for (auto& [series, all] : by_series_) std::sort(all.begin(), all.end());
}

bool BlockIdentities::contains(std::uint32_t series, const Identity& identity) const {
  const auto it = by_series_.find(series);
  return it != by_series_.end() &&
         std::binary_search(it->second.begin(), it->second.end(), identity);
}

bool surely_new(const Group& group, const Column& column, std::int64_t newest) {
  if (column.present.empty()) {
    const auto times = std::span(group.times).first(column.values());
    return times.empty() || (times.front() > newest && rise_strictly(times));
  }
  bool rises = true;
  each_value(group, column, [&](std::size_t row, std::size_t) {
    rises = rises && group.times[row] > newest;
    newest = group.times[row];
  });
  return rises;
}

void mark_repeats(const Group& group, const Column& column, Marks& repeated) {
  if (surely_new(group, column, std::numeric_limits<std::int64_t>::min())) return;
  struct Seen {
    Identity identity;
    std::size_t value;
  };
  std::vector<Seen> seen;
  seen.reserve(column.values());
  each_value(group, column, [&](std::size_t row, std::size_t value) {
    seen.push_back({{group.times[row], value_bits(column, value)}, value});
  });
  std::sort(seen.begin(), seen.end(), [](const Seen& a, const Seen& b) {
    return a.identity == b.identity ? a.value < b.value : a.identity < b.identity;
  });
  for (std::size_t i = 1; i < seen.size(); ++i) {
    if (seen[i].identity == seen[i - 1].identity) repeated[seen[i].value] = 1;
  }
}

}  // namespace tidemark::reconcile
