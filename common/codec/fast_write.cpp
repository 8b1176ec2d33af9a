#include "common/codec/fast.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "common/base/clones.h"
#include "common/codec/bit_lanes.h"
#include "common/codec/bits.h"
#include "common/codec/fast_plan.h"
#include "common/codec/fast_run.h"

#ifdef TIDE_AVX2
#include <immintrin.h>
#endif

namespace tidemark::codec::fast {
namespace {

void write_head(const Run& run, ByteWriter& out) {
  out.u8(static_cast<std::uint8_t>(run.width | (run.patches != 0 ? kPatched : 0U)));
  out.svarint(run.low);
  if (run.patches == 0) return;
  out.u8(static_cast<std::uint8_t>(run.patches));
  out.u8(static_cast<std::uint8_t>(run.patch_width));
}

constexpr unsigned kWord = 64;
using Flags = std::array<std::uint64_t, kRun / kWord>;  // a bit for each number

struct Patches {
  std::array<std::uint8_t, kRun> positions;
  std::array<std::uint64_t, kRun> numbers;
};

TIDE_CLONES void lower(std::uint32_t* numbers, std::uint32_t by) {
  for (std::size_t i = 0; i < kRun; ++i) numbers[i] -= by;
}
TIDE_CLONES void split(const std::int64_t* r, std::int64_t low, std::uint32_t* low_half,
                             std::uint32_t* high_half) {
  for (std::size_t i = 0; i < kRun; ++i) {
    const auto u = static_cast<std::uint64_t>(minus(r[i], low));
    low_half[i] = static_cast<std::uint32_t>(u);
    high_half[i] = static_cast<std::uint32_t>(u >> 32);
  }
}

#ifdef TIDE_AVX2
TIDE_AVX2 void flag_by_vectors(const std::uint32_t* numbers, std::uint32_t mask,
                                     Flags& flags) {
  const auto most = _mm256_set1_epi32(static_cast<int>(mask));
  for (auto& word : flags) {
    word = 0;
    for (unsigned at = 0; at < kWord; at += 8, numbers += 8) {
      const auto x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(numbers));
      const auto within = _mm256_cmpeq_epi32(_mm256_min_epu32(x, most), x);
      const auto eight = static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(within)));
      word |= std::uint64_t{eight ^ 0xffU} << at;
    }
  }
}
#endif

// Those above `mask`.
void flag_above(const std::uint32_t* numbers, std::uint32_t mask, Flags& flags) {
#ifdef TIDE_AVX2
  if (has_avx2()) return flag_by_vectors(numbers, mask, flags);
#endif
  std::array<std::uint8_t, kRun> above;
  for (std::size_t i = 0; i < kRun; ++i) above[i] = numbers[i] > mask ? 1 : 0;
  for (std::size_t w = 0; w < flags.size(); ++w) flags[w] = packed_flags(&above[w * kWord]);
}

// Takes those outside of the window out of the numbers, which are above its start.
void take_patches(Numbers& numbers, std::uint32_t mask, std::uint32_t start, Patches& patches) {
  Flags flags;
  flag_above(numbers.data(), mask, flags);
  unsigned count = 0;
  for (unsigned w = 0; w < flags.size(); ++w) {
    for (auto word = flags[w]; word != 0; word &= word - 1) {
      const auto place = w * kWord + static_cast<unsigned>(std::countr_zero(word));
      auto& number = numbers[place];
      const auto above_least = std::int64_t{number + start};  // wraps around as it did
      patches.positions[count] = static_cast<std::uint8_t>(place);
      patches.numbers[count++] = zigzag(above_least - std::int64_t{start});
      number = 0;
    }
  }
}

void write_patches(const Run& run, const Patches& patches, ByteWriter& out) {
  out.raw({patches.positions.data(), run.patches});
  auto& bytes = out.out();
  const auto end = bytes.size() + (std::size_t{run.patches} * run.patch_width + 7) / 8;
  auto at = bytes.size();
  bytes.resize(end + 8);
  std::uint64_t pending = 0;
  unsigned used = 0;  // less than 8, and a patch has 32 bits at most
  for (unsigned i = 0; i < run.patches; ++i) {
    pending |= patches.numbers[i] << used;
    used += run.patch_width;
    std::memcpy(bytes.data() + at, &pending, sizeof pending);
    at += used / 8;
    pending >>= used / 8 * 8;
    used %= 8;
  }
  bytes.resize(end);
}

// A whole run.
void pack(unsigned width, const Numbers& numbers, bool stretches, std::uint8_t* packed) {
  if (!stretches) return pack_lanes(width, numbers.data(), packed);
  alignas(32) Numbers places;
  to_stretches(numbers.data(), places.data());
  pack_lanes(width, places.data(), packed);
}

// Numbers of wide runs, above the least residual.
void pack_wide(const Residuals& r, const Run& run, bool stretches, std::uint8_t* packed) {
  Numbers low, high;
  split(r.data(), run.low, low.data(), high.data());
  pack(32, low, stretches, packed);
  pack(run.width - 32, high, stretches, packed + 1024);
}

void write_run(const Residuals& r, std::size_t n, bool stretches, Plan& plan, ByteWriter& out) {
  write_head(plan.run, out);
  const auto& run = plan.run;
  auto& bytes = out.out();
  const auto at = bytes.size();
  Patches patches;
  auto& numbers = plan.numbers;
  const bool wide = run.width > 32;
  if (!wide) lower(numbers.data(), plan.base);
  if (run.patches != 0) {
    take_patches(numbers, static_cast<std::uint32_t>(low_mask(run.width)), plan.start, patches);
  }
  if (n == kRun) {
    bytes.resize(at + std::size_t{32} * run.width);
    auto* const packed = bytes.data() + at;
    wide ? pack_wide(r, run, stretches, packed) : pack(run.width, numbers, stretches, packed);
  } else {
    BitWriter bits(bytes);
    for (std::size_t i = 0; i < n; ++i) {
      bits.put(wide ? static_cast<std::uint64_t>(minus(r[i], run.low)) : numbers[i], run.width);
    }
    bits.finish();
  }
  if (run.patches != 0) write_patches(run, patches, out);
}

// For what the forecast says, twice as much as there was at least: growing in small steps copies
// all that is there each time.
void make_room(const Predictor& p, ByteVector& bytes) {
  const auto wanted = bytes.size() + static_cast<std::size_t>(p.bits / 7) + kRun;
  if (wanted > bytes.capacity()) bytes.reserve(std::max(wanted, 2 * bytes.capacity()));
}

// Runs of what is planned by plan(at, n), which is false where that cannot be.
template <typename PlanRun>
bool write_runs(const Predictor& p, std::size_t values, const Residuals& r, Plan& plan,
                PlanRun plan_one, ByteWriter& out) {
  make_room(p, out.out());
  std::size_t zeros_at = 0;  // the byte of the zero runs just before, if there are any
  for (auto at = p.begin(); at < values; at += kRun) {
    const auto n = std::min(kRun, values - at);
    if (!plan_one(at, n)) return false;
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
  return true;
}

// Some runs of all, from the second value on.
struct Sample {
  explicit Sample(std::size_t values) : rows(values - 1), length(std::min(kRun, rows)) {
    constexpr std::size_t kSampled = 3;
    runs = std::min(kSampled, (rows + kRun - 1) / kRun);
    step = runs > 1 ? (rows - length) / (runs - 1) : 0;
  }
  [[nodiscard]] std::size_t at(std::size_t run) const { return 1 + run * step; }
  std::size_t rows, length, runs, step;
};

// The best of the simple predictors, by what plan(p, at) says of runs.
template <typename PlanRun>
Predictor best_of(const Sample& sample, std::int64_t first, std::int64_t second,
                  const Plan& plan, PlanRun plan_one) {
  Predictor best;
  best.firsts[0] = first;
  best.bits = std::numeric_limits<double>::max();
  auto p = best;
  for (const auto kind : {Prediction::delta, Prediction::mean, Prediction::delta2}) {
    p.kind = kind;
    p.mean = kind == Prediction::delta2 ? minus(second, first) : first;
    std::size_t bits = 0;
    for (std::size_t i = 0; i < sample.runs; ++i) {
      plan_one(p, sample.at(i));
      bits += plan.bits;
    }
    p.bits = static_cast<double>(bits) * static_cast<double>(sample.rows) /
             static_cast<double>(sample.runs * sample.length);
    if (p.bits < best.bits) best = p;
  }
  return best;
}

}  // namespace

void write(const Predictor& p, std::span<const std::int64_t> values, ByteWriter& out) {
  Residuals r;
  Plan plan;
  const auto plan_one = [&](std::size_t at, std::size_t n) {
    plan_run(p, values.data(), at, n, r, plan);
    return true;
  };
  static_cast<void>(write_runs(p, values.size(), r, plan, plan_one, out));
}

bool write(const Predictor& p, Feed& feed, ByteWriter& out) {
  constexpr static Residuals kNone{};
  Plan plan;
  const auto plan_one = [&](std::size_t at, std::size_t n) {
    if (!feed.make(0, at + n)) return false;
    plan_run(p, feed.distances(), at, n, plan);
    return true;
  };
  return write_runs(p, feed.size(), kNone, plan, plan_one, out);
}

void write(std::span<const std::int64_t> residuals, ByteWriter& out) {
  Predictor as_they_are;
  as_they_are.kind = Prediction::mean;
  write(as_they_are, residuals, out);
}

Predictor choose(std::span<const std::int64_t> values) {
  const Sample sample(values.size());
  Residuals r;
  Plan plan;
  return best_of(sample, values[0], values[1], plan, [&](const Predictor& p, std::size_t at) {
    plan_run(p, values.data(), at, sample.length, r, plan);
  });
}

std::optional<Predictor> choose(Feed& feed) {
  const Sample sample(feed.size());
  for (std::size_t i = 0; i < sample.runs; ++i) {
    const auto at = sample.at(i);
    if (!feed.make(at - std::min<std::size_t>(at, 2), at + sample.length)) return std::nullopt;
  }
  Plan plan;
  const auto* distances = feed.distances();
  return best_of(sample, feed.first(), plus(feed.first(), distances[1]), plan,
                 [&](const Predictor& p, std::size_t at) {
                   plan_run(p, distances, at, sample.length, plan);
                 });
}

}  // namespace tidemark::codec::fast
