#include "common/codec/footer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "common/base/clones.h"
#include "common/base/extremes.h"
#include "common/codec/numbers.h"

namespace tidemark::codec {
namespace {

constexpr std::size_t kFooterMin = 128;  // values; below, a footer costs too much
constexpr std::uint8_t kTypeMask = 3;
constexpr std::uint8_t kCopy = 4;
constexpr std::uint8_t kBits = 8;  // doubles that are no decimals
constexpr unsigned kExponentShift = 4;
constexpr std::array<double, 16> kPowers = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                            1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

// Adds up to 65,536 numbers by halves, for CPUs without integers of 128 bits.
class Adder {
 public:
  void add(std::int64_t v) {
    high_ += v >> 32;
    low_ += static_cast<std::uint64_t>(v) & 0xffffffffU;
  }
  [[nodiscard]] WideSum sum() const {
    const auto low = (static_cast<std::uint64_t>(high_) << 32) + low_;
    const auto carried = high_ + static_cast<std::int64_t>(low_ >> 32);
    return {carried >> 32, low};
  }

 private:
  std::int64_t high_ = 0;
  std::uint64_t low_ = 0;
};

TIDE_CLONES void add_integers(std::span<const std::int64_t> values, ColumnSummary& s) {
  Adder adder;
  s.min = s.max = s.first = values.front();
  s.last = values.back();
  for (const auto v : values) {
    s.min = std::min(s.min, v);
    s.max = std::max(s.max, v);
    adder.add(v);
  }
  s.sum = adder.sum();
}

// What differs from decimals of this power of ten; their mantissas.
TIDE_CLONES std::uint64_t mantissas_of(std::span<const double> values, double power,
                                       std::int64_t* mantissas) {
  const auto* const v = values.data();
  std::uint64_t wrong = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double t = v[i] * power + kMagic;
    mantissas[i] = static_cast<std::int64_t>(bits_of(t) - bits_of(kMagic));
    wrong |= bits_of((t - kMagic) / power) ^ bits_of(v[i]);
  }
  return wrong;
}

// False when they are not decimals of this exponent.
bool add_decimals(std::span<const double> values, int exponent, ColumnSummary& s) {
  std::vector<std::int64_t> mantissas(values.size());
  const auto power = kPowers[static_cast<std::size_t>(exponent)];
  if (mantissas_of(values, power, mantissas.data()) != 0) return false;
  s.decimal = true;
  s.exponent = static_cast<std::uint8_t>(exponent);
  add_integers(mantissas, s);
  return true;
}

// By the order of the numbers, -0.0 as 0.0. False when one is NaN.
bool add_doubles(std::span<const double> values, ColumnSummary& s) {
  s.min_value = s.max_value = s.first_value = values.front();
  s.last_value = values.back();
  for (const auto v : values) {
    if (std::isnan(v)) return false;
    s.min_value = v < s.min_value ? v : s.min_value;
    s.max_value = v > s.max_value ? v : s.max_value;
  }
  return !std::isnan(values.front());
}

WideSum minus_each(WideSum sum, std::int64_t first, std::uint64_t count) {
  // count * first, by halves; both terms are below 2^48.
  const auto high = (first >> 32) * static_cast<std::int64_t>(count);
  const auto low = (static_cast<std::uint64_t>(first) & 0xffffffffU) * count;
  const auto product_low = (static_cast<std::uint64_t>(high) << 32) + low;
  const auto product_high = (high + static_cast<std::int64_t>(low >> 32)) >> 32;
  const bool borrow = sum.low < product_low;
  return {minus(minus(sum.high, product_high), borrow ? 1 : 0), sum.low - product_low};
}
WideSum plus_each(WideSum rest, std::int64_t first, std::uint64_t count) {
  const auto taken = minus_each({0, 0}, first, count);  // -count * first
  const bool borrow = rest.low < taken.low;
  return {minus(minus(rest.high, taken.high), borrow ? 1 : 0), rest.low - taken.low};
}
std::int64_t sign_of(std::uint64_t low) { return static_cast<std::int64_t>(low) < 0 ? -1 : 0; }

void write_numbers(const ColumnSummary& s, ByteWriter& out) {
  const auto distance = [](std::int64_t a, std::int64_t b) {
    return static_cast<std::uint64_t>(minus(a, b));
  };
  out.svarint(s.first);
  out.svarint(minus(s.last, s.first));
  out.varint(distance(s.first, s.min));
  out.varint(distance(s.max, s.first));
  const auto rest = minus_each(s.sum, s.first, s.count);  // mostly small
  out.svarint(static_cast<std::int64_t>(rest.low));
  out.svarint(minus(rest.high, sign_of(rest.low)));
}

void read_numbers(ByteReader& in, ColumnSummary& s) {
  s.first = in.svarint();
  s.last = plus(s.first, in.svarint());
  s.min = minus(s.first, static_cast<std::int64_t>(in.varint()));
  s.max = plus(s.first, static_cast<std::int64_t>(in.varint()));
  const auto low = static_cast<std::uint64_t>(in.svarint());
  const auto high = plus(in.svarint(), sign_of(low));
  s.sum = plus_each({high, low}, s.first, s.count);
}

}  // namespace

void add_footer(const Group& group, const Column& c, int exponent,
                std::vector<ColumnSummary>& footers) {
  if (c.values() < kFooterMin || c.type == ValueType::text || !c.quality.empty()) return;
  ColumnSummary s;
  s.series = c.series;
  s.type = c.type;
  s.copy = group.copy;
  s.count = c.values();
  s.missing = group.times.size() - c.values();
  const auto [low, high] = extremes_of(group.times);
  s.time_min = low;
  s.time_max = high;
  if (c.type != ValueType::f64) {
    s.decimal = true;
    add_integers(c.i64, s);
  } else if (exponent < 0 || !add_decimals(c.f64, exponent, s)) {
    if (!add_doubles(c.f64, s)) return;
  }
  footers.push_back(s);
}

void write_footers(const std::vector<ColumnSummary>& footers, std::int64_t time_min,
                   ByteWriter& out) {
  out.varint(footers.size());
  std::int64_t expected_series = 0;
  for (const auto& s : footers) {
    out.svarint(std::int64_t{s.series} - expected_series);
    expected_series = std::int64_t{s.series} + 1;
    out.u8(static_cast<std::uint8_t>(static_cast<unsigned>(s.type) | (s.copy ? kCopy : 0U) |
                                     (s.decimal ? 0U : kBits) |
                                     unsigned{s.exponent} << kExponentShift));
    out.varint(s.count);
    out.varint(s.missing);
    out.varint(static_cast<std::uint64_t>(minus(s.time_min, time_min)));
    out.varint(static_cast<std::uint64_t>(minus(s.time_max, s.time_min)));
    if (s.decimal) {
      write_numbers(s, out);
      continue;
    }
    for (const auto v : {s.first_value, s.last_value, s.min_value, s.max_value}) {
      out.fixed(bits_of(v));
    }
  }
}

std::vector<ColumnSummary> read_footers(ByteReader& in, std::int64_t time_min) {
  const auto n = in.length(12);
  if (n > kColumnsMax) in.fail();
  std::vector<ColumnSummary> footers;
  std::int64_t expected_series = 0;
  for (std::size_t i = 0; i < n && in.ok(); ++i) {
    auto& s = footers.emplace_back();
    const auto series = plus(expected_series, in.svarint());
    if (series < 0 || series > UINT32_MAX) in.fail();
    s.series = static_cast<std::uint32_t>(series);
    expected_series = plus(series, 1);
    const auto head = in.u8();
    s.type = static_cast<ValueType>(head & kTypeMask);
    s.copy = (head & kCopy) != 0;
    s.decimal = (head & kBits) == 0;
    s.exponent = static_cast<std::uint8_t>(head >> kExponentShift);
    if (s.type == ValueType::text || (!s.decimal && s.type != ValueType::f64)) in.fail();
    s.count = in.varint();
    s.missing = in.varint();
    if (s.count < kFooterMin || s.count > kRowsMax || s.missing > kRowsMax - s.count) in.fail();
    s.time_min = plus(time_min, static_cast<std::int64_t>(in.varint()));
    s.time_max = plus(s.time_min, static_cast<std::int64_t>(in.varint()));
    if (!in.ok()) break;
    if (s.decimal) {
      read_numbers(in, s);
      continue;
    }
    for (auto* v : {&s.first_value, &s.last_value, &s.min_value, &s.max_value}) {
      *v = std::bit_cast<double>(in.fixed<std::uint64_t>());
    }
  }
  return footers;
}

bool footers_agree(const Block& block, const std::vector<ColumnSummary>& footers) {
  std::vector<ColumnSummary> own;
  for (const auto& g : block.groups) {
    for (const auto& c : g.columns) {
      if (own.size() > footers.size()) return false;
      const bool decimal = own.size() < footers.size() && footers[own.size()].decimal;
      add_footer(g, c, decimal ? footers[own.size()].exponent : -1, own);
    }
  }
  return std::equal(own.begin(), own.end(), footers.begin(), footers.end(),
                    [](const ColumnSummary& a, const ColumnSummary& b) {
                      ByteVector x, y;
                      ByteWriter to_x(x), to_y(y);
                      write_footers({a}, 0, to_x);
                      write_footers({b}, 0, to_y);
                      return x == y;
                    });
}

}  // namespace tidemark::codec
