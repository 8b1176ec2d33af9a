// Rows by their times. Times that are spread evenly, as a sender's are that shuffles what it has of
// some seconds, take one pass into places by time and hardly a comparison; others are sorted.
//
// Order      by time; what is of one time as it came.
// Bounds     keeps the room of the largest sort, 20 to 24 B a row.
// Threads    one.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace tidemark {

class RowOrder {
 public:
  using Row = std::pair<std::int64_t, std::uint32_t>;  // a time, and where it was

  // At most 2^32 - 1 of them.
  void sort(std::span<const std::int64_t> times);
  // Of the last sort().
  [[nodiscard]] std::span<const Row> rows() const { return rows_; }

 private:
  std::vector<Row> rows_;
  std::vector<std::uint32_t> ends_;  // of places
};

}  // namespace tidemark
