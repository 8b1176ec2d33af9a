#include "common/window/partial.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>

#include "common/window/run_sums.h"
#include "common/window/total_order.h"

namespace tidemark::window {
namespace {

// Head byte: what follows, and the version in its two high bits (FORMAT.md).
constexpr std::uint8_t kTypeMask = 0x03;
constexpr std::uint8_t kHasBad = 0x04;
constexpr std::uint8_t kHasNonfinite = 0x08;
constexpr std::uint8_t kHasValues = 0x10;
constexpr std::uint8_t kConstant = 0x20;  // all values have the same bits
constexpr std::uint8_t kVersionMask = 0xc0;

double value_of(std::int64_t order, double) {
  return std::bit_cast<double>(
      order ^ static_cast<std::int64_t>(static_cast<std::uint64_t>(order >> 63) >> 1));
}
std::int64_t value_of(std::int64_t order, std::int64_t) { return order; }

bool below(double a, double b) { return order_of(a) < order_of(b); }

bool below(std::int64_t a, std::int64_t b) { return a < b; }
bool below(std::string_view a, std::string_view b) { return a < b; }

// Order of ends: by time, then by value, so that of two readings of one time neither arrival nor
// merging decides.
template <typename Value, typename Other>
bool before(std::int64_t time, const Value& v, std::int64_t other_time, const Other& other) {
  return time != other_time ? time < other_time : below(v, other);
}
bool before(ValueType type, const Partial::End& a, const Partial::End& b) {
  if (type == ValueType::f64) return before(a.time, a.f64, b.time, b.f64);
  if (type == ValueType::text) {
    return before(a.time, std::string_view(a.text), b.time, std::string_view(b.text));
  }
  return before(a.time, a.i64, b.time, b.i64);
}

bool same_bits(double a, double b) { return order_of(a) == order_of(b); }

constexpr std::size_t kRunMin = 4;  // below it, a run costs more than its values
constexpr auto kHighestFinite =
    std::bit_cast<std::int64_t>(std::numeric_limits<double>::max());
constexpr auto kLowestFinite = -kHighestFinite - 1;

bool all_good(const Column& column, std::size_t first, std::size_t n) {
  if (column.quality.empty()) return true;
  const auto* begin = column.quality.data() + first;
  return std::none_of(begin, begin + n, [](Quality q) { return is_bad(q); });
}

}  // namespace

template <typename Value, typename Held>
void Partial::take(std::int64_t time, const Value& v, Held End::*held) {
  const auto keep = [&](End& end) {
    end.time = time;
    end.*held = v;
  };
  if (count_ == 0 || before(time, v, first_.time, Value(first_.*held))) keep(first_);
  if (count_ == 0 || before(last_.time, Value(last_.*held), time, v)) keep(last_);
  ++count_;
}

void Partial::add(std::int64_t time, double v) {
  TIDE_CHECK(type_ == ValueType::f64, "a double for a partial of another type");
  if (!std::isfinite(v)) {
    ++nonfinite_;
    return;
  }
  if (count_ == 0 || below(v, min_f64_)) min_f64_ = v;
  if (count_ == 0 || below(max_f64_, v)) max_f64_ = v;
  sum_.add(v);
  squares_.add_square(v);
  take(time, v, &End::f64);
}

void Partial::add(std::int64_t time, std::int64_t v) {
  TIDE_CHECK(type_ == ValueType::i64 || type_ == ValueType::boolean,
             "an integer for a partial of another type");
  if (count_ == 0 || v < min_i64_) min_i64_ = v;
  if (count_ == 0 || v > max_i64_) max_i64_ = v;
  sum_.add(v);
  squares_.add_square(v);
  take(time, v, &End::i64);
}

void Partial::add(std::int64_t time, std::string_view v) {
  TIDE_CHECK(type_ == ValueType::text, "text for a partial of another type");
  take(time, v.substr(0, kTextBytesMax), &End::text);
}

void Partial::add(std::int64_t time, const Column& column, std::size_t value) {
  if (column.type != type_ || is_bad(column.quality_of(value))) return add_bad();
  if (type_ == ValueType::f64) return add(time, column.f64[value]);
  if (type_ == ValueType::text) return add(time, std::string_view(column.text[value]));
  add(time, column.i64[value]);
}

void Partial::add(std::span<const std::int64_t> times, const Column& column, std::size_t first) {
  const auto n = times.size();
  if (n >= kRunMin && column.type == type_ && all_good(column, first, n)) {
    if (type_ == ValueType::f64 &&
        add_run(times, std::span(column.f64).subspan(first, n), &End::f64, min_f64_, max_f64_)) {
      return;
    }
    if ((type_ == ValueType::i64 || type_ == ValueType::boolean) &&
        add_run(times, std::span(column.i64).subspan(first, n), &End::i64, min_i64_, max_i64_)) {
      return;
    }
  }
  for (std::size_t i = 0; i < n; ++i) add(times[i], column, first + i);
}

// False, and nothing done, when times do not rise or a value is not finite.
template <typename Value, typename Held>
bool Partial::add_run(std::span<const std::int64_t> times, std::span<const Value> values,
                      Held End::*held, Value& min, Value& max) {
  if (!rise_strictly(times)) return false;
  const auto [low, high] = orders_of(values);
  if (std::is_same_v<Value, double> && (low < kLowestFinite || high > kHighestFinite)) return false;
  if (count_ == 0 || low < order_of(min)) min = Value(value_of(low, Value{}));
  if (count_ == 0 || order_of(max) < high) max = Value(value_of(high, Value{}));
  window::add_run(values, sum_, squares_);
  take(times.front(), values.front(), held);
  take(times.back(), values.back(), held);
  count_ += values.size() - 2;  // the ends are counted
  return true;
}

void Partial::merge(const Partial& other) {
  TIDE_CHECK(type_ == other.type_, "partials of two types cannot be merged");
  bad_ += other.bad_;
  nonfinite_ += other.nonfinite_;
  if (other.count_ == 0) return;
  if (count_ == 0) {
    const auto bad = bad_, nonfinite = nonfinite_;
    *this = other;
    bad_ = bad;
    nonfinite_ = nonfinite;
    return;
  }
  count_ += other.count_;
  if (below(other.min_f64_, min_f64_)) min_f64_ = other.min_f64_;
  if (below(max_f64_, other.max_f64_)) max_f64_ = other.max_f64_;
  min_i64_ = std::min(min_i64_, other.min_i64_);
  max_i64_ = std::max(max_i64_, other.max_i64_);
  sum_.merge(other.sum_);
  squares_.merge(other.squares_);
  if (before(type_, other.first_, first_)) first_ = other.first_;
  if (before(type_, last_, other.last_)) last_ = other.last_;
}

void Partial::encode(ByteWriter& out) const {
  const bool f64 = type_ == ValueType::f64, text = type_ == ValueType::text;
  const bool constant = count_ > 0 && (f64    ? same_bits(min_f64_, max_f64_)
                                       : text ? count_ == 1
                                              : min_i64_ == max_i64_);
  out.u8(static_cast<std::uint8_t>(
      static_cast<unsigned>(type_) | (bad_ > 0 ? kHasBad : 0U) |
      (nonfinite_ > 0 ? kHasNonfinite : 0U) | (count_ > 0 ? kHasValues : 0U) |
      (constant ? kConstant : 0U)));
  if (bad_ > 0) out.varint(bad_);
  if (nonfinite_ > 0) out.varint(nonfinite_);
  if (count_ == 0) return;
  out.varint(count_);
  out.svarint(first_.time);
  if (count_ > 1) {
    out.varint(static_cast<std::uint64_t>(last_.time) - static_cast<std::uint64_t>(first_.time));
  }
  if (text) {
    out.text(first_.text);
    if (!constant) out.text(last_.text);
    return;
  }
  if (f64) {
    out.fixed(std::bit_cast<std::uint64_t>(min_f64_));
    if (!constant) {
      for (const auto v : {max_f64_, first_.f64, last_.f64}) {
        out.fixed(std::bit_cast<std::uint64_t>(v));
      }
    }
  } else {
    out.svarint(min_i64_);
    if (!constant) {
      for (const auto v : {max_i64_, first_.i64, last_.i64}) {
        out.varint(static_cast<std::uint64_t>(v) - static_cast<std::uint64_t>(min_i64_));
      }
    }
  }
  if (count_ > 1) {
    sum_.encode(out);
    squares_.encode(out);
  }
}

Result<Partial> Partial::decode(ByteReader& in) {
  const auto head = in.u8();
  if ((head & kVersionMask) != 0) {
    return Error{Fault::unsupported, "partial: a newer version than this build knows"};
  }
  Partial p(static_cast<ValueType>(head & kTypeMask));
  const auto positive = [&] {
    const auto v = in.varint();
    if (v == 0) in.fail();
    return v;
  };
  if ((head & kHasBad) != 0) p.bad_ = positive();
  if ((head & kHasNonfinite) != 0) p.nonfinite_ = positive();
  if ((head & kHasValues) != 0) {
    p.count_ = positive();
    if (p.count_ > kCountMax) in.fail();
    p.decode_values(in, (head & kConstant) != 0);
  } else if ((head & kConstant) != 0) {
    in.fail();
  }
  if (p.bad_ > kCountMax || p.nonfinite_ > kCountMax) in.fail();
  if (p.nonfinite_ > 0 && p.type_ != ValueType::f64) in.fail();
  if (!in.ok()) return Error{Fault::bad_input, "partial: damaged or not in its canonical form"};
  return p;
}

void Partial::decode_values(ByteReader& in, bool constant) {
  first_.time = in.svarint();
  const auto span = count_ > 1 ? in.varint() : 0;
  last_.time = static_cast<std::int64_t>(static_cast<std::uint64_t>(first_.time) + span);
  if (last_.time < first_.time || (count_ == 1 && !constant)) in.fail();
  const auto f64 = [&] { return std::bit_cast<double>(in.fixed<std::uint64_t>()); };
  if (type_ == ValueType::text) {
    if (constant && count_ != 1) in.fail();
    first_.text = in.text();
    last_.text = constant ? first_.text : std::string(in.text());
    if (first_.text.size() > kTextBytesMax || last_.text.size() > kTextBytesMax) in.fail();
    if (before(type_, last_, first_)) in.fail();
    return;
  }
  if (type_ == ValueType::f64) {
    min_f64_ = max_f64_ = first_.f64 = last_.f64 = f64();
    if (!constant) max_f64_ = f64(), first_.f64 = f64(), last_.f64 = f64();
    for (const auto v : {min_f64_, max_f64_, first_.f64, last_.f64}) {
      if (!std::isfinite(v) || below(v, min_f64_) || below(max_f64_, v)) in.fail();
    }
    if (!constant && same_bits(min_f64_, max_f64_)) in.fail();
  } else {
    min_i64_ = max_i64_ = first_.i64 = last_.i64 = in.svarint();
    if (!constant) {
      for (auto* v : {&max_i64_, &first_.i64, &last_.i64}) {
        *v = static_cast<std::int64_t>(static_cast<std::uint64_t>(min_i64_) + in.varint());
      }
    }
    if (!constant && min_i64_ == max_i64_) in.fail();
    for (const auto v : {min_i64_, max_i64_, first_.i64, last_.i64}) {
      if (v < min_i64_ || v > max_i64_) in.fail();
      if (type_ == ValueType::boolean && v != 0 && v != 1) in.fail();
    }
  }
  if (before(type_, last_, first_) || !in.ok()) return in.fail();
  if (count_ > 1) {
    sum_ = ExactSum::decode(in);
    squares_ = ExactSum::decode(in);
  } else if (type_ == ValueType::f64) {
    sum_.add(min_f64_);
    squares_.add_square(min_f64_);
  } else {
    sum_.add(min_i64_);
    squares_.add_square(min_i64_);
  }
}

bool operator==(const Partial& a, const Partial& b) {
  ByteVector left, right;
  ByteWriter left_out(left), right_out(right);
  a.encode(left_out);
  b.encode(right_out);
  return left == right;
}

}  // namespace tidemark::window
