// 256 numbers at one width, in eight lanes that lie word by word: number i is in lane i % 8, and
// the 32 numbers of a lane follow one another, low bits first. Shifts are constants and all lanes
// do the same, so that plain vectors do it on every CPU. Private to this folder.
#pragma once

#include <cstdint>

namespace tidemark::codec {

inline constexpr unsigned kLaneNumbers = 256;
inline constexpr unsigned kLaneWidthMax = 32;

// `packed` has 32 * width bytes, width is 0 to 32, bits of numbers above it are 0.
void pack_lanes(unsigned width, const std::uint32_t* numbers, std::uint8_t* packed);
void unpack_lanes(unsigned width, const std::uint8_t* packed, std::uint32_t* numbers);

}  // namespace tidemark::codec
