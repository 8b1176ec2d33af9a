#include <algorithm>
#include <bit>
#include <limits>

#include "common/codec/bit_lanes.h"
#include "common/codec/bits.h"
#include "common/codec/clones.h"
#include "common/codec/extent.h"
#include "common/codec/fast.h"
#include "common/codec/fast_run.h"

namespace tidemark::codec::fast {
namespace {

constexpr std::uint64_t kNarrowEnd = std::uint64_t{1} << 32;  // of numbers that may be patched
constexpr unsigned kPatchesMax = 64;      // of a run
constexpr unsigned kPatchPrice = 8;       // bits more that a patch must save: it takes time too
constexpr unsigned kNarrowerMax = 24;     // bits that patches may take off a width

using Residuals = std::array<std::int64_t, kRun>;
using Numbers = std::array<std::uint32_t, kRun>;

// What the predictor leaves of rows [at, at + n): gives (place, residual) to `put`. Plain loops,
// for functions that are compiled for the CPU at hand.
template <typename Put>
[[gnu::always_inline]] inline void predict_run(const Predictor& p, const std::int64_t* v,
                                               std::size_t at, std::size_t n, Put put) {
  v += at;
  const auto* before = v - 1;
  if (p.kind == Prediction::mean) {
    for (std::size_t i = 0; i < n; ++i) put(i, minus(v[i], p.mean));
    return;
  }
  if (p.kind == Prediction::delta) {
    for (std::size_t i = 0; i < n; ++i) put(i, minus(v[i], before[i]));
    return;
  }
  std::size_t begin = 0;
  if (at == 1) put(begin++, minus(minus(v[0], before[0]), p.mean));
  const auto* earlier = before - 1;
  for (auto i = begin; i < n; ++i) {
    put(i, minus(minus(v[i], before[i]), minus(before[i], earlier[i])));
  }
}

TIDE_CODEC_CLONES void residuals_of(const Predictor& p, const std::int64_t* v, std::size_t at,
                                    std::size_t n, std::int64_t* r) {
  predict_run(p, v, at, n, [=](std::size_t i, std::int64_t x) __attribute__((always_inline)) {
    r[i] = x;
  });
}

// Of nine numbers spread over a run: medians of three, and theirs.
std::uint32_t middle_of(const Numbers& numbers, std::size_t n) {
  const auto middle = [](std::uint32_t a, std::uint32_t b, std::uint32_t c) {
    return std::max(std::min(a, b), std::min(std::max(a, b), c));
  };
  const auto step = (n - 1) / 8;
  const auto* at = numbers.data();
  return middle(middle(at[0], at[step], at[2 * step]),
                middle(at[3 * step], at[4 * step], at[5 * step]),
                middle(at[6 * step], at[7 * step], at[8 * step]));
}

// How a run is written, and its numbers above the least residual.
struct Plan {
  Run run;
  std::uint32_t start = 0;  // of the window that is not patched, above the least residual
  std::size_t bits = 0;
  Numbers numbers;  // not of wide runs; past the end as the middle one
};

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
[[gnu::always_inline]] inline Outside count_outside(const std::uint32_t* numbers, Window first,
                                                    Window second) {
  std::uint32_t of_first = 0, of_second = 0;
  for (std::size_t i = 0; i < kRun; ++i) {
    of_first += std::uint32_t{numbers[i] - first.start > first.mask};
    of_second += std::uint32_t{numbers[i] - second.start > second.mask};
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
  const auto middle = middle_of(plan.numbers, n);
  for (std::size_t i = n; i < kRun; ++i) plan.numbers[i] = middle;
  auto left = std::min(plan.run.width, kNarrowerMax);  // windows, two at a time
  for (auto width = plan.run.width; left > 0;) {
    const auto first = window_of(--width, middle, range);
    const auto second = left > 1 ? window_of(--width, middle, range) : first;
    const auto outside = count_outside(plan.numbers.data(), first, second);
    if (!consider(first, outside.of_first, n, range, plan)) return;
    if (left > 1 && !consider(second, outside.of_second, n, range, plan)) return;
    left -= std::min(left, 2U);
  }
}

// Of residuals that are far, but near each other.
TIDE_CODEC_CLONES void plan_off(const std::int64_t* r, std::int64_t low, std::uint32_t range,
                                std::size_t n, Plan& plan) {
  for (std::size_t i = 0; i < n; ++i) {
    plan.numbers[i] = static_cast<std::uint32_t>(minus(r[i], low));
  }
  plan_patches(static_cast<unsigned>(n), range, plan);
}

// Of rows [at, at + n), which `p` predicts. False: a residual takes more than 32 bits, and nothing
// was done.
TIDE_CODEC_CLONES bool plan_near(const Predictor& p, const std::int64_t* v, std::size_t at,
                                 std::size_t n, Plan& plan) {
  auto* const __restrict numbers = plan.numbers.data();
  std::uint64_t far = 0;
  auto low = std::numeric_limits<std::int32_t>::max(), high = -low - 1;
  predict_run(p, v, at, n, [&](std::size_t i, std::int64_t r) __attribute__((always_inline)) {
    const auto x = static_cast<std::int32_t>(r);
    numbers[i] = static_cast<std::uint32_t>(x);
    low = x < low ? x : low;
    high = x > high ? x : high;
    far |= (static_cast<std::uint64_t>(r) + (std::uint64_t{1} << 31)) >> 32;
  });
  if (far != 0) return false;
  const auto least = static_cast<std::uint32_t>(low);
  for (std::size_t i = 0; i < kRun; ++i) numbers[i] -= least;
  const auto range = static_cast<std::uint32_t>(high) - least;
  plan.run = {low, static_cast<unsigned>(std::bit_width(range)), 0, 0};
  plan.start = 0;
  plan.bits = kRunHeadBits + n * plan.run.width;
  plan_patches(static_cast<unsigned>(n), range, plan);
  plan.run.low += plan.start;
  return true;
}

// `r` is filled for runs whose numbers take more than 32 bits.
void plan_run(const Predictor& p, const std::int64_t* v, std::size_t at, std::size_t n,
              Residuals& r, Plan& plan) {
  if (plan_near(p, v, at, n, plan)) return;
  residuals_of(p, v, at, n, r.data());
  const auto [low, high] = extent_of({r.data(), n});
  const auto range = static_cast<std::uint64_t>(minus(high, low));
  plan.run = {low, static_cast<unsigned>(std::bit_width(range)), 0, 0};
  plan.start = 0;
  plan.bits = kRunHeadBits + n * plan.run.width;
  if (range < kNarrowEnd) plan_off(r.data(), low, static_cast<std::uint32_t>(range), n, plan);
  plan.run.low = plus(plan.run.low, std::int64_t{plan.start});
}

void write_head(const Run& run, ByteWriter& out) {
  out.u8(static_cast<std::uint8_t>(run.width | (run.patches != 0 ? kPatched : 0U)));
  out.svarint(run.low);
  if (run.patches == 0) return;
  out.u8(static_cast<std::uint8_t>(run.patches));
  out.u8(static_cast<std::uint8_t>(run.patch_width));
}

struct Patches {
  std::array<std::uint8_t, kRun> positions;
  std::array<std::uint64_t, kRun> numbers;
};

TIDE_CODEC_CLONES void lower(std::uint32_t* numbers, std::uint32_t by) {
  for (std::size_t i = 0; i < kRun; ++i) numbers[i] -= by;
}
TIDE_CODEC_CLONES void split(const std::int64_t* r, std::int64_t low, std::uint32_t* low_half,
                             std::uint32_t* high_half) {
  for (std::size_t i = 0; i < kRun; ++i) {
    const auto u = static_cast<std::uint64_t>(minus(r[i], low));
    low_half[i] = static_cast<std::uint32_t>(u);
    high_half[i] = static_cast<std::uint32_t>(u >> 32);
  }
}
TIDE_CODEC_CLONES void flag_above(const std::uint32_t* numbers, std::uint32_t mask,
                                  std::uint8_t* flags) {
  for (std::size_t i = 0; i < kRun; ++i) flags[i] = numbers[i] > mask ? 1 : 0;
}

// Takes those outside of the window out of the numbers, which are above its start.
void take_patches(Numbers& numbers, std::uint32_t mask, std::uint32_t start, Patches& patches) {
  constexpr unsigned kWord = 64;
  std::array<std::uint8_t, kRun> flags;
  flag_above(numbers.data(), mask, flags.data());
  unsigned count = 0;
  for (unsigned at = 0; at < kRun; at += kWord) {
    for (auto word = packed_flags(flags.data() + at); word != 0; word &= word - 1) {
      const auto place = at + static_cast<unsigned>(std::countr_zero(word));
      patches.positions[count++] = static_cast<std::uint8_t>(place);
    }
  }
  for (unsigned i = 0; i < count; ++i) {
    auto& number = numbers[patches.positions[i]];
    const auto above_least = std::int64_t{number + start};  // wraps around as it did
    patches.numbers[i] = zigzag(above_least - std::int64_t{start});
    number = 0;
  }
}

// A whole run.
void pack(unsigned width, const Numbers& numbers, bool stretches, std::uint8_t* packed) {
  if (!stretches) return pack_lanes(width, numbers.data(), packed);
  alignas(32) Numbers places;
  to_stretches(numbers.data(), places.data());
  pack_lanes(width, places.data(), packed);
}

void write_run(const Residuals& r, std::size_t n, bool stretches, Plan& plan, ByteWriter& out) {
  write_head(plan.run, out);
  const auto& run = plan.run;
  auto& bytes = out.out();
  const auto at = bytes.size();
  Patches patches;
  auto& numbers = plan.numbers;
  if (run.width <= 32) {
    if (plan.start != 0) lower(numbers.data(), plan.start);
    if (run.patches != 0) {
      take_patches(numbers, static_cast<std::uint32_t>(low_mask(run.width)), plan.start,
                   patches);
    }
  }
  if (n == kRun) {
    bytes.resize(at + std::size_t{32} * run.width);
    if (run.width <= 32) {
      pack(run.width, numbers, stretches, bytes.data() + at);
    } else {
      Numbers low, high;
      split(r.data(), run.low, low.data(), high.data());
      pack(32, low, stretches, bytes.data() + at);
      pack(run.width - 32, high, stretches, bytes.data() + at + 1024);
    }
  } else {
    BitWriter bits(bytes);
    for (std::size_t i = 0; i < n; ++i) {
      bits.put(run.width <= 32 ? numbers[i]
                               : static_cast<std::uint64_t>(minus(r[i], run.low)),
               run.width);
    }
    bits.finish();
  }
  if (run.patches == 0) return;
  out.raw({patches.positions.data(), run.patches});
  BitWriter bits(bytes);
  for (unsigned i = 0; i < run.patches; ++i) bits.put(patches.numbers[i], run.patch_width);
  bits.finish();
}

// For what the forecast says, twice as much as there was at least: growing in small steps copies
// all that is there each time.
void make_room(const Predictor& p, ByteVector& bytes) {
  const auto wanted = bytes.size() + static_cast<std::size_t>(p.bits / 7) + kRun;
  if (wanted > bytes.capacity()) bytes.reserve(std::max(wanted, 2 * bytes.capacity()));
}

}  // namespace

void write(const Predictor& p, std::span<const std::int64_t> values, ByteWriter& out) {
  make_room(p, out.out());
  Residuals r;
  Plan plan;
  std::size_t zeros_at = 0;  // the byte of the zero runs just before, if there are any
  for (auto at = p.begin(); at < values.size(); at += kRun) {
    const auto n = std::min(kRun, values.size() - at);
    plan_run(p, values.data(), at, n, r, plan);
    const bool zeros = n == kRun && plan.run.width == 0 && plan.run.low == 0 &&
                       plan.run.patches == 0;
    if (!zeros) {
      write_run(r, n, p.kind == Prediction::delta2, plan, out);
      zeros_at = 0;
    } else if (zeros_at != 0 && out.out()[zeros_at] < kZeroRuns + kZeroRunsMax) {
      ++out.out()[zeros_at];
    } else {
      zeros_at = out.size();
      out.u8(kZeroRuns + 1);
    }
  }
}

void write(std::span<const std::int64_t> residuals, ByteWriter& out) {
  Predictor as_they_are;
  as_they_are.kind = Prediction::mean;
  write(as_they_are, residuals, out);
}

Predictor choose(std::span<const std::int64_t> values) {
  constexpr std::size_t kSampled = 3;  // runs
  const auto rows = values.size() - 1;  // that any of them predicts
  const auto length = std::min(kRun, rows);
  const auto runs = std::min(kSampled, (rows + kRun - 1) / kRun);
  const auto step = runs > 1 ? (rows - length) / (runs - 1) : 0;
  Predictor best;
  best.firsts[0] = values[0];
  best.bits = std::numeric_limits<double>::max();
  Residuals r;
  Plan plan;
  auto p = best;
  for (const auto kind : {Prediction::delta, Prediction::mean, Prediction::delta2}) {
    p.kind = kind;
    p.mean = kind == Prediction::delta2 ? minus(values[1], values[0]) : values[0];
    std::size_t bits = 0;
    for (std::size_t i = 0; i < runs; ++i) {
      plan_run(p, values.data(), 1 + i * step, length, r, plan);
      bits += plan.bits;
    }
    p.bits = static_cast<double>(bits) * static_cast<double>(rows) /
             static_cast<double>(runs * length);
    if (p.bits < best.bits) best = p;
  }
  return best;
}

}  // namespace tidemark::codec::fast
