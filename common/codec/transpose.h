// Eight vectors of eight numbers, turned so that lanes become vectors. Private to this folder.
#pragma once

#include "common/base/clones.h"

#ifdef TIDE_AVX2
#include <immintrin.h>

namespace tidemark::codec {

TIDE_AVX2 [[gnu::always_inline]] inline void transpose_eight(__m256i x[8]) {
  __m256i pairs[8], fours[8];
  for (unsigned i = 0; i < 8; i += 2) {
    pairs[i] = _mm256_unpacklo_epi32(x[i], x[i + 1]);
    pairs[i + 1] = _mm256_unpackhi_epi32(x[i], x[i + 1]);
  }
  for (unsigned i = 0; i < 8; i += 4) {
    fours[i] = _mm256_unpacklo_epi64(pairs[i], pairs[i + 2]);
    fours[i + 1] = _mm256_unpackhi_epi64(pairs[i], pairs[i + 2]);
    fours[i + 2] = _mm256_unpacklo_epi64(pairs[i + 1], pairs[i + 3]);
    fours[i + 3] = _mm256_unpackhi_epi64(pairs[i + 1], pairs[i + 3]);
  }
  for (unsigned i = 0; i < 4; ++i) {
    x[i] = _mm256_permute2x128_si256(fours[i], fours[i + 4], 0x20);
    x[i + 4] = _mm256_permute2x128_si256(fours[i], fours[i + 4], 0x31);
  }
}

}  // namespace tidemark::codec
#endif
