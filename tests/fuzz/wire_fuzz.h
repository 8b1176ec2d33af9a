// One entry for every decoder of common/wire: the first byte chooses, the rest is the input.
#pragma once

#include "common/base/bytes.h"

namespace tidemark::fuzz {

void wire(ByteSpan input);

}  // namespace tidemark::fuzz
