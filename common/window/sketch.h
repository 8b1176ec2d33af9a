// Quantiles in bounded memory: counts of values in buckets, whose indices are integer arithmetic on
// every CPU (semantics E17).
//
// Mapping    linear: a bucket is one step of a channel with a resolution (values are mantissas), so
//            that a quantile is exact to the step. logarithmic: the leading bits of a double; a
//            quantile is off by at most error() of its own size.
// Order      adding and merging in any order give equal state: when there are more than kBucketsMax
//            buckets all of them become twice as wide, and how often depends on the set alone.
// Subtract   takes away what was merged or added before, exactly; buckets stay as wide as they are.
// Memory     16 B a bucket in use. An octave has 128 buckets at full precision, a steady signal
//            takes a few dozen.
// Threads    one at a time.
// Source     log-linear histograms (HdrHistogram); the uniform collapse is that of UDDSketch.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/base/bytes.h"

namespace tidemark::window {

class Sketch {
 public:
  static constexpr std::size_t kBucketsMax = 512;
  static constexpr int kBitsMax = 7;  // of the mantissa
  enum class Mapping : std::uint8_t { logarithmic, linear };

  explicit Sketch(Mapping mapping = Mapping::logarithmic) : mapping_(mapping) {}

  void add(double v);        // logarithmic; v is finite
  void add(std::int64_t v);  // linear
  // The same for many, at a fraction of the cost where they lie in a few hundred buckets.
  void add(std::span<const double> values);
  void add(std::span<const std::int64_t> values);
  void merge(const Sketch& other);     // of the same mapping
  void subtract(const Sketch& other);  // that is in this one

  [[nodiscard]] std::uint64_t count() const { return count_; }
  // The value of nearest rank: ceil(numerator / denominator * count), counted from the smallest,
  // as the middle of its bucket, which the caller cuts to [min, max]. Only if count() > 0.
  [[nodiscard]] double quantile(std::uint64_t numerator, std::uint64_t denominator) const;
  // At most that far is a quantile off: logarithmic relative to its size (0 is exact), linear in
  // steps.
  [[nodiscard]] double error() const;
  // More than kBucketsMax buckets would have been in use: error() is more than the mapping's own.
  [[nodiscard]] bool coarse() const { return level_ > 0; }
  friend bool operator==(const Sketch&, const Sketch&) = default;
  [[nodiscard]] Mapping mapping() const { return mapping_; }

  void encode(ByteWriter& out) const;  // canonical: equal state, equal bytes (FORMAT.md)
  static Sketch decode(ByteReader& in);  // what encode() cannot have written makes `in` fail

 private:
  template <typename Value, typename Index>
  void add_many(std::span<const Value> values, Index index);
  [[nodiscard]] std::int64_t half(std::int64_t index) const;
  [[nodiscard]] double middle_of(std::int64_t index) const;
  void coarsen();
  void coarsen_to(int level);
  void add_to(std::int64_t index);
  void shrink();
  void merge_buckets(const Sketch& other);

  Mapping mapping_;
  int level_ = 0;  // how often buckets became twice as wide
  std::uint64_t count_ = 0;
  std::vector<std::int64_t> indices_;  // rising; of the buckets in use
  std::vector<std::uint64_t> counts_;
};

}  // namespace tidemark::window
