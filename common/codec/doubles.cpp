// Doubles, bit for bit. Most sensors print a few decimals, so that the decimal method is tried
// first; it is accepted only when a correctly rounded division gives back every bit.
#include <array>
#include <bit>
#include <cmath>
#include <optional>

#include "common/codec/column_coding.h"

namespace tidemark::codec {
namespace {

// Low four bits of the first byte; the high four are the exponent of kDecimal.
enum Method : std::uint8_t {
  kConstant = 0,  // one value
  kBytes = 1,     // little-endian bits, transposed: all lowest bytes, then all next ones
  kXor = 2,       // the same of each value's bits XOR those before
  kDecimal = 3,   // integers k with value k / 10^exponent
};

constexpr int kExponentMax = 15;
constexpr std::array<double, kExponentMax + 1> kPowers = {
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
constexpr double kMantissaEnd = 9007199254740992.0;  // 2^53: integers below are exact in a double

std::uint64_t bits_of(double v) { return std::bit_cast<std::uint64_t>(v); }

bool decimal(double v, int exponent, std::int64_t& mantissa) {
  const double power = kPowers[static_cast<std::size_t>(exponent)];
  const double k = std::nearbyint(v * power);
  if (!(std::abs(k) < kMantissaEnd)) return false;
  mantissa = static_cast<std::int64_t>(k);
  return bits_of(static_cast<double>(mantissa) / power) == bits_of(v);
}

struct Decimals {
  int exponent = 0;
  std::vector<std::int64_t> mantissas;
};

// The smallest exponent at which every value is a decimal, or nothing.
std::optional<Decimals> decimals_of(std::span<const double> values) {
  Decimals d;
  d.mantissas.resize(values.size());
  for (std::size_t i = 0; i < values.size();) {
    if (decimal(values[i], d.exponent, d.mantissas[i])) {
      ++i;
      continue;
    }
    std::int64_t ignored = 0;
    do {
      if (++d.exponent > kExponentMax) return std::nullopt;
    } while (!decimal(values[i], d.exponent, ignored));
    i = 0;  // the ones before have to fit the larger exponent as well
  }
  return d;
}

void write_transposed(std::span<const std::uint64_t> words, ByteWriter& out) {
  auto& bytes = out.out();
  const auto at = bytes.size();
  bytes.resize(at + words.size() * 8);
  auto* to = bytes.data() + at;
  for (unsigned shift = 0; shift < 64; shift += 8) {
    for (const auto w : words) *to++ = static_cast<std::uint8_t>(w >> shift);
  }
}

}  // namespace

void write_doubles(std::span<const double> values, ByteWriter& out) {
  if (values.empty()) return;
  std::vector<std::uint64_t> words(values.size());
  bool constant = true;
  std::size_t zeros = 0, zeros_of_xor = 0;  // bytes; a cheap forecast of what the last stage saves
  for (std::size_t i = 0; i < values.size(); ++i) {
    words[i] = bits_of(values[i]);
    const auto change = words[i] ^ (i == 0 ? 0 : words[i - 1]);
    constant = constant && (i == 0 || change == 0);
    zeros += static_cast<std::size_t>(std::countl_zero(words[i]) + std::countr_zero(words[i])) / 8;
    zeros_of_xor += static_cast<std::size_t>(std::countl_zero(change) +
                                             std::countr_zero(change)) / 8;
  }
  if (constant) {
    out.u8(kConstant);
    out.fixed(words[0]);
    return;
  }
  if (const auto d = decimals_of(values)) {
    out.u8(static_cast<std::uint8_t>(kDecimal | d->exponent << 4));
    write_integers(d->mantissas, out);
    return;
  }
  // Two zero bytes a value more are worth the noise that XOR adds to the others.
  const bool by_xor = zeros_of_xor > zeros + 2 * values.size();
  out.u8(by_xor ? kXor : kBytes);
  if (by_xor) {
    for (std::size_t i = words.size() - 1; i > 0; --i) words[i] ^= words[i - 1];
  }
  write_transposed(words, out);
}

std::string_view mode_of(std::uint8_t head) {
  switch (head & 0x0f) {
    case kConstant: return "constant";
    case kBytes: return "bits";
    case kXor: return "xor";
    default: return "decimal";
  }
}

std::vector<double> read_doubles(ByteReader& in, std::size_t count) {
  if (count == 0) return {};
  const auto head = in.u8();
  const auto method = head & 0x0f;
  const auto exponent = static_cast<std::size_t>(head >> 4);
  if (method > kDecimal || (method != kDecimal && exponent != 0)) {
    in.fail();
    return {};
  }
  if (method == kConstant) {
    return std::vector<double>(count, std::bit_cast<double>(in.fixed<std::uint64_t>()));
  }
  if (method == kDecimal) {
    const auto mantissas = read_integers(in, count);
    std::vector<double> values(mantissas.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<double>(mantissas[i]) / kPowers[exponent];
    }
    return values;
  }
  const auto bytes = in.raw(count * 8);
  if (!in.ok()) return {};
  std::vector<std::uint64_t> words(count);
  auto from = bytes.begin();
  for (unsigned shift = 0; shift < 64; shift += 8) {
    for (auto& w : words) w |= static_cast<std::uint64_t>(*from++) << shift;
  }
  std::vector<double> values(count);
  std::uint64_t before = 0;
  for (std::size_t i = 0; i < count; ++i) {
    before = method == kXor ? before ^ words[i] : words[i];
    values[i] = std::bit_cast<double>(before);
  }
  return values;
}

}  // namespace tidemark::codec
