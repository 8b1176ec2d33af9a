#include "common/codec/fast_sums.h"

#include <array>
#include <cstddef>
#include <cstring>

#include "common/base/clones.h"
#include "common/codec/bit_lanes.h"
#include "common/codec/fast.h"
#include "common/codec/numbers.h"
#include "common/codec/transpose.h"

namespace tidemark::codec::fast {
namespace {

constexpr std::size_t kLanes = 8, kLength = kRun / kLanes;  // of a lane's stretch
typedef std::uint32_t Four __attribute__((vector_size(16)));

void sum_plainly(std::uint32_t* numbers, std::uint32_t low) {
  constexpr Four kNone{};
  Four before{};
  for (std::size_t i = 0; i < kRun; i += 4) {
    Four x;
    std::memcpy(&x, numbers + i, sizeof x);
    x += low;
    x += __builtin_shufflevector(kNone, x, 0, 4, 5, 6);
    x += __builtin_shufflevector(kNone, x, 0, 1, 4, 5);
    const auto total = __builtin_shufflevector(x, x, 3, 3, 3, 3);
    x += before;
    before += total;
    std::memcpy(numbers + i, &x, sizeof x);
  }
}

using Lanes = std::array<std::uint32_t, kLanes>;

// The sums within each stretch, where they lie: of numbers to which `more` of the lane is added.
void sum_stretches_plainly(std::uint32_t* places, const Lanes& more) {
  Lanes sums{};
  for (std::size_t i = 0; i < kRun; ++i) {
    places[i] = sums[i % kLanes] += places[i] + more[i % kLanes];
  }
}
// What lies before each stretch: `first` and the sums of those before.
Lanes before_stretches(const std::uint32_t* places, std::uint32_t first) {
  Lanes before;
  for (std::size_t l = 0; l < kLanes; ++l) {
    before[l] = first;
    first += places[kRun - kLanes + l];
  }
  return before;
}
void sum_twice_plainly(std::uint32_t* places, std::uint32_t low, std::uint32_t step,
                       std::uint32_t* sums) {
  Lanes more;
  more.fill(low);
  sum_stretches_plainly(places, more);
  sum_stretches_plainly(places, before_stretches(places, step));
  const auto before = before_stretches(places, 0);
  for (std::size_t i = 0; i < kRun; ++i) {
    sums[i] = places[place_in_stretches(i)] + before[i / kLength];
  }
}

#ifdef TIDE_AVX2
TIDE_AVX2 [[gnu::always_inline]] inline __m256i load(const std::uint32_t* from) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}
TIDE_AVX2 [[gnu::always_inline]] inline void store(__m256i x, void* to) {
  _mm256_storeu_si256(static_cast<__m256i*>(to), x);
}
TIDE_AVX2 [[gnu::always_inline]] inline __m256i all_of(std::uint32_t x) {
  return _mm256_set1_epi32(static_cast<int>(x));
}
// x[0], x[0] + x[1], … of eight.
TIDE_AVX2 [[gnu::always_inline]] inline __m256i add_up(__m256i x) {
  x = _mm256_add_epi32(x, _mm256_slli_si256(x, 4));
  x = _mm256_add_epi32(x, _mm256_slli_si256(x, 8));
  const auto halves = _mm256_shuffle_epi32(x, 0xff);
  // The low half is added to the high one.
  return _mm256_add_epi32(x, _mm256_permute2x128_si256(halves, halves, 0x08));
}

TIDE_AVX2 void sum_by_vectors(std::uint32_t* numbers, std::uint32_t low) {
  const auto each = all_of(low);
  auto before = _mm256_setzero_si256();
  for (std::size_t i = 0; i < kRun; i += kLanes) {
    auto x = _mm256_add_epi32(load(numbers + i), each);
    x = _mm256_add_epi32(x, _mm256_slli_si256(x, 4));
    x = _mm256_add_epi32(x, _mm256_slli_si256(x, 8));
    const auto halves = _mm256_shuffle_epi32(x, 0xff);  // what each half sums up to
    const auto others = _mm256_permute2x128_si256(halves, halves, 0x01);
    const auto high = _mm256_blend_epi32(_mm256_setzero_si256(), others, 0xf0);
    store(_mm256_add_epi32(x, _mm256_add_epi32(before, high)), numbers + i);
    before = _mm256_add_epi32(before, _mm256_add_epi32(halves, others));
  }
}

// Vectors all along: a load of what was just stored by parts would wait for all stores before it.
TIDE_AVX2 [[gnu::always_inline]] inline __m256i sum_stretches(std::uint32_t* places,
                                                                    __m256i more) {
  auto sums = _mm256_setzero_si256();
  for (std::size_t i = 0; i < kRun; i += kLanes) {
    sums = _mm256_add_epi32(sums, _mm256_add_epi32(load(places + i), more));
    store(sums, places + i);
  }
  return sums;
}
TIDE_AVX2 [[gnu::always_inline]] inline __m256i before_stretches(__m256i totals,
                                                                       std::uint32_t first) {
  const auto x = _mm256_permutevar8x32_epi32(totals, _mm256_setr_epi32(0, 0, 1, 2, 3, 4, 5, 6));
  return add_up(_mm256_blend_epi32(x, all_of(first), 1));
}
TIDE_AVX2 void sum_twice_by_vectors(std::uint32_t* places, std::uint32_t low,
                                          std::uint32_t step, std::uint32_t* sums) {
  const auto steps = sum_stretches(places, all_of(low));
  const auto totals = sum_stretches(places, before_stretches(steps, step));
  const auto more = before_stretches(totals, 0);
  for (std::size_t at = 0; at < kLength; at += kLanes) {
    __m256i x[kLanes];
    for (std::size_t i = 0; i < kLanes; ++i) {
      x[i] = _mm256_add_epi32(load(places + (at + i) * kLanes), more);
    }
    transpose_eight(x);
    for (std::size_t l = 0; l < kLanes; ++l) store(x[l], sums + l * kLength + at);
  }
}

// Four of 64 bits.
TIDE_AVX2 [[gnu::always_inline]] inline __m256i add_up_wide(__m256i x, __m256i& before) {
  x = _mm256_add_epi64(x, _mm256_slli_si256(x, 8));
  const auto halves = _mm256_unpackhi_epi64(x, x);
  x = _mm256_add_epi64(x, _mm256_permute2x128_si256(halves, halves, 0x08));
  const auto total = _mm256_permute4x64_epi64(x, 0xff);
  x = _mm256_add_epi64(x, before);
  before = _mm256_add_epi64(before, total);
  return x;
}
TIDE_AVX2 void avx2_sum_wide(const std::uint32_t* numbers, std::int64_t low,
                                   std::int64_t last, std::int64_t* to) {
  const auto each = _mm256_set1_epi64x(low);
  auto before = _mm256_set1_epi64x(last);
  for (std::size_t i = 0; i < kRun; i += 4) {
    const auto four = _mm_loadu_si128(reinterpret_cast<const __m128i*>(numbers + i));
    const auto x = _mm256_add_epi64(_mm256_cvtepu32_epi64(four), each);
    store(add_up_wide(x, before), to + i);
  }
}
TIDE_AVX2 void avx2_sum_wide(std::int64_t* residuals, std::int64_t last) {
  auto before = _mm256_set1_epi64x(last);
  for (std::size_t i = 0; i < kRun; i += 4) {
    const auto x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(residuals + i));
    store(add_up_wide(x, before), residuals + i);
  }
}
#endif

}  // namespace

void sum(std::uint32_t* numbers, std::uint32_t low) {
#ifdef TIDE_AVX2
  if (has_avx2()) return sum_by_vectors(numbers, low);
#endif
  sum_plainly(numbers, low);
}
void sum_twice(std::uint32_t* places, std::uint32_t low, std::uint32_t step,
               std::uint32_t* sums) {
#ifdef TIDE_AVX2
  if (has_avx2()) return sum_twice_by_vectors(places, low, step, sums);
#endif
  sum_twice_plainly(places, low, step, sums);
}
void sum_wide(const std::uint32_t* numbers, std::int64_t low, std::int64_t last,
              std::int64_t* to) {
#ifdef TIDE_AVX2
  if (has_avx2()) return avx2_sum_wide(numbers, low, last, to);
#endif
  for (std::size_t i = 0; i < kRun; ++i) to[i] = last = plus(last, plus(low, numbers[i]));
}
void sum_wide(std::int64_t* residuals, std::int64_t last) {
#ifdef TIDE_AVX2
  if (has_avx2()) return avx2_sum_wide(residuals, last);
#endif
  for (std::size_t i = 0; i < kRun; ++i) residuals[i] = last = plus(last, residuals[i]);
}

}  // namespace tidemark::codec::fast
