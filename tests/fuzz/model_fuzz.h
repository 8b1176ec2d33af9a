// Entries of the decoders of common/model and common/window. What decodes must encode to the same
// bytes: each of these formats has one form for one content.
#pragma once

#include "common/base/bytes.h"

namespace tidemark::fuzz {

void dictionary(ByteSpan input);
void record(ByteSpan input);  // with the checksum made right as well
void seal(ByteSpan input);
void partial(ByteSpan input);

}  // namespace tidemark::fuzz
