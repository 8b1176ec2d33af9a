// A sequence of integers as bytes: mantissas, ranks, states. A divisor and a table of values make
// them small, a predictor takes off what can be foreseen, a residual coder writes the rest. Private
// to this folder; layout in FORMAT.md under "Sequences".
#pragma once

#include <cstdint>
#include <span>

#include "common/base/bytes.h"
#include "common/codec/codec.h"

namespace tidemark::codec {

// How hard the writer tries; readers need not know.
struct Effort {
  bool linear = true;  // prediction from several values before
  bool table = true;   // of the values that occur
  bool frequencies = true;  // in tier fast: another coder where packing is too far off
  Memory* memory = nullptr;  // in tier fast: a table that was not worth it rests for some blocks
};

void write_sequence(Tier tier, std::span<const std::int64_t> values, ByteWriter& out,
                    Effort effort = {});
// Takes values [at, at + n), in order and at most kStep at once, while they are in the cache.
class Values {
 public:
  virtual void take(const std::int64_t* values, std::size_t at, std::size_t n) = 0;
  // The same of base + offsets[i].
  virtual void take_near(std::int64_t base, const std::int32_t* offsets, std::size_t at,
                         std::size_t n);

 protected:
  ~Values() = default;
};
// Reads `count` values, which both sides know; false, and in.ok() is false too, when the bytes are
// not a writer's.
bool read_sequence(Tier tier, ByteReader& in, std::size_t count, Values& values);
// Fills all of `values`, whose number both sides know; false, and in.ok() is false too, when the
// bytes are not a writer's.
bool read_sequence(Tier tier, ByteReader& in, std::span<std::int64_t> values);

// What the writer chose, in words: "delta", "table+mean" …
std::string sequence_words(ByteSpan written);

}  // namespace tidemark::codec
