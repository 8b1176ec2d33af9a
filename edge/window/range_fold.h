// Sums of a range that only moves forward, in O(1) amortised steps for each element it takes in:
// two stacks (the classic queue of two stacks, as for sliding minima), with the state of the front
// stack kept at every kStride-th element only, so that it costs little memory.
//
// `Source` has Cell empty() and void add(Cell& to, from, to), which merges elements [from, to) in
// order; Cell has merge by Source::join(Cell& to, const Cell& later). Elements are numbered; those
// below the end of the last range must not change, or invalidate() is called.
// Cost: kStride - 1 additions and two joins a range, one addition and 1 / kStride joins an element;
// after invalidate(), the whole range once.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace tidemark::window {

template <typename Cell>
class RangeFold {
 public:
  static constexpr std::int64_t kStride = 8;

  void invalidate() { valid_ = false; }
  void changed(std::int64_t element) {
    if (element < high_) valid_ = false;
  }

  template <typename Source>
  Cell over(std::int64_t low, std::int64_t high, const Source& source) {
    if (!valid_ || low < low_ || high < high_ || low > high_) {
      middle_ = high_ = low;
      front_.clear();
      back_.clear();
      valid_ = true;
    }
    low_ = low;
    if (back_.empty()) back_.push_back(source.empty());
    source.add(back_.front(), high_, high);
    high_ = high;
    if (low >= middle_ && high - low > kStride) flip(source);
    Cell out = source.empty();
    if (low >= middle_) {
      // A short range, or one that the back alone holds.
      source.add(out, low, high);
      return out;
    }
    while (!front_.empty() && front_.back().at < low) front_.pop_back();
    const auto next = front_.empty() ? middle_ : front_.back().at;
    source.add(out, low, next);
    if (!front_.empty()) source.join(out, front_.back().cell);
    source.join(out, back_.front());
    return out;
  }

 private:
  struct Mark {
    std::int64_t at;
    Cell cell;  // of [at, middle_)
  };

  template <typename Source>
  void flip(const Source& source) {
    front_.clear();
    middle_ = high_;
    for (auto end = middle_; end > low_;) {
      const auto begin = std::max(low_, end - kStride);
      Cell cell = source.empty();
      source.add(cell, begin, end);
      if (!front_.empty()) source.join(cell, front_.back().cell);
      front_.push_back({begin, std::move(cell)});
      end = begin;
    }
    back_.assign(1, source.empty());
  }

  bool valid_ = false;
  std::int64_t low_ = 0, middle_ = 0, high_ = 0;
  std::vector<Mark> front_;  // the earliest last
  std::vector<Cell> back_;   // one: of [middle_, high_)
};

}  // namespace tidemark::window
