// A sequence of integers as bytes: mantissas, ranks, times, states. A predictor takes off what can
// be foreseen, a residual coder writes the rest. Private to this folder; layout in FORMAT.md under
// "Sequences".
#pragma once

#include <cstdint>
#include <span>

#include "common/base/bytes.h"
#include "common/codec/codec.h"

namespace tidemark::codec {

void write_sequence(Tier tier, std::span<const std::int64_t> values, ByteWriter& out);
// Fills all of `values`, whose number both sides know; false, and in.ok() is false too, when the
// bytes are not a writer's.
bool read_sequence(Tier tier, ByteReader& in, std::span<std::int64_t> values);

}  // namespace tidemark::codec
