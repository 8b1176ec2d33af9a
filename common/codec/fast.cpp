#include "common/codec/fast.h"

#include <algorithm>
#include <array>
#include <bit>

#include "common/codec/bit_lanes.h"
#include "common/codec/bits.h"
#include "common/codec/clones.h"

namespace tidemark::codec::fast {
namespace {

constexpr std::uint8_t kPatched = 0x80;   // in the first byte of a run, beside the width
constexpr unsigned kPositionBits = 7;
constexpr std::size_t kWidths = 80;        // 0 to 64, and up to a whole vector
constexpr unsigned kPatchHeadBits = 16;   // number of patches, and their width
constexpr unsigned kPatchPrice = 4;       // bits more that a patch must save: it takes time

struct Plan {
  unsigned width = 0;
  unsigned patches = 0;
  unsigned patch_bits = 0;  // of the bits above the width
};

// The width with the fewest bits, when wider ones are patched.
Plan plan_of(const std::array<std::uint8_t, kWidths>& widths, unsigned n) {
  unsigned widest = 64;
  while (widest > 0 && widths[widest] == 0) --widest;
  Plan best{widest, 0, 0};
  unsigned best_bits = n * widest, wider = 0;
  for (auto w = widest; w-- > 0;) {
    wider += widths[w + 1];
    if (wider * 3 > n) break;
    const auto bits =
        n * w + kPatchHeadBits + wider * (kPatchPrice + kPositionBits + widest - w);
    if (bits >= best_bits) continue;
    best_bits = bits;
    best = {w, wider, widest - w};
  }
  return best;
}

TIDE_CODEC_CLONES void fold(const std::int64_t* r, std::size_t n, std::uint64_t* folded) {
  for (std::size_t i = 0; i < n; ++i) folded[i] = zigzag(r[i]);
}
TIDE_CODEC_CLONES void halves(const std::uint64_t* folded, std::uint64_t mask, std::uint32_t* low,
                              std::uint32_t* high) {
  for (std::size_t i = 0; i < kRun; ++i) {
    low[i] = static_cast<std::uint32_t>(folded[i] & mask);
    high[i] = static_cast<std::uint32_t>((folded[i] & mask) >> 32);
  }
}
TIDE_CODEC_CLONES void unfold(const std::uint32_t* folded, std::int64_t* r) {
  for (std::size_t i = 0; i < kRun; ++i) {
    r[i] = static_cast<std::int32_t>((folded[i] >> 1) ^ (0 - (folded[i] & 1)));
  }
}
TIDE_CODEC_CLONES void unfold_wide(const std::uint32_t* low, const std::uint32_t* high,
                                   std::int64_t* r) {
  for (std::size_t i = 0; i < kRun; ++i) r[i] = unzigzag(std::uint64_t{high[i]} << 32 | low[i]);
}

// How many numbers have each width. Four counts by turns: a CPU waits for a count that it has just
// written.
TIDE_CODEC_CLONES void count_widths(const std::uint64_t* folded, std::size_t n,
                                    std::array<std::uint8_t, kWidths>& widths) {
  std::array<std::array<std::uint8_t, kWidths>, 4> counts{};
  for (std::size_t i = 0; i < n; ++i) {
    ++counts[i % 4][static_cast<std::size_t>(std::bit_width(folded[i]))];
  }
  for (std::size_t w = 0; w < kWidths; ++w) {
    widths[w] = static_cast<std::uint8_t>(counts[0][w] + counts[1][w] + counts[2][w] +
                                          counts[3][w]);
  }
}

void write_run(std::span<const std::int64_t> run, ByteVector& out) {
  std::array<std::uint64_t, kRun> folded;
  fold(run.data(), run.size(), folded.data());
  std::array<std::uint8_t, kWidths> widths;
  count_widths(folded.data(), run.size(), widths);
  const auto plan = plan_of(widths, static_cast<unsigned>(run.size()));
  out.push_back(static_cast<std::uint8_t>(plan.width | (plan.patches != 0 ? kPatched : 0U)));
  if (plan.patches != 0) {
    out.push_back(static_cast<std::uint8_t>(plan.patches));
    out.push_back(static_cast<std::uint8_t>(plan.patch_bits));
  }
  const auto mask = low_mask(plan.width);
  if (run.size() == kRun) {
    std::array<std::uint32_t, kRun> low, high;
    halves(folded.data(), mask, low.data(), high.data());
    const auto low_width = std::min(plan.width, 32U);
    auto at = out.size();
    out.resize(at + std::size_t{16} * plan.width);
    pack_lanes(low_width, low.data(), out.data() + at);
    pack_lanes(plan.width - low_width, high.data(), out.data() + at + 16 * low_width);
  }
  if (run.size() == kRun && plan.patches == 0) return;
  BitWriter bits(out);
  for (std::size_t i = 0; run.size() != kRun && i < run.size(); ++i) {
    bits.put(folded[i] & mask, plan.width);
  }
  for (std::size_t i = 0; plan.patches != 0 && i < run.size(); ++i) {
    if (folded[i] <= mask) continue;
    bits.put(i, kPositionBits);
    bits.put(folded[i] >> plan.width, plan.patch_bits);
  }
  bits.finish();
}

// High bits that were left out; 0 for what no writer wrote.
bool read_patches(BitReader& bits, const Plan& plan, std::size_t n, std::int64_t* to) {
  const bool at_once = kPositionBits + plan.patch_bits <= 57;
  for (unsigned i = 0; i < plan.patches; ++i) {
    const auto first = bits.get(at_once ? kPositionBits + plan.patch_bits : kPositionBits);
    const auto at = static_cast<std::size_t>(first & low_mask(kPositionBits));
    if (at >= n) return false;
    const auto high = at_once ? first >> kPositionBits : bits.get(plan.patch_bits);
    to[at] = unzigzag(zigzag(to[at]) | high << plan.width);
  }
  return true;
}

}  // namespace

void write(std::span<const std::int64_t> residuals, ByteWriter& out) {
  for (std::size_t at = 0; at < residuals.size(); at += kRun) {
    write_run(residuals.subspan(at, std::min(kRun, residuals.size() - at)), out.out());
  }
}

std::size_t Reader::next(std::int64_t* to) {
  const auto n = std::min(left_, kRun);
  if (n == 0 || !in_.ok()) return 0;
  const auto head = in_.u8();
  Plan plan;
  plan.width = head & 0x7fU;
  if ((head & kPatched) != 0) {
    plan.patches = in_.u8();
    plan.patch_bits = in_.u8();
    if (plan.patches == 0 || plan.patches > n || plan.patch_bits == 0) in_.fail();
  }
  if (plan.width + plan.patch_bits > 64) in_.fail();
  const auto patch_bits = plan.patches * (kPositionBits + plan.patch_bits);
  if (n == kRun) {
    const auto packed = in_.raw(std::size_t{16} * std::min(plan.width, 64U));
    if (!in_.ok()) return 0;
    std::array<std::uint32_t, kRun> low, high;
    unpack_lanes(std::min(plan.width, 32U), packed.data(), low.data());
    if (plan.width <= 32) {
      unfold(low.data(), to);
    } else {
      unpack_lanes(plan.width - 32, packed.data() + 512, high.data());
      unfold_wide(low.data(), high.data(), to);
    }
    if (plan.patches != 0) {
      BitReader bits(in_.raw((patch_bits + 7) / 8));
      if (!in_.ok() || !read_patches(bits, plan, n, to)) in_.fail();
    }
  } else {
    BitReader bits(in_.raw((n * std::min(plan.width, 64U) + patch_bits + 7) / 8));
    if (!in_.ok()) return 0;
    for (std::size_t i = 0; i < n; ++i) to[i] = unzigzag(bits.get(plan.width));
    if (!read_patches(bits, plan, n, to)) in_.fail();
  }
  if (!in_.ok()) return 0;
  left_ -= n;
  return n;
}

}  // namespace tidemark::codec::fast
