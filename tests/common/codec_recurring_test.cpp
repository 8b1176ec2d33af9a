// Never larger than zstd-3 of the raw column and 8 bytes: of columns whose rows come again at any
// distance, which predictors do not see and zstd does.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <functional>

#include "common/base/random.h"
#include "common/codec/codec.h"
#include "common/codec/packing.h"

namespace tidemark::codec {
namespace {

using Numbers = std::vector<std::int64_t>;

// The order in which rows come again.
Numbers rows_of(const Numbers& period, std::size_t n, std::size_t piece, SeededRandom& random) {
  Numbers rows(period);
  while (rows.size() < n) {
    const auto at = piece == 0 ? rows.size() % period.size()
                               : random.next() % (period.size() - piece);
    const auto length = piece == 0 ? period.size() - at : piece;
    for (std::size_t i = 0; i < length; ++i) rows.push_back(period[at + i]);
  }
  rows.resize(n);
  return rows;
}

struct Kind {
  const char* name;
  bool integers;
  std::function<std::int64_t(SeededRandom&, std::int64_t)> next;  // from the one before
  std::function<double(std::int64_t)> value;
};
const Kind kKinds[] = {
    {"two decimals, noise of 4000 steps", false,
     [](SeededRandom& r, std::int64_t) { return static_cast<std::int64_t>(r.next() % 4000); },
     [](std::int64_t k) { return static_cast<double>(k) / 100; }},
    {"a walk of one decimal", false,
     [](SeededRandom& r, std::int64_t k) {
       return k + static_cast<std::int64_t>(r.next() % 41) - 20;
     },
     [](std::int64_t k) { return static_cast<double>(k) / 10; }},
    {"all bits", false,
     [](SeededRandom& r, std::int64_t) { return static_cast<std::int64_t>(r.next() >> 12); },
     [](std::int64_t k) { return std::sqrt(static_cast<double>(k)); }},
    {"floats", false,
     [](SeededRandom& r, std::int64_t) { return static_cast<std::int64_t>(r.next() % 100'000); },
     [](std::int64_t k) { return double{std::sin(static_cast<float>(k))}; }},
    {"eight levels", false,
     [](SeededRandom& r, std::int64_t) { return static_cast<std::int64_t>(r.next() % 8); },
     [](std::int64_t k) { return static_cast<double>(k) / 4; }},
    {"pulses, one in 60", false,
     [](SeededRandom& r, std::int64_t) {
       return r.next() % 60 == 0 ? static_cast<std::int64_t>(r.next() % 1000) : 0;
     },
     [](std::int64_t k) { return static_cast<double>(k) / 10; }},
    {"integers of 40 bits", true,
     [](SeededRandom& r, std::int64_t) { return static_cast<std::int64_t>(r.next() >> 24); }, {}},
    {"a counter that starts again", true,
     [](SeededRandom& r, std::int64_t k) { return k + static_cast<std::int64_t>(r.next() % 50); },
     {}},
};

struct Case {
  const Kind* kind;
  std::size_t rows, period, piece;  // of rows that come again out of the period; 0: all, in order
};
std::string words_of(const Case& c, Tier tier) {
  return std::string(c.kind->name) + ", " + std::to_string(c.rows) + " rows, period " +
         std::to_string(c.period) + ", pieces of " + std::to_string(c.piece) + ", tier " +
         std::to_string(static_cast<int>(tier));
}

Column column_of(const Case& c) {
  SeededRandom random(c.rows * 31 + c.period);
  Numbers period;
  std::int64_t k = 5000;
  for (std::size_t i = 0; i < c.period; ++i) period.push_back(k = c.kind->next(random, k));
  const auto rows = rows_of(period, c.rows, c.piece, random);
  Column column;
  column.type = c.kind->integers ? ValueType::i64 : ValueType::f64;
  if (c.kind->integers) column.i64 = rows;
  else for (const auto r : rows) column.f64.push_back(c.kind->value(r));
  return column;
}

std::size_t bytes_by_zstd(const Column& c) {
  const auto bytes = [](const auto& v) {
    return ByteSpan(reinterpret_cast<const std::uint8_t*>(v.data()), v.size() * sizeof(v[0]));
  };
  return pack(c.type == ValueType::i64 ? bytes(c.i64) : bytes(c.f64), 3).size();
}

TEST(Recurring, IsNeverLargerThanByZstd) {
  for (const auto& kind : kKinds) {
    for (const std::size_t rows : {1000U, 10'000U, 60'000U}) {
      for (const std::size_t period : {90U, 300U, 440U, 700U, 1500U, 4000U, 7000U, 20'000U}) {
        for (const std::size_t piece : {0U, 40U, 80U, 250U}) {
          if (period >= rows || piece >= period) continue;
          if (rows > 10'000 && (piece == 40 || piece == 250)) continue;  // they take the longest
          const Case c{&kind, rows, period, piece};
          const auto column = column_of(c);
          const auto by_zstd = bytes_by_zstd(column);
          for (const auto tier : {Tier::fast, Tier::standard, Tier::dense}) {
            if (tier == Tier::dense && rows > 1000) continue;  // it always asks zstd
            EXPECT_LE(encode_values(column, tier).size(), by_zstd + 8) << words_of(c, tier);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace tidemark::codec
