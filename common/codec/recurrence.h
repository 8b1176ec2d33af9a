// Rows of values that come again at any distance: predictors do not see them, zstd lives on them.
// Private to this folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tidemark::codec {

// The share of rows that begin a stretch which was there before, 0 to 1, by a sample: whether a row
// is in it is decided by what stands there, so that both places of a stretch are in it or neither.
// `bytes` is what all values take without: a stretch counts if it is longer than the place where it
// was. About 0.3 ns a value.
double recurring_share(std::span<const std::uint64_t> words, std::size_t bytes);

}  // namespace tidemark::codec
