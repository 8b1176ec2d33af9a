#include "tests/fuzz/codec_fuzz.h"

#include "common/base/hash.h"
#include "common/codec/codec.h"
#include "tests/common/blocks.h"

namespace tidemark::fuzz {
namespace {

void decode(ByteSpan input) {
  const auto told = codec::summary(input);
  const auto block = codec::decode(input);
  if (!block.ok()) return;
  TIDE_CHECK(told.ok(), "a block without a summary");
  TIDE_CHECK(told->readings == readings_carried(*block), "the summary is that of another block");
  // Its own encoder may need more bytes than the limit; what it takes must come back.
  const auto again = codec::encode(*block, codec::Tier::fast);
  if (!again.ok()) return;
  const auto back = codec::decode(*again);
  TIDE_CHECK(back.ok() && codec::same_bits(*back, *block), "a block does not survive encoding");
}

}  // namespace

void codec(ByteSpan input) {
  decode(input);
  ByteVector sealed(input.begin(), input.end());
  ByteWriter(sealed).fixed(xxh3(input));
  decode(sealed);
}

}  // namespace tidemark::fuzz
