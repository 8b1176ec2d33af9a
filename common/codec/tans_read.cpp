#include <algorithm>
#include <bit>
#include <cstring>

#include "common/base/clones.h"
#include "common/codec/bits.h"
#include "common/codec/tans.h"

#ifdef TIDE_AVX2
#include <immintrin.h>
#endif

namespace tidemark::codec::tans {
namespace {

constexpr std::size_t kLowBytesMax = kStep * 57 / 8;  // of a step
constexpr unsigned kWordBits = 57;                    // of a load of 8 bytes that count

constexpr std::uint32_t symbol_in(std::uint32_t entry) { return entry >> 8 & 63; }
constexpr std::uint32_t bits_in(std::uint32_t entry) { return entry & 0xff; }
constexpr std::uint32_t next_in(std::uint32_t entry) { return entry >> 14; }

[[gnu::always_inline]] inline std::uint64_t load_word(const std::uint8_t* bytes, std::size_t at) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes + (at >> 3), 8);
  return word >> (at & 7);
}

// The compiler would gather stores of single numbers into vectors, which takes longer.
[[gnu::always_inline]] inline void keep_apart(std::uint32_t& number) { asm("" : "+r"(number)); }

// Of a word as many as the low byte of `e` says. Fast: by one instruction, which the compiler does
// not find and does not inline as a builtin into what is inlined itself.
template <bool kFast>
[[gnu::always_inline]] inline std::uint32_t low_bits(std::uint64_t word, std::uint32_t e) {
  const auto low = static_cast<std::uint32_t>(word);
#ifdef TIDE_AVX2
  if constexpr (kFast) {
    std::uint32_t kept = 0;
    asm("bzhi %2, %1, %0" : "=r"(kept) : "r"(low), "r"(e) : "cc");
    return kept;
  }
#endif
  return low & ((1U << (e & 31)) - 1);
}

}  // namespace

Reader::Reader(ByteReader& in, const Cut& cut)
    : model_(model()), lanes_(cut.lanes), left_(cut.rows) {
  const auto head = in.varint();
  constexpr auto kExact = kExactScales * kShapes * 2;
  int scale = 1;
  if (head < kExact) {
    has_low_ = (head & 1) != 0;
    shape_ = static_cast<unsigned>(head / 2 % kShapes);
    scale = static_cast<int>(head / 2 / kShapes) + 1;
  } else if (head < kExact + (kScaleMax - kExactScales) * kShapes) {
    has_low_ = true;
    shape_ = static_cast<unsigned>((head - kExact) % kShapes);
    scale = static_cast<int>((head - kExact) / kShapes + kExactScales) + 1;
  } else {
    in.fail();
  }
  if (has_low_) states_size_ = in.length();
  auto rest = in;
  all_ = rest.raw(rest.left());
  if (!in.ok() || all_.empty() || all_[0] == 0 || states_size_ > all_.size()) {
    ok_ = false;
    return;
  }
  window_ = all_;
  if (has_low_) low_ = all_.subspan(states_size_);
  at_ = static_cast<std::size_t>(std::countr_zero(all_[0])) + 1;
  for (unsigned lane = 0; lane < lanes_; ++lane) {
    lane_[lane].state = static_cast<std::uint32_t>(get(kStateBits));
    lane_[lane].scale = scale;
  }
}

std::uint64_t Reader::get(unsigned bits) {
  const auto value = peek_bits(window_, at_) & low_mask(bits);
  at_ += bits;
  return value;
}

std::size_t Reader::next(std::int64_t* to) {
  if (left_ == 0 || !ok_) return 0;
  const auto rows = lanes_ == 1   ? step1(to)
                    : lanes_ == 2 ? step2(to)
                    : lanes_ == 4 ? step4(to)
                                  : step8(to);
  if (!ok_) return 0;
  left_ -= rows;
  return rows;
}

bool Reader::finish(ByteReader& in) {
  for (unsigned lane = 0; lane < lanes_; ++lane) ok_ = ok_ && lane_[lane].state == 0;
  const auto bytes = window_begin_ + (at_ + 7) / 8;
  ok_ = ok_ && left_ == 0 && at_ % 8 == 0 && bytes <= all_.size() &&
        (!has_low_ || bytes == states_size_);
  if (!ok_) {
    in.fail();
    return false;
  }
  static_cast<void>(in.raw(bytes + low_at_));
  return in.ok();
}

// So that a step can be read without a look at the end: the last bytes move to where zeros follow.
bool Reader::make_room() {
  const auto byte = at_ / 8;
  if (byte + kRoom <= window_.size()) return true;
  if (window_begin_ + byte > all_.size()) return false;
  const auto rest = all_.subspan(window_begin_ + byte);
  window_begin_ += byte;
  at_ %= 8;
  room_ = {};
  std::copy(rest.begin(), rest.end(), room_.begin());
  window_ = room_;
  return true;
}

// 0 for runs of zeros; false when a scale is out of its bounds.
template <unsigned kLanes>
[[gnu::always_inline]] inline bool Reader::read_scales(unsigned* scales) {
  const auto* bytes = window_.data();
  bool inside = true;
  for (unsigned l = 0; l < kLanes; ++l) {
    auto& lane = lane_[l];
    const auto e = model_.decode[scale_table(lane.step, lane.zeros) * kStates + lane.state];
    auto word = load_word(bytes, at_);
    const auto bits = bits_in(e);
    lane.state = next_in(e) + (static_cast<std::uint32_t>(word) & ((1U << bits) - 1));
    at_ += bits;
    const auto symbol = symbol_in(e);
    lane.zeros = symbol == kZeroRun;
    scales[l] = 0;
    if (lane.zeros) continue;
    auto scale = lane.scale + static_cast<int>(symbol) - kStepMax;
    if (symbol == kFullScale) {
      scale = static_cast<int>(word >> bits & low_mask(kFullScaleBits));
      at_ += kFullScaleBits;
    }
    inside = inside && scale >= 1 && scale <= static_cast<int>(kScaleMax) && symbol <= kFullScale;
    lane.step = scale - lane.scale;
    lane.scale = scale;
    scales[l] = static_cast<unsigned>(scale);
  }
  return inside;
}

// Entries of a row: one state after the other takes its bits, a load has those of four. Only the
// low eight bits of a sum of entries count, and a shift looks at fewer.
template <unsigned kLanes, bool kFast>
[[gnu::always_inline]] inline void read_row(const std::uint32_t* decode, const std::uint8_t* bytes,
                                            std::size_t& at, std::uint32_t (&state)[kLanes],
                                            std::uint32_t* entries) {
  for (unsigned four = 0; four < kLanes; four += 4) {
    auto word = load_word(bytes, at);
    std::uint32_t sum = 0;
    for (unsigned l = four; l < std::min(four + 4, kLanes); ++l) {
      auto e = decode[state[l]];
      keep_apart(e);
      entries[l] = e;
      state[l] = next_in(e) + low_bits<kFast>(word, e);
      word >>= e & 63;
      sum += e;
    }
    at += bits_in(sum);
  }
}

// The tables of a kind of scale, before the first symbol asks for them: of those that are not in a
// cache, waiting for one line after the other takes longer than all else.
template <unsigned kLanes>
[[gnu::always_inline]] inline void Reader::fetch_tables(const unsigned* scales) {
  constexpr std::size_t kLine = 64 / sizeof(std::uint32_t);
  for (unsigned l = 0; l < kLanes; ++l) {
    const auto kind = kind_of(scales[l]);
    if (scales[l] == 0 || (fetched_ >> kind & 1) != 0) continue;
    fetched_ |= 1U << kind;
    const auto* tables = model_.decode.data() + table_of(shape_, kind) * kStates;
    for (std::size_t i = 0; i < kClasses * kStates; i += kLine) __builtin_prefetch(tables + i);
  }
}

// The table entries of all symbols: rows of the lanes' side by side.
template <unsigned kLanes, bool kFast>
[[gnu::always_inline]] inline void Reader::read_states(const unsigned* scales, std::size_t rows,
                                                       std::uint32_t* entries) {
  const auto* decode = model_.decode.data();
  const auto* bytes = window_.data();
  auto at = at_;
  std::uint32_t state[kLanes];
  for (unsigned l = 0; l < kLanes; ++l) {
    state[l] = lane_[l].state + (table_of(shape_, kind_of(scales[l])) + kFirstClass) * kStates;
  }
  for (auto* const end = entries + rows * kLanes; entries != end; entries += kLanes) {
    read_row<kLanes, kFast>(decode, bytes, at, state, entries);
  }
  at_ = at;
  for (unsigned l = 0; l < kLanes; ++l) lane_[l].state = state[l] & (kStates - 1);
}

// Whether none of eight symbols is past the table: adding 12 to one that is carries to a bit above.
[[gnu::always_inline]] inline bool all_plain(const std::uint32_t* entries) {
  constexpr std::uint64_t kBoth = 0x100000001U;
  std::uint64_t carries = 0;
  for (unsigned i = 0; i < 8; i += 2) {
    std::uint64_t pair = 0;
    std::memcpy(&pair, entries + i, 8);
    carries |= (pair & kBoth * 0x3f00) + kBoth * ((kSymbols - kPlain) << 8);
  }
  return (carries & kBoth * 0x4000) == 0;
}

// Replaces symbols that stand for more than one residual.
void Reader::read_past_table(const std::uint32_t* entries, std::size_t n, std::int64_t* to) {
  for (std::size_t i = 0; i < n; ++i) {
    while (i % 8 == 0 && i + 8 <= n && all_plain(entries + i)) i += 8;
    if (i == n) return;
    const auto symbol = symbol_in(entries[i]);
    if (symbol < kPlain) continue;
    if (symbol != kEscape) {
      const auto bits = symbol - kPlain;
      const auto v = get(bits + 1);
      to[i] = unzigzag(((v >> 1 | std::uint64_t{1} << bits) - 1 + kPlain / 2) << 1 | (v & 1));
      continue;
    }
    const auto length = static_cast<unsigned>(get(7));
    if (length > 64) ok_ = false;
    const auto low = std::min(length, 32U);
    const auto folded = get(low);
    to[i] = unzigzag(folded | (length > low ? get(std::min(length - low, 32U)) << 32 : 0));
  }
}

// Where the low bits of the lanes are in a row of them.
template <unsigned kLanes>
struct LowBits {
  alignas(32) std::uint64_t shift[kLanes], begin[kLanes], mask[kLanes];
  std::size_t row_bits = 0;

  explicit LowBits(const unsigned* scales) {
    for (unsigned l = 0; l < kLanes; ++l) {
      shift[l] = shift_of(scales[l]);
      mask[l] = (std::uint64_t{1} << shift[l]) - 1;
      begin[l] = row_bits;
      row_bits += static_cast<std::size_t>(shift[l]);
    }
  }
};

template <unsigned kLanes>
[[gnu::always_inline]] inline void add_low(const LowBits<kLanes>& low, const std::uint8_t* bytes,
                                           std::size_t rows, std::int64_t* to) {
  for (std::size_t at = 0; rows > 0; --rows, at += low.row_bits, to += kLanes) {
    for (unsigned l = 0; l < kLanes; ++l) {
      const auto word = load_word(bytes, at + static_cast<std::size_t>(low.begin[l]));
      to[l] = static_cast<std::int64_t>(static_cast<std::uint64_t>(to[l]) << low.shift[l] |
                                        (word & low.mask[l]));
    }
  }
}

#ifdef TIDE_AVX2
// The same of four lanes whose low bits are in one word.
template <unsigned kLanes>
TIDE_AVX2 void add_low_of_four(const LowBits<kLanes>& low, unsigned first,
                                     const std::uint8_t* bytes, std::size_t rows,
                                     std::int64_t* to) {
  const auto vector = [](const std::uint64_t* numbers) {
    return reinterpret_cast<const __m256i*>(numbers);
  };
  const auto shift = _mm256_load_si256(vector(low.shift + first));
  const auto mask = _mm256_load_si256(vector(low.mask + first));
  auto at = static_cast<std::size_t>(low.begin[first]);
  const auto begin = _mm256_sub_epi64(_mm256_load_si256(vector(low.begin + first)),
                                      _mm256_set1_epi64x(static_cast<long long>(at)));
  auto* x = reinterpret_cast<__m256i*>(to + first);
  for (; rows > 0; --rows, at += low.row_bits, x += kLanes / 4) {
    const auto word = _mm256_set1_epi64x(static_cast<long long>(load_word(bytes, at)));
    const auto bits = _mm256_and_si256(_mm256_srlv_epi64(word, begin), mask);
    _mm256_storeu_si256(x, _mm256_or_si256(_mm256_sllv_epi64(_mm256_loadu_si256(x), shift), bits));
  }
}

template <unsigned kLanes>
TIDE_AVX2 bool add_low_fast(const LowBits<kLanes>& low, const std::uint8_t* bytes,
                                  std::size_t rows, std::int64_t* to) {
  for (unsigned first = 0; first < kLanes; first += 4) {
    if (low.begin[first + 3] + low.shift[first + 3] - low.begin[first] > kWordBits) return false;
  }
  for (unsigned first = 0; first < kLanes; first += 4) {
    add_low_of_four(low, first, bytes, rows, to);
  }
  return true;
}
#endif

template <unsigned kLanes, bool kFast>
[[gnu::always_inline]] inline bool Reader::add_low_bits(const unsigned* scales, std::size_t rows,
                                                        std::int64_t* to) {
  const LowBits<kLanes> low(scales);
  if (low.row_bits == 0) return true;
  const auto need = (rows * low.row_bits + 7) / 8;
  if (need > low_.size() - low_at_) return false;
  const auto* bytes = low_.data() + low_at_;
  std::array<std::uint8_t, kLowBytesMax + 8> last;
  if (need + 8 > low_.size() - low_at_) {
    std::copy_n(bytes, need, last.begin());
    std::fill_n(last.begin() + static_cast<std::ptrdiff_t>(need), 8, std::uint8_t{0});
    bytes = last.data();
  }
  low_at_ += need;
#ifdef TIDE_AVX2
  if constexpr (kFast) {
    if (add_low_fast(low, bytes, rows, to)) return true;
  }
#endif
  add_low(low, bytes, rows, to);
  return true;
}

template <unsigned kLanes, bool kFast>
[[gnu::always_inline]] inline std::size_t Reader::step(std::int64_t* to) {
  const auto rows = std::min(left_, kRun);
  const auto n = rows * kLanes;
  unsigned scales[kLanes];
  if (!make_room() || !read_scales<kLanes>(scales)) {
    ok_ = false;
    return 0;
  }
  unsigned any = 0;
  for (const auto s : scales) any |= s;
  if (any == 0) {
    std::fill_n(to, n, 0);
    return rows;
  }
  if constexpr (kLanes == kLanesMax) fetch_tables<kLanes>(scales);
  alignas(32) std::uint32_t entries[kLanes * kRun];  // their symbols are taken out at once, later
  read_states<kLanes, kFast>(scales, rows, entries);
  std::int32_t largest = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const auto symbol = static_cast<std::int32_t>(symbol_in(entries[i]));
    largest = std::max(largest, symbol);
    to[i] = (symbol >> 1) ^ -(symbol & 1);
  }
  if (largest >= static_cast<std::int32_t>(kPlain)) read_past_table(entries, n, to);
  ok_ = ok_ && add_low_bits<kLanes, kFast>(scales, rows, to);
  return rows;
}

TIDE_CLONES std::size_t Reader::step1(std::int64_t* to) { return step<1, false>(to); }
TIDE_CLONES std::size_t Reader::step2(std::int64_t* to) { return step<2, false>(to); }
#ifdef TIDE_AVX2
TIDE_AVX2 std::size_t Reader::fast_step4(std::int64_t* to) { return step<4, true>(to); }
TIDE_AVX2 std::size_t Reader::fast_step8(std::int64_t* to) { return step<8, true>(to); }
#endif
std::size_t Reader::step4(std::int64_t* to) {
#ifdef TIDE_AVX2
  if (has_avx2()) return fast_step4(to);
#endif
  return step<4, false>(to);
}
std::size_t Reader::step8(std::int64_t* to) {
#ifdef TIDE_AVX2
  if (has_avx2()) return fast_step8(to);
#endif
  return step<8, false>(to);
}

}  // namespace tidemark::codec::tans
