// A sequence of integers as bytes: mantissas, ranks, states. A divisor and a table of values make
// them small, a predictor takes off what can be foreseen, a residual coder writes the rest. Private
// to this folder; layout in FORMAT.md under "Sequences".
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "common/base/bytes.h"
#include "common/codec/codec.h"
#include "common/codec/feed.h"
#include "common/codec/residuals.h"

namespace tidemark::codec {

// How hard the writer tries; readers need not know.
struct Effort {
  bool linear = true;   // prediction from several values before
  bool table = true;    // of the values that occur
  bool divisor = true;  // that all differences share
  bool frequencies = true;  // in tier fast: another coder where packing is too far off
  double frequencies_worth = 0.4;  // by so many bits a value
};

void write_sequence(Tier tier, std::span<const std::int64_t> values, ByteWriter& out,
                    Effort effort = {});
// The same in tier fast, of values that are made meanwhile, and never by a table. False: what was
// written is for nothing; they cannot be made, or are not for this way.
bool write_sequence(Feed& feed, ByteWriter& out, Effort effort = {});
// About the bits that tier fast takes, without tables.
double forecast_bits(std::span<const std::int64_t> values);
std::optional<double> forecast_bits(Feed& feed);  // none where it is not for write_sequence()
// Reads `count` values, which both sides know; false, and in.ok() is false too, when the bytes are
// not a writer's.
bool read_sequence(Tier tier, ByteReader& in, std::size_t count, Values& values);
// Fills all of `values`, whose number both sides know; false, and in.ok() is false too, when the
// bytes are not a writer's.
bool read_sequence(Tier tier, ByteReader& in, std::span<std::int64_t> values);

// Whether tier fast took the residual coder of tier standard, which leaves nothing to zstd.
bool has_entropy_coder(ByteSpan written);
bool is_tabled(ByteSpan written);
// What the writer chose, in words: "delta", "table+mean" …
std::string sequence_words(ByteSpan written);

}  // namespace tidemark::codec
