#include "common/window/run_sums.h"

#include <algorithm>
#include <array>
#include <bit>

namespace tidemark::window {
namespace {

constexpr std::uint64_t kLow32 = 0xffffffffU;
constexpr std::uint64_t kFraction = (std::uint64_t{1} << 52) - 1;
constexpr std::uint64_t kExponent = std::uint64_t{0x7ff} << 52;
constexpr unsigned kHalf = 26;  // of the 53 bits of a mantissa, the lower ones
constexpr std::uint64_t kLowHalf = (std::uint64_t{1} << kHalf) - 1;
// So many products of 54 bits, or mantissas with their sign, stay within 63.
constexpr std::size_t kChunk = 512;
constexpr std::uint64_t kBins = 16;  // exponents side by side; more go value by value

std::uint64_t magnitude_of(std::int64_t v) {
  return v < 0 ? ~static_cast<std::uint64_t>(v) + 1 : static_cast<std::uint64_t>(v);
}

// Values with the same exponent.
struct Bin {
  std::int64_t sum = 0;                // of mantissas
  std::uint64_t s0 = 0, s1 = 0, s2 = 0;  // of products of their halves: at 2^0, 2^27, 2^52

  void add(std::uint64_t bits, std::uint64_t implicit) {
    const auto m = (bits & kFraction) | implicit;
    const auto signed_m = static_cast<std::int64_t>(m);
    sum += static_cast<std::int64_t>(bits) < 0 ? -signed_m : signed_m;
    const auto low = m & kLowHalf;
    const auto high = m >> kHalf;
    s0 += low * low;
    s1 += low * high;
    s2 += high * high;
  }
  void deposit(int exponent, ExactSum& sums, ExactSum& squares) const {
    sums.add_scaled(magnitude_of(sum), exponent, sum < 0);
    squares.add_scaled(s0, 2 * exponent, false);
    squares.add_scaled(s1, 2 * exponent + static_cast<int>(kHalf) + 1, false);
    squares.add_scaled(s2, 2 * exponent + 2 * static_cast<int>(kHalf), false);
  }
};

// The exponent of a double's mantissa taken as an integer; subnormals share that of the smallest
// normal ones.
int exponent_of(std::uint64_t biased) {
  return static_cast<int>(std::max<std::uint64_t>(biased, 1)) - 1075;
}

void add_chunk(std::span<const double> values, ExactSum& sum, ExactSum& squares) {
  std::uint64_t low = kExponent;
  std::uint64_t high = 0;
  for (const auto v : values) {
    const auto e = std::bit_cast<std::uint64_t>(v) & kExponent;
    low = std::min(low, e);
    high = std::max(high, e);
  }
  low >>= 52;
  high >>= 52;
  if (low == high && low > 0) {
    Bin bin;
    for (const auto v : values) bin.add(std::bit_cast<std::uint64_t>(v), kFraction + 1);
    return bin.deposit(exponent_of(low), sum, squares);
  }
  if (high - low >= kBins || (high - low) * 4 > values.size()) {
    for (const auto v : values) {
      sum.add(v);
      squares.add_square(v);
    }
    return;
  }
  std::array<Bin, kBins> bins;
  for (const auto v : values) {
    const auto bits = std::bit_cast<std::uint64_t>(v);
    const auto biased = (bits & kExponent) >> 52;
    bins[biased - low].add(bits, biased > 0 ? kFraction + 1 : 0);
  }
  for (auto e = low; e <= high; ++e) bins[e - low].deposit(exponent_of(e), sum, squares);
}

void add_chunk(std::span<const std::int64_t> values, ExactSum& sum, ExactSum& squares) {
  std::uint64_t used = 0;
  for (const auto v : values) used |= static_cast<std::uint64_t>(v ^ (v >> 63));
  if (used >> 31 != 0) {
    for (const auto v : values) {
      sum.add(v);
      squares.add_square(v);
    }
    return;
  }
  std::int64_t total = 0;
  std::uint64_t low = 0, high = 0;
  for (const auto v : values) {
    total += v;
    const auto square = static_cast<std::uint64_t>(v * v);
    low += square & kLow32;
    high += square >> 32;
  }
  sum.add(total);
  squares.add_scaled(low, 0, false);
  squares.add_scaled(high, 32, false);
}

template <typename Value>
void add_chunks(std::span<const Value> values, ExactSum& sum, ExactSum& squares) {
  while (!values.empty()) {
    const auto n = std::min(values.size(), kChunk);
    add_chunk(values.first(n), sum, squares);
    values = values.subspan(n);
  }
}

}  // namespace

void add_run(std::span<const std::int64_t> values, ExactSum& sum, ExactSum& squares) {
  add_chunks(values, sum, squares);
}

void add_run(std::span<const double> values, ExactSum& sum, ExactSum& squares) {
  add_chunks(values, sum, squares);
}

}  // namespace tidemark::window
