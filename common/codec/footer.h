// What a block says of its long columns beside them, so that a reader may skip or pre-aggregate.
// Private to this folder; layout in FORMAT.md under "Footers".
#pragma once

#include <vector>

#include "common/base/bytes.h"
#include "common/codec/outline.h"
#include "common/model/block.h"

namespace tidemark::codec {

// What is written for a column whose values are decimals of this exponent (ignored for integers;
// negative: doubles that are none); nothing for short columns, texts, and where not all is good.
void add_footer(const Group& group, const Column& column, int exponent,
                std::vector<ColumnSummary>& footers);

void write_footers(const std::vector<ColumnSummary>& footers, std::int64_t time_min,
                   ByteWriter& out);
// Makes `in` fail on what no writer wrote.
std::vector<ColumnSummary> read_footers(ByteReader& in, std::int64_t time_min);

// Whether these are the footers of the block: a reader of a whole block believes nobody.
bool footers_agree(const Block& block, const std::vector<ColumnSummary>& footers);

}  // namespace tidemark::codec
