// The mergeable state of one series over one slice of time: what panes, edge windows and answers
// are made of. Adding and merging in any order gives equal state, to the bit (semantics E16, E17).
//
// Only good and uncertain finite readings enter values; bad and non-finite ones are counted apart.
// first and last are by (time, value in total order), so that ties do not depend on arrival.
// Threads: one at a time. Size: about 400 bytes, and 30 to 100 encoded (FORMAT.md).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/model/block.h"
#include "common/model/series.h"
#include "common/window/exact_sum.h"

namespace tidemark::window {

class Partial {
 public:
  // i64 and boolean series use add(i64): the mantissa, or 0 and 1. Text keeps count, first, last.
  explicit Partial(ValueType type = ValueType::f64) : type_(type) {}

  void add(std::int64_t time, double v);
  void add(std::int64_t time, std::int64_t v);
  void add(std::int64_t time, std::string_view v);
  void add_bad() { ++bad_; }
  // The i-th value of a column at its time, with its quality: the one way that readings come in. A
  // column of another type than this counts as bad (Quality::bad_type).
  void add(std::int64_t time, const Column& column, std::size_t value);
  // The same for values [first, first + times.size()) of a column, at a fraction of the cost when
  // their times rise and all of them are good.
  void add(std::span<const std::int64_t> times, const Column& column, std::size_t first);
  void merge(const Partial& other);  // of the same type

  [[nodiscard]] ValueType type() const { return type_; }
  [[nodiscard]] std::uint64_t count() const { return count_; }        // that entered values
  [[nodiscard]] std::uint64_t bad() const { return bad_; }
  [[nodiscard]] std::uint64_t nonfinite() const { return nonfinite_; }
  [[nodiscard]] std::uint64_t readings() const { return count_ + bad_ + nonfinite_; }
  [[nodiscard]] bool empty() const { return readings() == 0; }

  void encode(ByteWriter& out) const;  // canonical: equal state, equal bytes
  // Fault::bad_input for what encode() cannot have written, unsupported for a newer version. The
  // caller checks type() against the series before it merges.
  static Result<Partial> decode(ByteReader& in);
  friend bool operator==(const Partial& a, const Partial& b);

  struct End {
    std::int64_t time = 0;
    double f64 = 0;
    std::int64_t i64 = 0;
    std::string text;  // at most kTextBytesMax, cut at the bound
    friend bool operator==(const End&, const End&) = default;
  };
  static constexpr std::size_t kTextBytesMax = 256;
  static constexpr std::uint64_t kCountMax = std::uint64_t{1} << 48;  // decode() takes no more
  [[nodiscard]] const End& first() const { return first_; }  // only if count() > 0
  [[nodiscard]] const End& last() const { return last_; }
  [[nodiscard]] const ExactSum& sum() const { return sum_; }
  [[nodiscard]] const ExactSum& squares() const { return squares_; }

 private:
  friend struct Aggregates;
  template <typename Value, typename Held>
  void take(std::int64_t time, const Value& v, Held End::*held);
  void decode_values(ByteReader& in, bool constant);
  template <typename Value, typename Held>
  bool add_run(std::span<const std::int64_t> times, std::span<const Value> values,
               Held End::*held, Value& min, Value& max);

  ValueType type_;
  std::uint64_t count_ = 0, bad_ = 0, nonfinite_ = 0;
  double min_f64_ = 0, max_f64_ = 0;  // -0 < +0
  std::int64_t min_i64_ = 0, max_i64_ = 0;
  ExactSum sum_, squares_;
  End first_, last_;
};

// The figures that people see, each rounded once from exact state. Empty where there are no values
// (and all but count, first and last for text). stddev is that of the whole population, as
// Prometheus's stddev_over_time: sqrt((n·Σx² − (Σx)²) / n²), correctly rounded.
struct Aggregates {
  std::uint64_t count = 0;
  // What a double cannot hold is infinite.
  std::optional<double> min, max, sum, mean, stddev, first, last;
  std::string first_text, last_text;

  // `exponent` is the series' decimal exponent: values are mantissa * 10^exponent. Without stddev,
  // which costs more than the rest of it, where nobody asks for that.
  static Aggregates of(const Partial& partial, int exponent, bool stddev = true);
  // By the names of configuration and queries: count min max sum mean (avg) stddev first last.
  // Fault::bad_input for another name, with the known ones.
  static Result<> check_name(std::string_view name);
  [[nodiscard]] std::optional<double> get(std::string_view name) const;
};

}  // namespace tidemark::window
