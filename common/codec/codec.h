// Blocks as bytes. The format is in FORMAT.md beside this file.
//
// Promise    decode(encode(b)) == b, bit for bit, NaN payloads and -0.0 included; the same block
//            gives the same bytes on every CPU. Damaged bytes are refused, never other numbers.
// Bounds     kRowsMax rows in a group, kColumnsMax columns in a block, kValuesMax values in all,
//            kBlockBytesMax bytes; encode() says Fault::full, decode() Fault::bad_input. A decoder
//            allocates no more than the declared rows need.
// Threads    free functions without state; an Encoder belongs to one thread.
#pragma once

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/model/block.h"

namespace tidemark::codec {

inline constexpr std::size_t kRowsMax = 65'536;
inline constexpr std::size_t kColumnsMax = 16'384;
inline constexpr std::size_t kValuesMax = 4'194'304;

enum class Tier : std::uint8_t { fast = 0, standard = 1, dense = 2 };

// What a reader learns without decoding columns.
struct Summary {
  std::uint64_t rows = 0;      // over all groups
  std::uint64_t readings = 0;  // readings_carried()
  std::int64_t time_min = 0;
  std::int64_t time_max = 0;
  std::vector<DictionaryHash> dictionaries;
};

Result<ByteVector> encode(const Block& block, Tier tier);
// Fault::corrupt when the checksum or the structure is wrong, unsupported for a newer version.
Result<Block> decode(ByteSpan bytes);
Result<Summary> summary(ByteSpan bytes);

}  // namespace tidemark::codec
