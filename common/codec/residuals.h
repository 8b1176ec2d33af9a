// What the predictors of a sequence leave over, as bytes: one coder for each tier. Private to this
// folder; layouts in FORMAT.md under "Residuals".
//
// A stream ends where its own content says, so that the reader stands right behind it; the number
// of residuals is known to both sides. Readers check bounds: in.fail() on what no writer wrote.
#pragma once

#include <cstdint>
#include <span>

#include "common/base/bytes.h"
#include "common/codec/codec.h"

namespace tidemark::codec {

void write_residuals(Tier tier, std::span<const std::int64_t> residuals, ByteWriter& out);
// Fills all of `residuals`; false, and in.ok() is false too, when the bytes are not a writer's.
bool read_residuals(Tier tier, ByteReader& in, std::span<std::int64_t> residuals);

}  // namespace tidemark::codec
