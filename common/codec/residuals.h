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

inline constexpr std::size_t kStep = 256;  // residuals that a reader gives at most at once

void write_residuals(Tier tier, std::span<const std::int64_t> residuals, ByteWriter& out);
// Whether tier fast took many more bytes for these than a coder that knows frequencies would: of
// few different small numbers.
bool may_pack_badly(std::size_t residuals, std::size_t bytes);  // before they are looked at
bool packs_badly(std::span<const std::int64_t> residuals, std::size_t bytes);
// Fills all of `residuals`; false, and in.ok() is false too, when the bytes are not a writer's.
bool read_residuals(Tier tier, ByteReader& in, std::span<std::int64_t> residuals);

// Takes residuals [at, at + n) of a sequence, in a working memory with kStep places and kBefore
// ones before them.
class Consumer {
 public:
  virtual void take(std::int64_t* residuals, std::size_t at, std::size_t n) = 0;

 protected:
  ~Consumer() = default;
};
inline constexpr std::size_t kBefore = 32;

// The same in steps, while they are in the cache. The places before those of a step hold what
// take() made of the last kBefore ones; at first `before`.
bool read_residuals(Tier tier, ByteReader& in, std::size_t count, std::int64_t before,
                    Consumer& consumer);

}  // namespace tidemark::codec
