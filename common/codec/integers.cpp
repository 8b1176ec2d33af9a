// Integers: times, mantissas, and the doubles that are decimals.
#include <array>
#include <bit>
#include <numeric>

#include "common/codec/column_coding.h"

namespace tidemark::codec {
namespace {

enum Method : std::uint8_t {
  kConstant = 0,     // one value
  kPlain = 1,        // each by itself
  kDelta = 2,        // each minus the one before
  kDeltaDelta = 3,   // the difference of differences
  kLinear = 4,       // first value and one difference
  kDivided = 0x10,   // kDelta, kDeltaDelta: differences are multiples of a divisor that comes first
};

// Differences wrap around, so that any two int64 have one.
std::int64_t minus(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}
std::int64_t plus(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
std::int64_t times(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
}

std::size_t size_of(std::int64_t v) {
  return (static_cast<std::size_t>(std::bit_width(zigzag(v) | 1)) + 6) / 7;
}

struct Plan {
  std::uint8_t method = kPlain;
  std::int64_t divisor = 1;
};

// The greatest common divisor of all differences, in [1, 2^62]: 0 when all are 0.
std::int64_t divisor_of(std::span<const std::int64_t> values) {
  std::uint64_t divisor = 0;
  for (std::size_t i = 1; i < values.size() && divisor != 1; ++i) {
    const auto d = minus(values[i], values[i - 1]);
    const auto magnitude = static_cast<std::uint64_t>(d < 0 ? minus(0, d) : d);
    divisor = std::gcd(divisor, magnitude);
  }
  return divisor > (std::uint64_t{1} << 62) ? 1 : static_cast<std::int64_t>(divisor);
}

// The method with the fewest bytes; the first of equals.
Plan plan_for(std::span<const std::int64_t> values) {
  const auto divisor = divisor_of(values);
  if (divisor == 0) return {kConstant, 1};
  const auto first_step = minus(values[1], values[0]);
  bool linear = true;
  std::size_t plain = size_of(values[0]), delta = plain, twice = plain;
  for (std::size_t i = 1; i < values.size(); ++i) {
    plain += size_of(values[i]);
    const auto step = minus(values[i], values[i - 1]);
    const auto before = i < 2 ? 0 : minus(values[i - 1], values[i - 2]) / divisor;
    delta += size_of(step / divisor);
    twice += size_of(minus(step / divisor, before));
    linear = linear && step == first_step;
  }
  if (linear) return {kLinear, 1};
  const auto extra = divisor == 1 ? 0 : size_of(divisor);
  if (plain <= delta + extra && plain <= twice + extra) return {kPlain, 1};
  return {static_cast<std::uint8_t>((delta <= twice ? kDelta : kDeltaDelta) |
                                    (divisor == 1 ? 0 : kDivided)),
          divisor};
}

}  // namespace

void write_integers(std::span<const std::int64_t> values, ByteWriter& out) {
  if (values.empty()) return;
  const auto plan = plan_for(values);
  out.u8(plan.method);
  if ((plan.method & kDivided) != 0) out.varint(static_cast<std::uint64_t>(plan.divisor));
  out.svarint(values[0]);
  std::int64_t before = 0;
  switch (plan.method & ~unsigned{kDivided}) {
    case kConstant: return;
    case kLinear: return out.svarint(minus(values[1], values[0]));
    case kPlain:
      for (const auto v : values.subspan(1)) out.svarint(v);
      return;
    case kDelta:
      for (std::size_t i = 1; i < values.size(); ++i) {
        out.svarint(minus(values[i], values[i - 1]) / plan.divisor);
      }
      return;
    default:
      for (std::size_t i = 1; i < values.size(); ++i) {
        const auto step = minus(values[i], values[i - 1]) / plan.divisor;
        out.svarint(minus(step, before));
        before = step;
      }
  }
}

std::string_view predictor_of(std::uint8_t method) {
  switch (method & ~unsigned{kDivided}) {
    case kConstant: return "constant";
    case kPlain: return "none";
    case kDelta: return "delta";
    case kLinear: return "linear";
    default: return "delta2";
  }
}

std::vector<std::int64_t> read_integers(ByteReader& in, std::size_t count) {
  if (count == 0) return {};
  const auto method = in.u8();
  const auto base = method & ~unsigned{kDivided};
  const bool divided = (method & kDivided) != 0;
  if (base > kLinear || (divided && base != kDelta && base != kDeltaDelta)) in.fail();
  const auto divisor = divided ? static_cast<std::int64_t>(in.varint()) : 1;
  if (divisor < 1) in.fail();
  const auto first = in.svarint();
  const bool each = base != kConstant && base != kLinear;  // then every value takes a byte at least
  if (!in.ok() || (each && in.left() < count - 1)) {
    in.fail();
    return {};
  }
  std::vector<std::int64_t> values(count, first);
  std::int64_t step = base == kLinear ? in.svarint() : 0;
  if (base == kConstant) return values;
  for (std::size_t i = 1; i < count; ++i) {
    if (base == kPlain) {
      values[i] = in.svarint();
      continue;
    }
    if (base == kDelta) step = in.svarint();
    if (base == kDeltaDelta) step = plus(step, in.svarint());
    values[i] = plus(values[i - 1], times(step, divisor));
  }
  return values;
}

}  // namespace tidemark::codec
