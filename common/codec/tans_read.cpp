#include <algorithm>
#include <bit>
#include <cstring>

#include "common/codec/clones.h"
#include "common/codec/tans.h"

namespace tidemark::codec::tans {
namespace {

// No symbol takes more than kStateBits of the states, nor more than 57 raw bits beside.
constexpr std::size_t kStepBytesMax = Reader::kStep * kStateBits / 8;
constexpr std::size_t kLowBitsMax = kRun * 57;

constexpr std::uint32_t symbol_in(std::uint32_t entry) { return entry >> 8 & 0xff; }

}  // namespace

Reader::Reader(ByteReader& in, std::size_t residuals)
    : model_(model()), left_(residuals), lanes_(lanes_of(residuals)) {
  const auto head = in.varint();
  constexpr auto kExact = kExactScales * kShapes * 2;
  if (head < kExact) {
    has_beside_ = (head & 1) != 0;
    shape_ = static_cast<unsigned>(head / 2 % kShapes);
    scale_ = static_cast<unsigned>(head / 2 / kShapes) + 1;
  } else if (head < kExact + (kScaleMax - kExactScales) * kShapes) {
    has_beside_ = true;
    shape_ = static_cast<unsigned>((head - kExact) % kShapes);
    scale_ = static_cast<unsigned>((head - kExact) / kShapes) + kExactScales + 1;
  } else {
    in.fail();
  }
  if (has_beside_) states_size_ = in.length();
  auto rest = in;
  states_ = rest.raw(rest.left());
  if (!in.ok() || states_.empty() || states_[0] == 0) {
    ok_ = false;
    return;
  }
  if (has_beside_) beside_ = BitReader(states_.subspan(states_size_));
  states_at_ = static_cast<std::size_t>(std::countr_zero(states_[0])) + 1;
  for (unsigned lane = 0; lane < lanes_; ++lane) {
    state_[lane] = static_cast<std::uint32_t>(peek_bits(states_, states_at_)) & (kStates - 1);
    states_at_ += kStateBits;
  }
}

std::size_t Reader::next(std::int64_t* to) {
  if (left_ == 0 || !ok_) return 0;
  const auto n = lanes_ == 1 ? step1(to) : lanes_ == 2 ? step2(to) : step4(to);
  left_ -= n;
  return n;
}

bool Reader::finish(ByteReader& in) {
  for (unsigned lane = 0; lane < lanes_; ++lane) ok_ = ok_ && state_[lane] == 0;
  const auto states_bytes = (states_at_ + 7) / 8;
  ok_ = ok_ && left_ == 0 && states_at_ % 8 == 0 && states_bytes <= states_.size() &&
        (!has_beside_ || (states_bytes == states_size_ &&
                          beside_.bytes() <= states_.size() - states_size_));
  if (!ok_) {
    in.fail();
    return false;
  }
  static_cast<void>(in.raw(states_bytes + (has_beside_ ? beside_.bytes() : 0)));
  return in.ok();
}

// 0 for runs of zeros; false when a scale is out of its bounds.
bool Reader::read_scales(unsigned lanes, unsigned* scales) {
  for (unsigned lane = 0; lane < lanes; ++lane) {
    const auto e = model_.decode[scale_table(scale_step_, after_zeros_)][state_[lane]];
    const auto bits = e & 0xff;
    state_[lane] = (e >> 16) + (static_cast<std::uint32_t>(peek_bits(states_, states_at_)) &
                                ((1U << bits) - 1));
    states_at_ += bits;
    const auto symbol = symbol_in(e);
    scales[lane] = 0;
    after_zeros_ = symbol == kZeroRun;
    if (after_zeros_) continue;
    const auto scale = symbol == kFullScale
                           ? static_cast<int>(beside_.get(kFullScaleBits))
                           : static_cast<int>(scale_ + symbol) - kStepMax;
    if (scale < 1 || scale > static_cast<int>(kScaleMax) || symbol > kFullScale) return false;
    scale_step_ = scale - static_cast<int>(scale_);
    scale_ = static_cast<unsigned>(scale);
    scales[lane] = scale_;
  }
  return true;
}

// Replaces symbols past the table by what lies beside, then adds the low bits.
[[gnu::always_inline]] inline void Reader::read_beside(unsigned scale, const std::uint32_t* entries,
                                                       std::size_t n, bool tails,
                                                       std::int64_t* to) {
  for (std::size_t i = 0; tails && i < n; ++i) {
    const auto symbol = symbol_in(entries[i]);
    if (symbol < kPlain) continue;
    if (symbol == kEscape) {
      const auto length = static_cast<unsigned>(beside_.get(7));
      if (length > 64) ok_ = false;
      to[i] = unzigzag(beside_.get(std::min(length, 64U)));
      continue;
    }
    const auto bits = symbol - kPlain;
    const auto v = beside_.get(bits + 1);
    to[i] = unzigzag(((v >> 1 | std::uint64_t{1} << bits) - 1 + kPlain / 2) << 1 | (v & 1));
  }
  const auto shift = shift_of(scale);
  if (shift == 0) return;
  const auto mask = low_mask(shift);
  if (!beside_.roomy(kLowBitsMax)) {
    for (std::size_t i = 0; i < n; ++i) {
      to[i] = static_cast<std::int64_t>(static_cast<std::uint64_t>(to[i]) << shift |
                                        beside_.get(shift));
    }
    return;
  }
  const auto* bytes = beside_.all().data();
  auto at = beside_.at();
  beside_.skip(n * shift);
  const auto add = [&](std::size_t i) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes + (at >> 3), 8);
    to[i] = static_cast<std::int64_t>(static_cast<std::uint64_t>(to[i]) << shift |
                                      (word >> (at & 7) & mask));
    at += shift;
  };
  if (n == kRun) {
#pragma GCC unroll 4
    for (std::size_t i = 0; i < kRun; ++i) add(i);
  } else {
    for (std::size_t i = 0; i < n; ++i) add(i);
  }
}

// One run for each lane, all lanes in lockstep on one stream of bits.
template <unsigned kLanes>
[[gnu::always_inline]] inline std::size_t Reader::step(std::int64_t* to) {
  const auto n = std::min(left_, kLanes * kRun);
  const auto live = static_cast<unsigned>((n + kRun - 1) / kRun);
  unsigned scales[kLanes] = {};
  if (!read_scales(live, scales)) {
    ok_ = false;
    return 0;
  }
  const std::uint32_t* tables[kLanes];
  bool any = false;
  for (unsigned lane = 0; lane < kLanes; ++lane) {
    tables[lane] = model_.decode[table_of(shape_, kind_of(scales[lane]))].data();
    any = any || scales[lane] != 0;
  }
  if (!any) {
    std::fill(to, to + n, 0);
    return n;
  }
  alignas(32) std::uint32_t entries[kLanes * kRun];  // their symbols are taken out at once, later
  std::uint32_t state[kLanes];
  for (unsigned lane = 0; lane < kLanes; ++lane) {
    state[lane] = state_[lane] + (kFirstClass << kStateBits);
  }
  auto at = states_at_;
  if (n == kLanes * kRun && at / 8 + kStepBytesMax + 8 <= states_.size()) {
    const auto* bytes = states_.data();
    for (std::size_t i = 0; i < kRun; ++i) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes + (at >> 3), 8);
      word >>= at & 7;
#pragma GCC unroll 4
      for (unsigned lane = 0; lane < kLanes; ++lane) {
        const auto e = tables[lane][state[lane]];
        entries[lane * kRun + i] = e;
        const auto bits = e & 0xff;
        state[lane] = (e >> 16) + (static_cast<std::uint32_t>(word) & ((1U << bits) - 1));
        word >>= bits;
        at += bits;
      }
    }
  } else {
    std::fill(entries, entries + kLanes * kRun, 0U);
    for (std::size_t i = 0; i < kRun; ++i) {
      for (unsigned lane = 0; lane < live; ++lane) {
        if (lane * kRun + i >= n) continue;
        const auto e = tables[lane][state[lane]];
        entries[lane * kRun + i] = e;
        const auto bits = e & 0xff;
        state[lane] = (e >> 16) + (static_cast<std::uint32_t>(peek_bits(states_, at)) &
                                   ((1U << bits) - 1));
        at += bits;
      }
    }
  }
  states_at_ = at;
  for (unsigned lane = 0; lane < kLanes; ++lane) state_[lane] = state[lane] & (kStates - 1);
  std::int32_t largest = 0;
  for (std::size_t i = 0; i < kLanes * kRun; ++i) {
    const auto symbol = static_cast<std::int32_t>(symbol_in(entries[i]));
    largest = std::max(largest, symbol);
    to[i] = (symbol >> 1) ^ -(symbol & 1);
  }
  unsigned scale_max = 0;
  for (const auto s : scales) scale_max = std::max(scale_max, s);
  const bool tails = largest >= static_cast<std::int32_t>(kPlain);
  if (tails || scale_max > kExactScales) {
    for (unsigned lane = 0; lane < live; ++lane) {
      if (scales[lane] == 0) continue;
      const auto* e = entries + lane * kRun;
      read_beside(scales[lane], e, std::min(kRun, n - lane * kRun), tails, to + lane * kRun);
    }
  }
  return n;
}

TIDE_CODEC_CLONES std::size_t Reader::step1(std::int64_t* to) { return step<1>(to); }
TIDE_CODEC_CLONES std::size_t Reader::step2(std::int64_t* to) { return step<2>(to); }
TIDE_CODEC_CLONES std::size_t Reader::step4(std::int64_t* to) { return step<4>(to); }

}  // namespace tidemark::codec::tans
