// Sizes and speeds of coders over sets.
#pragma once

#include <memory>
#include <vector>

#include "bench/codec/coder.h"
#include "bench/codec/series.h"

namespace tidemark::bench {

// One coder, one set, one number of rows.
struct Figure {
  std::size_t values = 0;
  std::size_t bytes = 0;
  double encode_s = 0, decode_s = 0;  // thread CPU time of the best pass
  bool exact = true;                  // every bit came back
  std::size_t worst_over_first = 0;   // bytes of a batch above those of the first coder
  [[nodiscard]] double bits() const {
    return 8.0 * static_cast<double>(bytes) / static_cast<double>(values);
  }
  [[nodiscard]] double encode_mvs() const { return static_cast<double>(values) / encode_s / 1e6; }
  [[nodiscard]] double decode_mvs() const { return static_cast<double>(values) / decode_s / 1e6; }
};

// One figure a coder; none when no recording of the set has `rows` rows. Whole batches only, so
// that a figure is that of its number of rows. The coders take turns within a pass, so that a
// machine which slows down does so for all.
std::vector<Figure> measure(const Set& set, std::size_t rows, int passes,
                            const std::vector<std::unique_ptr<Coder>>& coders);

double cpu_seconds();  // of this thread

}  // namespace tidemark::bench
