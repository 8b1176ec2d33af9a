#include "common/codec/restorer.h"

#include <algorithm>

#include "common/base/clones.h"
#include "common/codec/numbers.h"

#ifdef TIDE_AVX2
#include <immintrin.h>
#endif

namespace tidemark::codec {
namespace {

// Sums wrap around: those of a writer do not get that far, and hostile ones may.
template <unsigned kLanes>
[[gnu::always_inline]] inline void sum_once(std::int64_t* x, std::size_t rows, std::int64_t* last) {
  std::uint64_t sum[kLanes];
  for (unsigned l = 0; l < kLanes; ++l) sum[l] = static_cast<std::uint64_t>(last[l]);
  for (auto* const end = x + rows * kLanes; x != end; x += kLanes) {
    for (unsigned l = 0; l < kLanes; ++l) {
      sum[l] += static_cast<std::uint64_t>(x[l]);
      x[l] = static_cast<std::int64_t>(sum[l]);
    }
  }
  for (unsigned l = 0; l < kLanes; ++l) last[l] = static_cast<std::int64_t>(sum[l]);
}

#ifdef TIDE_AVX2
template <unsigned kFours>
TIDE_AVX2 void sum_fours(std::int64_t* x, std::size_t rows, std::int64_t* last) {
  auto* at = reinterpret_cast<__m256i*>(x);
  auto* const sums = reinterpret_cast<__m256i*>(last);
  __m256i sum[kFours];
  for (unsigned f = 0; f < kFours; ++f) sum[f] = _mm256_loadu_si256(sums + f);
  for (; rows > 0; --rows, at += kFours) {
    for (unsigned f = 0; f < kFours; ++f) {
      sum[f] = _mm256_add_epi64(sum[f], _mm256_loadu_si256(at + f));
      _mm256_storeu_si256(at + f, sum[f]);
    }
  }
  for (unsigned f = 0; f < kFours; ++f) _mm256_storeu_si256(sums + f, sum[f]);
}
#endif

void sum_up(std::int64_t* x, std::size_t rows, unsigned lanes, std::int64_t* last) {
#ifdef TIDE_AVX2
  if (lanes == 8 && has_avx2()) return sum_fours<2>(x, rows, last);
  if (lanes == 4 && has_avx2()) return sum_fours<1>(x, rows, last);
#endif
  switch (lanes) {
    case 1: return sum_once<1>(x, rows, last);
    case 2: return sum_once<2>(x, rows, last);
    case 4: return sum_once<4>(x, rows, last);
    default: return sum_once<8>(x, rows, last);
  }
}

// `x` is the place of the first value; those of the rows before lie before it.
template <unsigned kTaps>
[[gnu::always_inline]] inline void linear_1(const Predictor& p, std::int64_t bias,
                                            const std::int64_t* residuals, std::size_t rows,
                                            std::int64_t* x) {
  std::uint64_t w[kTaps];
  for (unsigned j = 0; j < kTaps; ++j) w[j] = static_cast<std::uint64_t>(p.weights[j]);
  const auto fraction = p.fraction;
  auto last = static_cast<std::uint64_t>(x[-1]);
  for (auto* const end = x + rows; x != end; ++x, ++residuals) {
    // The residual goes under the shift, off the way from one value to the next.
    auto sum = static_cast<std::uint64_t>(bias) +
               (static_cast<std::uint64_t>(*residuals) << fraction);
#pragma GCC unroll 32
    for (int j = 1; j < static_cast<int>(kTaps); ++j) {
      sum += w[j] * static_cast<std::uint64_t>(x[-1 - j]);
    }
    sum += w[0] * last;  // the one that is only just known comes last
    *x = static_cast<std::int64_t>(sum) >> fraction;
    last = static_cast<std::uint64_t>(*x);
  }
}

TIDE_CLONES void linear_one_lane(const Predictor& p, std::int64_t bias,
                                       const std::int64_t* residuals, std::size_t rows,
                                       std::int64_t* x) {
  switch (p.taps) {
    case 1: return linear_1<1>(p, bias, residuals, rows, x);
    case 2: return linear_1<2>(p, bias, residuals, rows, x);
    case 3: return linear_1<3>(p, bias, residuals, rows, x);
    case 4: return linear_1<4>(p, bias, residuals, rows, x);
    case 6: return linear_1<6>(p, bias, residuals, rows, x);
    case 8: return linear_1<8>(p, bias, residuals, rows, x);
    case 12: return linear_1<12>(p, bias, residuals, rows, x);
    case 16: return linear_1<16>(p, bias, residuals, rows, x);
    case 24: return linear_1<24>(p, bias, residuals, rows, x);
    default: return linear_1<32>(p, bias, residuals, rows, x);
  }
}

template <unsigned kLanes>
[[gnu::always_inline]] inline void linear_of(const Predictor& p, std::int64_t bias,
                                             const std::int64_t* residuals, std::size_t rows,
                                             std::int64_t* x) {
  const auto fraction = p.fraction;
  for (std::size_t row = 0; row < rows; ++row, x += kLanes, residuals += kLanes) {
    std::uint64_t sum[kLanes];
    for (unsigned l = 0; l < kLanes; ++l) {
      sum[l] = static_cast<std::uint64_t>(bias) +
               (static_cast<std::uint64_t>(residuals[l]) << fraction);
    }
    const auto* before = x;
    for (unsigned j = 0; j < p.taps; ++j) {
      before -= kLanes;
      const auto w = static_cast<std::uint64_t>(p.weights[j]);
      for (unsigned l = 0; l < kLanes; ++l) sum[l] += w * static_cast<std::uint64_t>(before[l]);
    }
    for (unsigned l = 0; l < kLanes; ++l) x[l] = static_cast<std::int64_t>(sum[l]) >> fraction;
  }
}

TIDE_CLONES void linear(const Predictor& p, unsigned lanes, std::int64_t bias,
                              const std::int64_t* residuals, std::size_t rows, std::int64_t* x) {
  switch (lanes) {
    case 1: return linear_one_lane(p, bias, residuals, rows, x);
    case 2: return linear_of<2>(p, bias, residuals, rows, x);
    case 4: return linear_of<4>(p, bias, residuals, rows, x);
    default: return linear_of<8>(p, bias, residuals, rows, x);
  }
}

#ifdef TIDE_AVX2
const __m256i* as_vector(const std::int64_t* numbers) {
  return reinterpret_cast<const __m256i*>(numbers);
}

// The same of numbers of 32 bits, for which there is a product of four at once. False, and what it
// has written is for nobody, when a value has more.
template <unsigned kTaps, unsigned kFours>
TIDE_AVX2 bool narrow_linear_of(const Predictor& p, std::int64_t bias,
                                      const std::int64_t* residuals, std::size_t rows,
                                      std::int64_t* x) {
  constexpr auto kStride = static_cast<std::ptrdiff_t>(kFours) * 4;
  __m256i w[kTaps];
  for (unsigned j = 0; j < kTaps; ++j) w[j] = _mm256_set1_epi64x(p.weights[j]);
  // There is no arithmetic shift of 64 bits: sums are moved above zero, values back.
  const auto fraction = static_cast<int>(p.fraction);
  const auto offset = std::int64_t{1} << (31 + fraction);
  const auto start = _mm256_set1_epi64x(plus(bias, offset));
  const auto back = _mm256_set1_epi64x(std::int64_t{1} << 31);
  auto wide = _mm256_setzero_si256();
  for (auto* const end = x + static_cast<std::ptrdiff_t>(rows) * kStride; x != end;) {
#pragma GCC unroll 2
    for (unsigned four = 0; four < kFours; ++four, x += 4, residuals += 4) {
      auto sum = _mm256_add_epi64(start, _mm256_slli_epi64(_mm256_loadu_si256(as_vector(residuals)),
                                                             fraction));
#pragma GCC unroll 8
      for (auto j = static_cast<std::ptrdiff_t>(kTaps); j > 0; --j) {
        const auto before = _mm256_loadu_si256(as_vector(x - j * kStride));
        sum = _mm256_add_epi64(sum, _mm256_mul_epi32(w[j - 1], before));
      }
      wide = _mm256_or_si256(wide, _mm256_srli_epi64(sum, 32 + fraction));
      sum = _mm256_sub_epi64(_mm256_srli_epi64(sum, fraction), back);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(x), sum);
    }
  }
  return _mm256_testz_si256(wide, wide) != 0;
}

template <unsigned kTaps>
bool narrow_linear_by(const Predictor& p, unsigned lanes, std::int64_t bias,
                      const std::int64_t* residuals, std::size_t rows, std::int64_t* x) {
  return lanes == 4 ? narrow_linear_of<kTaps, 1>(p, bias, residuals, rows, x)
                    : narrow_linear_of<kTaps, 2>(p, bias, residuals, rows, x);
}

bool narrow_linear(const Predictor& p, unsigned lanes, std::int64_t bias,
                   const std::int64_t* residuals, std::size_t rows, std::int64_t* x) {
  if (!has_avx2() || lanes < 4) return false;
  switch (p.taps) {
    case 1: return narrow_linear_by<1>(p, lanes, bias, residuals, rows, x);
    case 2: return narrow_linear_by<2>(p, lanes, bias, residuals, rows, x);
    case 3: return narrow_linear_by<3>(p, lanes, bias, residuals, rows, x);
    case 4: return narrow_linear_by<4>(p, lanes, bias, residuals, rows, x);
    case 6: return narrow_linear_by<6>(p, lanes, bias, residuals, rows, x);
    case 8: return narrow_linear_by<8>(p, lanes, bias, residuals, rows, x);
    default: return false;  // no writer of this tier goes further
  }
}
#else
bool narrow_linear(const Predictor&, unsigned, std::int64_t, const std::int64_t*, std::size_t,
                   std::int64_t*) {
  return false;
}
#endif

bool is_narrow(std::span<const std::int64_t> values) {
  std::uint64_t above = 0;
  for (const auto v : values) above |= (static_cast<std::uint64_t>(v) + (1U << 31)) >> 32;
  return above == 0;
}

}  // namespace

Restorer::Restorer(const Predictor& p, unsigned lanes) : p_(p), lanes_(lanes), last_(p.firsts) {
  step_.fill(p.kind == Prediction::delta2 ? p.mean : 0);
  if (p.kind != Prediction::linear) return;
  // sum(w * (x - mean)) + mean + half, as one number beside sum(w * x).
  auto rest = std::int64_t{1} << p.fraction;
  for (unsigned j = 0; j < p.taps; ++j) rest = minus(rest, p.weights[j]);
  bias_ = plus(times(p.mean, rest), p.fraction == 0 ? 0 : std::int64_t{1} << (p.fraction - 1));
  rows_.resize(p.taps * lanes + kStep);
  std::copy_n(p.firsts.begin(), lanes,
              rows_.begin() + static_cast<std::ptrdiff_t>((p.taps - 1) * lanes));
}

std::int64_t* Restorer::restore(std::int64_t* x, std::size_t at, std::size_t rows) {
  switch (p_.kind) {
    case Prediction::mean:
      for (auto* const end = x + rows * lanes_; x != end; ++x) *x = plus(*x, p_.mean);
      return x - rows * lanes_;
    case Prediction::delta2: sum_up(x, rows, lanes_, step_.data()); [[fallthrough]];
    case Prediction::delta: sum_up(x, rows, lanes_, last_.data()); return x;
    case Prediction::linear: return restore_linear(x, at, rows);
    default: return x;
  }
}

std::int64_t* Restorer::restore_linear(const std::int64_t* x, std::size_t at, std::size_t rows) {
  auto* const values = rows_.data() + p_.taps * lanes_;
  const auto early = at < p_.taps ? std::min(rows, p_.taps - at) : 0;
  for (std::size_t i = 0; i < early * lanes_; ++i) {
    values[i] = plus(values[static_cast<std::ptrdiff_t>(i) - lanes_], x[i]);
  }
  const auto done = early * lanes_;
  if (early < rows) {
    if (at <= p_.taps && narrow_) narrow_ = is_narrow({rows_.data(), p_.taps * lanes_ + done});
    narrow_ = narrow_ && narrow_linear(p_, lanes_, bias_, x + done, rows - early, values + done);
    if (!narrow_) linear(p_, lanes_, bias_, x + done, rows - early, values + done);
  }
  // Whoever gets the values may change them.
  const auto* const from = rows_.data() + rows * lanes_;
  std::copy(from, from + p_.taps * lanes_, rows_.data());
  return values;
}

}  // namespace tidemark::codec
