// A statement that has grown past one frame, after days without a link, as several.
#pragma once

#include <cstddef>
#include <vector>

#include "common/model/seal.h"

namespace tidemark::uplink {

inline constexpr std::size_t kSealBytesMax = 256 * 1024;

// Each part says of some minutes what the whole says, under rising numbers above `floor` (the
// highest that the cloud may know); the last has the whole's own number, and everything but the
// minutes that the others carry. Numbers between are free: the edge raises them with every flush
// and sends few. If there are too few, the oldest minutes are left out: their coverage will read as
// unknown, no reading is lost by it.
std::vector<Seal> seal_parts(const Seal& whole, std::uint64_t floor,
                             std::size_t bytes_max = kSealBytesMax);

}  // namespace tidemark::uplink
