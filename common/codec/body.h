// The body of a block: groups, columns and partials, as they lie between the container's head and
// its checksum. Private to this folder; layout in FORMAT.md under "Body".
#pragma once

#include <cstdint>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/codec/codec.h"
#include "common/codec/outline.h"
#include "common/model/block.h"

namespace tidemark::codec {

// Whether a block fits itself (bad_input) and the bounds of codec.h (full).
Result<> check_block(const Block& block);

struct Way {
  Tier tier = Tier::standard;
  Clocks clocks = Clocks::shared;
};
// Fills `footers`, which do not lie in the body. Times are written relative to `time_min`, which
// the head has anyway.
void write_body(Way way, const Block& block, std::int64_t time_min, Memories& memories,
                std::vector<ColumnSummary>& footers, ByteWriter& out);
// Fills groups and partials. Makes `in` fail on what no writer has written, and past a bound.
void read_body(Tier tier, ByteReader& in, std::int64_t time_min, Block& block);

}  // namespace tidemark::codec
