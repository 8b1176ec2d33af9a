// Quantiles in bounded memory: counts of values in buckets whose borders are the leading bits of a
// double, so that an index is integer arithmetic on every CPU (semantics E17).
//
// Error      a quantile is the middle of the bucket that holds it, cut to [min, max] by the caller:
//            off by at most error() of its own size; 0 is exact.
// Order      adding and merging in any order give equal state: when there are more than kBucketsMax
//            buckets all of them are halved in precision, and how often depends on the set alone.
// Memory     16 B a bucket in use. An octave has 128 buckets at full precision, a steady signal
//            takes a few dozen.
// Threads    one at a time.
// Source     log-linear histograms (HdrHistogram); the uniform collapse is that of UDDSketch.
#pragma once

#include <cstdint>
#include <vector>

namespace tidemark::window {

class Sketch {
 public:
  static constexpr std::size_t kBucketsMax = 512;
  static constexpr int kBitsMax = 7;  // of the mantissa

  void add(double v);  // v is finite
  void merge(const Sketch& other);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  // The value of nearest rank: ceil(numerator / denominator * count), counted from the smallest.
  // Only if count() > 0.
  [[nodiscard]] double quantile(std::uint64_t numerator, std::uint64_t denominator) const;
  [[nodiscard]] double error() const;  // relative
  friend bool operator==(const Sketch&, const Sketch&) = default;

 private:
  struct Bucket {
    std::int32_t index = 0;
    std::uint64_t count = 0;
    friend bool operator==(const Bucket&, const Bucket&) = default;
  };
  void coarsen();
  void add_to(std::int32_t index, std::uint64_t count);

  int bits_ = kBitsMax;
  std::uint64_t count_ = 0;
  std::vector<Bucket> buckets_;  // by index
};

}  // namespace tidemark::window
