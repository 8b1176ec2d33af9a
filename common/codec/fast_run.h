// What writer and reader of the fast tier's runs share. Private to this folder.
#pragma once

#include <cstdint>

namespace tidemark::codec::fast {

inline constexpr std::uint8_t kPatched = 0x80;   // in the first byte of a run, beside the width
inline constexpr unsigned kRunHeadBits = 24;     // about: width and low
inline constexpr unsigned kPatchHeadBits = 16;   // how many, and their bytes

}  // namespace tidemark::codec::fast
