#define XXH_INLINE_ALL  // a call of the library does half as many bytes a second
#include <xxhash.h>

#include "common/base/hash.h"
#include "common/base/hash_avx2.h"

namespace tidemark {

std::uint64_t xxh3(ByteSpan bytes, std::uint64_t seed) {
#ifdef TIDEMARK_HASH_AVX2
  static const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;
  if (has_avx2) return xxh3_avx2(bytes.data(), bytes.size(), seed);
#endif
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace tidemark
