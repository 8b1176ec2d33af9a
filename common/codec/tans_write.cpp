#include <algorithm>
#include <bit>
#include <cstring>

#include "common/base/clones.h"
#include "common/codec/bits.h"
#include "common/codec/tans.h"

namespace tidemark::codec::tans {
namespace {

constexpr std::uint64_t magnitude(std::int64_t r) {
  return r < 0 ? 0 - static_cast<std::uint64_t>(r) : static_cast<std::uint64_t>(r);
}

// Half octaves of the mean magnitude, by the float's exponent and the thirds of its mantissa.
TIDE_CLONES unsigned scale_for(std::span<const std::int64_t> run) {
  std::uint64_t sum = 0;
  for (const auto r : run) sum += std::min(magnitude(r), std::uint64_t{1} << 57);
  if (sum == 0) return 0;
  const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(sum) /
                                                 static_cast<float>(run.size()));
  const auto mantissa = bits & 0x7fffffU;
  const int half = mantissa > 0x5744fdU ? 2 : mantissa > 0x1ae89fU ? 1 : 0;
  return static_cast<unsigned>(std::clamp((static_cast<int>(bits >> 23) - 127) * 2 + half + 11, 1,
                                          static_cast<int>(kScaleMax)));
}

TIDE_CLONES unsigned cost_of(const Model& m, std::span<const std::int64_t> run,
                                   unsigned scale, unsigned shape) {
  const auto shift = shift_of(scale);
  const auto kind = kind_of(scale);
  const auto* costs = &m.cost[table_of(shape, kind)];
  const auto* classes = m.classes[kind].data();
  unsigned bits = static_cast<unsigned>(run.size()) * shift * 64;
  unsigned before = kFirstClass;
  for (const auto r : run) {
    const auto symbol = symbol_of(zigzag(r >> shift));
    bits += costs[before][symbol];
    before = classes[symbol];
  }
  return bits;
}

using Runs = std::span<const std::int64_t>;

// Residuals of run `b` of all, whose segments have `rows`.
Runs run_of(Runs residuals, std::size_t rows, std::size_t b) {
  const auto runs = (rows + kRun - 1) / kRun;
  const auto at = b % runs * kRun;
  return residuals.subspan(b / runs * rows + at, std::min(kRun, rows - at));
}

// The shape that is cheapest on some of the runs.
unsigned choose_shape(const Model& m, Runs residuals, std::size_t rows,
                      std::span<const std::uint8_t> scales) {
  const std::size_t stride = scales.size() <= 8 ? 1 : scales.size() <= 64 ? 3 : 8;
  unsigned best = 0;
  std::uint64_t best_cost = ~std::uint64_t{0};
  for (unsigned shape = 0; shape < kShapes; ++shape) {
    std::uint64_t cost = 0;
    for (std::size_t b = 0; b < scales.size(); b += stride) {
      if (scales[b] != 0) cost += cost_of(m, run_of(residuals, rows, b), scales[b], shape);
    }
    if (cost < best_cost) {
      best = shape;
      best_cost = cost;
    }
  }
  return best;
}

// The scales of one segment, run after run, with memory of the last.
class Scales {
 public:
  Scales(const Model& model, unsigned shape, unsigned first)
      : m_(model), shape_(shape), last_(static_cast<int>(first)) {}

  // The token of the scale that is chosen among the neighbours of `scale`, which is a guess.
  std::uint16_t choose(Runs run, std::uint8_t& scale) {
    const auto table = scale_table(step_, zeros_);
    zeros_ = scale == 0;
    if (zeros_) return static_cast<std::uint16_t>(table << 6 | kZeroRun);
    const auto is_near = [](int step) { return step >= -kStepMax && step <= kStepMax; };
    unsigned best = scale, best_cost = ~0U;
    for (auto s = std::max(1U, scale - 1U); s <= std::min(kScaleMax, scale + 1U); ++s) {
      const auto step = static_cast<int>(s) - last_;
      const auto cost =
          (is_near(step) ? m_.cost[table][static_cast<unsigned>(step + kStepMax)] : 640U) +
          cost_of(m_, run, s, shape_);
      if (cost < best_cost) {
        best = s;
        best_cost = cost;
      }
    }
    scale = static_cast<std::uint8_t>(best);
    step_ = static_cast<int>(best) - last_;
    last_ = static_cast<int>(best);
    const auto symbol = is_near(step_) ? static_cast<unsigned>(step_ + kStepMax) : kFullScale;
    return static_cast<std::uint16_t>(table << 6 | symbol);
  }

 private:
  const Model& m_;
  unsigned shape_;
  int last_;
  int step_ = 0;
  bool zeros_ = false;
};

// How many of them are past the table.
TIDE_CLONES std::size_t tokens_of(const Model& m, Runs run, unsigned shape, unsigned scale,
                                        std::uint16_t* tokens) {
  const auto shift = shift_of(scale);
  const auto kind = kind_of(scale);
  const auto base = table_of(shape, kind);
  const auto* classes = m.classes[kind].data();
  unsigned before = kFirstClass;
  std::size_t past = 0;
  for (std::size_t i = 0; i < run.size(); ++i) {
    const auto table = base + before;
    auto symbol = symbol_of(zigzag(run[i] >> shift));
    if (m.frequencies[table][symbol] == 0) symbol = kEscape;
    tokens[i] = static_cast<std::uint16_t>(table << 6 | symbol);
    before = classes[symbol];
    past += symbol >= kPlain ? 1 : 0;
  }
  return past;
}

// Low bits of one step: row by row, those of all lanes side by side.
void put_low_bits(Runs residuals, std::size_t segment, std::size_t rows,
                  std::span<const unsigned> shifts, ByteVector& out) {
  std::size_t row_bits = 0;
  for (const auto s : shifts) row_bits += s;
  if (row_bits == 0) return;
  const auto at = out.size();
  out.resize(at + (rows * row_bits + 7) / 8 + 8);
  auto* to = out.data() + at;
  std::uint64_t pending = 0;
  unsigned count = 0;
  const auto put = [&](std::uint64_t value, unsigned bits) {  // 32 at most
    pending |= value << count;
    count += bits;
    if (count < 32) return;
    std::memcpy(to, &pending, 4);
    to += 4;
    pending >>= 32;
    count -= 32;
  };
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t lane = 0; lane < shifts.size(); ++lane) {
      const auto low = static_cast<std::uint64_t>(residuals[lane * segment + row]) &
                       low_mask(shifts[lane]);
      put(low & 0xffffffffU, std::min(shifts[lane], 32U));
      if (shifts[lane] > 32) put(low >> 32, shifts[lane] - 32);
    }
  }
  std::memcpy(to, &pending, 4);
  out.resize(at + (rows * row_bits + 7) / 8);
}

// Writes backwards, so that the decoder reads forwards: symbols from the last to the first.
class StateWriter {
 public:
  StateWriter(const Model& model, const Tokens& t, ByteVector& room) : m_(model), bytes_(room) {
    // 10 bits a token, 8 more for a scale, 71 for what is past the tables.
    const auto bytes = t.values.size() * 2 + t.scales.size() * 3 + t.past_table * 9 + 64;
    if (bytes_.size() < bytes) bytes_.resize(bytes);
    at_ = bytes_.data() + bytes_.size();
  }

  [[gnu::always_inline]] inline void put(std::uint32_t& state, std::uint16_t token) {
    const std::size_t table = token >> 6U;
    const auto& symbol = m_.symbols[table][token & 63];
    const auto bits = (state + symbol.bits) >> 16;
    add(state & ((1U << bits) - 1), bits);
    state = m_.encode[table][static_cast<std::size_t>(static_cast<std::int32_t>(state >> bits) +
                                                      symbol.offset)];
  }
  [[gnu::always_inline]] inline void add(std::uint32_t value, std::uint32_t bits) {
    pending_ = pending_ << bits | value;
    count_ += bits;
    if (count_ < 32) return;
    count_ -= 32;
    const auto word = static_cast<std::uint32_t>(pending_ >> count_);
    at_ -= 4;
    std::memcpy(at_, &word, 4);
  }
  // What is past the tables, of a symbol that stands for more than one residual.
  void add_past_table(unsigned symbol, std::uint64_t folded) {
    if (symbol == kEscape) {
      const auto length = static_cast<unsigned>(std::bit_width(folded));
      if (length > 32) add(static_cast<std::uint32_t>(folded >> 32), length - 32);
      add(static_cast<std::uint32_t>(folded), std::min(length, 32U));
      return add(length, 7);
    }
    const auto bits = symbol - kPlain;
    const auto past = (folded >> 1) - kPlain / 2 + 1;  // its highest bit is the tail's number
    add(static_cast<std::uint32_t>((folded & 1) | (past & low_mask(bits)) << 1), bits + 1);
  }
  // The lowest set bit of the first byte says where the decoder begins.
  ByteSpan finish() {
    add(1, 1);
    for (; count_ >= 8; count_ -= 8) *--at_ = static_cast<std::uint8_t>(pending_ >> (count_ - 8));
    if (count_ > 0) *--at_ = static_cast<std::uint8_t>(pending_ << (8 - count_));
    return {at_, static_cast<std::size_t>(bytes_.data() + bytes_.size() - at_)};
  }

 private:
  const Model& m_;
  ByteVector& bytes_;
  std::uint8_t* at_ = nullptr;
  std::uint64_t pending_ = 0;
  std::uint32_t count_ = 0;
};

// The groups of runs that are read in one step, from the last to the first.
template <unsigned kLanes>
[[gnu::always_inline]] inline ByteSpan write_lanes(const Tokens& t, Runs residuals,
                                                   StateWriter& out) {
  std::uint32_t state[kLanes];
  for (auto& s : state) s = kStates;
  const auto rows = residuals.size() / kLanes, runs = t.scales.size() / kLanes;
  for (auto group = runs; group-- > 0;) {
    const auto begin = group * kRun;
    const auto n = std::min(kRun, rows - begin);
    bool full = true;
    for (unsigned lane = 0; lane < kLanes; ++lane) full &= t.scales[lane * runs + group] != 0;
    for (auto i = t.past_tables[group] ? n : 0; i-- > 0;) {
      for (auto lane = kLanes; lane-- > 0;) {
        const auto scale = t.scales[lane * runs + group];
        const auto at = lane * rows + begin + i;
        if (scale == 0 || (t.values[at] & 63U) < kPlain) continue;
        out.add_past_table(t.values[at] & 63U, zigzag(residuals[at] >> shift_of(scale)));
      }
    }
    for (auto i = n; i-- > 0;) {
      for (auto lane = kLanes; lane-- > 0;) {
        if (!full && t.scales[lane * runs + group] == 0) continue;
        out.put(state[lane], t.values[lane * rows + begin + i]);
      }
    }
    for (auto lane = kLanes; lane-- > 0;) {
      const auto run = lane * runs + group;
      const auto token = t.scale_tokens[run];
      if ((token & 63U) == kFullScale) out.add(t.scales[run], kFullScaleBits);
      out.put(state[lane], token);
    }
  }
  for (auto lane = kLanes; lane-- > 0;) out.add(state[lane] - kStates, kStateBits);
  return out.finish();
}

TIDE_CLONES ByteSpan write_states(const Tokens& t, Runs residuals, unsigned lanes,
                                        StateWriter& out) {
  switch (lanes) {
    case 1: return write_lanes<1>(t, residuals, out);
    case 2: return write_lanes<2>(t, residuals, out);
    case 4: return write_lanes<4>(t, residuals, out);
    default: return write_lanes<8>(t, residuals, out);
  }
}

}  // namespace

void tokenise(const Model& model, std::span<const std::int64_t> residuals, unsigned lanes,
              Tokens& t) {
  const auto rows = residuals.size() / lanes;
  const auto runs = (rows + kRun - 1) / kRun;
  t.scales.resize(runs * lanes);
  for (std::size_t b = 0; b < t.scales.size(); ++b) {
    t.scales[b] = static_cast<std::uint8_t>(scale_for(run_of(residuals, rows, b)));
  }
  t.shape = choose_shape(model, residuals, rows, t.scales);
  const auto first = std::find_if(t.scales.begin(), t.scales.end(), [](auto s) { return s != 0; });
  t.first_scale = first == t.scales.end() ? 1 : *first;
  t.scale_tokens.resize(t.scales.size());
  t.values.resize(residuals.size());
  t.past_tables.assign(runs, false);
  t.past_table = 0;
  for (unsigned lane = 0; lane < lanes; ++lane) {
    Scales scales(model, t.shape, t.first_scale);
    for (std::size_t i = 0; i < runs; ++i) {
      const auto b = lane * runs + i;
      const auto run = run_of(residuals, rows, b);
      t.scale_tokens[b] = scales.choose(run, t.scales[b]);
      if (t.scales[b] == 0) continue;
      const auto past = tokens_of(model, run, t.shape, t.scales[b],
                                  t.values.data() + (run.data() - residuals.data()));
      t.past_table += past;
      if (past > 0) t.past_tables[i] = true;
    }
  }
  t.low_bits.clear();
  for (std::size_t i = 0; i < runs; ++i) {
    std::array<unsigned, kLanesMax> shifts{};
    for (unsigned lane = 0; lane < lanes; ++lane) {
      shifts[lane] = shift_of(t.scales[lane * runs + i]);
    }
    put_low_bits(residuals.subspan(i * kRun), rows, std::min(kRun, rows - i * kRun),
                 std::span(shifts).first(lanes), t.low_bits);
  }
}

// Shape, first scale and whether there are low bits, in one number that is mostly one byte.
void write(std::span<const std::int64_t> residuals, unsigned lanes, ByteWriter& out) {
  if (residuals.empty()) return;
  thread_local Tokens t;
  const auto& m = model();
  tokenise(m, residuals, lanes, t);
  const bool low = !t.low_bits.empty();
  const auto exact = t.first_scale <= kExactScales;
  out.varint(exact ? ((t.first_scale - 1) * kShapes + t.shape) * 2 + (low ? 1 : 0)
                   : kExactScales * kShapes * 2 +
                         (t.first_scale - kExactScales - 1) * kShapes + t.shape);
  thread_local ByteVector room;
  StateWriter writer(m, t, room);
  const auto states = write_states(t, residuals, lanes, writer);
  if (low || !exact) out.varint(states.size());
  out.raw(states);
  out.raw(t.low_bits);
}

}  // namespace tidemark::codec::tans
