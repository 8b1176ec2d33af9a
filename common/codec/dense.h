// The residual coder of the dense tier: for links that cost more than CPU. Each residual is told in
// binary decisions, coded at the odds that an adaptive model gives them (dense_model.h). Private to
// this folder; layout in FORMAT.md under "Residuals, dense".
#pragma once

#include <cstdint>
#include <span>

#include "common/base/bytes.h"
#include "common/codec/dense_predictor.h"
#include "common/codec/dense_stream.h"

namespace tidemark::codec::dense {

inline constexpr std::size_t kRun = 128;

// Nothing for no residuals.
void write(std::span<const std::int64_t> residuals, ByteWriter& out);

class Reader {
 public:
  Reader(ByteReader& in, std::size_t residuals);
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  // Some more to `to`, which has room for kRun; 0 when there are no more, or the stream is damaged.
  std::size_t next(std::int64_t* to);
  // Leaves `in` right behind the stream; makes it fail when that lies behind its end.
  bool finish(ByteReader& in);

 private:
  std::size_t count_, left_;  // residuals
  std::uint8_t head_;
  int width_;
  std::size_t bytes_;  // that there are
  RangeDecoder coder_;
  Model model_;
  Stream<RangeDecoder> stream_;
  Predictor predictor_;
};

}  // namespace tidemark::codec::dense
