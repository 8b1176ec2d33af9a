// XXH3 for CPUs with AVX2, which do twice as many bytes a second with it. Private to this folder.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace tidemark {

uint64_t xxh3_avx2(const void* bytes, size_t size, uint64_t seed);

}  // namespace tidemark
