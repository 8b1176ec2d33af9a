// The figures as one table for people, and as one object for machines.
#pragma once

#include <string>
#include <vector>

#include "bench/codec/measure.h"
#include "bench/codec/special.h"

namespace tidemark::bench {

struct SetResult {
  std::string set;
  std::vector<Figure> figures;  // by coder; empty: no recording is that long
};
struct RowsResult {
  std::size_t rows = 0;
  std::vector<SetResult> sets;
};
struct ClockResult {
  std::string name;
  double bits_max = 0;
  std::vector<double> bits;  // by tier
};
struct Results {
  std::vector<std::string> coders;
  std::vector<RowsResult> rows;
  std::vector<ClockResult> clocks;
  std::vector<ShortColumns> short_columns;  // standard tier
  Skipping skipping;                        // the same
};

struct Speed {
  double encode = 0, decode = 0;          // Mv/s, harmonic mean over sets
  double encode_min = 0, decode_min = 0;  // of the slowest set
};
double geometric_bits(const RowsResult& rows, std::size_t coder);
Speed speed_of(const RowsResult& rows, std::size_t coder);

// A target of issue 4, and what came out.
struct Verdict {
  std::string target;
  std::string measured;
  bool met = false;
};
std::vector<Verdict> verdicts(const Results& results);

std::string as_text(const Results& results);
std::string as_json(const Results& results);

}  // namespace tidemark::bench
