// A table of the values that occur: of a coarse sensor, ranks in it are smaller numbers than the
// values. Private to this folder.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace tidemark::codec {

// As many values, evenly spread, are looked at to see whether a table is worth a try.
inline constexpr std::size_t kSparseSample = 512;
// Whether few of the values between the least and the most occur, by a sample of 512.
bool looks_sparse(std::span<const std::int64_t> values);

struct ValueTable {
  std::vector<std::int64_t> values;  // each once, rising
  std::vector<std::int64_t> ranks;   // of the sequence
};
// Nothing when more than half of the values are different, or only one is there.
std::optional<ValueTable> table_of_values(std::span<const std::int64_t> values);

}  // namespace tidemark::codec
