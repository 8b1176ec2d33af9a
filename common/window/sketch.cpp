#include "common/window/sketch.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "common/base/check.h"

namespace tidemark::window {
namespace {

constexpr int kMantissaBits = 52;

// 0 has a bucket of its own; the others rise with the value, negative ones mirrored.
std::int64_t index_of(double v, int bits) {
  if (v == 0) return 0;
  const auto magnitude = std::bit_cast<std::uint64_t>(std::abs(v));
  const auto index = static_cast<std::int64_t>(magnitude >> (kMantissaBits - bits)) + 1;
  return v < 0 ? -index : index;
}

// The middle of a bucket, by bits: the mean of its borders but for the step between two octaves.
double middle_of_octave(std::int64_t index, int bits) {
  if (index == 0) return 0;
  const auto place = static_cast<std::uint64_t>(std::abs(index) - 1);
  const auto low = place << (kMantissaBits - bits);
  const auto middle = std::bit_cast<double>(low + (std::uint64_t{1} << (kMantissaBits - bits - 1)));
  return index < 0 ? -middle : middle;
}

}  // namespace

std::int64_t Sketch::half(std::int64_t index) const {
  if (mapping_ == Mapping::linear) return index >> 1;
  if (index == 0) return 0;
  return index > 0 ? (index - 1) / 2 + 1 : -((-index - 1) / 2 + 1);
}

double Sketch::middle_of(std::int64_t index) const {
  if (mapping_ == Mapping::logarithmic) return middle_of_octave(index, kBitsMax - level_);
  const auto low = static_cast<std::int64_t>(static_cast<std::uint64_t>(index) << level_);
  return static_cast<double>(low + ((std::int64_t{1} << level_) - 1) / 2);
}

void Sketch::add_to(std::int64_t index) {
  ++count_;
  const auto at = std::lower_bound(indices_.begin(), indices_.end(), index);
  const auto place = at - indices_.begin();
  if (at != indices_.end() && *at == index) {
    ++counts_[static_cast<std::size_t>(place)];
    return;
  }
  indices_.insert(at, index);
  counts_.insert(counts_.begin() + place, 1);
  shrink();
}

void Sketch::shrink() {
  while (indices_.size() > kBucketsMax && (mapping_ == Mapping::linear || level_ < kBitsMax)) {
    coarsen();
  }
}

void Sketch::coarsen() {
  ++level_;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < indices_.size(); ++i) {
    const auto index = half(indices_[i]);
    if (kept > 0 && indices_[kept - 1] == index) {
      counts_[kept - 1] += counts_[i];
    } else {
      indices_[kept] = index;
      counts_[kept++] = counts_[i];
    }
  }
  indices_.resize(kept);
  counts_.resize(kept);
}

void Sketch::coarsen_to(int level) {
  while (level_ < level) coarsen();
}

void Sketch::add(double v) {
  TIDE_CHECK(mapping_ == Mapping::logarithmic, "a double for a linear sketch");
  add_to(index_of(v, kBitsMax - level_));
}

void Sketch::add(std::int64_t v) {
  TIDE_CHECK(mapping_ == Mapping::linear, "a mantissa for a logarithmic sketch");
  add_to(v >> level_);
}

void Sketch::merge(const Sketch& other) {
  TIDE_CHECK(mapping_ == other.mapping_, "sketches of two mappings cannot be merged");
  coarsen_to(other.level_);
  if (other.level_ < level_) {
    auto wide = other;
    wide.coarsen_to(level_);
    merge_buckets(wide);
  } else {
    merge_buckets(other);
  }
  count_ += other.count_;
  shrink();
}

// Of the same level. What both have, the ordinary case, needs no room.
void Sketch::merge_buckets(const Sketch& other) {
  std::size_t fresh = 0;
  std::size_t at = 0;
  for (std::size_t i = 0; i < other.indices_.size(); ++i) {
    while (at < indices_.size() && indices_[at] < other.indices_[i]) ++at;
    if (at < indices_.size() && indices_[at] == other.indices_[i]) {
      counts_[at] += other.counts_[i];
    } else {
      ++fresh;
    }
  }
  if (fresh == 0) return;
  // From behind, each into its place.
  auto from = indices_.size();
  auto to = from + fresh;
  indices_.resize(to);
  counts_.resize(to);
  for (auto i = other.indices_.size(); i > 0 && to > from; --i) {
    const auto index = other.indices_[i - 1];
    while (from > 0 && indices_[from - 1] > index) {
      --from;
      --to;
      indices_[to] = indices_[from];
      counts_[to] = counts_[from];
    }
    if (from > 0 && indices_[from - 1] == index) continue;
    --to;
    indices_[to] = index;
    counts_[to] = other.counts_[i - 1];
  }
}

void Sketch::subtract(const Sketch& other) {
  TIDE_CHECK(mapping_ == other.mapping_, "sketches of two mappings cannot be subtracted");
  coarsen_to(other.level_);
  auto wide = other;
  wide.coarsen_to(level_);
  for (std::size_t i = 0; i < wide.indices_.size(); ++i) {
    const auto at = std::lower_bound(indices_.begin(), indices_.end(), wide.indices_[i]);
    const auto place = static_cast<std::size_t>(at - indices_.begin());
    TIDE_CHECK(at != indices_.end() && *at == wide.indices_[i] && counts_[place] >= wide.counts_[i],
               "what is subtracted from a sketch is in it");
    counts_[place] -= wide.counts_[i];
  }
  count_ -= other.count_;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < indices_.size(); ++i) {
    if (counts_[i] == 0) continue;
    indices_[kept] = indices_[i];
    counts_[kept++] = counts_[i];
  }
  indices_.resize(kept);
  counts_.resize(kept);
}

double Sketch::quantile(std::uint64_t numerator, std::uint64_t denominator) const {
  TIDE_CHECK(count_ > 0 && numerator <= denominator, "a quantile of nothing");
  // ceil(count * numerator / denominator) without overflow: count is below 2^48 (Partial).
  const auto product = count_ / denominator * numerator +
                       (count_ % denominator * numerator + denominator - 1) / denominator;
  const auto rank = std::max<std::uint64_t>(product, 1);
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < indices_.size(); ++i) {
    below += counts_[i];
    if (below >= rank) return middle_of(indices_[i]);
  }
  return middle_of(indices_.back());
}

double Sketch::error() const {
  if (mapping_ == Mapping::logarithmic) return std::ldexp(1.0, level_ - kBitsMax - 1);
  return level_ == 0 ? 0 : std::ldexp(1.0, level_ - 1);
}

}  // namespace tidemark::window
