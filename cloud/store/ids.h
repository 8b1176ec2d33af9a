// Numbers by which rows of cloud.db refer to each other.
#pragma once

#include <cstdint>

namespace tidemark::store {

using EdgeId = std::uint32_t;
using SourceId = std::uint32_t;
using SeriesId = std::uint32_t;

}  // namespace tidemark::store
