#include "common/codec/predictor.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "common/base/clones.h"
#include "common/codec/bits.h"
#include "common/codec/numbers.h"

namespace tidemark::codec {
namespace {

constexpr std::size_t kRun = 32;  // costs are summed by runs, as the coders' scales are
constexpr double kRangeOfDoubles = 140737488355328.0;  // 2^47: sums of differences stay exact
constexpr double kRangeOfLinear = 68719476736.0;       // 2^36
constexpr double kExactSum = 4e15;                     // below 2^52 with room for the half
constexpr std::int64_t kLevelOfLinear = std::int64_t{1} << 44;
constexpr unsigned kWeightBitsMax = 16;
// The price of a tap per value, for the time in the decoder: of 32 bits, and of more.
constexpr double kTapBits = 0.03, kWideTapBits = 0.07;
constexpr std::array<unsigned, 10> kOrders = {1, 2, 3, 4, 6, 8, 12, 16, 24, 32};

[[gnu::always_inline]] inline double sum_of_magnitudes(const double* r, std::size_t n) {
  double lanes[8] = {};
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (std::size_t j = 0; j < 8; ++j) lanes[j] += std::fabs(r[i + j]);
  }
  double sum = 0;
  for (; i < n; ++i) sum += std::fabs(r[i]);
  for (const auto l : lanes) sum += l;
  return sum;
}

// Bits for noise of a mean magnitude in a run.
[[gnu::always_inline]] inline double bits_of_run(const double* r, std::size_t n) {
  const auto m = static_cast<double>(n);
  return m * rough_log2(1 + 5.44 * sum_of_magnitudes(r, n) / m);
}

TIDE_CLONES double bits_of(const double* r, std::size_t n) {
  double bits = 0;
  for (std::size_t b = 0; b < n; b += kRun) bits += bits_of_run(r + b, std::min(kRun, n - b));
  return bits;
}

struct SimpleBits {
  double mean = 0, delta = 0, delta2 = 0;
};

// What the simple predictors leave of rows [0, n) of y, before which lie two more.
TIDE_CLONES void add_simple_bits(const double* y, std::size_t n, SimpleBits& bits) {
  for (std::size_t b = 0; b < n; b += kRun) {
    const auto m = std::min(kRun, n - b);
    double delta[kRun], delta2[kRun];
    for (std::size_t i = 0; i < m; ++i) {
      const auto* at = y + b + i;
      delta[i] = at[0] - at[-1];
      delta2[i] = at[0] - 2 * at[-1] + at[-2];
    }
    bits.mean += bits_of_run(y + b, m);
    bits.delta += bits_of_run(delta, m);
    bits.delta2 += bits_of_run(delta2, m);
  }
}

TIDE_CLONES double dot(const double* a, const double* b, std::size_t n) {
  double lanes[8] = {};
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (std::size_t j = 0; j < 8; ++j) lanes[j] += a[i + j] * b[i + j];
  }
  double sum = 0;
  for (; i < n; ++i) sum += a[i] * b[i];
  for (const auto l : lanes) sum += l;
  return sum;
}

// What linear prediction leaves of rows [begin, end), in doubles whose sums are exact, so that they
// are what the decoder computes in integers: floor(sum + 1/2).
template <unsigned kTaps>
[[gnu::always_inline]] inline void linear_residuals_of(const Predictor& p, const double* y,
                                                       std::size_t begin, std::size_t end,
                                                       double* r) {
  const double one = 1.0 / static_cast<double>(std::int64_t{1} << p.fraction);
  double w[kTaps];
  for (unsigned j = 0; j < kTaps; ++j) w[j] = static_cast<double>(p.weights[j]) * one;
  for (auto i = begin; i < end; ++i) {
    double sum = one / 2;  // half way rounds up; the magic number alone would round it to even
    for (unsigned j = 0; j < kTaps; ++j) sum += w[j] * y[i - 1 - j];
    r[i] = y[i] - ((sum + kMagic) - kMagic);
  }
}

TIDE_CLONES void linear_residuals_clone(const Predictor& p, const double* y,
                                              std::size_t begin, std::size_t end, double* r) {
  switch (p.taps) {
    case 1: return linear_residuals_of<1>(p, y, begin, end, r);
    case 2: return linear_residuals_of<2>(p, y, begin, end, r);
    case 3: return linear_residuals_of<3>(p, y, begin, end, r);
    case 4: return linear_residuals_of<4>(p, y, begin, end, r);
    case 6: return linear_residuals_of<6>(p, y, begin, end, r);
    case 8: return linear_residuals_of<8>(p, y, begin, end, r);
    case 12: return linear_residuals_of<12>(p, y, begin, end, r);
    case 16: return linear_residuals_of<16>(p, y, begin, end, r);
    case 24: return linear_residuals_of<24>(p, y, begin, end, r);
    default: return linear_residuals_of<32>(p, y, begin, end, r);
  }
}

// Rows without enough before them are predicted by the value before.
void linear_residuals(const Predictor& p, const double* y, std::size_t begin, std::size_t end,
                      double* r) {
  for (auto i = begin; i < std::min<std::size_t>(end, p.taps); ++i) {
    r[i] = i == 0 ? 0 : y[i] - y[i - 1];
  }
  begin = std::max<std::size_t>(begin, p.taps);
  if (begin < end) linear_residuals_clone(p, y, begin, end, r);
}

unsigned weight_bits(const Predictor& p) {
  std::uint64_t all = 1;
  for (unsigned j = 0; j < p.taps; ++j) all |= zigzag(p.weights[j]);
  return static_cast<unsigned>(std::bit_width(all));
}

// The weights of least squares, from the covariances of the rows before by Cholesky's method.
bool solve(const double* covariance, unsigned stride, unsigned taps, double* weights) {
  std::array<double, kTapsMax * kTapsMax> a;
  for (unsigned i = 0; i < taps; ++i) {
    weights[i] = covariance[i + 1];
    for (unsigned j = 0; j < taps; ++j) a[i * taps + j] = covariance[(i + 1) * stride + j + 1];
    a[i * taps + i] = a[i * taps + i] * (1 + 1e-10) + 1e-6;
  }
  for (unsigned i = 0; i < taps; ++i) {
    double d = a[i * taps + i];
    for (unsigned j = 0; j < i; ++j) d -= a[i * taps + j] * a[i * taps + j];
    if (!(d > 0)) return false;
    d = std::sqrt(d);
    a[i * taps + i] = d;
    for (unsigned k = i + 1; k < taps; ++k) {
      double s = a[k * taps + i];
      for (unsigned j = 0; j < i; ++j) s -= a[k * taps + j] * a[i * taps + j];
      a[k * taps + i] = s / d;
    }
  }
  for (unsigned i = 0; i < taps; ++i) {
    for (unsigned j = 0; j < i; ++j) weights[i] -= a[i * taps + j] * weights[j];
    weights[i] /= a[i * taps + i];
  }
  for (auto i = taps; i-- > 0;) {
    for (auto j = i + 1; j < taps; ++j) weights[i] -= a[j * taps + i] * weights[j];
    weights[i] /= a[i * taps + i];
  }
  return true;
}

// Costs of a large block are taken of four windows of it.
class Windows {
 public:
  explicit Windows(std::size_t n) {
    constexpr std::size_t kLong = 512;
    count_ = n >= 4 * kLong ? 4 : 1;
    length_ = count_ == 1 ? n - 1 : kLong;
    step_ = count_ == 1 ? 0 : (n - 1 - length_) / (count_ - 1);
    share_ = static_cast<double>(n - 1) / static_cast<double>(count_ * length_);
  }
  template <typename Each>
  void each(Each visit) const {  // of rows from 1 on
    for (std::size_t w = 0; w < count_; ++w) visit(1 + w * step_, 1 + w * step_ + length_);
  }
  [[nodiscard]] double share() const { return share_; }

 private:
  std::size_t count_, length_, step_;
  double share_;
};

// Sums of products of rows i and j before, over all rows of the windows that have enough before.
struct Covariance {
  unsigned most;
  std::array<double, (kTapsMax + 1) * (kTapsMax + 1)> sums{};

  [[nodiscard]] unsigned stride() const { return most + 1; }

  void add(const double* y, std::size_t begin, std::size_t end) {
    begin = std::max<std::size_t>(begin, most);
    if (end <= begin) return;
    std::array<double, (kTapsMax + 1) * (kTapsMax + 1)> c;
    for (unsigned b = 0; b <= most; ++b) c[b] = dot(y + begin, y + begin - b, end - begin);
    for (unsigned a = 0; a < most; ++a) {  // one row earlier: one product more, one less
      for (unsigned b = a; b < most; ++b) {
        c[(a + 1) * stride() + b + 1] = c[a * stride() + b] +
                                        y[begin - 1 - a] * y[begin - 1 - b] -
                                        y[end - 1 - a] * y[end - 1 - b];
      }
    }
    for (unsigned a = 0; a <= most; ++a) {
      for (unsigned b = 0; b <= most; ++b) {
        sums[a * stride() + b] += c[std::min(a, b) * stride() + std::max(a, b)];
      }
    }
  }
};

// `y` is filled in the windows and kTapsMax rows before each.
void try_linear(std::span<const double> y, double range, bool narrow, unsigned taps_max,
                const Windows& windows, Predictor& best) {
  const auto n = y.size();
  Covariance covariance{std::min(taps_max, n >= 500 ? taps_max : 6U)};
  windows.each([&](auto begin, auto end) { covariance.add(y.data(), begin, end); });
  Predictor p = best;
  p.kind = Prediction::linear;
  p.fraction = n >= 4000 ? 10 : n >= 500 ? 8 : 6;
  const auto one = static_cast<double>(std::int64_t{1} << p.fraction);
  const auto price = (narrow ? kTapBits : kWideTapBits) * static_cast<double>(n);
  thread_local std::vector<double> residuals;
  residuals.resize(n);
  for (const auto taps : kOrders) {
    std::array<double, kTapsMax> weights;
    if (taps > covariance.most ||
        !solve(covariance.sums.data(), covariance.stride(), taps, weights.data())) {
      break;
    }
    p.taps = taps;
    double sum = 0;
    for (unsigned j = 0; j < taps; ++j) {
      const double w = std::floor(weights[j] * one + 0.5);
      sum += std::fabs(w);
      p.weights[j] = std::fabs(w) < 1e9 ? static_cast<std::int64_t>(w) : 0;
    }
    if (!(sum * range < kExactSum) || weight_bits(p) > kWeightBitsMax) continue;
    double bits = 0;
    windows.each([&](auto begin, auto end) {
      linear_residuals(p, y.data(), begin, end, residuals.data());
      bits += bits_of(residuals.data() + begin, end - begin);
    });
    p.bits = bits * windows.share() + taps * weight_bits(p) + 16 +
             price * taps;
    if (p.bits < best.bits - 2) best = p;
  }
}

// For ranges that doubles do not hold: the fewest bits of differences.
Predictor choose_wide(std::span<const std::int64_t> values) {
  double delta = 0, delta2 = 0;
  std::int64_t before = 0;
  for (std::size_t i = 1; i < values.size(); ++i) {
    const auto d = minus(values[i], values[i - 1]);
    delta += static_cast<double>(std::bit_width(zigzag(d)));
    delta2 += static_cast<double>(std::bit_width(zigzag(minus(d, before))));
    before = d;
  }
  Predictor p;
  p.firsts[0] = values[0];
  p.kind = delta <= delta2 ? Prediction::delta : Prediction::delta2;
  p.bits = std::min(delta, delta2);
  return p;
}

struct Spread {
  std::int64_t low, high;
  std::uint64_t sum;  // of the distances from the first value
};

TIDE_CLONES Spread spread_of(std::span<const std::int64_t> values) {
  const auto first = static_cast<std::uint64_t>(values[0]);
  auto low = values[0], high = values[0];
  std::uint64_t sum = 0;
  for (const auto v : values) {
    low = v < low ? v : low;
    high = v > high ? v : high;
    sum += static_cast<std::uint64_t>(v) - first;
  }
  return {low, high, sum};
}

TIDE_CLONES void deviations(std::span<const std::int64_t> values, std::int64_t mean,
                                  double* y) {
  for (std::size_t i = 0; i < values.size(); ++i) y[i] = small_to_double(minus(values[i], mean));
}

}  // namespace

TIDE_CLONES bool has_steps(const std::int64_t* values, std::size_t n, std::int64_t step) {
  const auto* before = values - 1;
  std::int64_t others = 0;
  for (std::size_t i = 0; i < n; ++i) others |= minus(values[i], before[i]) ^ step;
  return others == 0;
}

std::optional<Predictor> choose_slope(std::span<const std::int64_t> values) {
  Predictor p;
  p.firsts[0] = values[0];
  if (values.size() < 2) return p;
  p.mean = minus(values[1], values[0]);
  constexpr std::size_t kPart = 256;
  for (std::size_t i = 2; i < values.size(); i += kPart) {
    const auto n = std::min(kPart, values.size() - i);
    if (!has_steps(values.data() + i, n, p.mean)) return std::nullopt;
  }
  if (p.mean != 0) p.kind = Prediction::slope;
  return p;
}

Predictor choose_predictor(std::span<const std::int64_t> values, unsigned taps_max) {
  if (const auto same_steps = choose_slope(values)) return *same_steps;
  Predictor best;
  best.firsts[0] = values[0];
  const auto extent = spread_of(values);
  const auto n = values.size();
  const auto range =
      static_cast<double>(static_cast<std::uint64_t>(minus(extent.high, extent.low)));
  if (!(range < kRangeOfDoubles)) return choose_wide(values);

  const auto sum = static_cast<std::int64_t>(extent.sum);  // below 2^63: 65,536 of 2^47
  best.mean = plus(values[0], sum / static_cast<std::int64_t>(n));
  const Windows windows(n);
  thread_local std::vector<double> y;
  y.resize(n + 1);
  SimpleBits bits;
  windows.each([&](std::size_t begin, std::size_t end) {
    const auto from = begin - std::min<std::size_t>(begin, kTapsMax);
    deviations(values.subspan(from, end - from), best.mean, y.data() + 1 + from);
    if (begin == 1) y[0] = y[1];  // so that the first step counts once
    add_simple_bits(y.data() + 1 + begin, end - begin, bits);
  });
  best.kind = Prediction::mean;
  best.bits = bits.mean * windows.share() + 8;
  const auto consider = [&](Prediction kind, double cost) {
    if (cost * windows.share() >= best.bits) return;
    best.kind = kind;
    best.bits = cost * windows.share();
  };
  consider(Prediction::delta, bits.delta);
  consider(Prediction::delta2, bits.delta2);
  const bool moderate =
      range < kRangeOfLinear && extent.low > -kLevelOfLinear && extent.high < kLevelOfLinear;
  if (taps_max > 0 && n >= 64 && moderate && best.bits > 0.6 * static_cast<double>(n)) {
    constexpr std::int64_t kNarrowEnd = std::int64_t{1} << 31;
    const bool narrow = extent.low >= -kNarrowEnd && extent.high < kNarrowEnd;
    try_linear(std::span(y).subspan(1), range, narrow, taps_max, windows, best);
  }
  return best;
}

void predict(Predictor& p, std::span<const std::int64_t> values, const Cut& cut,
             std::vector<std::int64_t>& residuals) {
  thread_local std::vector<double> y, r;
  const auto n = cut.rows;
  residuals.resize(cut.lanes * (n - p.begin()));
  if (p.kind == Prediction::delta2) p.mean = n > 1 ? minus(values[1], values[0]) : 0;
  if (p.kind == Prediction::linear) {
    y.resize(values.size());
    r.resize(n);
    deviations(values, p.mean, y.data());
  }
  auto* to = residuals.data();
  for (unsigned lane = 0; lane < cut.lanes; ++lane) {
    const auto* x = values.data() + lane * n;
    p.firsts[lane] = x[0];
    switch (p.kind) {
      case Prediction::mean:
        for (std::size_t i = 0; i < n; ++i) *to++ = minus(x[i], p.mean);
        break;
      case Prediction::delta:
        for (std::size_t i = 1; i < n; ++i) *to++ = minus(x[i], x[i - 1]);
        break;
      case Prediction::delta2:
        for (std::size_t i = 1; i < n; ++i) {
          const auto before = i == 1 ? p.mean : minus(x[i - 1], x[i - 2]);
          *to++ = minus(minus(x[i], x[i - 1]), before);
        }
        break;
      case Prediction::linear:
        linear_residuals(p, y.data() + lane * n, 1, n, r.data());
        for (std::size_t i = 1; i < n; ++i) *to++ = double_to_small(r[i]);
        break;
      default: break;
    }
  }
}

void write_predictor(const Predictor& p, unsigned lanes, ByteWriter& out) {
  out.u8(static_cast<std::uint8_t>(p.kind));
  if (p.kind == Prediction::mean) return out.svarint(p.mean);
  out.svarint(p.firsts[0]);
  if (p.kind == Prediction::slope || p.kind == Prediction::delta2) out.svarint(p.mean);
  if (p.leaves_nothing()) return;
  for (unsigned l = 1; l < lanes; ++l) out.svarint(minus(p.firsts[l], p.firsts[l - 1]));
  if (p.kind != Prediction::linear) return;
  out.svarint(minus(p.mean, p.firsts[0]));
  out.u8(static_cast<std::uint8_t>((p.taps - 1) | (p.fraction / 2 - 3) << 5));
  const auto width = weight_bits(p);
  BitWriter bits(out.out());
  bits.put(width - 1, 4);
  for (unsigned j = 0; j < p.taps; ++j) bits.put(zigzag(p.weights[j]), width);
  bits.finish();
}

Predictor read_predictor(std::uint8_t kind, unsigned lanes, ByteReader& in) {
  Predictor p;
  if (kind > static_cast<std::uint8_t>(Prediction::slope)) in.fail();
  p.kind = static_cast<Prediction>(kind);
  if (p.kind == Prediction::mean) {
    p.mean = in.svarint();
    return p;
  }
  p.firsts[0] = in.svarint();
  if (p.kind == Prediction::slope || p.kind == Prediction::delta2) p.mean = in.svarint();
  if (p.leaves_nothing()) return p;
  for (unsigned l = 1; l < lanes; ++l) p.firsts[l] = plus(p.firsts[l - 1], in.svarint());
  if (p.kind != Prediction::linear || !in.ok()) return p;
  p.mean = plus(p.firsts[0], in.svarint());
  const auto shape = in.u8();
  p.taps = (shape & 31U) + 1;
  p.fraction = ((shape >> 5) + 3U) * 2;
  auto rest = in;
  BitReader bits(rest.raw(rest.left()));
  const auto width = static_cast<unsigned>(bits.get(4)) + 1;
  for (unsigned j = 0; j < p.taps; ++j) p.weights[j] = unzigzag(bits.get(width));
  static_cast<void>(in.raw(bits.bytes()));
  if (std::find(kOrders.begin(), kOrders.end(), p.taps) == kOrders.end() || p.fraction > 12) {
    in.fail();
  }
  return p;
}

}  // namespace tidemark::codec
