#include "common/window/run_sums.h"

#include <algorithm>
#include <array>
#include <bit>

#include "common/base/clones.h"
#include "common/window/total_order.h"

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
constexpr std::uint64_t kLooks = 4;  // so few are looked for one by one, by vectors

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

struct Exponents {
  std::int64_t low, high;  // biased
};

TIDE_CLONES Exponents exponents_of(std::span<const double> values) {
  const auto* const v = values.data();
  auto low = static_cast<std::int64_t>(kExponent);
  std::int64_t high = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto e = std::bit_cast<std::int64_t>(v[i]) & static_cast<std::int64_t>(kExponent);
    low = std::min(low, e);
    high = std::max(high, e);
  }
  return {low >> 52, high >> 52};
}

// Of normal values: those with that exponent.
TIDE_CLONES Bin look_for(std::uint64_t biased, std::span<const double> values) {
  const auto* const v = values.data();
  const auto wanted = biased << 52;
  std::int64_t sum = 0;
  std::uint64_t s0 = 0, s1 = 0, s2 = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto bits = std::bit_cast<std::uint64_t>(v[i]);
    const auto mine = (bits & kExponent) == wanted ? ~std::uint64_t{0} : 0;
    const auto m = ((bits & kFraction) | (kFraction + 1)) & mine;
    const auto sign = static_cast<std::int64_t>(bits) >> 63;
    sum += (static_cast<std::int64_t>(m) ^ sign) - sign;
    const std::uint64_t low = static_cast<std::uint32_t>(m & kLowHalf);
    const std::uint64_t high = static_cast<std::uint32_t>(m >> kHalf);
    s0 += low * low;
    s1 += low * high;
    s2 += high * high;
  }
  return {sum, s0, s1, s2};
}

void add_chunk(std::span<const double> values, ExactSum& sum, ExactSum& squares) {
  const auto exponents = exponents_of(values);
  const auto low = static_cast<std::uint64_t>(exponents.low);
  const auto high = static_cast<std::uint64_t>(exponents.high);
  if (low > 0 && high - low < kLooks) {
    for (auto e = low; e <= high; ++e) {
      look_for(e, values).deposit(exponent_of(e), sum, squares);
    }
    return;
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

TIDE_CLONES Extremes orders_of(std::span<const double> values) {
  const auto* const v = values.data();
  auto least = order_of(v[0]);
  auto largest = least;
  for (std::size_t i = 1; i < values.size(); ++i) {
    const auto o = order_of(v[i]);
    least = std::min(least, o);
    largest = std::max(largest, o);
  }
  return {least, largest};
}
Extremes orders_of(std::span<const std::int64_t> values) { return extremes_of(values); }

}  // namespace tidemark::window
