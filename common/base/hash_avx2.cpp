// Compiled for AVX2 as a whole: nothing may be included that another file could share a function
// with, since the linker would keep one of the two.
#include "common/base/hash_avx2.h"

#ifdef __AVX2__
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace tidemark {

uint64_t xxh3_avx2(const void* bytes, size_t size, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes, size, seed);
}

}  // namespace tidemark
#endif
