// Residuals back into values: what predict() took off, in integers alone. Private to this folder;
// layout in FORMAT.md under "Sequences".
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "common/codec/predictor.h"
#include "common/codec/residuals.h"

namespace tidemark::codec {

class Restorer {
 public:
  // `p` outlives it.
  Restorer(const Predictor& p, unsigned lanes);

  // `x` holds the residuals of `rows` rows of all lanes, side by side, from row `at` on, which is
  // begin() at first and then the row behind the last. The values lie where it says, until the next
  // call; they may be changed.
  std::int64_t* restore(std::int64_t* x, std::size_t at, std::size_t rows);

 private:
  std::int64_t* restore_linear(const std::int64_t* x, std::size_t at, std::size_t rows);

  const Predictor& p_;
  unsigned lanes_;
  std::array<std::int64_t, kLanesMax> last_, step_;
  // Linear: the last rows, as many as there are taps, and behind them those that are lent out.
  std::vector<std::int64_t> rows_;
  std::int64_t bias_ = 0;
  bool narrow_ = true;  // all values so far are of 32 bits, for all that was looked
};

}  // namespace tidemark::codec
