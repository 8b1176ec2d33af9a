#include "bench/codec/special.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "bench/codec/measure.h"
#include "common/base/random.h"
#include "common/codec/outline.h"

namespace tidemark::bench {
namespace {

constexpr std::int64_t kBegin = 1'795'224'000'000'000'000;
constexpr std::size_t kClockRows = 1000;
constexpr std::size_t kSeries = 1000, kShortRows = 5;

std::size_t encoded_bytes(const Block& block, codec::Tier tier) {
  const auto bytes = codec::encode(block, tier);
  return bytes.ok() ? bytes->size() : 0;
}

double packed_bytes(const std::vector<std::int64_t>& mantissas) {
  const auto width = [](std::uint64_t v) { return static_cast<double>(std::bit_width(v)); };
  double bits = 0;
  for (std::size_t i = 1; i < mantissas.size(); ++i) {
    bits = std::max(bits, width(zigzag(mantissas[i] - mantissas[i - 1])));
  }
  const auto first = std::max(1.0, std::ceil(width(zigzag(mantissas[0])) / 7));
  return first + std::ceil(bits * static_cast<double>(mantissas.size() - 1) / 8);
}

// `decimals` 1 makes integers; 100 makes doubles with two decimals.
ShortColumns short_columns_of(const char* name, double swing, double decimals, codec::Tier tier) {
  SeededRandom random(5);
  const auto unit = [&] { return static_cast<double>(random.next() >> 11) * 0x1p-53; };
  Block block;
  block.groups.resize(1);
  auto& group = block.groups[0];
  for (std::size_t i = 0; i < kShortRows; ++i) {
    group.times.push_back(kBegin + static_cast<std::int64_t>(i) * 1'000'000'000);
  }
  const auto without = encoded_bytes(block, tier);
  ShortColumns result{name, 0, 0};
  for (std::size_t s = 0; s < kSeries; ++s) {
    Column column;
    column.series = static_cast<std::uint32_t>(s);
    column.type = decimals == 1 ? ValueType::i64 : ValueType::f64;
    const double base = 200 + 4000 * unit();
    std::vector<std::int64_t> mantissas;
    for (std::size_t i = 0; i < kShortRows; ++i) {
      const auto m = static_cast<std::int64_t>(base + swing * unit());
      mantissas.push_back(m);
      if (decimals == 1) {
        column.i64.push_back(m);
      } else {
        column.f64.push_back(static_cast<double>(m) / decimals);
      }
    }
    result.packed += packed_bytes(mantissas) / kSeries;
    group.columns.push_back(std::move(column));
  }
  result.bytes = static_cast<double>(encoded_bytes(block, tier) - without) / kSeries;
  return result;
}

}  // namespace

double clock_bits(const Clock& clock, codec::Tier tier) {
  std::size_t bytes = 0, instants = 0;
  const std::span<const std::int64_t> times(clock.times);
  for (std::size_t at = 0; at + kClockRows <= times.size(); at += kClockRows) {
    bytes += codec::encode_times(times.subspan(at, kClockRows), tier).size();
    instants += kClockRows;
  }
  return 8.0 * static_cast<double>(bytes) / static_cast<double>(instants);
}

std::vector<ShortColumns> short_columns(codec::Tier tier) {
  return {short_columns_of("registers that stand", 1, 1, tier),
          short_columns_of("registers, noise of 8 steps", 8, 1, tier),
          short_columns_of("doubles, 2 decimals, noise of 20 steps", 20, 100, tier)};
}

Skipping skipping(codec::Tier tier) {
  constexpr std::size_t kColumns = 8, kRows = 1000, kTimes = 50;
  SeededRandom random(7);
  Block block;
  block.groups.resize(1);
  auto& group = block.groups[0];
  group.columns.resize(kColumns);
  for (std::size_t i = 0; i < kRows; ++i) {
    group.times.push_back(kBegin + static_cast<std::int64_t>(i) * 100'000'000);
  }
  for (std::size_t s = 0; s < kColumns; ++s) {
    group.columns[s].series = static_cast<std::uint32_t>(s);
    double level = 200;
    for (std::size_t i = 0; i < kRows; ++i) {
      level += static_cast<double>(random.next() % 9) - 4;
      group.columns[s].f64.push_back(level / 10);
    }
  }
  const auto bytes = codec::encode(block, tier);
  Skipping result{1e9, 1e9};
  const auto best_us = [](double best, const auto& read) {
    const auto begin = cpu_seconds();
    const bool ok = read();
    const auto us = 1e6 * (cpu_seconds() - begin);
    return ok ? std::min(best, us) : best;
  };
  for (std::size_t pass = 0; bytes.ok() && pass < kTimes; ++pass) {
    result.outline_us = best_us(result.outline_us, [&] { return codec::outline(*bytes).ok(); });
    result.decode_us = best_us(result.decode_us, [&] { return codec::decode(*bytes).ok(); });
  }
  return result;
}

}  // namespace tidemark::bench
