// Blocks for tests: every type, gap, quality and odd value that a block can hold.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <random>

#include "common/model/block.h"

namespace tidemark::codec {

// One of a few shapes of signal, so that every method of the columns is taken.
inline std::vector<std::int64_t> any_integers(std::mt19937_64& random, std::size_t n) {
  std::vector<std::int64_t> values(n);
  const auto shape = random() % 7;
  const auto start = static_cast<std::int64_t>(random()) >> (random() % 64);
  const auto step = static_cast<std::int64_t>(random() % 5) * 1'000'000;
  for (std::size_t i = 0; i < n; ++i) {
    const auto walked = static_cast<std::uint64_t>(start) + static_cast<std::uint64_t>(step) * i;
    const auto noise = random();
    switch (shape) {
      case 0: values[i] = start; break;
      case 1: values[i] = static_cast<std::int64_t>(walked); break;
      case 2: values[i] = static_cast<std::int64_t>(walked + noise % 3 * 1'000'000); break;
      case 3: values[i] = static_cast<std::int64_t>(walked * i + noise % 4); break;
      case 4: values[i] = static_cast<std::int64_t>(noise % 7); break;
      case 5:
        values[i] = noise % 2 == 0 ? std::numeric_limits<std::int64_t>::min()
                                   : std::numeric_limits<std::int64_t>::max();
        break;
      default: values[i] = static_cast<std::int64_t>(noise);
    }
  }
  return values;
}

inline std::vector<double> any_doubles(std::mt19937_64& random, std::size_t n) {
  std::vector<double> values(n);
  const auto shape = random() % 6;
  const double start = static_cast<double>(random() % 100'000) / 100;
  for (std::size_t i = 0; i < n; ++i) {
    const auto noise = random();
    switch (shape) {
      case 0: values[i] = start; break;
      case 1: values[i] = start + static_cast<double>(noise % 100) / 100; break;
      case 2: values[i] = static_cast<double>(static_cast<std::int64_t>(noise % 5000) - 2500) / 10;
        break;
      case 3: values[i] = start + 1e-9 * static_cast<double>(noise % 1000) * start; break;
      case 4: values[i] = noise % 5 == 0 ? -0.0 : static_cast<double>(noise % 3); break;
      default: values[i] = std::bit_cast<double>(noise);  // NaN payloads among them
    }
  }
  return values;
}

inline Column any_column(std::mt19937_64& random, std::size_t rows) {
  Column c;
  c.series = static_cast<std::uint32_t>(random() % 3 == 0 ? random() : random() % 2000);
  c.type = static_cast<ValueType>(random() % 4);
  auto values = rows;
  if (rows > 0 && random() % 3 == 0) {
    c.present.resize(rows);
    values = 0;
    for (std::size_t i = 0; i < rows; ++i) {
      c.present[i] = random() % 3 != 0;
      values += c.present[i] ? 1 : 0;
    }
  }
  if (c.type == ValueType::f64) c.f64 = any_doubles(random, values);
  if (c.type == ValueType::i64) c.i64 = any_integers(random, values);
  if (c.type == ValueType::boolean) {
    const auto shape = random() % 4;
    for (std::size_t i = 0; i < values; ++i) {
      const auto v = shape < 2 ? shape : shape == 2 ? random() % 2 : random() % 5;
      c.i64.push_back(static_cast<std::int64_t>(v));
    }
  }
  if (c.type == ValueType::text) {
    const std::uint64_t kinds = random() % 2 == 0 ? 3 : 1000;
    for (std::size_t i = 0; i < values; ++i) {
      c.text.push_back(std::string(random() % 4, 'x') + std::to_string(random() % kinds));
    }
  }
  if (values > 0 && random() % 4 == 0) {
    c.quality.resize(values);
    for (auto& q : c.quality) q = static_cast<Quality>(random() % 5 == 0 ? random() % 6 : 0);
  }
  return c;
}

inline Block any_block(std::mt19937_64& random, std::size_t rows_max = 40) {
  Block b;
  for (auto n = random() % 3; n > 0; --n) b.dictionaries.push_back({random()});
  for (auto n = random() % 5; n > 0; --n) {
    Group g;
    g.copy = random() % 4 == 0;
    g.times = any_integers(random, static_cast<std::size_t>(random() % (rows_max + 1)));
    for (auto columns = random() % 6; columns > 0; --columns) {
      g.columns.push_back(any_column(random, g.times.size()));
    }
    b.groups.push_back(std::move(g));
  }
  for (auto n = random() % 4; n > 0; --n) {
    PartialRow p;
    p.series = static_cast<std::uint32_t>(random() % 5 == 0 ? random() : random() % 9);
    p.size = static_cast<std::int64_t>(random() % 3 + 1) * 60'000'000'000;
    p.start = static_cast<std::int64_t>(random() % 1000) * p.size;
    p.revision = random() % 4;
    p.readings = random() % 100;
    p.copy = random() % 3 == 0;
    p.state.resize(static_cast<std::size_t>(random() % 40));
    for (auto& v : p.state) v = static_cast<std::uint8_t>(random());
    b.partials.push_back(std::move(p));
  }
  return b;
}

// Like ==, but by bits, so that NaN equals itself and -0.0 is not 0.0.
inline bool same_bits(Block a, Block b) {
  const auto doubles_to_integers = [](Block& block) {
    for (auto& g : block.groups) {
      for (auto& c : g.columns) {
        for (const auto v : c.f64) c.i64.push_back(std::bit_cast<std::int64_t>(v));
        c.f64.clear();
      }
    }
  };
  doubles_to_integers(a);
  doubles_to_integers(b);
  return a == b;
}

}  // namespace tidemark::codec
