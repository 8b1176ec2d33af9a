#include "common/codec/fast_plan.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <type_traits>

#include "common/base/clones.h"
#include "common/codec/bits.h"
#include "common/codec/extent.h"
#include "common/codec/fast_run.h"

namespace tidemark::codec::fast {
namespace {

constexpr std::uint64_t kNarrowEnd = std::uint64_t{1} << 32;  // of numbers that may be patched
constexpr unsigned kPatchesMax = 64;      // of a run
constexpr unsigned kPatchPrice = 8;       // bits more that a patch must save: it takes time too
constexpr unsigned kNarrowerMax = 24;     // bits that patches may take off a width

template <typename Int>
[[gnu::always_inline]] inline Int less(Int a, Int b) {  // wraps around
  using Bits = std::make_unsigned_t<Int>;
  return static_cast<Int>(static_cast<Bits>(a) - static_cast<Bits>(b));
}

// What the predictor leaves of rows [at, at + n): gives (place, residual) to `put`. Plain loops,
// for functions that are compiled for the CPU at hand.
template <typename Int, typename Put>
[[gnu::always_inline]] inline void predict_run(Prediction kind, Int mean, const Int* v,
                                               std::size_t at, std::size_t n, Put put) {
  v += at;
  const auto* before = v - 1;
  if (kind == Prediction::mean) {
    for (std::size_t i = 0; i < n; ++i) put(i, less(v[i], mean));
    return;
  }
  if (kind == Prediction::delta) {
    for (std::size_t i = 0; i < n; ++i) put(i, less(v[i], before[i]));
    return;
  }
  std::size_t begin = 0;
  if (at == 1) put(begin++, less(less(v[0], before[0]), mean));
  const auto* earlier = before - 1;
  for (auto i = begin; i < n; ++i) {
    put(i, less(less(v[i], before[i]), less(before[i], earlier[i])));
  }
}

TIDE_CLONES void residuals_of(const Predictor& p, const std::int64_t* v, std::size_t at,
                                    std::size_t n, std::int64_t* r) {
  predict_run(p.kind, p.mean, v, at, n,
              [=](std::size_t i, std::int64_t x) __attribute__((always_inline)) { r[i] = x; });
}

// Of nine numbers spread over a run: medians of three, and theirs.
std::uint32_t middle_of(const Numbers& numbers, std::uint32_t base, std::size_t n) {
  const auto middle = [](std::uint32_t a, std::uint32_t b, std::uint32_t c) {
    return std::max(std::min(a, b), std::min(std::max(a, b), c));
  };
  const auto step = (n - 1) / 8;
  const auto at = [&](std::size_t i) { return numbers[i * step] - base; };
  return middle(middle(at(0), at(1), at(2)), middle(at(3), at(4), at(5)),
                middle(at(6), at(7), at(8)));
}

// The numbers of `width` bits that are not patched: from `start` on.
struct Window {
  unsigned width;
  std::uint32_t mask, start;
};
[[gnu::always_inline]] inline Window window_of(unsigned width, std::uint32_t middle,
                                               std::uint32_t range) {
  const auto mask = static_cast<std::uint32_t>(low_mask(width));
  const auto half = mask / 2 + (mask & 1);
  return {width, mask, std::min(middle - std::min(middle, half), range - mask)};
}
// Of numbers outside of each.
struct Outside {
  std::uint32_t of_first = 0, of_second = 0;
};
[[gnu::always_inline]] inline Outside count_outside(const std::uint32_t* numbers,
                                                    std::uint32_t base, Window first,
                                                    Window second) {
  // Vectors compare signed numbers: both sides are moved by as much.
  constexpr auto kSign = std::uint32_t{1} << 31;
  const auto from_first = base + first.start + kSign, from_second = base + second.start + kSign;
  const auto most_first = static_cast<std::int32_t>(first.mask + kSign);
  const auto most_second = static_cast<std::int32_t>(second.mask + kSign);
  std::uint32_t of_first = 0, of_second = 0;
  for (std::size_t i = 0; i < kRun; ++i) {
    of_first += std::uint32_t{static_cast<std::int32_t>(numbers[i] - from_first) > most_first};
    of_second += std::uint32_t{static_cast<std::int32_t>(numbers[i] - from_second) > most_second};
  }
  return {of_first, of_second};
}

// Takes a window, if its patches save something; false: narrower ones are not worth a look.
[[gnu::always_inline]] inline bool consider(const Window& window, std::uint32_t outside,
                                            unsigned n, std::uint32_t range, Plan& plan) {
  if (outside > kPatchesMax) return false;
  const auto farthest = std::max<std::uint64_t>(2 * std::uint64_t{range - window.start},
                                                2 * std::uint64_t{window.start});
  if (farthest >= kNarrowEnd) return true;
  const auto patch_width = static_cast<unsigned>(std::bit_width(farthest));
  const auto bits = kRunHeadBits + kPatchHeadBits + std::size_t{n} * window.width +
                    std::size_t{outside} * (kPatchPrice + kPositionBits + patch_width);
  if (bits >= plan.bits) return true;
  plan.bits = bits;
  plan.start = window.start;
  plan.run.width = window.width;
  plan.run.patches = outside;
  plan.run.patch_width = patch_width;
  return true;
}

[[gnu::always_inline]] inline void plan_patches(unsigned n, std::uint32_t range, Plan& plan) {
  const auto middle = middle_of(plan.numbers, plan.base, n);
  for (std::size_t i = n; i < kRun; ++i) plan.numbers[i] = plan.base + middle;
  auto left = std::min(plan.run.width, kNarrowerMax);  // windows, two at a time
  for (auto width = plan.run.width; left > 0;) {
    const auto first = window_of(--width, middle, range);
    const auto second = left > 1 ? window_of(--width, middle, range) : first;
    const auto outside = count_outside(plan.numbers.data(), plan.base, first, second);
    if (!consider(first, outside.of_first, n, range, plan)) return;
    if (left > 1 && !consider(second, outside.of_second, n, range, plan)) return;
    left -= std::min(left, 2U);
  }
}

// Of residuals from `low` on, whose lowest 32 bits are in the numbers.
[[gnu::always_inline]] inline void plan_narrow(std::int64_t low, std::uint32_t range,
                                               std::size_t n, Plan& plan) {
  plan.run = {low, static_cast<unsigned>(std::bit_width(range)), 0, 0};
  plan.base = static_cast<std::uint32_t>(low);
  plan.start = 0;
  plan.bits = kRunHeadBits + n * plan.run.width;
  plan_patches(static_cast<unsigned>(n), range, plan);
  plan.run.low = plus(low, std::int64_t{plan.start});
  plan.base += plan.start;
}

// Of residuals that are far, but near each other.
TIDE_CLONES void plan_off(const std::int64_t* r, std::int64_t low, std::uint32_t range,
                                std::size_t n, Plan& plan) {
  for (std::size_t i = 0; i < n; ++i) plan.numbers[i] = static_cast<std::uint32_t>(r[i]);
  plan_narrow(low, range, n, plan);
}

// False: a residual takes more than 32 bits, and nothing was done.
template <typename Int>
[[gnu::always_inline]] inline bool plan_near_of(Prediction kind, Int mean, const Int* v,
                                                std::size_t at, std::size_t n, Plan& plan) {
  auto* const __restrict numbers = plan.numbers.data();
  std::uint64_t far = 0;
  auto low = std::numeric_limits<std::int32_t>::max(), high = -low - 1;
  predict_run(kind, mean, v, at, n, [&](std::size_t i, Int r) __attribute__((always_inline)) {
    const auto x = static_cast<std::int32_t>(r);
    numbers[i] = static_cast<std::uint32_t>(x);
    low = x < low ? x : low;
    high = x > high ? x : high;
    if constexpr (sizeof(Int) == 8) {
      far |= (static_cast<std::uint64_t>(r) + (std::uint64_t{1} << 31)) >> 32;
    }
  });
  if (far != 0) return false;
  plan_narrow(low, static_cast<std::uint32_t>(high) - static_cast<std::uint32_t>(low), n, plan);
  return true;
}
TIDE_CLONES bool plan_near(const Predictor& p, const std::int64_t* v, std::size_t at,
                                 std::size_t n, Plan& plan) {
  return plan_near_of(p.kind, p.mean, v, at, n, plan);
}
TIDE_CLONES void plan_distances(Prediction kind, std::int32_t mean,
                                      const std::int32_t* distances, std::size_t at,
                                      std::size_t n, Plan& plan) {
  static_cast<void>(plan_near_of(kind, mean, distances, at, n, plan));
}

}  // namespace

void plan_run(const Predictor& p, const std::int64_t* v, std::size_t at, std::size_t n,
              Residuals& r, Plan& plan) {
  if (plan_near(p, v, at, n, plan)) return;
  residuals_of(p, v, at, n, r.data());
  const auto [low, high] = extent_of({r.data(), n});
  const auto range = static_cast<std::uint64_t>(minus(high, low));
  if (range < kNarrowEnd) {
    return plan_off(r.data(), low, static_cast<std::uint32_t>(range), n, plan);
  }
  plan.run = {low, static_cast<unsigned>(std::bit_width(range)), 0, 0};
  plan.bits = kRunHeadBits + n * plan.run.width;
}

void plan_run(const Predictor& p, const std::int32_t* distances, std::size_t at, std::size_t n,
              Plan& plan) {
  const bool twice = p.kind == Prediction::delta2;  // else the mean is the first one
  plan_distances(p.kind, twice ? static_cast<std::int32_t>(p.mean) : 0, distances, at, n, plan);
}

}  // namespace tidemark::codec::fast
