// Hot loops are compiled twice on amd64: for any CPU, and for those with AVX2 and BMI2 (the level
// x86-64-v3), chosen when the program starts or at the call. Both do the same arithmetic in the
// same order (-ffp-contract=off), so that they write the same bytes. With TIDE_PLAIN defined
// there is only the code for any CPU, as on ARM.
#pragma once

#if defined(__x86_64__) && !defined(TIDE_PLAIN)
// Of a function that is called only where has_avx2().
#define TIDE_AVX2 [[gnu::target("arch=x86-64-v3")]]
namespace tidemark {
inline bool has_avx2() {
  static const bool has = __builtin_cpu_supports("avx2") != 0 &&
                          __builtin_cpu_supports("bmi2") != 0 &&
                          __builtin_cpu_supports("fma") != 0;
  return has;
}
}  // namespace tidemark
#endif

// Of the same source twice. Not for sanitisers: the resolvers run before their start-up code. Nor
// for clang 14, which has no levels here.
#if defined(TIDE_AVX2) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define TIDE_CLONES __attribute__((target_clones("default", "arch=x86-64-v3")))
#else
#define TIDE_CLONES
#endif
