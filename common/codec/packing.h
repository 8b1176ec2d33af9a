// zstd, for what our own coders are no better at. Private to this folder.
#pragma once

#include <cstdint>
#include <span>

#include "common/base/bytes.h"

namespace tidemark::codec {

// One frame without its size; empty when out of memory.
ByteVector pack(ByteSpan bytes, int level);
// Fills all of `to`; false when the frame is damaged or has another size.
bool unpack(ByteSpan frame, std::span<std::uint8_t> to);

// Whether zstd may take fewer than `bytes`: rows of values recur, which is what it lives on and
// predictors do not see, or few different values come with odds that our tables do not have.
bool zstd_may_win(std::span<const std::uint64_t> words, std::size_t bytes);
// Whether zstd takes far more than `bytes` bytes for these, by a quarter of them.
bool zstd_takes_more(std::span<const std::uint64_t> words, std::size_t bytes, int level);

}  // namespace tidemark::codec
