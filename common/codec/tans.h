// The standard residual coder: tANS with shipped static tables. Private to this folder; the model
// is in tans_model.h, the layout in FORMAT.md under "Residuals, standard".
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "common/base/bytes.h"
#include "common/codec/residuals.h"
#include "common/codec/tans_model.h"

namespace tidemark::codec::tans {

// What the states are to write, by segments; training counts these.
struct Tokens {
  unsigned shape = 0;
  unsigned first_scale = 1;
  std::vector<std::uint8_t> scales;        // of the runs, one segment behind the other
  std::vector<std::uint16_t> scale_tokens; // the same: table << 6 | symbol
  std::vector<std::uint16_t> values;       // by residual; of runs of zeros unset
  std::vector<bool> past_tables;           // by step: whether any is past the tables
  std::size_t past_table = 0;              // how many are
  ByteVector low_bits;
};
// `lanes` segments of equal length, one behind the other.
void tokenise(const Model& model, std::span<const std::int64_t> residuals, unsigned lanes,
              Tokens& tokens);

void write(std::span<const std::int64_t> residuals, unsigned lanes, ByteWriter& out);

// Reads a stream in steps of one run of each lane.
class Reader {
 public:
  Reader(ByteReader& in, const Cut& cut);
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  // The residuals of some more rows, those of all lanes side by side, to `to`, which has room for
  // kStep; how many rows, 0 when there are no more, or the stream is damaged.
  std::size_t next(std::int64_t* to);
  // Whether all was as a writer leaves it; `in` goes on behind the stream.
  bool finish(ByteReader& in);

 private:
  // No scale takes more of the states than kStateBits and its 8 bits, no symbol more than the
  // former; what is past the table is read with care.
  static constexpr std::size_t kStepBytesMax =
      (kStep * kStateBits + kLanesMax * (kStateBits + kFullScaleBits) + 7) / 8;
  static constexpr std::size_t kRoom = kStepBytesMax + 8;  // read at once

  template <unsigned kLanes, bool kFast>  // fast: by AVX2 and BMI2
  std::size_t step(std::int64_t* to);
  std::size_t step1(std::int64_t* to);
  std::size_t step2(std::int64_t* to);
  std::size_t step4(std::int64_t* to);
  std::size_t step8(std::int64_t* to);
  std::size_t fast_step4(std::int64_t* to);
  std::size_t fast_step8(std::int64_t* to);
  bool make_room();
  template <unsigned kLanes>
  bool read_scales(unsigned* scales);
  template <unsigned kLanes>
  void fetch_tables(const unsigned* scales);
  template <unsigned kLanes, bool kFast>
  void read_states(const unsigned* scales, std::size_t rows, std::uint32_t* entries);
  void read_past_table(const std::uint32_t* entries, std::size_t n, std::int64_t* to);
  template <unsigned kLanes, bool kFast>
  bool add_low_bits(const unsigned* scales, std::size_t rows, std::int64_t* to);
  std::uint64_t get(unsigned bits);

  const Model& model_;
  unsigned lanes_;
  std::size_t left_;  // rows
  unsigned shape_ = 0;
  std::uint32_t fetched_ = 0;  // kinds of scales, a bit each
  bool ok_ = true;
  ByteSpan all_;                 // the states, and all that follows them
  bool has_low_ = false;
  std::size_t states_size_ = 0;  // bytes, if there are low bits
  ByteSpan window_;              // of the states: to the end of all, or room_
  std::size_t window_begin_ = 0; // bytes before it
  std::size_t at_ = 0;           // bits in the window
  std::array<std::uint8_t, 3 * kRoom> room_;
  ByteSpan low_;
  std::size_t low_at_ = 0;  // bytes
  // By lane: the state from 0; the last scale that was not of zeros, the step to it.
  struct Lane {
    std::uint32_t state = 0;
    int scale = 0;
    int step = 0;
    bool zeros = false;
  };
  std::array<Lane, kLanesMax> lane_;
};

}  // namespace tidemark::codec::tans
