// Plain readings, as cloud/plain reads them.
#pragma once

#include "common/base/bytes.h"

namespace tidemark::fuzz {

// A JSON record, and the block that is made of it.
void plain_json(ByteSpan input);

}  // namespace tidemark::fuzz
