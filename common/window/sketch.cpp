#include "common/window/sketch.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>

#include "common/base/check.h"

namespace tidemark::window {
namespace {

constexpr int kMantissaBits = 52;
// Values of one call that lie within so many buckets are counted in an array first.
constexpr std::int64_t kDenseMax = 1024;
constexpr std::size_t kDenseMin = 8;
constexpr std::uint8_t kLinear = 0x40;
constexpr int kLevelMax = 56;  // of 64-bit mantissas in kBucketsMax buckets

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

template <typename Value, typename Index>
void Sketch::add_many(std::span<const Value> values, Index index) {
  std::int64_t indices[256];
  while (!values.empty()) {
    const auto n = std::min(values.size(), std::size(indices));
    auto low = index(values[0]);
    auto high = low;
    for (std::size_t i = 0; i < n; ++i) {
      indices[i] = index(values[i]);
      low = std::min(low, indices[i]);
      high = std::max(high, indices[i]);
    }
    const auto width = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
    if (n < kDenseMin || width >= kDenseMax) {
      // One that coarsens makes those behind it wider.
      for (std::size_t i = 0; i < n; ++i) add_to(index(values[i]));
    } else {
      std::uint32_t dense[kDenseMax];
      std::fill_n(dense, width + 1, 0U);
      for (std::size_t i = 0; i < n; ++i) ++dense[indices[i] - low];
      Sketch run(mapping_);
      run.level_ = level_;
      for (std::uint64_t b = 0; b <= width; ++b) {
        if (dense[b] == 0) continue;
        run.indices_.push_back(low + static_cast<std::int64_t>(b));
        run.counts_.push_back(dense[b]);
      }
      merge_buckets(run);
      count_ += n;
      shrink();
    }
    values = values.subspan(n);
  }
}

void Sketch::add(std::span<const double> values) {
  TIDE_CHECK(mapping_ == Mapping::logarithmic, "doubles for a linear sketch");
  add_many(values, [this](double v) { return index_of(v, kBitsMax - level_); });
}

void Sketch::add(std::span<const std::int64_t> values) {
  TIDE_CHECK(mapping_ == Mapping::linear, "mantissas for a logarithmic sketch");
  add_many(values, [this](std::int64_t v) { return v >> level_; });
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

void Sketch::encode(ByteWriter& out) const {
  out.u8(static_cast<std::uint8_t>(level_ | (mapping_ == Mapping::linear ? kLinear : 0)));
  out.varint(indices_.size());
  std::int64_t before = 0;
  for (std::size_t i = 0; i < indices_.size(); ++i) {
    if (i == 0) {
      out.svarint(indices_[0]);
    } else {
      out.varint(static_cast<std::uint64_t>(indices_[i]) - static_cast<std::uint64_t>(before) - 1);
    }
    out.varint(counts_[i]);
    before = indices_[i];
  }
}

Sketch Sketch::decode(ByteReader& in) {
  const auto head = in.u8();
  Sketch sketch((head & kLinear) != 0 ? Mapping::linear : Mapping::logarithmic);
  sketch.level_ = head & ~kLinear;
  const auto n = in.length(2);
  const auto level_max = sketch.mapping_ == Mapping::linear ? kLevelMax : kBitsMax;
  if (sketch.level_ > level_max ||
      (n > kBucketsMax && (sketch.mapping_ == Mapping::linear || sketch.level_ < kBitsMax))) {
    in.fail();
  }
  for (std::size_t i = 0; i < n && in.ok(); ++i) {
    std::int64_t index = 0;
    if (i == 0) {
      index = in.svarint();
    } else {
      const auto step = in.varint();
      index = static_cast<std::int64_t>(static_cast<std::uint64_t>(sketch.indices_.back()) + step +
                                        1);
      if (index <= sketch.indices_.back()) in.fail();
    }
    const auto count = in.varint();
    if (count == 0 || count > (std::uint64_t{1} << 48)) in.fail();
    sketch.indices_.push_back(index);
    sketch.counts_.push_back(count);
    sketch.count_ += count;
  }
  return sketch;
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
