#include "common/window/exact_sum.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <span>

#include "common/base/check.h"

namespace tidemark::window {
namespace {

// A deposit moves a limb by less than 2^32, so that a limb stays below 2^62 between two carries.
constexpr std::uint32_t kPendingMax = 1U << 30;
constexpr std::int64_t kRadix = std::int64_t{1} << 32;
constexpr std::uint32_t kLow32 = 0xffffffffU;
constexpr std::uint64_t kFraction = (std::uint64_t{1} << 52) - 1;

// The lowest limb holds 2^-2148, the square of the smallest double.
constexpr int kLimbLowest = -68;
constexpr int kByteLowest = kLimbLowest * 4;
constexpr int kByteEnd = kByteLowest + static_cast<int>(ExactSum::kLimbsMax) * 4;

struct Parts {  // of a finite double: ±mantissa * 2^exponent
  std::uint64_t mantissa;
  int exponent;
  bool negative;
};

Parts parts_of(double v) {
  const auto bits = std::bit_cast<std::uint64_t>(v);
  const auto biased = static_cast<int>((bits >> 52) & 0x7ff);
  TIDE_CHECK(biased != 0x7ff, "only finite values can be summed");
  const auto fraction = bits & kFraction;
  if (biased == 0) return {fraction, -1074, (bits >> 63) != 0};
  return {fraction | (kFraction + 1), biased - 1075, (bits >> 63) != 0};
}

constexpr std::uint64_t magnitude_of(std::int64_t v) {
  return v < 0 ? ~static_cast<std::uint64_t>(v) + 1 : static_cast<std::uint64_t>(v);
}

struct Wide {
  std::uint64_t low;
  std::uint64_t high;
};
// a * a in 128 bits. By halves, because -Wpedantic knows no 128-bit type.
constexpr Wide square_of(std::uint64_t a) {
  const std::uint64_t l = a & kLow32, h = a >> 32;
  const std::uint64_t cross = l * h;  // counts twice, at 2^32
  const std::uint64_t low = l * l;
  const std::uint64_t sum = low + (cross << 33);
  return {sum, h * h + (cross >> 31) + (sum < low ? 1 : 0)};
}
constexpr Wide product_of(std::uint64_t a, std::uint64_t b) {
  const std::uint64_t low_a = a & kLow32, high_a = a >> 32;
  const std::uint64_t low_b = b & kLow32, high_b = b >> 32;
  const std::uint64_t low = low_a * low_b;
  const std::uint64_t middle = high_a * low_b + (low >> 32);
  const std::uint64_t cross = low_a * high_b + (middle & kLow32);
  return {cross << 32 | (low & kLow32), high_a * high_b + (middle >> 32) + (cross >> 32)};
}

constexpr int floor_div32(int v) { return v >> 5; }

// Leaves every limb in [0, 2^32) but the highest, which carries the sign and lies in [-2^32, 2^32).
// What that cannot hold is returned: the limb above, below 2^31, so that it needs no carry of its
// own.
std::int64_t carry_over(std::span<std::int64_t> limbs) {
  std::int64_t over = 0;
  for (auto& limb : limbs) {
    limb += over;
    over = limb >> 32;
    limb -= over * kRadix;
  }
  if (over != -1) return over;
  limbs.back() -= kRadix;
  return 0;
}

constexpr std::size_t kSettledMax = ExactSum::kLimbsMax + 4;  // and two carries

// The sign and the magnitude of limbs whose carries were kept lazily.
class Settled {
 public:
  explicit Settled(std::span<const std::int64_t> lazy) : end_(lazy.size()) {
    TIDE_CHECK(end_ + 2 <= kSettledMax, "a sum has few limbs");
    std::copy(lazy.begin(), lazy.end(), limbs_.begin());
    carry();
    if (end_ == 0) return;
    negative_ = limbs_[end_ - 1] < 0;
    if (negative_) {
      for (std::size_t i = 0; i < end_; ++i) limbs_[i] = -limbs_[i];
      carry();
    }
    while (limbs_[begin_] == 0) ++begin_;
  }
  // Low limb first, neither end zero; empty: zero.
  [[nodiscard]] std::span<const std::int64_t> magnitude() const {
    return std::span(limbs_).subspan(begin_, end_ - begin_);
  }
  [[nodiscard]] int skipped() const { return static_cast<int>(begin_); }  // zero limbs below it
  [[nodiscard]] bool negative() const { return negative_; }

 private:
  void carry() {
    if (end_ == 0) return;
    if (const auto over = carry_over(std::span(limbs_).first(end_)); over != 0) {
      limbs_[end_++] = over;
    }
    while (end_ > 0 && limbs_[end_ - 1] == 0) --end_;
  }

  std::array<std::int64_t, kSettledMax> limbs_;
  std::size_t begin_ = 0, end_;
  bool negative_ = false;
};

}  // namespace

void ExactSum::reach(int first_limb, std::size_t limbs) {
  if (limbs_.empty()) base_ = first_limb;
  if (first_limb < base_) {
    limbs_.insert(limbs_.begin(), static_cast<std::size_t>(base_ - first_limb), 0);
    base_ = first_limb;
  }
  const auto end = static_cast<std::size_t>(first_limb - base_) + limbs;
  if (limbs_.size() < end) limbs_.resize(end);
}

void ExactSum::deposit(std::uint64_t low, std::uint64_t high, int exponent, bool negative) {
  if ((low | high) == 0) return;
  if (pending_ >= kPendingMax) carry();
  ++pending_;
  const int first = floor_div32(exponent);
  const auto shift = static_cast<unsigned>(exponent - first * 32);
  const std::uint64_t over = shift == 0 ? 0 : high >> (64 - shift);
  if (shift != 0) {
    high = high << shift | low >> (64 - shift);
    low <<= shift;
  }
  const std::size_t used = over != 0 ? 5 : (high >> 32) != 0 ? 4 : high != 0 ? 3 : 2;
  reach(first, used);
  auto* limb = limbs_.data() + (first - base_);
  const std::uint64_t pieces[5] = {low & kLow32, low >> 32, high & kLow32, high >> 32, over};
  const std::int64_t sign = negative ? -1 : 1;
  for (std::size_t i = 0; i < used; ++i) limb[i] += sign * static_cast<std::int64_t>(pieces[i]);
}

void ExactSum::carry() {
  pending_ = 0;
  if (const auto over = carry_over(limbs_); over != 0) limbs_.push_back(over);
}

void ExactSum::add(double v) {
  const auto p = parts_of(v);
  deposit(p.mantissa, 0, p.exponent, p.negative);
}

void ExactSum::add(std::int64_t v) { deposit(magnitude_of(v), 0, 0, v < 0); }

void ExactSum::add_square(double v) {
  const auto p = parts_of(v);
  const auto square = square_of(p.mantissa);
  deposit(square.low, square.high, 2 * p.exponent, false);
}

void ExactSum::add_square(std::int64_t v) {
  const auto square = square_of(magnitude_of(v));
  deposit(square.low, square.high, 0, false);
}

void ExactSum::add_product(double v, std::uint64_t by) {
  const auto p = parts_of(v);
  const auto product = product_of(p.mantissa, by);
  deposit(product.low, product.high, p.exponent, p.negative);
}

void ExactSum::add_product(std::int64_t v, std::uint64_t by) {
  const auto product = product_of(magnitude_of(v), by);
  deposit(product.low, product.high, 0, v < 0);
}

void ExactSum::add_scaled(std::uint64_t magnitude, int exponent, bool negative) {
  deposit(magnitude, 0, exponent, negative);
}

void ExactSum::add_limbs(const ExactSum& other, bool negative) {
  if (other.limbs_.empty()) return;
  if (pending_ + other.pending_ >= kPendingMax - 2) {
    carry();
    if (other.pending_ != 0) {
      auto settled = other;
      settled.carry();
      return add_limbs(settled, negative);
    }
  }
  pending_ += other.pending_ + 2;  // a settled highest limb may reach 2^32 below zero
  reach(other.base_, other.limbs_.size());
  auto* limb = limbs_.data() + (other.base_ - base_);
  for (const auto v : other.limbs_) *limb++ += negative ? -v : v;
}

void ExactSum::merge(const ExactSum& other) { add_limbs(other, false); }

void ExactSum::subtract(const ExactSum& other) { add_limbs(other, true); }

ExactSum::Integer ExactSum::integer() const {
  const Settled settled(limbs_);
  const auto magnitude = settled.magnitude();
  Integer out;
  if (magnitude.empty()) return out;
  out.negative = settled.negative();
  out.exponent = 32 * (base_ + settled.skipped());
  out.magnitude.reserve(magnitude.size());
  for (const auto limb : magnitude) out.magnitude.push_back(static_cast<std::uint32_t>(limb));
  return out;
}

bool ExactSum::is_zero() const { return integer().magnitude.empty(); }

double ExactSum::to_double() const { return round_to_double(integer()); }

bool operator==(const ExactSum& a, const ExactSum& b) { return a.integer() == b.integer(); }

// Bytes instead of limbs, without zero bytes at either end: a sum of counts takes three or four.
void ExactSum::encode(ByteWriter& out) const {
  const Settled settled(limbs_);
  const auto magnitude = settled.magnitude();
  if (magnitude.empty()) return out.varint(0);
  std::array<std::uint8_t, kSettledMax * 4> bytes;
  std::size_t n = 0;
  for (const auto limb : magnitude) {
    for (int shift = 0; shift < 32; shift += 8) {
      bytes[n++] = static_cast<std::uint8_t>(limb >> shift);
    }
  }
  while (bytes[n - 1] == 0) --n;
  std::size_t zeros = 0;
  while (bytes[zeros] == 0) ++zeros;
  out.varint((n - zeros) << 1 | (settled.negative() ? 1 : 0));
  out.svarint(4 * (base_ + settled.skipped()) + static_cast<std::int64_t>(zeros));
  out.raw(ByteSpan(bytes.data() + zeros, n - zeros));
}

ExactSum ExactSum::decode(ByteReader& in) {
  ExactSum sum;
  const auto head = in.varint();
  if (head == 0) return sum;
  const auto length = head >> 1;
  const auto at = in.svarint();
  if (length == 0 || length > kLimbsMax * 4 || at < kByteLowest || at >= kByteEnd ||
      at + static_cast<std::int64_t>(length) > kByteEnd) {
    in.fail();
    return sum;
  }
  const auto bytes = in.raw(static_cast<std::size_t>(length));
  if (!in.ok() || bytes.front() == 0 || bytes.back() == 0) {
    in.fail();
    return sum;
  }
  const auto first_bit = static_cast<int>(at) * 8;
  const auto first = floor_div32(first_bit);
  auto place = static_cast<std::size_t>((first_bit - first * 32) / 8);
  sum.reach(first, (place + bytes.size() + 3) / 4);
  const std::int64_t sign = (head & 1) != 0 ? -1 : 1;
  for (const auto b : bytes) {
    sum.limbs_[place / 4] += sign * (std::int64_t{b} << (place % 4 * 8));
    ++place;
  }
  sum.pending_ = 1;  // a negative sum has all limbs below zero until the first carry
  return sum;
}

double round_to_double(const ExactSum::Integer& v, bool inexact) {
  const auto& m = v.magnitude;
  if (m.empty()) return 0;
  const auto bit = [&](std::int64_t i) {
    return i >= 0 && (m[static_cast<std::size_t>(i / 32)] >> (i % 32) & 1) != 0;
  };
  const auto bits = static_cast<std::int64_t>(m.size()) * 32 - std::countl_zero(m.back());
  // The last place of the result as a bit of the magnitude; subnormals have a fixed last place.
  const auto last = std::max<std::int64_t>(bits - 53, -1074 - v.exponent);
  std::uint64_t kept = 0;
  for (auto i = bits - 1; i >= last; --i) kept = kept << 1 | (bit(i) ? 1 : 0);
  bool below = inexact;
  for (std::int64_t i = 0; i < std::min(last - 1, bits) && !below; ++i) below = bit(i);
  const bool half = last - 1 < bits && bit(last - 1);
  if (half && (below || (kept & 1) != 0)) ++kept;

  // kept * 2^exponent: both 2^53 after a carry out of the mantissa and the step from subnormal to
  // normal come out right when the parts are added as one number.
  const auto exponent = last + v.exponent;
  std::uint64_t result = 0;
  if (kept >> 53 != 0) {
    result = (static_cast<std::uint64_t>(exponent + 1 + 1075) << 52);
  } else if (kept >> 52 != 0) {
    result = (static_cast<std::uint64_t>(exponent + 1075) << 52) | (kept & kFraction);
  } else {
    result = kept;  // subnormal, or zero
  }
  constexpr std::uint64_t kInfinity = std::uint64_t{0x7ff} << 52;
  if (exponent > 971 || result > kInfinity) result = kInfinity;
  if (v.negative) result |= std::uint64_t{1} << 63;
  return std::bit_cast<double>(result);
}

}  // namespace tidemark::window
