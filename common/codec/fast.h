// The fast residual coder: bits at one width for 128 residuals, wider ones patched. Private to this
// folder; layout in FORMAT.md under "Residuals, fast".
#pragma once

#include <cstdint>
#include <span>

#include "common/base/bytes.h"

namespace tidemark::codec::fast {

inline constexpr std::size_t kRun = 128;

void write(std::span<const std::int64_t> residuals, ByteWriter& out);

class Reader {
 public:
  Reader(ByteReader& in, std::size_t residuals) : in_(in), left_(residuals) {}
  // Some more to `to`, which has room for kRun; 0 when there are no more, or the stream is damaged.
  std::size_t next(std::int64_t* to);
  bool finish(ByteReader&) const { return in_.ok() && left_ == 0; }

 private:
  ByteReader& in_;
  std::size_t left_;
};

}  // namespace tidemark::codec::fast
