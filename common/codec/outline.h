// What a block says of its readings without decoding them: for those who read archives and skip.
// It is what the head says; decode() checks that it is true, and a block that was archived has been
// decoded once.
#pragma once

#include "common/codec/codec.h"

namespace tidemark::codec {

// A sum of 65,536 int64 at most: high * 2^64 + low.
struct WideSum {
  std::int64_t high = 0;
  std::uint64_t low = 0;
  friend bool operator==(const WideSum&, const WideSum&) = default;
};

// What a block says of one of its columns without decoding its values. Only long columns of numbers
// (128 values) that are all good have one.
struct ColumnSummary {
  std::uint32_t series = 0;
  ValueType type = ValueType::f64;
  bool copy = false;
  std::uint64_t count = 0;    // values
  std::uint64_t missing = 0;  // rows of its group without one
  std::int64_t time_min = 0;  // of the rows of its group, both ends inside
  std::int64_t time_max = 0;
  // Integers, and doubles that are decimals: value = k / 10^exponent; the sum is exact.
  bool decimal = false;
  std::uint8_t exponent = 0;
  std::int64_t min = 0, max = 0, first = 0, last = 0;
  WideSum sum;
  // Other doubles; their sum is not told, since it would depend on the order.
  double min_value = 0, max_value = 0, first_value = 0, last_value = 0;
};

struct Outline {
  Summary summary;
  std::vector<ColumnSummary> columns;  // long ones of numbers that are all good
  // Every reading that is no copy lies in one of `columns`: what they do not name is not here.
  bool complete = false;

  // False only when no reading of these series (by index, as in ColumnSummary) lies in [from, to],
  // both ends inside; the readings of a window's part lie where the window does.
  [[nodiscard]] bool may_hold(const std::vector<bool>& series, std::int64_t from,
                              std::int64_t to) const;
};
// The faults of summary().
Result<Outline> outline(ByteSpan bytes);

}  // namespace tidemark::codec
