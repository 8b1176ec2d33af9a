// Checksums and content hashes (XXH3). Not for secrets.
#pragma once

#include <cstdint>

#include "common/base/bytes.h"

namespace tidemark {

std::uint64_t xxh3(ByteSpan bytes, std::uint64_t seed = 0);

}  // namespace tidemark
