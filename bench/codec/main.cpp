// How small and how fast are blocks? One line for each signal, shape of block and tier: bytes a
// value (times included) and million values a second of CPU time, encoding and decoding.
#include <time.h>

#include <bit>
#include <cmath>
#include <cstdio>
#include <limits>

#include "common/base/random.h"
#include "common/codec/codec.h"

namespace {

using namespace tidemark;

constexpr std::int64_t kBegin = 1'795'224'000'000'000'000;

struct Signal {
  const char* name;
  bool decimal;  // i64 mantissas instead of doubles
  double (*at)(double t, double noise);
};
constexpr Signal kSignals[] = {
    {"meter, 0.1 steps", true, [](double t, double n) { return 2312 + 8 * std::sin(t) + 2 * n; }},
    {"counter", true, [](double t, double n) { return 40 * t + n; }},
    {"state", true, [](double t, double) { return std::floor(std::fmod(t / 50, 3)); }},
    {"json, 2 decimals", false,
     [](double t, double n) { return std::round(2150 + 300 * std::sin(t / 9) + 9 * n) / 100; }},
    {"computed double", false, [](double t, double n) { return std::sin(t / 20) + n / 1000; }},
};

struct Shape {
  std::size_t series, rows;
};
constexpr Shape kShapes[] = {{1000, 5}, {20, 100}, {8, 1000}, {1, 10'000}};

Block block_of(const Signal& signal, const Shape& shape, Random& random) {
  Block b;
  b.dictionaries = {{1}};
  b.groups.resize(1);
  auto& g = b.groups[0];
  for (std::size_t i = 0; i < shape.rows; ++i) {
    const auto jitter = static_cast<std::int64_t>(random.below(3)) * 1'000'000;
    g.times.push_back(kBegin + static_cast<std::int64_t>(i) * 1'000'000'000 + jitter);
  }
  for (std::size_t s = 0; s < shape.series; ++s) {
    Column c;
    c.series = static_cast<std::uint32_t>(s);
    c.type = signal.decimal ? ValueType::i64 : ValueType::f64;
    for (std::size_t i = 0; i < shape.rows; ++i) {
      const double noise = static_cast<double>(random.below(1000)) / 1000 - 0.5;
      const double v = signal.at(static_cast<double>(i) / 10 + static_cast<double>(s * 7), noise);
      if (signal.decimal) {
        c.i64.push_back(std::llround(v));
      } else {
        c.f64.push_back(v);
      }
    }
    g.columns.push_back(std::move(c));
  }
  return b;
}

double cpu_seconds() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

template <typename Pass>
double best_seconds(Pass pass) {
  double best = std::numeric_limits<double>::max();
  for (int i = 0; i < 20; ++i) {
    const double begin = cpu_seconds();
    pass();
    best = std::min(best, cpu_seconds() - begin);
  }
  return best;
}

}  // namespace

int main() {
  constexpr std::pair<codec::Tier, const char*> kTiers[] = {
      {codec::Tier::fast, "fast"},
      {codec::Tier::standard, "standard"},
      {codec::Tier::dense, "dense"}};
  std::printf("%-18s %12s %-9s %8s %8s %8s\n", "signal", "series*rows", "tier", "B/value",
              "enc Mv/s", "dec Mv/s");
  SeededRandom random(1);
  for (const auto& signal : kSignals) {
    for (const auto& shape : kShapes) {
      const auto block = block_of(signal, shape, random);
      const auto values = static_cast<double>(shape.series * shape.rows);
      for (const auto& [tier, name] : kTiers) {
        const auto bytes = codec::encode(block, tier);
        if (!bytes.ok() || !codec::decode(*bytes).ok()) return 1;
        const auto encode = best_seconds([&] { static_cast<void>(codec::encode(block, tier)); });
        const auto decode = best_seconds([&] { static_cast<void>(codec::decode(*bytes)); });
        std::printf("%-18s %6zu*%-5zu %-9s %8.3f %8.1f %8.1f\n", signal.name, shape.series,
                    shape.rows, name, static_cast<double>(bytes->size()) / values,
                    values / encode / 1e6, values / decode / 1e6);
      }
    }
  }
  return 0;
}
