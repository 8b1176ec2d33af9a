// Numbers of segments that come side by side, to where they belong.
#include <algorithm>
#include <array>

#include "common/base/clones.h"
#include "common/codec/numbers.h"
#include "common/codec/residuals.h"

#ifdef TIDE_AVX2
#include <immintrin.h>
#endif

namespace tidemark::codec {
namespace {

template <typename Number>
void put_rows(const Number* numbers, const Part& part, std::size_t from, std::span<Number> to) {
  const auto lanes = part.cut.lanes;
  for (unsigned lane = 0; lane < lanes; ++lane) {
    const auto begin = lane * part.cut.rows + part.at;
    if (begin >= to.size()) return;
    const auto n = std::min(part.rows, to.size() - begin);
    for (auto i = from; i < n; ++i) to[begin + i] = numbers[i * lanes + lane];
  }
}

#ifdef TIDE_AVX2
// Four rows of four lanes at once; how many rows it has put.
TIDE_AVX2 std::size_t transpose(const void* numbers, std::size_t rows, unsigned lanes,
                                      void* to, std::size_t stride) {
  const auto* from = static_cast<const double*>(numbers);
  auto* at = static_cast<double*>(to);
  const auto whole = rows / 4 * 4;
  for (unsigned four = 0; four < lanes; four += 4) {
    auto* lane = at + four * stride;
    for (std::size_t row = 0; row < whole; row += 4) {
      const auto* r = from + row * lanes + four;
      const auto a = _mm256_loadu_pd(r), b = _mm256_loadu_pd(r + lanes);
      const auto c = _mm256_loadu_pd(r + 2 * lanes), d = _mm256_loadu_pd(r + 3 * lanes);
      const auto ab = _mm256_unpacklo_pd(a, b), ab1 = _mm256_unpackhi_pd(a, b);
      const auto cd = _mm256_unpacklo_pd(c, d), cd1 = _mm256_unpackhi_pd(c, d);
      _mm256_storeu_pd(lane + row, _mm256_permute2f128_pd(ab, cd, 0x20));
      _mm256_storeu_pd(lane + stride + row, _mm256_permute2f128_pd(ab1, cd1, 0x20));
      _mm256_storeu_pd(lane + 2 * stride + row, _mm256_permute2f128_pd(ab, cd, 0x31));
      _mm256_storeu_pd(lane + 3 * stride + row, _mm256_permute2f128_pd(ab1, cd1, 0x31));
    }
  }
  return whole;
}
#endif

template <typename Number>
void put(const Number* numbers, const Part& part, std::span<Number> to) {
  std::size_t done = 0;
#ifdef TIDE_AVX2
  const auto lanes = part.cut.lanes;
  if (lanes >= 4 && (lanes - 1) * part.cut.rows + part.at + part.rows <= to.size() && has_avx2()) {
    done = transpose(numbers, part.rows, lanes, to.data() + part.at, part.cut.rows);
    if (done == part.rows) return;
  }
#endif
  put_rows(numbers, part, done, to);
}

TIDE_CLONES void widen(std::int64_t base, const std::int32_t* offsets, std::size_t n,
                             std::int64_t* values) {
  for (std::size_t i = 0; i < n; ++i) values[i] = plus(base, offsets[i]);
}

}  // namespace

void put_in_place(const std::int64_t* numbers, const Part& part, std::span<std::int64_t> to) {
  put(numbers, part, to);
}
void put_in_place(const double* numbers, const Part& part, std::span<double> to) {
  put(numbers, part, to);
}

void Values::take_near(std::int64_t base, const std::int32_t* offsets, std::size_t at,
                       std::size_t n) {
  std::array<std::int64_t, kStep> values;
  widen(base, offsets, n, values.data());
  take(values.data(), {{1, at + n}, at, n});
}

void Values::take_same(std::int64_t number, std::size_t count) {
  static constexpr std::array<std::int32_t, kStep> kSame{};
  for (std::size_t at = 0; at < count; at += kStep) {
    take_near(number, kSame.data(), at, std::min(kStep, count - at));
  }
}

bool Values::map(std::span<const std::int64_t> /*table*/) { return false; }
void Into::take_near(std::int64_t base, const std::int32_t* offsets, std::size_t at,
                     std::size_t n) {
  widen(base, offsets, n, &to_[at]);
}

}  // namespace tidemark::codec
