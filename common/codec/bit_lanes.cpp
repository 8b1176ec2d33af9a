#include "common/codec/bit_lanes.h"

#include <cstring>
#include <utility>

#include "common/base/clones.h"
#include "common/codec/transpose.h"

namespace tidemark::codec {
namespace {

constexpr unsigned kLanes = 8, kSteps = kLaneNumbers / kLanes;
typedef std::uint32_t Lanes __attribute__((vector_size(32)));

template <unsigned kWidth>
[[gnu::always_inline]] inline void pack(const std::uint32_t* numbers, std::uint8_t* packed) {
  Lanes word{};
  unsigned used = 0;
#pragma GCC unroll 32
  for (unsigned i = 0; i < kSteps; ++i) {
    Lanes v;
    std::memcpy(&v, numbers + i * kLanes, sizeof v);
    word |= v << used;
    used += kWidth;
    if (used < 32) continue;
    std::memcpy(packed, &word, sizeof word);
    packed += sizeof word;
    used -= 32;
    word = used == 0 ? Lanes{} : v >> (kWidth - used);
  }
}

template <unsigned kWidth>
[[gnu::always_inline]] inline void unpack(const std::uint8_t* packed, std::uint32_t* numbers) {
  if constexpr (kWidth == 0) {
    std::memset(numbers, 0, kLaneNumbers * sizeof *numbers);
  } else {
    constexpr std::uint32_t kMask = kWidth == 32 ? ~0U : (1U << (kWidth % 32)) - 1;
    Lanes word;
    std::memcpy(&word, packed, sizeof word);
    unsigned used = 0;
#pragma GCC unroll 32
    for (unsigned i = 0; i < kSteps; ++i) {
      Lanes v = word >> used;
      used += kWidth;
      if (used >= 32) {
        used -= 32;
        packed += sizeof word;
        if (i + 1 < kSteps) std::memcpy(&word, packed, sizeof word);
        if (used != 0) v |= word << (kWidth - used);
      }
      v &= kMask;
      std::memcpy(numbers + i * kLanes, &v, sizeof v);
    }
  }
}

// The one of these widths: a table of jumps.
template <unsigned... kWidths>
[[gnu::always_inline]] inline void pack_at(unsigned width, const std::uint32_t* numbers,
                                           std::uint8_t* packed,
                                           std::integer_sequence<unsigned, kWidths...>) {
  static_cast<void>(((width == kWidths && (pack<kWidths>(numbers, packed), true)) || ...));
}
template <unsigned... kWidths>
[[gnu::always_inline]] inline void unpack_at(unsigned width, const std::uint8_t* packed,
                                             std::uint32_t* numbers,
                                             std::integer_sequence<unsigned, kWidths...>) {
  static_cast<void>(((width == kWidths && (unpack<kWidths>(packed, numbers), true)) || ...));
}
using Widths = std::make_integer_sequence<unsigned, kLaneWidthMax + 1>;

}  // namespace

TIDE_CLONES void pack_lanes(unsigned width, const std::uint32_t* numbers,
                                  std::uint8_t* packed) {
  if (width != 0) pack_at(width, numbers, packed, Widths{});
}
TIDE_CLONES void unpack_lanes(unsigned width, const std::uint8_t* packed,
                                    std::uint32_t* numbers) {
  unpack_at(width, packed, numbers, Widths{});
}

namespace {

#ifdef TIDE_AVX2
// Squares of eight by eight numbers, of lines of `stride`.
TIDE_AVX2 void transpose_squares(const std::uint32_t* from, std::size_t stride,
                                       std::uint32_t* to, std::size_t to_stride,
                                       std::size_t step, std::size_t to_step) {
  for (unsigned square = 0; square < kSteps / kLanes; ++square) {
    __m256i x[kLanes];
    for (unsigned i = 0; i < kLanes; ++i) {
      x[i] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + i * stride));
    }
    transpose_eight(x);
    for (unsigned i = 0; i < kLanes; ++i) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i * to_stride), x[i]);
    }
    from += step;
    to += to_step;
  }
}
#endif

}  // namespace

void to_stretches(const std::uint32_t* numbers, std::uint32_t* places) {
#ifdef TIDE_AVX2
  if (has_avx2()) {
    return transpose_squares(numbers, kSteps, places, kLanes, kLanes, kLanes * kLanes);
  }
#endif
  for (std::size_t i = 0; i < kLaneNumbers; ++i) places[place_in_stretches(i)] = numbers[i];
}
void from_stretches(const std::uint32_t* places, std::uint32_t* numbers) {
#ifdef TIDE_AVX2
  if (has_avx2()) {
    return transpose_squares(places, kLanes, numbers, kSteps, kLanes * kLanes, kLanes);
  }
#endif
  for (std::size_t i = 0; i < kLaneNumbers; ++i) numbers[i] = places[place_in_stretches(i)];
}

}  // namespace tidemark::codec
