// The fast residual coder: 256 residuals as bits of one width above the least of them, those far
// off told apart. Together with the simple predictors it works run by run, in the innermost cache.
// Private to this folder; layout in FORMAT.md under "Residuals, fast".
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "common/base/bytes.h"
#include "common/codec/feed.h"
#include "common/codec/predictor.h"
#include "common/codec/sequence.h"

namespace tidemark::codec::fast {

inline constexpr std::size_t kRun = 256;

void write(std::span<const std::int64_t> residuals, ByteWriter& out);

// The one of mean, delta and delta2 that takes the fewest bits, by some runs of `values`, of which
// there are two at least; `firsts`, `mean` and `bits` are set. Of a feed, as that has them; none
// if it cannot make them.
Predictor choose(std::span<const std::int64_t> values);
std::optional<Predictor> choose(Feed& feed);
// What one of these leaves; of a feed false if that cannot make it.
void write(const Predictor& p, std::span<const std::int64_t> values, ByteWriter& out);
bool write(const Predictor& p, Feed& feed, ByteWriter& out);
// Gives `to` what one of these made `count` values of; false, and in.ok() is false too, on what no
// writer wrote.
bool read(const Predictor& p, ByteReader& in, std::size_t count, Values& to);

// A run as it lies in the bytes.
struct Run {
  std::int64_t low = 0;
  unsigned width = 0;    // of the numbers above `low`, 0 to 64
  unsigned patches = 0;  // that are told apart
  unsigned patch_width = 0;
};

class Reader {
 public:
  Reader(ByteReader& in, std::size_t residuals) : in_(in), left_(residuals) {}
  // Some more to `to`, which has room for kRun; 0 when there are no more, or the stream is damaged.
  std::size_t next(std::int64_t* to);
  bool finish(ByteReader&) const { return in_.ok() && left_ == 0 && zero_runs_ == 0; }

 private:
  ByteReader& in_;
  std::size_t left_;
  unsigned zero_runs_ = 0;  // of those told at once
};

}  // namespace tidemark::codec::fast
