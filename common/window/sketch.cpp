#include "common/window/sketch.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "common/base/check.h"

namespace tidemark::window {
namespace {

constexpr int kMantissaBits = 52;

// 0 has a bucket of its own; the others rise with the value, negative ones mirrored.
std::int32_t index_of(double v, int bits) {
  if (v == 0) return 0;
  const auto magnitude = std::bit_cast<std::uint64_t>(std::abs(v));
  const auto index = static_cast<std::int32_t>(magnitude >> (kMantissaBits - bits)) + 1;
  return v < 0 ? -index : index;
}

std::int32_t half(std::int32_t index) {
  if (index == 0) return 0;
  return index > 0 ? (index - 1) / 2 + 1 : -((-index - 1) / 2 + 1);
}

// The middle of a bucket, by bits: the mean of its borders but for the step between two octaves.
double middle_of(std::int32_t index, int bits) {
  if (index == 0) return 0;
  const auto place = static_cast<std::uint64_t>(std::abs(index) - 1);
  const auto low = place << (kMantissaBits - bits);
  const auto middle = std::bit_cast<double>(low + (std::uint64_t{1} << (kMantissaBits - bits - 1)));
  return index < 0 ? -middle : middle;
}

}  // namespace

void Sketch::add_to(std::int32_t index, std::uint64_t count) {
  const auto at = std::lower_bound(buckets_.begin(), buckets_.end(), index,
                                   [](const Bucket& b, std::int32_t i) { return b.index < i; });
  if (at != buckets_.end() && at->index == index) {
    at->count += count;
  } else {
    buckets_.insert(at, {index, count});
  }
}

void Sketch::coarsen() {
  --bits_;
  std::size_t kept = 0;
  for (const auto& b : buckets_) {
    const auto index = half(b.index);
    if (kept > 0 && buckets_[kept - 1].index == index) {
      buckets_[kept - 1].count += b.count;
    } else {
      buckets_[kept++] = {index, b.count};
    }
  }
  buckets_.resize(kept);
}

void Sketch::add(double v) {
  ++count_;
  add_to(index_of(v, bits_), 1);
  while (buckets_.size() > kBucketsMax && bits_ > 0) coarsen();
}

void Sketch::merge(const Sketch& other) {
  count_ += other.count_;
  while (bits_ > other.bits_) coarsen();
  for (const auto& b : other.buckets_) {
    auto index = b.index;
    for (int i = other.bits_; i > bits_; --i) index = half(index);
    add_to(index, b.count);
  }
  while (buckets_.size() > kBucketsMax && bits_ > 0) coarsen();
}

double Sketch::quantile(std::uint64_t numerator, std::uint64_t denominator) const {
  TIDE_CHECK(count_ > 0 && numerator <= denominator, "a quantile of nothing");
  // ceil(count * numerator / denominator) without overflow: count is below 2^48 (Partial).
  const auto product = count_ / denominator * numerator +
                       (count_ % denominator * numerator + denominator - 1) / denominator;
  const auto rank = std::max<std::uint64_t>(product, 1);
  std::uint64_t below = 0;
  for (const auto& b : buckets_) {
    below += b.count;
    if (below >= rank) return middle_of(b.index, bits_);
  }
  return middle_of(buckets_.back().index, bits_);
}

double Sketch::error() const { return std::ldexp(1.0, -bits_ - 1); }

}  // namespace tidemark::window
