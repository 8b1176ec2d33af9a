// A set of sequences as sorted, disjoint, merged ranges: received sets, acknowledgements, losses.
// A healthy stream is one range, 16 bytes, however long it runs.
#pragma once

#include <cstdint>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/strong.h"

namespace tidemark {

struct SequenceRange {  // [first, last], both inside
  std::uint64_t first;
  std::uint64_t last;
  friend bool operator==(const SequenceRange&, const SequenceRange&) = default;
};

class SequenceRanges {
 public:
  SequenceRanges() = default;
  SequenceRanges(std::initializer_list<SequenceRange> ranges) {
    for (const auto& r : ranges) add(r);
  }
  // False when it was there already. O(log ranges), and O(ranges) when a gap opens or closes.
  bool add(Sequence s);
  void add(SequenceRange r);
  void add(const SequenceRanges& other);
  void remove(SequenceRange r);
  [[nodiscard]] bool contains(Sequence s) const;
  [[nodiscard]] bool covers(SequenceRange r) const;  // an empty range (first > last) is covered
  // The end of the gapless run from 1: all of [1, contiguous()] are inside. 0 when 1 is not.
  [[nodiscard]] Sequence contiguous() const;
  [[nodiscard]] Sequence highest() const;  // 0 when empty
  [[nodiscard]] std::uint64_t count() const;
  [[nodiscard]] bool empty() const { return ranges_.empty(); }
  // What of [r.first, r.last] is not inside, in order.
  [[nodiscard]] SequenceRanges missing_in(SequenceRange r) const;
  [[nodiscard]] const std::vector<SequenceRange>& ranges() const { return ranges_; }

  // Varints: number of ranges, then gap before and length of each.
  void encode(ByteWriter& out) const;
  static SequenceRanges decode(ByteReader& in);  // what does not rise strictly makes `in` fail
  friend bool operator==(const SequenceRanges&, const SequenceRanges&) = default;

 private:
  std::vector<SequenceRange> ranges_;
};

}  // namespace tidemark
