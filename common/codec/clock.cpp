// Times of a group: a regular clock, one with jitter around a period, one read by a slower tick.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>

#include "common/codec/column_coding.h"
#include "common/codec/numbers.h"
#include "common/codec/pattern.h"
#include "common/codec/predictor.h"
#include "common/codec/sequence.h"

namespace tidemark::codec {
namespace {

// First bytes beside those of sequences.
constexpr std::uint8_t kFitted = 16;   // a period, and what is off it
constexpr std::uint8_t kPattern = 17;  // few different steps, in the context of the last two

constexpr std::size_t kFitMin = 8;         // times; below, a period costs more than it saves
constexpr std::size_t kPatternMin = 32;
constexpr unsigned kPeriodFraction = 16;   // bits
constexpr double kUnitsMax = 35184372088832.0;  // 2^45: with the fraction still in 62 bits
constexpr std::uint8_t kEscape = kPatternSymbols - 1;

// A clock is one column for many: there is time for the better coder. Readers know no other.
Tier coder_of(Tier tier) { return tier == Tier::fast ? Tier::standard : tier; }

std::int64_t on_period(std::uint64_t period, std::size_t i) {
  return static_cast<std::int64_t>(period * i) >> kPeriodFraction;
}

std::uint64_t unit_of(std::span<const std::int64_t> times) {
  std::uint64_t unit = 0;
  for (std::size_t i = 1; i < times.size() && unit != 1; ++i) {
    const auto d = minus(times[i], times[i - 1]);
    const auto u = static_cast<std::uint64_t>(d);
    unit = std::gcd(unit, d < 0 ? 0 - u : u);
  }
  return unit == 0 || unit >= std::uint64_t{1} << 62 ? 1 : unit;
}

// time = first + unit * ((period * row >> 16) + jitter)
bool write_fitted(Tier tier, std::span<const std::int64_t> times, ByteWriter& out) {
  const auto n = times.size();
  const auto unit = static_cast<std::int64_t>(unit_of(times));
  std::vector<std::int64_t> k(n);
  double products = 0;
  const double middle = static_cast<double>(n - 1) / 2;
  for (std::size_t i = 0; i < n; ++i) {
    k[i] = minus(times[i], times[0]) / unit;
    // Beyond 2^63 ns from the first the distance wraps, and then it may be no multiple of the unit.
    if (codec::times(k[i], unit) != minus(times[i], times[0])) return false;
    const auto v = static_cast<double>(k[i]);
    if (!(std::fabs(v) < kUnitsMax)) return false;
    products += (static_cast<double>(i) - middle) * v;
  }
  const auto count = static_cast<double>(n);
  const double period = products / (count * (count * count - 1) / 12);
  if (!(period >= 0) || !(period * count < kUnitsMax)) return false;
  const auto scaled = static_cast<std::uint64_t>(period * (1U << kPeriodFraction) + 0.5);
  for (std::size_t i = 0; i < n; ++i) k[i] = minus(k[i], on_period(scaled, i));
  out.u8(kFitted);
  out.svarint(times[0]);
  out.varint(static_cast<std::uint64_t>(unit));
  out.varint(scaled);
  write_sequence(coder_of(tier), k, out, {.linear = true, .table = false});
  return true;
}

bool read_fitted(Tier tier, ByteReader& in, std::span<std::int64_t> times) {
  const auto first = in.svarint();
  const auto unit = static_cast<std::int64_t>(in.varint());
  const auto period = in.varint();
  if (!in.ok() || !read_sequence(coder_of(tier), in, times)) return false;
  for (std::size_t i = 0; i < times.size(); ++i) {
    times[i] = plus(first, codec::times(unit, plus(times[i], on_period(period, i))));
  }
  return true;
}

// The most frequent steps, at most 15; what is not among them is written in full.
bool write_pattern_of(std::span<const std::int64_t> times, ByteWriter& out) {
  constexpr std::size_t kDifferentMax = 64;
  std::map<std::int64_t, std::size_t> counts;
  for (std::size_t i = 1; i < times.size(); ++i) {
    ++counts[minus(times[i], times[i - 1])];
    if (counts.size() > kDifferentMax) return false;
  }
  std::vector<std::pair<std::int64_t, std::size_t>> steps(counts.begin(), counts.end());
  std::stable_sort(steps.begin(), steps.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  steps.resize(std::min<std::size_t>(steps.size(), kEscape));
  std::vector<std::uint8_t> symbols(times.size() - 1);
  std::vector<std::int64_t> others;
  for (std::size_t i = 1; i < times.size(); ++i) {
    const auto step = minus(times[i], times[i - 1]);
    const auto at = std::find_if(steps.begin(), steps.end(),
                                 [&](const auto& s) { return s.first == step; });
    symbols[i - 1] = static_cast<std::uint8_t>(at == steps.end() ? kEscape : at - steps.begin());
    if (at == steps.end()) others.push_back(step);
  }
  if (others.size() * 16 > symbols.size()) return false;
  const auto unit = static_cast<std::int64_t>(unit_of(times));
  out.u8(kPattern);
  out.svarint(times[0]);
  out.varint(static_cast<std::uint64_t>(unit));
  out.varint(steps.size());
  for (const auto& s : steps) out.svarint(s.first / unit);
  write_pattern(symbols, out);
  for (const auto s : others) out.svarint(s / unit);
  return true;
}

bool read_pattern_of(ByteReader& in, std::span<std::int64_t> times) {
  const auto first = in.svarint();
  const auto unit = static_cast<std::int64_t>(in.varint());
  const auto count = in.varint();
  if (count > kEscape || times.size() < 2) in.fail();
  if (!in.ok()) return false;
  std::array<std::int64_t, kEscape> steps{};
  for (std::size_t i = 0; i < count; ++i) steps[i] = in.svarint();
  std::vector<std::uint8_t> symbols(times.size() - 1);
  read_pattern(in, symbols);
  times[0] = first;
  for (std::size_t i = 1; i < times.size() && in.ok(); ++i) {
    const auto symbol = symbols[i - 1];
    if (symbol != kEscape && symbol >= count) in.fail();
    const auto step = symbol == kEscape ? in.svarint() : steps[symbol];
    times[i] = plus(times[i - 1], codec::times(unit, step));
  }
  return in.ok();
}

}  // namespace

void write_times(Tier tier, Clocks clocks, std::span<const std::int64_t> times, ByteWriter& out) {
  if (clocks == Clocks::own) {
    return write_sequence(coder_of(tier), times, out, {.linear = false, .table = false});
  }
  ByteVector best;
  ByteWriter to(best);
  write_sequence(coder_of(tier), times, to);
  const bool regular =
      !best.empty() && (best[0] == static_cast<std::uint8_t>(Prediction::slope) ||
                        best[0] == static_cast<std::uint8_t>(Prediction::constant));
  const auto try_other = [&](auto write) {
    ByteVector other;
    ByteWriter to_other(other);
    if (write(to_other) && other.size() < best.size()) best = std::move(other);
  };
  if (times.size() >= kFitMin && !regular) {
    try_other([&](ByteWriter& w) { return write_fitted(tier, times, w); });
    if (times.size() >= kPatternMin) {
      try_other([&](ByteWriter& w) { return write_pattern_of(times, w); });
    }
  }
  out.raw(best);
}

bool read_times(Tier tier, ByteReader& in, std::span<std::int64_t> times) {
  auto ahead = in;
  const auto head = times.empty() ? std::uint8_t{0} : ahead.u8();
  if (head != kFitted && head != kPattern) return read_sequence(coder_of(tier), in, times);
  in = ahead;
  return head == kFitted ? read_fitted(tier, in, times) : read_pattern_of(in, times);
}

}  // namespace tidemark::codec
