#include <algorithm>
#include <array>
#include <cstring>

#include "common/base/clones.h"
#include "common/codec/bit_lanes.h"
#include "common/codec/bits.h"
#include "common/codec/fast.h"
#include "common/codec/fast_run.h"
#include "common/codec/fast_sums.h"

namespace tidemark::codec::fast {
namespace {

constexpr unsigned kNarrowWidth = 32;
constexpr unsigned kPatchWidthMax = 32;
constexpr std::int64_t kNearEnd = std::int64_t{1} << 31;  // of offsets within a run

using Numbers = std::array<std::uint32_t, kRun>;
using Residuals = std::array<std::int64_t, kRun>;

// A run that was read but not put together yet.
struct Parts {
  Run run;
  ByteSpan numbers, positions;
  ByteSpan patched;  // and all that lies behind it, which whole words are read into

  // Calls set(place, residual minus low) for each patch.
  template <typename Set>
  void patch(Set set) const {
    const auto width = run.patch_width;
    if (positions.size() * width / 8 + sizeof(std::uint64_t) <= patched.size()) {
      const auto mask = low_mask(width);
      std::size_t at = 0;  // bit; 7 before a patch and its 32 at most are in a word
      for (const auto place : positions) {
        std::uint64_t word = 0;
        std::memcpy(&word, patched.data() + at / 8, sizeof word);
        set(std::size_t{place}, unzigzag(word >> at % 8 & mask));
        at += width;
      }
      return;
    }
    BitReader bits(patched);
    for (const auto at : positions) set(std::size_t{at}, unzigzag(bits.get(run.patch_width)));
  }
};

// A run of `n` from row `at` on, some steps before it is put together: what it patches has left the
// CPU's store buffer by then, behind which it would wait for all that was written before.
struct Ahead {
  Parts parts;
  std::size_t at = 0, n = 0;
  alignas(32) Numbers numbers;  // of narrow runs, patched
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
  if (n == kRun) return true;  // as many places as a byte has values
  for (const auto p : parts.positions) {
    if (p >= n) in.fail();
  }
  return in.ok();
}

// Numbers of at most 32 bits, those past the end 0; of a whole run in the places of its lanes.
void unpack(const Parts& parts, std::size_t n, Numbers& numbers) {
  if (n == kRun) return unpack_lanes(parts.run.width, parts.numbers.data(), numbers.data());
  BitReader bits(parts.numbers);
  for (std::size_t i = 0; i < n; ++i) {
    numbers[i] = static_cast<std::uint32_t>(bits.get(parts.run.width));
  }
  std::fill(numbers.begin() + static_cast<std::ptrdiff_t>(n), numbers.end(), 0U);
}

TIDE_CLONES void raise(const std::uint32_t* numbers, std::size_t n, std::int64_t low,
                             std::int64_t* r) {
  for (std::size_t i = 0; i < n; ++i) r[i] = plus(low, std::int64_t{numbers[i]});
}
TIDE_CLONES void raise_halves(const std::uint32_t* low_half, const std::uint32_t* high_half,
                                    std::int64_t low, std::int64_t* r) {
  for (std::size_t i = 0; i < kRun; ++i) {
    const auto u = std::uint64_t{high_half[i]} << 32 | low_half[i];
    r[i] = plus(low, static_cast<std::int64_t>(u));
  }
}

// In their order.
void unpack_whole(unsigned width, const std::uint8_t* packed, bool stretches, Numbers& numbers) {
  if (!stretches) return unpack_lanes(width, packed, numbers.data());
  alignas(32) Numbers places;
  unpack_lanes(width, packed, places.data());
  from_stretches(places.data(), numbers.data());
}

// The residuals of a run of any width; whether the lanes of a whole one are stretches.
void put_together(const Parts& parts, std::size_t n, bool stretches, std::int64_t* r) {
  const auto& run = parts.run;
  if (n == kRun) {
    alignas(32) Numbers low, high;
    const auto* packed = parts.numbers.data();
    unpack_whole(std::min(run.width, kNarrowWidth), packed, stretches, low);
    if (run.width <= kNarrowWidth) {
      raise(low.data(), n, run.low, r);
    } else {
      unpack_whole(run.width - kNarrowWidth, packed + 1024, stretches, high);
      raise_halves(low.data(), high.data(), run.low, r);
    }
  } else {
    BitReader bits(parts.numbers);
    for (std::size_t i = 0; i < n; ++i) {
      r[i] = plus(run.low, static_cast<std::int64_t>(bits.get(run.width)));
    }
  }
  parts.patch([&](std::size_t at, std::int64_t above) { r[at] = plus(run.low, above); });
}

// Adds residuals up to values, run by run.
class Summing {
 public:
  Summing(const Predictor& p, Values& to)
      : kind_(p.kind), last_(p.firsts[0]), mean_(p.mean),
        step_(p.kind == Prediction::delta2 ? p.mean : 0), to_(to) {}

  // False on what no writer wrote.
  bool fetch(ByteReader& in, std::size_t at, std::size_t n, Ahead& ahead) {
    ahead.at = at;
    ahead.n = n;
    if (!read_parts(in, n, zero_runs_, ahead.parts)) return false;
    if (!may_be_near(ahead.parts.run, n)) return true;
    unpack(ahead.parts, n, ahead.numbers);
    const bool stretches = n == kRun && kind_ == Prediction::delta2;
    ahead.parts.patch([&](std::size_t i, std::int64_t above) {
      ahead.numbers[stretches ? place_in_stretches(i) : i] = static_cast<std::uint32_t>(above);
    });
    return true;
  }
  void take(Ahead& ahead) {
    if (is_near(ahead.parts.run, ahead.n)) {
      take_near(ahead);
    } else {
      take_far(ahead);
    }
  }
  [[nodiscard]] bool done() const { return zero_runs_ == 0; }

 private:
  // Whether no sum leaves 32 bits on the way, whatever the numbers are, but for the steps that
  // delta2 comes with.
  [[nodiscard]] bool may_be_near(const Run& run, std::size_t n) const {
    if (run.width > kNarrowMax || run.low <= -kNearEnd || run.low >= kNearEnd) return false;
    return kind_ == Prediction::mean || most_of_sums(run, n) < kNearEnd;
  }
  [[nodiscard]] bool is_near(const Run& run, std::size_t n) const {
    if (!may_be_near(run, n)) return false;
    if (kind_ != Prediction::delta2) return true;
    if (step_ <= -kNearEnd || step_ >= kNearEnd) return false;
    const auto step = step_ < 0 ? -step_ : step_;
    return static_cast<std::int64_t>(n) * (most_of_sums(run, n) + step) < kNearEnd;
  }
  static std::int64_t most_of_sums(const Run& run, std::size_t n) {
    const auto low = run.low < 0 ? -run.low : run.low;
    const auto most = static_cast<std::int64_t>(n) * (low + (std::int64_t{1} << run.width));
    return run.patches == 0 ? most : most + (std::int64_t{run.patches} << (run.patch_width - 1));
  }

  void take_near(Ahead& ahead) {
    const auto& run = ahead.parts.run;
    const auto at = ahead.at, n = ahead.n;
    auto* offsets = ahead.numbers.data();
    if (kind_ == Prediction::mean) return give(plus(mean_, run.low), offsets, at, n);
    const auto low = static_cast<std::uint32_t>(run.low), step = static_cast<std::uint32_t>(step_);
    const bool twice = kind_ == Prediction::delta2;
    if (n < kRun) {
      sum_short(offsets, n, low, twice, step);
    } else if (!twice) {
      sum(offsets, low);
    } else {
      sum_twice(offsets, low, step, numbers_.data());
      offsets = numbers_.data();
    }
    give(last_, offsets, at, n);
    const auto last = static_cast<std::int32_t>(offsets[n - 1]);
    step_ = n > 1 ? minus(last, static_cast<std::int32_t>(offsets[n - 2])) : last;
    last_ = plus(last_, last);
  }
  void give(std::int64_t base, const std::uint32_t* offsets, std::size_t at, std::size_t n) {
    to_.take_near(base, reinterpret_cast<const std::int32_t*>(offsets), at, n);
  }
  // In their order, where they lie.
  static void sum_short(std::uint32_t* numbers, std::size_t n, std::uint32_t low, bool twice,
                        std::uint32_t step) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < n; ++i) {
      step = numbers[i] + low + (twice ? step : 0);
      numbers[i] = sum += step;
    }
  }

  void take_far(Ahead& ahead) {
    const auto at = ahead.at, n = ahead.n;
    const auto& run = ahead.parts.run;
    if (kind_ == Prediction::delta && n == kRun && run.width <= kNarrowWidth && run.patches == 0) {
      auto& numbers = ahead.numbers;
      unpack(ahead.parts, n, numbers);
      sum_wide(numbers.data(), run.low, last_, residuals_.data());
      last_ = residuals_[n - 1];
      return to_.take(residuals_.data(), {{1, at + n}, at, n});
    }
    put_together(ahead.parts, n, kind_ == Prediction::delta2, residuals_.data());
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

  static constexpr unsigned kNarrowMax = 30;  // bits of numbers whose sums may stay in 32

  Prediction kind_;
  unsigned zero_runs_ = 0;  // of those told at once
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
  std::array<Ahead, 2> ahead;
  std::size_t run = 0;
  for (auto at = p.begin(); at < count; at += kRun, ++run) {
    if (!summing.fetch(in, at, std::min(kRun, count - at), ahead[run % 2])) return false;
    if (run > 0) summing.take(ahead[(run - 1) % 2]);
  }
  if (run > 0) summing.take(ahead[(run - 1) % 2]);
  if (!summing.done()) in.fail();
  return in.ok();
}

std::size_t Reader::next(std::int64_t* to) {
  const auto n = std::min(left_, kRun);
  Parts parts;
  if (n == 0 || !in_.ok() || !read_parts(in_, n, zero_runs_, parts)) return 0;
  put_together(parts, n, false, to);
  left_ -= n;
  return n;
}

}  // namespace tidemark::codec::fast
