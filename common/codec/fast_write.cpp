#include <algorithm>
#include <bit>
#include <limits>

#include "common/codec/bit_lanes.h"
#include "common/codec/bits.h"
#include "common/codec/clones.h"
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

struct Extent {
  std::int64_t low, high;
};

TIDE_CODEC_CLONES Extent extent_of(const std::int64_t* r, std::size_t n) {
  auto low = r[0], high = r[0];
  for (std::size_t i = 0; i < n; ++i) {
    low = r[i] < low ? r[i] : low;
    high = r[i] > high ? r[i] : high;
  }
  return {low, high};
}
TIDE_CODEC_CLONES void take_off(const std::int64_t* r, std::size_t n, std::int64_t low,
                                std::uint32_t* numbers) {
  for (std::size_t i = 0; i < n; ++i) numbers[i] = static_cast<std::uint32_t>(minus(r[i], low));
}
TIDE_CODEC_CLONES void lower(std::uint32_t* numbers, std::uint32_t by) {
  for (std::size_t i = 0; i < kRun; ++i) numbers[i] -= by;
}
// Of numbers outside [start, start + mask].
TIDE_CODEC_CLONES unsigned count_outside(const std::uint32_t* numbers, std::uint32_t start,
                                         std::uint32_t mask) {
  std::uint32_t outside = 0;
  for (std::size_t i = 0; i < kRun; ++i) outside += std::uint32_t{numbers[i] - start > mask};
  return outside;
}
TIDE_CODEC_CLONES void split(const std::int64_t* r, std::int64_t low, std::uint32_t* low_half,
                             std::uint32_t* high_half) {
  for (std::size_t i = 0; i < kRun; ++i) {
    const auto u = static_cast<std::uint64_t>(minus(r[i], low));
    low_half[i] = static_cast<std::uint32_t>(u);
    high_half[i] = static_cast<std::uint32_t>(u >> 32);
  }
}

// What the predictor leaves of rows [at, at + n).
TIDE_CODEC_CLONES void residuals_of(const Predictor& p, const std::int64_t* v, std::size_t at,
                                    std::size_t n, std::int64_t* r) {
  v += at;
  if (p.kind == Prediction::mean) {
    for (std::size_t i = 0; i < n; ++i) r[i] = minus(v[i], p.mean);
  } else if (p.kind == Prediction::delta || at == 1) {
    for (std::size_t i = 0; i < n; ++i) r[i] = minus(v[i], v[static_cast<std::ptrdiff_t>(i) - 1]);
    if (p.kind == Prediction::delta) return;
    for (auto i = n; i-- > 1;) r[i] = minus(r[i], r[i - 1]);
    r[0] = minus(r[0], p.mean);
  } else {
    const auto* before = v - 1;
    const auto* earlier = v - 2;
    for (std::size_t i = 0; i < n; ++i) {
      r[i] = minus(minus(v[i], before[i]), minus(before[i], earlier[i]));
    }
  }
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

void plan_patches(unsigned n, std::uint32_t range, Plan& plan) {
  const auto widest = plan.run.width;
  const auto middle = middle_of(plan.numbers, n);
  std::fill(plan.numbers.begin() + n, plan.numbers.end(), middle);
  for (auto w = widest; w-- > widest - std::min(widest, kNarrowerMax);) {
    const auto mask = static_cast<std::uint32_t>(low_mask(w));
    const auto half = mask / 2 + (mask & 1);
    const auto start = std::min(middle - std::min(middle, half), range - mask);
    const auto outside = count_outside(plan.numbers.data(), start, mask);
    if (outside > kPatchesMax) break;
    const auto farthest = std::max<std::uint64_t>(2 * std::uint64_t{range - start},
                                                  2 * std::uint64_t{start});
    if (farthest >= kNarrowEnd) continue;
    const auto patch_width = static_cast<unsigned>(std::bit_width(farthest));
    const auto bits = kRunHeadBits + kPatchHeadBits + std::size_t{n} * w +
                      std::size_t{outside} * (kPatchPrice + kPositionBits + patch_width);
    if (bits >= plan.bits) continue;
    plan.bits = bits;
    plan.start = start;
    plan.run.width = w;
    plan.run.patches = outside;
    plan.run.patch_width = patch_width;
  }
}

void plan_run(const Residuals& r, std::size_t n, Plan& plan) {
  const auto extent = extent_of(r.data(), n);
  const auto range = static_cast<std::uint64_t>(minus(extent.high, extent.low));
  plan.run = {extent.low, static_cast<unsigned>(std::bit_width(range)), 0, 0};
  plan.start = 0;
  plan.bits = kRunHeadBits + n * plan.run.width;
  if (range >= kNarrowEnd) return;
  take_off(r.data(), n, extent.low, plan.numbers.data());
  plan_patches(static_cast<unsigned>(n), static_cast<std::uint32_t>(range), plan);
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

void write_run(const Residuals& r, std::size_t n, Plan& plan, ByteWriter& out) {
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
      pack_lanes(run.width, numbers.data(), bytes.data() + at);
    } else {
      Numbers low, high;
      split(r.data(), run.low, low.data(), high.data());
      pack_lanes(32, low.data(), bytes.data() + at);
      pack_lanes(run.width - 32, high.data(), bytes.data() + at + 1024);
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
    residuals_of(p, values.data(), at, n, r.data());
    plan_run(r, n, plan);
    const bool zeros = n == kRun && plan.run.width == 0 && plan.run.low == 0 &&
                       plan.run.patches == 0;
    if (!zeros) {
      write_run(r, n, plan, out);
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
      residuals_of(p, values.data(), 1 + i * step, length, r.data());
      plan_run(r, length, plan);
      bits += plan.bits;
    }
    p.bits = static_cast<double>(bits) * static_cast<double>(rows) /
             static_cast<double>(runs * length);
    if (p.bits < best.bits) best = p;
  }
  return best;
}

}  // namespace tidemark::codec::fast
