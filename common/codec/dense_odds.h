// Odds and what moves them: the logistic domain in which votes add up. Private to this folder.
#pragma once

#include <array>
#include <cstdint>

#include "common/codec/dense_model.h"

namespace tidemark::codec::dense {

inline constexpr int kLogitMax = 2047;  // logits in 1/256
inline constexpr int kWeightBits = 16;
inline constexpr std::int32_t kWeightMax = 4 << kWeightBits;
inline constexpr int kLearningShift = 13;
inline constexpr int kSeenMax = 120;
inline constexpr int kOddsMin = 32;

namespace tables {

// e^x for |x| <= 8 by its series; only + and *, so that every compiler finds the same.
constexpr double exponential(double x) {
  double small = x / 1024, term = 1, sum = 1;
  for (int i = 1; i < 12; ++i) sum += term *= small / i;
  for (int i = 0; i < 10; ++i) sum *= sum;
  return sum;
}

constexpr auto make_squash() {
  std::array<std::uint16_t, 2 * kLogitMax + 2> table{};
  for (int i = 0; i < static_cast<int>(table.size()); ++i) {
    const double p = 65536 / (1 + exponential((kLogitMax + 1 - i) / 256.0));
    table[static_cast<std::size_t>(i)] = static_cast<std::uint16_t>(p);
  }
  return table;
}
inline constexpr auto kSquash = make_squash();  // by logit + 2,048

constexpr auto make_stretch() {
  std::array<std::int16_t, 4096> table{};
  int logit = -kLogitMax;
  for (int i = 0; i < 4096; ++i) {
    const int p = i * 16 + 8;
    while (logit < kLogitMax && kSquash[static_cast<std::size_t>(logit + kLogitMax + 1)] < p) {
      ++logit;
    }
    table[static_cast<std::size_t>(i)] = static_cast<std::int16_t>(logit);
  }
  return table;
}
inline constexpr auto kStretch = make_stretch();  // by the upper 12 bits of p

constexpr auto make_rates() {
  std::array<std::int32_t, kSeenMax + 1> table{};
  for (int i = 0; i <= kSeenMax; ++i) {
    table[static_cast<std::size_t>(i)] = 655'360 / (10 * i + 16);
  }
  return table;
}
inline constexpr auto kRates = make_rates();  // 65,536 / (seen + 1.6)

}  // namespace tables

inline int stretch(const Counter& c) { return tables::kStretch[c.p >> 4]; }
inline int squash(int logit) {
  return tables::kSquash[static_cast<std::size_t>(logit + kLogitMax + 1)];
}

inline void adapt(Counter& c, bool one) {
  const int target = one ? 65535 : 0;
  c.p = static_cast<std::uint16_t>(c.p + ((target - c.p) * tables::kRates[c.seen] >> 16));
  if (c.seen < kSeenMax) ++c.seen;
}

// One decision by one counter.
template <typename Coder>
[[gnu::always_inline]] inline bool decide(Coder& coder, bool one, Counter& c) {
  const int p = std::clamp<int>(c.p, kOddsMin, 65536 - kOddsMin);
  one = coder.bit(one, static_cast<Probability>(p));
  adapt(c, one);
  return one;
}

// One decision by two counters that vote.
template <typename Coder>
[[gnu::always_inline]] inline bool decide(Coder& coder, bool one, Counter& a, Counter& b,
                                          Weights& weights) {
  const int vote_a = stretch(a), vote_b = stretch(b);
  const int logit = (vote_a * weights.a + vote_b * weights.b) >> kWeightBits;
  const int p = squash(std::clamp(logit, -kLogitMax, kLogitMax));
  one = coder.bit(one, static_cast<Probability>(p));
  const int error = (one ? 65536 : 0) - p;
  const auto moved = [error](std::int32_t weight, int vote) {
    const int step = (vote * error + (1 << (kLearningShift - 1))) >> kLearningShift;
    return std::clamp(weight + step, -kWeightMax, kWeightMax);
  };
  weights.a = moved(weights.a, vote_a);
  weights.b = moved(weights.b, vote_b);
  adapt(a, one);
  adapt(b, one);
  return one;
}

}  // namespace tidemark::codec::dense
