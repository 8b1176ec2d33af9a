// The standard residual coder: tANS with shipped static tables. Private to this folder; the model
// is in tans_model.h, the layout in FORMAT.md under "Residuals, standard".
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/base/bytes.h"
#include "common/codec/bits.h"
#include "common/codec/tans_model.h"

namespace tidemark::codec::tans {

// What the states are to write, in the decoder's order; training counts these.
struct Tokens {
  unsigned shape = 0;
  unsigned first_scale = 1;
  std::vector<std::uint16_t> scales;  // of runs: table << 6 | symbol
  std::vector<std::uint16_t> values;  // by residual; of runs of zeros unset
  std::vector<bool> zeros;            // by run
  ByteVector beside;                  // low bits, and what is past the tables
};
void tokenise(const Model& model, std::span<const std::int64_t> residuals, Tokens& tokens);

void write(std::span<const std::int64_t> residuals, ByteWriter& out);

// Reads a stream in steps of one run for each lane.
class Reader {
 public:
  static constexpr std::size_t kStep = 4 * kRun;  // the most of one step

  Reader(ByteReader& in, std::size_t residuals);
  // Some more residuals to `to`, which has room for kStep (the last step may write garbage past its
  // own); 0 when there are no more, or the stream is damaged.
  std::size_t next(std::int64_t* to);
  // Whether all was as a writer leaves it; `in` goes on behind the stream.
  bool finish(ByteReader& in);

 private:
  template <unsigned kLanes>
  std::size_t step(std::int64_t* to);
  std::size_t step1(std::int64_t* to);
  std::size_t step2(std::int64_t* to);
  std::size_t step4(std::int64_t* to);
  bool read_scales(unsigned lanes, unsigned* scales);
  void read_beside(unsigned scale, const std::uint32_t* entries, std::size_t n, bool tails,
                   std::int64_t* to);

  const Model& model_;
  std::size_t left_;
  unsigned lanes_;
  unsigned shape_ = 0;
  bool ok_ = true;
  bool has_beside_ = false;
  ByteSpan states_;              // and all that follows them
  std::size_t states_at_ = 0;    // bits
  std::size_t states_size_ = 0;  // bytes, if anything lies beside
  BitReader beside_{{}};
  std::uint32_t state_[4] = {};  // by lane, from 0
  unsigned scale_ = 0;  // the last that was not of zeros
  int scale_step_ = 0;
  bool after_zeros_ = false;
};

}  // namespace tidemark::codec::tans
