// Entry of the block decoder. The input is tried as it is, and once more with the checksum made
// right, because no fuzzer finds one.
#pragma once

#include "common/base/bytes.h"

namespace tidemark::fuzz {

void codec(ByteSpan input);

}  // namespace tidemark::fuzz
