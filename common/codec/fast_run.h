// What writer and reader of the fast tier's runs share. Private to this folder.
#pragma once

#include <cstdint>

namespace tidemark::codec::fast {

inline constexpr std::uint8_t kPatched = 0x80;   // in the first byte of a run, beside the width
// Above the widths: so many whole runs, less kZeroRuns, whose residuals are all 0.
inline constexpr std::uint8_t kZeroRuns = 64;
inline constexpr std::uint8_t kZeroRunsMax = 63;
inline constexpr unsigned kPositionBits = 8;
inline constexpr unsigned kRunHeadBits = 24;     // about: width and low
inline constexpr unsigned kPatchHeadBits = 16;   // how many, and their width

}  // namespace tidemark::codec::fast
