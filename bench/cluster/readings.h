// The readings of bench/cluster: all of them follow from their device and number, so that programs
// in several languages have the same ones (oracle.py computes them once more).
#pragma once

#include <cstdint>
#include <vector>

namespace tidemark::bench {

inline constexpr unsigned kDevices = 1000;
inline constexpr int kPartitions = 4;
inline constexpr std::int64_t kDisorderMs = 5000;  // a reading comes less than that after its time
inline constexpr unsigned kLateOfDevice = 2;       // come 10 to 30 s late, of the first 10 s

struct Reading {
  std::int64_t time = 0;     // ms since the start of the run
  std::int64_t arrival = 0;  // likewise
  double value = 0;          // of two decimals
};

class Readings {
 public:
  // `all` over all devices, each with so many a second.
  Readings(std::uint64_t all, unsigned per_second)
      : of_device_(all / kDevices), per_second_(per_second) {}

  // What of a device arrives in [from, until), in that order.
  void arriving(unsigned device, std::int64_t from, std::int64_t until,
                std::vector<Reading>& out) const;
  [[nodiscard]] std::int64_t span() const { return time_of(of_device_); }
  // Nothing arrives from then on.
  [[nodiscard]] std::int64_t end() const;

 private:
  [[nodiscard]] std::int64_t time_of(std::uint64_t k) const {
    return static_cast<std::int64_t>(k * 1000 / per_second_);
  }
  // The number of the late reading, and by how much it is late.
  struct Late {
    std::uint64_t number;
    std::int64_t by;
  };
  [[nodiscard]] Late late(unsigned device, unsigned i) const;
  [[nodiscard]] Reading at(unsigned device, std::uint64_t k) const;

  std::uint64_t of_device_;
  unsigned per_second_;
};

}  // namespace tidemark::bench
