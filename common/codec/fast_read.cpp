#include <algorithm>
#include <array>

#include "common/codec/bit_lanes.h"
#include "common/codec/bits.h"
#include "common/codec/clones.h"
#include "common/codec/fast.h"
#include "common/codec/fast_run.h"

namespace tidemark::codec::fast {
namespace {

constexpr unsigned kNarrowWidth = 32;
constexpr unsigned kPatchWidthMax = 32;
constexpr std::int64_t kNearEnd = std::int64_t{1} << 31;  // of offsets within a run

using Numbers = std::array<std::uint32_t, kRun>;
using Residuals = std::array<std::int64_t, kRun>;
typedef std::uint32_t Four __attribute__((vector_size(16)));
typedef std::uint64_t FourWide __attribute__((vector_size(32)));

// A run that was read but not put together yet.
struct Parts {
  Run run;
  ByteSpan numbers, positions;
  ByteSpan patched;  // and all that lies behind it, which whole words are read into

  // Calls set(place, residual minus low) for each patch.
  template <typename Set>
  void patch(Set set) const {
    BitReader bits(patched);
    for (const auto at : positions) set(std::size_t{at}, unzigzag(bits.get(run.patch_width)));
  }
};

// The run of the next n residuals. False on what no writer wrote; `in` has failed then.
bool read_parts(ByteReader& in, std::size_t n, unsigned& zero_runs, Parts& parts) {
  auto& run = parts.run;
  run = {};
  if (zero_runs == 0) {
    const auto head = in.u8();
    run.width = head & 0x7fU;
    if (head > kZeroRuns && head < kPatched) {
      zero_runs = head - kZeroRuns;
      run.width = 0;
    } else {
      run.low = in.svarint();
    }
    if ((head & kPatched) != 0) {
      run.patches = in.u8();
      run.patch_width = in.u8();
      if (run.patches == 0 || run.patches > n || run.width >= kNarrowWidth ||
          run.patch_width == 0 || run.patch_width > kPatchWidthMax) {
        in.fail();
      }
    }
  }
  if (zero_runs > 0) {
    --zero_runs;
    if (n != kRun) in.fail();
  }
  if (!in.ok()) return false;
  parts.numbers = in.raw((n * run.width + 7) / 8);
  parts.positions = in.raw(run.patches);
  const auto patched = in.raw((std::size_t{run.patches} * run.patch_width + 7) / 8);
  if (!in.ok()) return false;
  parts.patched = {patched.data(), patched.size() + in.left()};
  for (const auto p : parts.positions) {
    if (p < n) continue;
    in.fail();
    return false;
  }
  return true;
}

// Numbers of at most 32 bits, those past the end 0.
void unpack(const Parts& parts, std::size_t n, Numbers& numbers) {
  if (n == kRun) return unpack_lanes(parts.run.width, parts.numbers.data(), numbers.data());
  BitReader bits(parts.numbers);
  for (std::size_t i = 0; i < n; ++i) {
    numbers[i] = static_cast<std::uint32_t>(bits.get(parts.run.width));
  }
  std::fill(numbers.begin() + static_cast<std::ptrdiff_t>(n), numbers.end(), 0U);
}

TIDE_CODEC_CLONES void raise(const std::uint32_t* numbers, std::size_t n, std::int64_t low,
                             std::int64_t* r) {
  for (std::size_t i = 0; i < n; ++i) r[i] = plus(low, std::int64_t{numbers[i]});
}
TIDE_CODEC_CLONES void raise_halves(const std::uint32_t* low_half, const std::uint32_t* high_half,
                                    std::int64_t low, std::int64_t* r) {
  for (std::size_t i = 0; i < kRun; ++i) {
    const auto u = std::uint64_t{high_half[i]} << 32 | low_half[i];
    r[i] = plus(low, static_cast<std::int64_t>(u));
  }
}

// The residuals of a run of any width.
void put_together(const Parts& parts, std::size_t n, std::int64_t* r) {
  const auto& run = parts.run;
  if (run.width <= kNarrowWidth) {
    Numbers numbers;
    unpack(parts, n, numbers);
    raise(numbers.data(), n, run.low, r);
  } else if (n == kRun) {
    Numbers low, high;
    unpack_lanes(32, parts.numbers.data(), low.data());
    unpack_lanes(run.width - 32, parts.numbers.data() + 1024, high.data());
    raise_halves(low.data(), high.data(), run.low, r);
  } else {
    BitReader bits(parts.numbers);
    for (std::size_t i = 0; i < n; ++i) {
      r[i] = plus(run.low, static_cast<std::int64_t>(bits.get(run.width)));
    }
  }
  parts.patch([&](std::size_t at, std::int64_t above) { r[at] = plus(run.low, above); });
}

// x[0], x[0] + x[1], … of four.
[[gnu::always_inline]] inline void add_up(Four& x) {
  constexpr Four kNone{};
  x += __builtin_shuffle(kNone, x, Four{0, 4, 5, 6});
  x += __builtin_shuffle(kNone, x, Four{0, 1, 4, 5});
}
[[gnu::always_inline]] inline void last_of(const Four& x, Four& last) {
  last = __builtin_shuffle(x, Four{3, 3, 3, 3});
}

// Numbers into the sums of (number + low) up to them.
TIDE_CODEC_CLONES void sum(std::uint32_t* numbers, std::uint32_t low) {
  Four before{};
  for (std::size_t i = 0; i < kRun; i += 4) {
    Four x, total;
    std::memcpy(&x, numbers + i, sizeof x);
    x += low;
    add_up(x);
    last_of(x, total);
    x += before;
    before += total;
    std::memcpy(numbers + i, &x, sizeof x);
  }
}
// Into the sums of those sums, to each of which `step` is added.
TIDE_CODEC_CLONES void sum_twice(std::uint32_t* numbers, std::uint32_t low, std::uint32_t step) {
  Four before{}, step_before = Four{} + step;
  for (std::size_t i = 0; i < kRun; i += 4) {
    Four x, total;
    std::memcpy(&x, numbers + i, sizeof x);
    x += low;
    add_up(x);
    last_of(x, total);
    x += step_before;
    step_before += total;
    add_up(x);
    last_of(x, total);
    x += before;
    before += total;
    std::memcpy(numbers + i, &x, sizeof x);
  }
}

// Residuals into `last` and the sums of them up to each.
TIDE_CODEC_CLONES void sum_wide(std::int64_t* residuals, std::int64_t last) {
  constexpr FourWide kNone{};
  auto before = kNone + static_cast<std::uint64_t>(last);
  for (std::size_t i = 0; i < kRun; i += 4) {
    FourWide x;
    std::memcpy(&x, residuals + i, sizeof x);
    x += __builtin_shuffle(kNone, x, FourWide{0, 4, 5, 6});
    x += __builtin_shuffle(kNone, x, FourWide{0, 1, 4, 5});
    const auto total = __builtin_shuffle(x, FourWide{3, 3, 3, 3});
    x += before;
    before += total;
    std::memcpy(residuals + i, &x, sizeof x);
  }
}

// Adds residuals up to values, run by run.
class Summing {
 public:
  Summing(const Predictor& p, Values& to)
      : kind_(p.kind), last_(p.firsts[0]), mean_(p.mean),
        step_(p.kind == Prediction::delta2 ? p.mean : 0), to_(to) {}

  void take(const Parts& parts, std::size_t at, std::size_t n) {
    if (is_near(parts.run, n)) {
      take_near(parts, at, n);
    } else {
      take_far(parts, at, n);
    }
  }

 private:
  // Whether no sum leaves 32 bits on the way, whatever the numbers are.
  [[nodiscard]] bool is_near(const Run& run, std::size_t n) const {
    if (run.width > 30 || run.low <= -kNearEnd || run.low >= kNearEnd) return false;
    if (kind_ == Prediction::mean) return true;
    const auto rows = static_cast<std::int64_t>(n);
    const auto low = run.low < 0 ? -run.low : run.low;
    auto most = rows * (low + (std::int64_t{1} << run.width));
    if (run.patches != 0) {
      most += std::int64_t{run.patches} << (run.patch_width - 1);
    }
    if (kind_ == Prediction::delta || most >= kNearEnd) return most < kNearEnd;
    if (step_ <= -kNearEnd || step_ >= kNearEnd) return false;
    return rows * (most + (step_ < 0 ? -step_ : step_)) < kNearEnd;
  }

  void take_near(const Parts& parts, std::size_t at, std::size_t n) {
    const auto& run = parts.run;
    unpack(parts, n, numbers_);
    parts.patch([&](std::size_t place, std::int64_t above) {
      numbers_[place] = static_cast<std::uint32_t>(above);
    });
    const auto* offsets = reinterpret_cast<const std::int32_t*>(numbers_.data());
    const auto low = static_cast<std::uint32_t>(run.low);
    switch (kind_) {
      case Prediction::mean: return to_.take_near(plus(mean_, run.low), offsets, at, n);
      case Prediction::delta: sum(numbers_.data(), low); break;
      default: sum_twice(numbers_.data(), low, static_cast<std::uint32_t>(step_));
    }
    to_.take_near(last_, offsets, at, n);
    step_ = n > 1 ? minus(offsets[n - 1], offsets[n - 2]) : offsets[0];
    last_ = plus(last_, offsets[n - 1]);
  }

  void take_far(const Parts& parts, std::size_t at, std::size_t n) {
    put_together(parts, n, residuals_.data());
    auto last = last_, step = step_;
    switch (kind_) {
      case Prediction::mean:
        for (auto& x : residuals_) x = plus(mean_, x);
        break;
      case Prediction::delta:
        sum_wide(residuals_.data(), last);
        last = residuals_[n - 1];
        break;
      default:
        for (std::size_t i = 0; i < n; ++i) {
          step = plus(step, residuals_[i]);
          residuals_[i] = last = plus(last, step);
        }
    }
    last_ = last;
    step_ = step;
    to_.take(residuals_.data(), {{1, at + n}, at, n});
  }

  Prediction kind_;
  std::int64_t last_, mean_, step_;
  Values& to_;
  alignas(32) Numbers numbers_;
  alignas(32) Residuals residuals_{};
};

}  // namespace

bool read(const Predictor& p, ByteReader& in, std::size_t count, Values& to) {
  auto first = p.firsts[0];
  if (p.begin() == 1) to.take(&first, {{1, count}, 0, 1});
  Summing summing(p, to);
  Parts parts;
  unsigned zero_runs = 0;
  for (auto at = p.begin(); at < count; at += kRun) {
    const auto n = std::min(kRun, count - at);
    if (!read_parts(in, n, zero_runs, parts)) return false;
    summing.take(parts, at, n);
  }
  if (zero_runs > 0) in.fail();
  return in.ok();
}

std::size_t Reader::next(std::int64_t* to) {
  const auto n = std::min(left_, kRun);
  Parts parts;
  if (n == 0 || !in_.ok() || !read_parts(in_, n, zero_runs_, parts)) return 0;
  put_together(parts, n, to);
  left_ -= n;
  return n;
}

}  // namespace tidemark::codec::fast
