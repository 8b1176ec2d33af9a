#include "common/codec/double_modes.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "common/base/clones.h"
#include "common/codec/decimals.h"
#include "common/codec/numbers.h"
#include "common/codec/residuals.h"

namespace tidemark::codec {
namespace {

constexpr double kMantissaEnd = 1e15;       // k below, so that k * 10 is a small integer too
constexpr double kFloatMantissaEnd = 3e7;   // past 24 bits a float tells nothing about k
constexpr std::int64_t kUlpsMax = 64;
constexpr std::int64_t kUlpsNear = std::int64_t{1} << 31;  // beside them 32 bits stay below 2^33
constexpr std::int64_t kFloatUlpsMax = 4;  // four decimals are within 64 ulps of any float
constexpr unsigned kExponentOfPlain = 7;    // a longer exact decimal may be a float, or computed
constexpr unsigned kExponentOfShort = 9;
constexpr unsigned kFloatDigits = 4;        // as many are a choice of the sensor's, more may not be
constexpr unsigned kTriesAtFirst = 8;       // blocks
constexpr std::size_t kGridMin = 8;         // different values; of fewer there is none
constexpr std::size_t kGridSample = 600;    // values that tell whether there is a grid
constexpr unsigned kTriesWithoutGrid = 16;  // one in so many blocks, later

// Of less than 2^51; halves to even.
inline double nearest(double v) { return (v + kMagic) - kMagic; }

// Integers that rise with the values; those of -0.0 and 0.0 are the same.
std::int64_t ordered(double v) {
  const auto b = std::bit_cast<std::int64_t>(v);
  return b >= 0 ? b : std::numeric_limits<std::int64_t>::min() - b;
}
double from_ordered(std::int64_t k) {
  return std::bit_cast<double>(k >= 0 ? k : std::numeric_limits<std::int64_t>::min() - k);
}
std::int64_t ordered_float(double v) {
  const auto b = std::bit_cast<std::int32_t>(static_cast<float>(v));
  return b >= 0 ? b : -std::int64_t{b & 0x7fffffff};
}
double from_ordered_float(std::int64_t k) {
  const auto b = k >= 0 ? static_cast<std::uint32_t>(k)
                        : static_cast<std::uint32_t>(-static_cast<std::uint64_t>(k)) | 0x80000000U;
  return static_cast<double>(std::bit_cast<float>(b));
}

double base_of(DoubleMode mode, std::int64_t k, double power_or_scale) {
  const auto d = small_to_double(k);
  switch (mode) {
    case DoubleMode::grid_ulps: return d * power_or_scale;
    case DoubleMode::float_grid_ulps: return static_cast<float>(d * power_or_scale);
    case DoubleMode::printed_float:
    case DoubleMode::float_decimal:
    case DoubleMode::float_decimal_ulps: return static_cast<float>(d / power_or_scale);
    default: return d / power_or_scale;
  }
}
constexpr bool of_floats(DoubleMode mode) {
  return mode == DoubleMode::float_decimal_ulps || mode == DoubleMode::float_grid_ulps;
}

constexpr bool by_floats(DoubleMode mode) {
  return of_floats(mode) || mode == DoubleMode::printed_float;
}

TIDE_CLONES std::uint64_t float_decimal_misses(const double* v, std::size_t n, double power,
                                                     std::int64_t* k) {
  std::uint64_t wrong = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double t = v[i] * power + kMagic;
    k[i] = static_cast<std::int64_t>(bits_of(t) - bits_of(kMagic));
    wrong |= bits_of(static_cast<double>(static_cast<float>((t - kMagic) / power))) ^ bits_of(v[i]);
  }
  return wrong;
}
// How many values are further from their base than that mode allows.
template <DoubleMode kMode>
[[gnu::always_inline]] inline std::size_t near_misses_of(const double* v, std::size_t n, double by,
                                                         std::int64_t* k, std::int64_t* ulps) {
  constexpr auto kLimit = static_cast<std::uint64_t>(of_floats(kMode) ? kFloatUlpsMax : kUlpsMax);
  const double factor = has_scale(kMode) ? 1 / by : by;
  std::uint64_t far = 0;
  for (std::size_t i = 0; i < n; ++i) {
    k[i] = double_to_small(v[i] * factor);
    const auto base = base_of(kMode, k[i], by);
    ulps[i] = of_floats(kMode) ? ordered_float(v[i]) - ordered_float(base)
                               : ordered(v[i]) - ordered(base);
    far += std::uint64_t{static_cast<std::uint64_t>(ulps[i]) + kLimit > 2 * kLimit};
  }
  return static_cast<std::size_t>(far);
}
// 0 when all are multiples of the step, as floats, to the bit.
TIDE_CLONES std::uint64_t float_grid_misses(const double* v, std::size_t n, double step,
                                                  std::int64_t* k, std::int64_t* ulps) {
  const double factor = 1 / step;
  std::uint64_t wrong = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double t = v[i] * factor + kMagic;
    k[i] = static_cast<std::int64_t>(bits_of(t) - bits_of(kMagic));
    ulps[i] = 0;
    wrong |= bits_of(static_cast<double>(static_cast<float>((t - kMagic) * step))) ^ bits_of(v[i]);
  }
  return wrong;
}
TIDE_CLONES std::size_t near_misses(DoubleMode mode, const double* v, std::size_t n,
                                          double by, std::int64_t* k, std::int64_t* ulps) {
  switch (mode) {
    case DoubleMode::grid_ulps:
      return near_misses_of<DoubleMode::grid_ulps>(v, n, by, k, ulps);
    case DoubleMode::float_grid_ulps:
      if (float_grid_misses(v, n, by, k, ulps) == 0) return 0;  // most
      return near_misses_of<DoubleMode::float_grid_ulps>(v, n, by, k, ulps);
    case DoubleMode::float_decimal_ulps:
      return near_misses_of<DoubleMode::float_decimal_ulps>(v, n, by, k, ulps);
    case DoubleMode::printed_float:
      return near_misses_of<DoubleMode::printed_float>(v, n, by, k, ulps);
    default: return near_misses_of<DoubleMode::decimal_ulps>(v, n, by, k, ulps);
  }
}
TIDE_CLONES std::uint64_t count_others(const std::int64_t* ulps, std::size_t n) {  // than 0
  std::uint64_t others = 0;
  for (std::size_t i = 0; i < n; ++i) others += std::uint64_t{ulps[i] != 0};
  return others;
}
TIDE_CLONES std::uint64_t no_floats(const double* v, std::size_t n) {
  std::uint64_t others = 0;
  for (std::size_t i = 0; i < n; ++i) {
    others |= bits_of(static_cast<double>(static_cast<float>(v[i]))) ^ bits_of(v[i]);
  }
  return others;
}
bool all_floats(std::span<const double> values) {
  for (std::size_t at = 0; at < values.size();) {
    const auto n = std::min<std::size_t>(at == 0 ? 32 : 512, values.size() - at);
    if (no_floats(values.data() + at, n) != 0) return false;
    at += n;
  }
  return true;
}

// Tries modes on one block.
class Chooser {
 public:
  Chooser(std::span<const double> values, double largest, DoubleChoice& choice)
      : v_(values), largest_(largest), c_(choice) {
    c_.integers.resize(values.size());
  }

  bool exact(DoubleMode mode, unsigned exponent) {
    const auto power = power_of_10(exponent);
    const bool is_float = mode == DoubleMode::float_decimal;
    if (!(largest_ * power < (is_float ? kFloatMantissaEnd : kMantissaEnd))) return false;
    for (std::size_t at = 0; at < v_.size();) {  // most misses show at once
      const auto n = std::min<std::size_t>(at == 0 ? 32 : 512, v_.size() - at);
      const auto* v = v_.data() + at;
      auto* k = c_.integers.data() + at;
      if ((is_float ? float_decimal_misses(v, n, power, k)
                    : decimal_misses(v, n, exponent, k)) != 0) {
        return false;
      }
      at += n;
    }
    c_.mode = mode;
    c_.exponent = exponent;
    return true;
  }

  bool exact_up_to(DoubleMode mode, unsigned exponent_max) {
    for (unsigned e = 0; e <= exponent_max; ++e) {
      if (exact(mode, e)) return true;
    }
    return false;
  }

  // Up to 64 ulps beside, all but for one value in a hundred.
  bool near(DoubleMode mode, unsigned exponent, double scale) {
    const auto by = has_scale(mode) ? scale : power_of_10(exponent);
    if (!(has_scale(mode) ? largest_ / by < kMantissaEnd
                          : largest_ * by < (by_floats(mode) ? kFloatMantissaEnd : 1e14))) {
      return false;
    }
    c_.ulps.resize(v_.size());
    std::size_t far = 0;
    for (std::size_t at = 0; at < v_.size();) {
      const auto n = std::min<std::size_t>(at == 0 ? 32 : 512, v_.size() - at);
      far += near_misses(mode, v_.data() + at, n, by, c_.integers.data() + at,
                         c_.ulps.data() + at);
      // Most misses show at once.
      if (far > v_.size() / 100 || (at == 0 && far * 4 > n)) return false;
      at += n;
    }
    c_.mode = mode;
    c_.exponent = exponent;
    c_.scale = scale;
    return true;
  }

  void bits(bool floats) {
    c_.mode = floats ? DoubleMode::float_bits : DoubleMode::ordered_bits;
    c_.exponent = 0;
    for (std::size_t i = 0; i < v_.size(); ++i) {
      c_.integers[i] = floats ? ordered_float(v_[i]) : ordered(v_[i]);
    }
  }

 private:
  std::span<const double> v_;
  double largest_;
  DoubleChoice& c_;
};

// Euclid on the distances of sorted values.
double rough_grid_of(std::span<const double> v, double tolerance) {
  const double largest = std::max(std::fabs(v.front()), std::fabs(v.back()));
  tolerance *= largest;
  double step = 0;
  for (std::size_t i = 1; i < v.size(); ++i) {
    double a = v[i] - v[i - 1], b = step;
    if (a < tolerance) continue;
    while (b > tolerance * 50) {
      const double rest = std::fabs(a - b * nearest(a / b));
      a = b;
      b = rest;
    }
    step = a;
    if (step < largest * 1e-7) return 0;
  }
  return step;
}

// The step of which all values are multiples, nearly: Euclid on the distances of the values that
// occur, then least squares. 0 when there is none. `tolerance` is relative to the largest.
double grid_of(std::span<const double> values, double tolerance) {
  std::vector<double> v(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(
                                                             std::min(values.size(), kGridSample)));
  std::sort(v.begin(), v.end());
  v.erase(std::unique(v.begin(), v.end()), v.end());
  if (v.size() < kGridMin) return 0;
  double step = rough_grid_of(v, tolerance);
  if (!(step > 0)) return 0;
  // Least squares on ever longer distances: the better the step is known, the further it counts.
  for (std::size_t span = 1; span < v.size(); span *= 2) {
    double products = 0, squares = 0;
    for (std::size_t i = span; i < v.size(); ++i) {
      const double d = v[i] - v[i - span], k = nearest(d / step);
      products += k * d;
      squares += k * k;
    }
    if (!(squares > 0)) return 0;
    step = products / squares;
  }
  for (int round = 0; round < 2; ++round) {
    double products = 0, squares = 0;
    for (const auto d : v) {
      const double k = nearest(d / step);
      products += k * d;
      squares += k * k;
    }
    if (!(squares > 0)) return 0;
    step = products / squares;
  }
  return step;
}

struct Steps {
  double low = 0, high = std::numeric_limits<double>::max();
};
// Of kGridMin values at least.
TIDE_CLONES Steps steps_of_floats(const double* values, std::size_t n, double step) {
  constexpr double kHalf = 0.5 / 8388608;  // an ulp of a float, of its power of two
  Steps all;
  double low[kGridMin], high[kGridMin];
  std::fill_n(low, kGridMin, all.low);
  std::fill_n(high, kGridMin, all.high);
  for (std::size_t at = 0; at < n; at += kGridMin) {
    const auto* v = values + std::min(at, n - kGridMin);  // some twice at the end
    for (std::size_t j = 0; j < kGridMin; ++j) {
      const double k = std::fabs(nearest(v[j] / step)), m = std::fabs(v[j]);
      // An ulp is that of the power of two below.
      const double power = std::bit_cast<double>(bits_of(m) & 0x7ff0000000000000U);
      const double least = (m - power * kHalf) / k, most = (m + power * kHalf) / k;
      const double low_or = k != 0 ? least : low[j], high_or = k != 0 ? most : high[j];
      low[j] = low_or > low[j] ? low_or : low[j];
      high[j] = high_or < high[j] ? high_or : high[j];
    }
  }
  for (std::size_t j = 0; j < kGridMin; ++j) {
    all.low = std::max(all.low, low[j]);
    all.high = std::min(all.high, high[j]);
  }
  return all;
}
// The middle of the steps that meet all values within half an ulp of a float, if there are any.
double float_grid(std::span<const double> values, double step) {
  const auto [low, high] = steps_of_floats(values.data(), values.size(), step);
  return low < high ? low + (high - low) / 2 : step;
}

// The neighbour of `step` that meets most values to the bit.
double exact_grid(std::span<const double> values, double step) {
  const auto n = std::min<std::size_t>(values.size(), 256);
  const auto largest = *std::max_element(
      values.begin(), values.begin() + static_cast<std::ptrdiff_t>(n),
      [](double a, double b) { return std::fabs(a) < std::fabs(b); });
  const double k = nearest(largest / step);
  if (k == 0) return step;
  const auto from = std::bit_cast<std::int64_t>(std::fabs(largest / k));
  double best = step;
  std::size_t best_hits = 0;
  for (std::int64_t off = -4; off <= 4; ++off) {
    const auto s = std::bit_cast<double>(from + off);
    std::size_t hits = 0;
    for (std::size_t i = 0; i < n; ++i) {
      hits += small_to_double(double_to_small(values[i] / s)) * s == values[i] ? 1 : 0;
    }
    if (hits > best_hits) {
      best_hits = hits;
      best = s;
    }
  }
  return best;
}

bool time_to_search(const Memory& m) {
  return (m.blocks < kTriesAtFirst && !m.no_grid) || m.blocks % kTriesWithoutGrid == 0;
}

// A remembered mode that still fits, and is still the shortest.
bool as_before(Chooser& chooser, const Memory& m, DoubleChoice& c) {
  const auto mode = static_cast<DoubleMode>(m.mode);
  if (mode == DoubleMode::decimal || mode == DoubleMode::float_decimal) {
    if (!chooser.exact(mode, m.exponent)) return false;
    return m.exponent == 0 || !all_end_in_0(c.integers);
  }
  if (!has_ulps(mode)) return false;
  if (chooser.exact_up_to(DoubleMode::decimal, kExponentOfShort) ||
      chooser.exact_up_to(DoubleMode::float_decimal, kExponentOfShort)) {
    return true;
  }
  // Many digits are near to anything: look for a grid now and then.
  const auto digits_max = of_floats(mode) ? kFloatDigits : kExponentOfPlain;
  if (!has_scale(mode) && m.exponent > digits_max && time_to_search(m)) return false;
  if (!chooser.near(mode, m.exponent, m.scale)) return false;
  // Of more values the step of a grid is known better.
  return !has_scale(mode) || count_others(c.ulps.data(), c.ulps.size()) * 64 <= c.ulps.size();
}

bool near_grid(Chooser& chooser, std::span<const double> values, bool floats, Memory& m) {
  const auto mode = static_cast<DoubleMode>(m.mode);
  const bool had_none = mode == DoubleMode::ordered_bits || mode == DoubleMode::float_bits ||
                        mode == DoubleMode::float_split;
  if (had_none && !time_to_search(m)) return false;
  const double step = grid_of(values, floats ? 3e-7 : 1e-12);
  const bool found =
      step > 0 &&
      (floats ? chooser.near(DoubleMode::float_grid_ulps, 0, float_grid(values, step))
              : chooser.near(DoubleMode::grid_ulps, 0, exact_grid(values, step)));
  m.no_grid = !found && values.size() >= kGridSample;
  return found;
}

// Decimals with many digits are near to anything: a grid, if there is one, comes before them.
bool near_any(Chooser& chooser, std::span<const double> values, bool floats, Memory& m) {
  const auto decimals = [&](DoubleMode mode, unsigned from, unsigned to) {
    for (unsigned e = from; e <= to; ++e) {
      if (chooser.near(mode, e, 0)) return true;
    }
    return false;
  };
  if (floats) {
    return decimals(DoubleMode::float_decimal_ulps, 0, kFloatDigits) ||
           near_grid(chooser, values, true, m) ||
           decimals(DoubleMode::float_decimal_ulps, kFloatDigits + 1, kExponentOfPlain);
  }
  return decimals(DoubleMode::decimal_ulps, 0, kExponentOfPlain) ||
         decimals(DoubleMode::printed_float, 0, kExponentOfPlain) ||
         near_grid(chooser, values, false, m) ||
         decimals(DoubleMode::decimal_ulps, kExponentOfPlain + 1, 12);
}

void search(Chooser& chooser, std::span<const double> values, Memory& m, DoubleChoice& c) {
  const bool decimal = chooser.exact_up_to(DoubleMode::decimal, kExponentMax);
  const auto exponent = c.exponent;
  if (decimal && exponent <= kExponentOfPlain) return;
  const bool floats = all_floats(values);
  if (floats && chooser.exact_up_to(DoubleMode::float_decimal, kExponentOfShort)) return;
  if (!decimal || exponent > kExponentOfShort) {
    if (near_any(chooser, values, floats, m)) return;
  }
  if (decimal) {
    chooser.exact(DoubleMode::decimal, exponent);
  } else {
    chooser.bits(floats);
  }
}

}  // namespace

bool may_be_decimal_again(const Memory& memory) {
  return memory.used && static_cast<DoubleMode>(memory.mode) == DoubleMode::decimal;
}

bool is_decimal_again(std::span<const double> values, Memory& memory, DoubleChoice& choice) {
  if (!may_be_decimal_again(memory)) return false;
  choice.integers.resize(values.size());
  constexpr std::size_t kPart = 1024;
  for (std::size_t at = 0; at < values.size(); at += kPart) {
    const auto n = std::min(kPart, values.size() - at);
    if (decimal_misses(values.data() + at, n, memory.exponent, choice.integers.data() + at) != 0) {
      return false;
    }
  }
  if (memory.exponent != 0 && all_end_in_0(choice.integers)) return false;
  choice.mode = DoubleMode::decimal;
  choice.exponent = memory.exponent;
  ++memory.blocks;
  return true;
}

void choose_mode(std::span<const double> values, double largest, Memory& memory,
                 DoubleChoice& choice) {
  Chooser chooser(values, largest, choice);
  ++memory.blocks;
  if (!memory.used || !as_before(chooser, memory, choice)) {
    search(chooser, values, memory, choice);
  }
  memory.used = true;
  memory.mode = static_cast<std::uint8_t>(choice.mode);
  memory.exponent = static_cast<std::uint8_t>(choice.exponent);
  memory.scale = choice.scale;
}

namespace {

TIDE_CLONES void multiply(const std::int64_t* k, std::size_t n, double scale, double* v) {
  for (std::size_t i = 0; i < n; ++i) v[i] = small_to_double(k[i]) * scale;
}
TIDE_CLONES void multiply_floats(const std::int64_t* k, std::size_t n, double scale,
                                       double* v) {
  for (std::size_t i = 0; i < n; ++i) v[i] = static_cast<float>(small_to_double(k[i]) * scale);
}
TIDE_CLONES void multiply_near(std::int64_t base, const std::int32_t* offsets, std::size_t n,
                                     double scale, double* v) {
  const auto from = small_to_double(base);
  for (std::size_t i = 0; i < n; ++i) v[i] = (from + offsets[i]) * scale;
}
TIDE_CLONES void multiply_floats_near(std::int64_t base, const std::int32_t* offsets,
                                            std::size_t n, double scale, double* v) {
  const auto from = small_to_double(base);
  for (std::size_t i = 0; i < n; ++i) v[i] = static_cast<float>((from + offsets[i]) * scale);
}
TIDE_CLONES void unorder(const std::int64_t* k, std::size_t n, double* v) {
  for (std::size_t i = 0; i < n; ++i) v[i] = from_ordered(k[i]);
}
TIDE_CLONES bool all_zero(const std::int32_t* numbers, std::size_t n) {
  std::int32_t any = 0;
  for (std::size_t i = 0; i < n; ++i) any |= numbers[i];
  return any == 0;
}
// Towards higher values, which are more bits of positive ones, fewer of negative ones. False where
// a value passed 0; `before` has what they were.
TIDE_CLONES bool shift_bits(std::int64_t base, const std::int32_t* offsets, std::size_t n,
                                  double* v, double* before) {
  std::int64_t passed = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const auto b = std::bit_cast<std::int64_t>(v[i]);
    const std::int64_t u = base + offsets[i];
    const auto moved = plus(b, b < 0 ? -u : u);
    passed |= moved ^ b;
    before[i] = v[i];
    v[i] = std::bit_cast<double>(moved);
  }
  return passed >= 0;
}
TIDE_CLONES void shift_ordered(const std::int64_t* ulps, std::size_t n, double* v) {
  for (std::size_t i = 0; i < n; ++i) v[i] = from_ordered(plus(ordered(v[i]), ulps[i]));
}

}  // namespace

void restore_doubles(DoubleMode mode, unsigned exponent, double scale,
                     std::span<const std::int64_t> integers, double* to) {
  const auto n = integers.size();
  const auto* k = integers.data();
  switch (mode) {
    case DoubleMode::decimal:
    case DoubleMode::decimal_ulps: return divide(k, n, exponent, to);
    case DoubleMode::float_decimal:
    case DoubleMode::float_decimal_ulps:
    case DoubleMode::printed_float: return divide_floats(k, n, exponent, to);
    case DoubleMode::grid_ulps: return multiply(k, n, scale, to);
    case DoubleMode::float_grid_ulps: return multiply_floats(k, n, scale, to);
    case DoubleMode::ordered_bits: return unorder(k, n, to);
    default:
      for (std::size_t i = 0; i < n; ++i) to[i] = from_ordered_float(k[i]);
  }
}

bool restore_doubles(DoubleMode mode, unsigned exponent, double scale, std::int64_t base,
                     std::span<const std::int32_t> offsets, double* to) {
  switch (mode) {
    case DoubleMode::decimal:
    case DoubleMode::decimal_ulps:
      divide(base, offsets.data(), offsets.size(), exponent, to);
      return true;
    case DoubleMode::float_decimal:
    case DoubleMode::float_decimal_ulps:
    case DoubleMode::printed_float:
      divide_floats(base, offsets.data(), offsets.size(), exponent, to);
      return true;
    case DoubleMode::grid_ulps:
      multiply_near(base, offsets.data(), offsets.size(), scale, to);
      return true;
    case DoubleMode::float_grid_ulps:
      multiply_floats_near(base, offsets.data(), offsets.size(), scale, to);
      return true;
    default: return false;
  }
}

bool add_ulps(DoubleMode mode, std::int64_t base, std::span<const std::int32_t> offsets,
              double* values) {
  if (base == 0 && offsets[0] == 0 && all_zero(offsets.data(), offsets.size())) return true;
  if (of_floats(mode) || base < -kUlpsNear || base > kUlpsNear) return false;
  const auto n = offsets.size();
  std::array<double, kStep> before;
  if (shift_bits(base, offsets.data(), n, values, before.data())) return true;
  std::copy_n(before.data(), n, values);
  return false;
}

void add_ulps(DoubleMode mode, std::span<const std::int64_t> ulps, double* values) {
  std::int64_t any = 0;
  for (const auto u : ulps) any |= u;
  if (any == 0) return;  // most blocks of a grid
  if (!of_floats(mode)) return shift_ordered(ulps.data(), ulps.size(), values);
  for (std::size_t i = 0; i < ulps.size(); ++i) {
    if (ulps[i] != 0) values[i] = from_ordered_float(plus(ordered_float(values[i]), ulps[i]));
  }
}

}  // namespace tidemark::codec
