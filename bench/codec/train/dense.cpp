#include "bench/codec/train/dense.h"

#include <bit>

#include "bench/codec/train/residuals.h"
#include "common/codec/dense_stream.h"

namespace tidemark::bench {

using codec::RangeEncoder;

std::string dense_prior() {
  const auto streams = training_residuals();
  codec::dense::Model model;
  // Twice over: first from knowing nothing, then to settle what that has bent.
  for (int round = 0; round < 2; ++round) {
    for (const auto& residuals : streams) {
      std::uint64_t total = 0;
      for (const auto r : residuals) total += codec::dense::magnitude(r);
      const int width = static_cast<int>(std::bit_width(total / residuals.size()));
      ByteVector ignored;
      RangeEncoder coder(ignored);
      codec::dense::Stream<RangeEncoder> stream(coder, model, width);
      for (const auto r : residuals) stream.step(r);
    }
  }
  return codec::dense::prior_text(model);
}

}  // namespace tidemark::bench
