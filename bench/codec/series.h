// The numbers that are measured: recordings from a folder and signals made here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace tidemark::bench {

// One series. `bits` are IEEE doubles, or int64 where `integers` says so.
struct Recording {
  std::string name;
  bool integers = false;
  std::vector<std::uint64_t> bits;
};

// What one figure is taken over: the columns of one kind of source.
struct Set {
  std::string name;
  std::vector<Recording> recordings;
};

struct Clock {
  std::string name;
  double bits_max = 0;              // the target, in bits each at 1,000
  std::vector<std::int64_t> times;  // ns
};

// All sets of a folder with an index.json (README.md): zstd-packed CSV, numbers as doubles. A clock
// per recording of `clock_set`, if there is one.
Result<std::vector<Set>> read_sets(const std::filesystem::path& folder);
Result<std::vector<std::int64_t>> read_clock(const std::filesystem::path& folder,
                                             const std::string& set);

// Modbus registers (int64), an inertial sensor (floats widened to doubles), counters (int64).
std::vector<Set> generated_sets();
// A regular one, a poll with 3 ms of jitter, and a sensor read by a coarse clock, so that its
// deltas alternate.
std::vector<Clock> generated_clocks();

}  // namespace tidemark::bench
