// Entry of the reader of .tdm files. The input is tried as it is, and once more with the checksum
// of its head made right.
#pragma once

#include "common/base/bytes.h"

namespace tidemark::fuzz {

void tdm(ByteSpan input);

}  // namespace tidemark::fuzz
