// What can be foreseen of a sequence of integers: a level, a slope, or a linear combination of the
// values before. Private to this folder; layout in FORMAT.md under "Sequences".
//
// The encoder chooses with doubles whose sums are exact or rounded alike on every CPU; the decoder
// computes in integers alone.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/base/bytes.h"
#include "common/codec/codec.h"
#include "common/codec/numbers.h"
#include "common/codec/residuals.h"

namespace tidemark::codec {

enum class Prediction : std::uint8_t {
  mean = 0,
  delta = 1,    // the value before
  delta2 = 2,   // the value before and its step again
  linear = 3,   // weights of up to kTapsMax values before (LPC)
  constant = 4, // nothing is left over
  slope = 5,    // the same step each time
};

inline constexpr unsigned kTapsMax = 32;

struct Predictor {
  Prediction kind = Prediction::constant;
  std::array<std::int64_t, kLanesMax> firsts{};  // of all but mean, by segment
  std::int64_t mean = 0;  // mean and linear; of slope the step, of delta2 the first one
  unsigned taps = 0;
  unsigned fraction = 0;  // bits of the weights below the point
  std::array<std::int64_t, kTapsMax> weights{};
  double bits = 0;  // forecast of all residuals and the head; not written

  // The first residual of a segment is of this row.
  [[nodiscard]] std::size_t begin() const { return kind == Prediction::mean ? 0 : 1; }
  [[nodiscard]] bool leaves_nothing() const {
    return kind == Prediction::constant || kind == Prediction::slope;
  }
};

// The one that leaves nothing over, if there is such a one; `values` is not empty.
std::optional<Predictor> choose_slope(std::span<const std::int64_t> values);
// `values` is not empty. `taps_max` 0: no linear prediction.
Predictor choose_predictor(std::span<const std::int64_t> values, unsigned taps_max);
// What is left over of each segment from row begin() on, one segment behind the other, and the
// first values of the segments. `values` are those of all places of `cut`.
void predict(Predictor& p, std::span<const std::int64_t> values, const Cut& cut,
             std::vector<std::int64_t>& residuals);

// After predict().
void write_predictor(const Predictor& p, unsigned lanes, ByteWriter& out);
// What follows the first byte; fails `in` on what no writer wrote.
Predictor read_predictor(std::uint8_t kind, unsigned lanes, ByteReader& in);

}  // namespace tidemark::codec
