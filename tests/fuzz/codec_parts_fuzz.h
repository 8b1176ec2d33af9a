// Entries of the parts of a block: columns, times, and each residual coder, both ways. They have no
// checksum between them and the fuzzer, so that it gets further than through whole blocks.
#pragma once

#include "common/base/bytes.h"

namespace tidemark::fuzz {

void codec_block(ByteSpan input);   // a block made from the input survives encoding, in each tier
void codec_values(ByteSpan input);  // tier and type, number of values, then the column as bytes
void codec_times(ByteSpan input);
void residuals_fast(ByteSpan input);  // number of residuals, then a stream
void residuals_standard(ByteSpan input);
void residuals_dense(ByteSpan input);
void residuals_written(ByteSpan input);  // width, then residuals: all tiers give them back

}  // namespace tidemark::fuzz
