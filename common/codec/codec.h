// Blocks as bytes. The format is in FORMAT.md beside this file.
//
// Promise    decode(encode(b)) == b, bit for bit, NaN payloads and -0.0 included; the same block
//            gives the same bytes on every CPU (with one version of zstd). Damaged bytes are
//            refused, never other numbers.
// Bounds     the constants below and kBlockBytesMax; encode() says Fault::full, decode()
//            Fault::bad_input. A decoder allocates no more than the declared rows need.
// Not here   whether a series index lies within the dictionaries: only their holder can tell.
// Threads    any; free functions whose working memory belongs to the calling thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/model/block.h"

namespace tidemark::codec {

inline constexpr std::size_t kRowsMax = 65'536;        // in a group
inline constexpr std::size_t kColumnsMax = 16'384;     // in a block; groups too
inline constexpr std::size_t kValuesMax = 1'048'576;   // in a block; rows over all groups too
inline constexpr std::size_t kCellsMax = 8'388'608;    // rows times columns that have gaps
inline constexpr std::size_t kPartialsMax = 65'536;    // in a block
inline constexpr std::size_t kDictionariesMax = 1'024;
inline constexpr std::size_t kTextBytesMax = 16'777'216;  // of all text values together
inline constexpr std::size_t kBodyBytesMax = 16'777'216;  // before the last stage packs it

// Which coder writes what the predictors leave: by CPU and the price of a byte. A reader is told.
enum class Tier : std::uint8_t { fast = 0, standard = 1, dense = 2 };

// What a reader learns without decoding columns.
struct Summary {
  std::uint64_t rows = 0;      // over all groups
  std::uint64_t readings = 0;  // readings_carried()
  std::int64_t time_min = 0;  // over rows and windows of partials, both ends inside; both 0 when
  std::int64_t time_max = 0;  // the block has neither
  std::vector<DictionaryHash> dictionaries;
};

// What the encoder remembers of a series from block to block: it tries first what fitted last time,
// and verifies it. Forgetting, or another series' memory, costs time and a few bytes only.
struct Memory {
  bool used = false;
  std::uint8_t mode = 0;      // of doubles
  std::uint8_t exponent = 0;
  bool tabled = false;         // in tier fast
  bool no_grid = false;        // of steps, when one was sought in enough values
  std::uint32_t blocks = 0;
  double scale = 0;
};
static_assert(sizeof(Memory) <= 256);

// Those of all series of one stream of blocks, by their index. At kSeriesMax it begins anew.
class Memories {
 public:
  static constexpr std::size_t kSeriesMax = 65'536;
  Memory& of(std::uint32_t series) {
    if (by_series_.size() >= kSeriesMax && !by_series_.contains(series)) by_series_.clear();
    return by_series_[series];
  }

 private:
  std::unordered_map<std::uint32_t, Memory> by_series_;
};

// Of the times of groups: a clock that many columns share is worth the best of several ways to
// write it; where each column has its own, the first good way is taken. Readers need not know.
enum class Clocks : std::uint8_t { shared, own };

// Fault::bad_input for a block whose parts do not fit each other (a column with more values than
// rows); only a fault in our own code makes one.
Result<ByteVector> encode(const Block& block, Tier tier);
// The same bytes for the same block, tier, memories and kind of clocks.
Result<ByteVector> encode(const Block& block, Tier tier, Memories& memories,
                          Clocks clocks = Clocks::shared);
// Fault::corrupt when the checksum or the structure is wrong, unsupported for a newer version.
Result<Block> decode(ByteSpan bytes);
// The same faults; checks the checksum too.
Result<Summary> summary(ByteSpan bytes);
// The same of a block at hand, without encoding it.
Summary summary(const Block& block);
// How the encoder would write the values of a column, in words, for people who compare.
struct Method {
  std::string mode;       // what is written: "decimal", "bits", "integers" …
  std::string predictor;  // "none", "constant", "delta" …
  std::string coder;
};
Method method_of(const Column& column, Tier tier);

// The values of one column alone, as they lie in a block: without its head, gaps, qualities and the
// checksum. For those who measure.
ByteVector encode_values(const Column& column, Tier tier, Memory* memory = nullptr);
// Fills `into`, whose type and number of values the caller sets. Fault::corrupt when the bytes are
// not a writer's.
Result<> decode_values(ByteSpan bytes, Tier tier, Column& into);
// The same of the times of a group, in ns.
ByteVector encode_times(std::span<const std::int64_t> times, Tier tier);
Result<> decode_times(ByteSpan bytes, Tier tier, std::span<std::int64_t> into);

}  // namespace tidemark::codec
