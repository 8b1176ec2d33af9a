// A statement that has grown past one frame, after days without a link, as several.
#pragma once

#include <cstddef>
#include <vector>

#include "common/model/seal.h"

namespace tidemark::uplink {

inline constexpr std::size_t kSealBytesMax = 256 * 1024;

// All but the last say `more`, and nothing but minutes. The last has everything else, and the
// minutes that fit beside it: the cloud takes the number as said only with that one, so that a link
// that dies between them costs a repetition.
std::vector<Seal> seal_parts(Seal whole, std::size_t bytes_max = kSealBytesMax);

}  // namespace tidemark::uplink
