// The questions that are not about one column: what clocks cost, many short columns, and what a
// reader that skips a block saves.
#pragma once

#include <string>
#include <vector>

#include "bench/codec/series.h"
#include "common/codec/codec.h"

namespace tidemark::bench {

// Bits for each instant in batches of 1,000, as their column lies in a block.
double clock_bits(const Clock& clock, codec::Tier tier);

// 1,000 series by 5 rows in one block.
struct ShortColumns {
  std::string name;
  double bytes = 0;   // for each column, in the block
  double packed = 0;  // of its values: first as varint, differences at their common width
  [[nodiscard]] double above() const { return bytes - packed; }
};
std::vector<ShortColumns> short_columns(codec::Tier tier);

// A block of 8 series by 1,000 rows: thread CPU time of reading its outline, and of all of it.
struct Skipping {
  double outline_us = 0, decode_us = 0;
};
Skipping skipping(codec::Tier tier);

}  // namespace tidemark::bench
