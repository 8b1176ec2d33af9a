#include "common/codec/tans_model.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string_view>

#include "common/base/check.h"

namespace tidemark::codec::tans {
namespace {

// A line for each table: frequencies with blanks between, zeros at the end left out. Made by
// bench/codec/train, see the recipe there.
constexpr std::string_view kFrequencies =
#include "common/codec/tans_tables.inc"
    ;

std::array<Frequencies, kTables> shipped() {
  std::array<Frequencies, kTables> all{};
  std::size_t table = 0, symbol = 0, sum = 0;
  unsigned number = 0;
  bool digits = false;
  for (const char c : kFrequencies) {
    if (c >= '0' && c <= '9') {
      number = number * 10 + static_cast<unsigned>(c - '0');
      digits = true;
      continue;
    }
    if (digits) {
      TIDE_CHECK(table < kTables && symbol < kSymbols, "tans_tables.inc has its size");
      all[table][symbol++] = static_cast<std::uint16_t>(number);
      sum += number;
    }
    number = 0;
    digits = false;
    if (c != '\n') continue;
    TIDE_CHECK(sum == kStates, "every table of tans_tables.inc sums up to 1024");
    ++table;
    symbol = sum = 0;
  }
  TIDE_CHECK(table == kTables, "tans_tables.inc has all tables");
  return all;
}

// log2(x) in 1/64 bit for x >= 1, by squaring: the same on every CPU, as a libm need not be.
unsigned log2_64(std::uint32_t x) {
  const auto whole = static_cast<unsigned>(std::bit_width(x)) - 1;
  auto m = (std::uint64_t{x} << 32) >> whole;  // [1, 2) with 32 bits of fraction
  unsigned log = whole;
  for (int i = 0; i < 6; ++i) {
    m = (m * (m >> 8)) >> 24;
    log <<= 1;
    if (m >= std::uint64_t{2} << 32) {
      m >>= 1;
      log |= 1;
    }
  }
  return log;
}

unsigned class_of(unsigned kind, unsigned symbol) {
  // The mean magnitude of a kind: 2^((kind - 11) / 2), of the two with low bits 4 and 4 sqrt 2.
  constexpr double kRoot = 1.4142135623730951;
  const bool low_bits = kind > kExactScales;
  const auto half = static_cast<int>(low_bits ? kind - kExactScales - 1 + 15 : kind);
  const double mean =
      half % 2 == 0 ? std::ldexp(kRoot, half / 2 - 6) : std::ldexp(1, (half - 11) / 2);
  const double magnitude = symbol >= kPlain ? kPlain / 2.0
                           : low_bits       ? (symbol >> 1) + 0.5
                                            : static_cast<double>((symbol + 1) >> 1);
  if (mean < 0.6) return magnitude == 0 ? 0 : magnitude == 1 ? 1 : 2;
  return magnitude < 0.55 * mean ? 0 : magnitude < 1.35 * mean ? 1 : 2;
}

void build_costs(const Frequencies& f, std::array<std::uint16_t, kSymbols>& cost) {
  const auto bits_of = [&](unsigned symbol) { return kStateBits * 64 - log2_64(f[symbol]); };
  for (unsigned s = 0; s < kSymbols; ++s) {
    if (f[s] != 0) {
      const auto extra = s < kPlain ? 0 : s < kEscape ? 1 + s - kPlain : 7 + 14;
      cost[s] = static_cast<std::uint16_t>(bits_of(s) + 64 * extra);
    } else {
      const auto length = s < kPlain ? static_cast<unsigned>(std::bit_width(s)) : 6U + s - kPlain;
      cost[s] = static_cast<std::uint16_t>((f[kEscape] != 0 ? bits_of(kEscape) : 640) +
                                           64 * (7 + length));
    }
  }
}

void build_table(const Frequencies& f, unsigned table, Model& m) {
  const bool of_values = table < kValueTables;
  const auto kind = of_values ? table / kClasses % kKinds : 0;
  std::array<std::uint32_t, kSymbols> begin{};
  for (std::uint32_t s = 0, at = 0; s < kSymbols; ++s) {
    begin[s] = at;
    at += f[s];
    if (f[s] == 0) continue;
    const auto bits_max =
        f[s] == 1 ? kStateBits : kStateBits - static_cast<unsigned>(std::bit_width(f[s] - 1U)) + 1;
    m.symbols[table][s] = {(bits_max << 16) - (std::uint32_t{f[s]} << bits_max),
                           static_cast<std::int32_t>(begin[s]) - static_cast<std::int32_t>(f[s])};
  }
  // Symbols are spread over the states by an odd step, so that each is met at even distances.
  std::array<std::uint8_t, kStates> spread{};
  constexpr std::uint32_t kStep = (kStates >> 1) + (kStates >> 3) + 3;
  std::uint32_t at = 0;
  for (std::uint32_t s = 0; s < kSymbols; ++s) {
    for (std::uint32_t i = 0; i < f[s]; ++i) {
      spread[at] = static_cast<std::uint8_t>(s);
      at = (at + kStep) & (kStates - 1);
    }
  }
  std::array<std::uint32_t, kSymbols> next{};
  std::copy(f.begin(), f.end(), next.begin());
  for (std::uint32_t state = 0; state < kStates; ++state) {
    const std::uint32_t s = spread[state];
    const auto x = next[s]++;
    const auto bits = kStateBits + 1 - static_cast<std::uint32_t>(std::bit_width(x));
    m.encode[table][begin[s] + x - f[s]] = static_cast<std::uint16_t>(kStates + state);
    const auto next_table = of_values ? table / kClasses * kClasses + m.classes[kind][s] : 0;
    const auto follows = next_table * kStates + (x << bits) - kStates;
    m.decode[table * kStates + state] = bits | s << 8 | follows << 14;
  }
}

}  // namespace

void build(const std::array<Frequencies, kTables>& frequencies, Model& into) {
  into.frequencies = frequencies;
  for (unsigned k = 0; k < kKinds; ++k) {
    for (unsigned s = 0; s < kSymbols; ++s) {
      into.classes[k][s] = static_cast<std::uint8_t>(class_of(k, s));
    }
  }
  for (unsigned t = 0; t < kTables; ++t) {
    build_costs(frequencies[t], into.cost[t]);
    build_table(frequencies[t], t, into);
  }
}

const Model& model() {
  static const std::unique_ptr<const Model> shipped_model = [] {
    auto m = std::make_unique<Model>();
    build(shipped(), *m);
    return m;
  }();
  return *shipped_model;
}

}  // namespace tidemark::codec::tans
