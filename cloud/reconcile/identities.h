// A reading's identity where its device gave it a time: (series, time, value bits). The same
// identity twice is one reading that was sent twice (semantics A5).
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "common/model/block.h"

namespace tidemark::reconcile {

struct Identity {
  std::int64_t time = 0;
  std::uint64_t bits = 0;  // of the double or integer; XXH3 of a text
  friend auto operator<=>(const Identity&, const Identity&) = default;
};

std::uint64_t value_bits(const Column& column, std::size_t value);
// Those of a column's values, in their order, behind what is there.
void add_identities(const Group& group, const Column& column, std::vector<Identity>& to);

// The identities of one block, by series, sorted. Built once for a block that is compared with.
class BlockIdentities {
 public:
  void add(std::uint32_t series, const Group& group, const Column& column);
  void sort();
  [[nodiscard]] bool contains(std::uint32_t series, const Identity& identity) const;
  [[nodiscard]] std::size_t count() const { return count_; }

 private:
  std::unordered_map<std::uint32_t, std::vector<Identity>> by_series_;
  std::size_t count_ = 0;
};

// True when the times of this column rise strictly and begin above `newest`: no reading of it can
// have been here before, nor twice in itself.
bool surely_new(const Group& group, const Column& column, std::int64_t newest);

// What is 1 was counted before; one a value, in the order of its column.
using Marks = std::vector<std::uint8_t>;

// Marks repeats of values within the column itself (by value index; the first one stays).
void mark_repeats(const Group& group, const Column& column, Marks& repeated);

// Calls visit(row, value) for every row in which the column has a value.
template <typename Visit>
void each_value(const Group& group, const Column& column, Visit visit) {
  if (column.present.empty()) {
    const auto n = column.values();
    for (std::size_t i = 0; i < n; ++i) visit(i, i);
    return;
  }
  std::size_t value = 0;
  for (std::size_t row = 0; row < group.times.size(); ++row) {
    if (column.present[row]) visit(row, value++);
  }
}

}  // namespace tidemark::reconcile
