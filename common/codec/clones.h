// Hot loops are compiled twice on amd64: for any CPU, and for those with AVX2 and BMI2 (the level
// x86-64-v3), chosen when the program starts. Both do the same arithmetic in the same order
// (-ffp-contract=off), so that they write the same bytes. Private to this folder.
#pragma once

#if defined(__x86_64__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define TIDE_CODEC_CLONES __attribute__((target_clones("default", "arch=x86-64-v3")))
// Of a function that is called only where the CPU has AVX2 and FMA.
#define TIDE_CODEC_AVX2 __attribute__((target("arch=x86-64-v3")))
namespace tidemark::codec {
inline bool has_avx2() {
  static const bool has = __builtin_cpu_supports("avx2") != 0 &&
                          __builtin_cpu_supports("bmi2") != 0 &&
                          __builtin_cpu_supports("fma") != 0;
  return has;
}
}  // namespace tidemark::codec
#else  // the sanitisers' start-up code does not survive the resolvers
#define TIDE_CODEC_CLONES
#endif
