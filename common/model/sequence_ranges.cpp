#include "common/model/sequence_ranges.h"

#include <algorithm>
#include <limits>

namespace tidemark {
namespace {

// The first range that ends at or after s.
template <typename Ranges>
auto reaching(Ranges& ranges, std::uint64_t s) {
  return std::lower_bound(ranges.begin(), ranges.end(), s,
                          [](const SequenceRange& r, std::uint64_t v) { return r.last < v; });
}

}  // namespace

bool SequenceRanges::add(Sequence s) {
  if (!ranges_.empty() && s.count == ranges_.back().last + 1) {  // the ordinary case: in order
    ranges_.back().last = s.count;
    return true;
  }
  if (contains(s)) return false;
  add(SequenceRange{s.count, s.count});
  return true;
}

void SequenceRanges::add(SequenceRange r) {
  if (r.first > r.last) return;
  // Touching neighbours merge too: look from one before.
  auto from = reaching(ranges_, r.first == 0 ? 0 : r.first - 1);
  auto to = from;
  while (to != ranges_.end() && (r.last == std::numeric_limits<std::uint64_t>::max() ||
                                 to->first <= r.last + 1)) {
    r.first = std::min(r.first, to->first);
    r.last = std::max(r.last, to->last);
    ++to;
  }
  if (from == to) {
    ranges_.insert(from, r);
  } else {
    *from = r;
    ranges_.erase(from + 1, to);
  }
}

void SequenceRanges::add(const SequenceRanges& other) {
  for (const auto& r : other.ranges_) add(r);
}

void SequenceRanges::remove(SequenceRange r) {
  if (r.first > r.last) return;
  std::vector<SequenceRange> kept;
  for (const auto& have : ranges_) {
    if (have.last < r.first || have.first > r.last) {
      kept.push_back(have);
      continue;
    }
    if (have.first < r.first) kept.push_back({have.first, r.first - 1});
    if (have.last > r.last) kept.push_back({r.last + 1, have.last});
  }
  ranges_ = std::move(kept);
}

bool SequenceRanges::contains(Sequence s) const { return covers({s.count, s.count}); }

bool SequenceRanges::covers(SequenceRange r) const {
  if (r.first > r.last) return true;
  const auto at = reaching(ranges_, r.first);
  return at != ranges_.end() && at->first <= r.first && at->last >= r.last;
}

Sequence SequenceRanges::contiguous() const {
  if (ranges_.empty() || ranges_.front().first > 1) return {0};
  return {ranges_.front().last};
}

Sequence SequenceRanges::highest() const { return {ranges_.empty() ? 0 : ranges_.back().last}; }

std::uint64_t SequenceRanges::count() const {
  std::uint64_t n = 0;
  for (const auto& r : ranges_) n += r.last - r.first + 1;
  return n;
}

SequenceRanges SequenceRanges::missing_in(SequenceRange r) const {
  SequenceRanges missing;
  auto next = r.first;
  for (auto at = reaching(ranges_, r.first); at != ranges_.end() && at->first <= r.last; ++at) {
    if (at->first > next) missing.add({next, at->first - 1});
    if (at->last >= r.last) return missing;
    next = at->last + 1;
  }
  missing.add({next, r.last});
  return missing;
}

void SequenceRanges::encode(ByteWriter& out) const {
  out.varint(ranges_.size());
  std::uint64_t last = 0;
  for (const auto& r : ranges_) {
    out.varint(r.first - last);
    out.varint(r.last - r.first);
    last = r.last;
  }
}

SequenceRanges SequenceRanges::decode(ByteReader& in) {
  SequenceRanges out;
  const auto n = in.length(2);
  std::uint64_t last = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const auto gap = in.varint();
    const auto length = in.varint();
    const auto room = std::numeric_limits<std::uint64_t>::max() - last;
    if (!in.ok() || gap > room || length > room - gap || (i > 0 && gap < 2)) {
      in.fail();
      return {};
    }
    const SequenceRange r{last + gap, last + gap + length};
    out.ranges_.push_back(r);
    last = r.last;
  }
  return out;
}

}  // namespace tidemark
