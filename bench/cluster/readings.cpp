#include "bench/cluster/readings.h"

#include <algorithm>
#include <tuple>

namespace tidemark::bench {
namespace {

constexpr std::uint64_t kLateWithin = 10;  // seconds: of which times the late ones are
constexpr std::int64_t kLateLeastMs = 10'000;
constexpr std::uint64_t kLateSpreadMs = 20'000;

std::uint64_t mixed(unsigned device, std::uint64_t k) {
  auto h = (k + 1) * 0x9E3779B97F4A7C15ULL + device * 0xBF58476D1CE4E5B9ULL;
  h ^= h >> 31;
  h *= 0x94D049BB133111EBULL;
  return h ^ (h >> 29);
}

}  // namespace

Readings::Late Readings::late(unsigned device, unsigned i) const {
  const auto of = std::min<std::uint64_t>(kLateWithin * per_second_, of_device_);
  const auto k = (device * 37ULL + i * 503ULL) % of;
  return {k, kLateLeastMs + static_cast<std::int64_t>((mixed(device, k) >> 20) % kLateSpreadMs)};
}

Reading Readings::at(unsigned device, std::uint64_t k) const {
  const auto h = mixed(device, k);
  const auto hundredths = 2000 + 10 * (device % 100) + (k / 64) % 300 + h % 20;
  const auto time = time_of(k);
  const auto delay = static_cast<std::int64_t>((h >> 40) % static_cast<unsigned>(kDisorderMs));
  return {time, time + delay, static_cast<double>(hundredths) / 100};
}

std::int64_t Readings::end() const {
  return span() + kLateLeastMs + static_cast<std::int64_t>(kLateSpreadMs);
}

void Readings::arriving(unsigned device, std::int64_t from, std::int64_t until,
                        std::vector<Reading>& out) const {
  out.clear();
  Late late_ones[kLateOfDevice];
  for (unsigned i = 0; i < kLateOfDevice; ++i) {
    late_ones[i] = late(device, i);
    auto reading = at(device, late_ones[i].number);
    reading.arrival = reading.time + late_ones[i].by;
    if (reading.arrival >= from && reading.arrival < until) out.push_back(reading);
  }
  const auto number = [&](std::int64_t ms) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(ms, 0)) * per_second_ / 1000;
  };
  const auto last = std::min(of_device_, number(until) + 1);
  for (auto k = number(from - kDisorderMs); k < last; ++k) {
    if (std::ranges::any_of(late_ones, [&](const Late& l) { return l.number == k; })) continue;
    const auto reading = at(device, k);
    if (reading.arrival >= from && reading.arrival < until) out.push_back(reading);
  }
  std::ranges::sort(out, [](const Reading& a, const Reading& b) {
    return std::tie(a.arrival, a.time) < std::tie(b.arrival, b.time);
  });
}

}  // namespace tidemark::bench
