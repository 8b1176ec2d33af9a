// 256 numbers at one width, in eight lanes that lie word by word: number i is in lane i % 8, and
// the 32 numbers of a lane follow one another, low bits first. Shifts are constants and all lanes
// do the same, so that plain vectors do it on every CPU. Private to this folder.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tidemark::codec {

inline constexpr unsigned kLaneNumbers = 256;
inline constexpr unsigned kLaneWidthMax = 32;

// `packed` has 32 * width bytes, width is 0 to 32, bits of numbers above it are 0.
void pack_lanes(unsigned width, const std::uint32_t* numbers, std::uint8_t* packed);
void unpack_lanes(unsigned width, const std::uint8_t* packed, std::uint32_t* numbers);

// The other order: a stretch of 32 numbers for each lane. From numbers in their order to the places
// where pack_lanes() takes them so, and back.
constexpr std::size_t place_in_stretches(std::size_t i) { return i % 32 * 8 + i / 32; }
void to_stretches(const std::uint32_t* numbers, std::uint32_t* places);
void from_stretches(const std::uint32_t* places, std::uint32_t* numbers);

}  // namespace tidemark::codec
