// Sequences of few different symbols that follow a pattern: the steps of a clock that is read by a
// slower tick. Adaptive probabilities in the context of the symbols before, binary range coding;
// slow, for clocks only. Private to this folder; layout in FORMAT.md under "Times".
#pragma once

#include <cstdint>
#include <span>

#include "common/base/bytes.h"

namespace tidemark::codec {

inline constexpr unsigned kPatternSymbols = 16;

// Symbols are below kPatternSymbols. The stream has its length before it.
void write_pattern(std::span<const std::uint8_t> symbols, ByteWriter& out);
// Fills `symbols`; fails `in` when the stream is too short.
void read_pattern(ByteReader& in, std::span<std::uint8_t> symbols);

}  // namespace tidemark::codec
