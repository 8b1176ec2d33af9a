#include <algorithm>
#include <bit>

#include "common/codec/clones.h"
#include "common/codec/tans.h"

namespace tidemark::codec::tans {
namespace {

constexpr std::uint64_t magnitude(std::int64_t r) {
  return r < 0 ? 0 - static_cast<std::uint64_t>(r) : static_cast<std::uint64_t>(r);
}

// Half octaves of the mean magnitude, by the float's exponent and the thirds of its mantissa.
TIDE_CODEC_CLONES unsigned scale_for(std::span<const std::int64_t> run) {
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

TIDE_CODEC_CLONES unsigned cost_of(const Model& m, std::span<const std::int64_t> run,
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

// The shape that is cheapest on some of the runs.
unsigned choose_shape(const Model& m, std::span<const std::int64_t> residuals,
                      std::span<const std::uint8_t> scales) {
  const std::size_t stride = scales.size() <= 8 ? 1 : scales.size() <= 64 ? 3 : 8;
  unsigned best = 0;
  std::uint64_t best_cost = ~std::uint64_t{0};
  for (unsigned shape = 0; shape < kShapes; ++shape) {
    std::uint64_t cost = 0;
    for (std::size_t b = 0; b < scales.size(); b += stride) {
      if (scales[b] == 0) continue;
      const auto begin = b * kRun;
      const auto run = residuals.subspan(begin, std::min(kRun, residuals.size() - begin));
      cost += cost_of(m, run, scales[b], shape);
    }
    if (cost < best_cost) {
      best = shape;
      best_cost = cost;
    }
  }
  return best;
}

// One run after the other: scale tokens with memory of the last, value tokens, bits beside.
class Tokeniser {
 public:
  Tokeniser(const Model& model, Tokens& to)
      : m_(model), to_(to), beside_(to.beside), last_(to.first_scale) {}

  // Chooses among the neighbours of `guess`; returns the scale of which values() is to come.
  unsigned scale(std::span<const std::int64_t> run, unsigned guess) {
    const auto table = scale_table(step_, zeros_);
    if (guess == 0) {
      zeros_ = true;
      push(table, kZeroRun);
      return 0;
    }
    unsigned best = guess, best_cost = ~0U;
    for (auto s = std::max(1U, guess - 1); s <= std::min(kScaleMax, guess + 1); ++s) {
      const auto step = static_cast<int>(s) - static_cast<int>(last_);
      const bool near = step >= -kStepMax && step <= kStepMax;
      const auto cost = (near ? m_.cost[table][static_cast<unsigned>(step + kStepMax)] : 640U) +
                        cost_of(m_, run, s, to_.shape);
      if (cost < best_cost) {
        best = s;
        best_cost = cost;
      }
    }
    const auto step = static_cast<int>(best) - static_cast<int>(last_);
    if (step >= -kStepMax && step <= kStepMax) {
      push(table, static_cast<unsigned>(step + kStepMax));
    } else {
      push(table, kFullScale);
      beside_.put(best, kFullScaleBits);
    }
    step_ = step;
    last_ = best;
    zeros_ = false;
    return best;
  }

  void values(std::span<const std::int64_t> run, unsigned scale, std::uint16_t* tokens) {
    const auto shift = shift_of(scale);
    const auto kind = kind_of(scale);
    const auto base = table_of(to_.shape, kind);
    unsigned before = kFirstClass;
    for (std::size_t i = 0; i < run.size(); ++i) {
      const auto folded = zigzag(run[i] >> shift);
      auto symbol = symbol_of(folded);
      const auto table = base + before;
      if (m_.frequencies[table][symbol] == 0) symbol = kEscape;
      if (symbol >= kPlain) write_tail(symbol, folded);
      tokens[i] = static_cast<std::uint16_t>(table << 6 | symbol);
      before = m_.classes[kind][symbol];
    }
    if (shift == 0) return;
    const auto mask = low_mask(shift);
    for (const auto r : run) beside_.put(static_cast<std::uint64_t>(r) & mask, shift);
  }

  void finish() { beside_.finish(); }

 private:
  void push(unsigned table, unsigned symbol) {
    to_.scales.push_back(static_cast<std::uint16_t>(table << 6 | symbol));
  }
  void write_tail(unsigned symbol, std::uint64_t folded) {
    if (symbol == kEscape) {
      const auto length = static_cast<unsigned>(std::bit_width(folded));
      beside_.put(length, 7);
      beside_.put(folded, length);
      return;
    }
    const auto bits = symbol - kPlain;
    const auto past = (folded >> 1) - kPlain / 2 + 1;  // its highest bit is the tail's number
    beside_.put((folded & 1) | (past & low_mask(bits)) << 1, bits + 1);
  }

  const Model& m_;
  Tokens& to_;
  BitWriter beside_;
  unsigned last_;
  int step_ = 0;
  bool zeros_ = false;
};

// Writes backwards, so that the decoder reads forwards: symbols from the last to the first.
class StateWriter {
 public:
  StateWriter(const Model& model, std::size_t tokens, ByteVector& room) : m_(model), bytes_(room) {
    if (bytes_.size() < tokens * 2 + 64) bytes_.resize(tokens * 2 + 64);
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

template <unsigned kLanes>
[[gnu::always_inline]] inline ByteSpan write_lanes(const Tokens& t, StateWriter& out) {
  std::uint32_t state[kLanes];
  for (auto& s : state) s = kStates;
  const auto n = t.values.size(), runs = t.scales.size();
  for (auto group = (runs + kLanes - 1) / kLanes; group-- > 0;) {
    const auto first = group * kLanes;
    bool full = first + kLanes <= runs && (first + kLanes) * kRun <= n;
    for (unsigned lane = 0; full && lane < kLanes; ++lane) full = !t.zeros[first + lane];
    for (auto i = full ? kRun : 0; i-- > 0;) {
      for (auto lane = kLanes; lane-- > 0;) {
        out.put(state[lane], t.values[(first + lane) * kRun + i]);
      }
    }
    for (auto i = full ? 0 : kRun; i-- > 0;) {
      for (auto lane = kLanes; lane-- > 0;) {
        const auto at = (first + lane) * kRun + i;
        if (at < n && !t.zeros[first + lane]) out.put(state[lane], t.values[at]);
      }
    }
    for (auto lane = kLanes; lane-- > 0;) {
      if (first + lane < runs) out.put(state[lane], t.scales[first + lane]);
    }
  }
  for (auto lane = kLanes; lane-- > 0;) out.add(state[lane] - kStates, kStateBits);
  return out.finish();
}

TIDE_CODEC_CLONES ByteSpan write_states(const Tokens& t, std::size_t lanes, StateWriter& out) {
  return lanes == 1 ? write_lanes<1>(t, out)
         : lanes == 2 ? write_lanes<2>(t, out)
                      : write_lanes<4>(t, out);
}

}  // namespace

void tokenise(const Model& model, std::span<const std::int64_t> residuals, Tokens& tokens) {
  const auto runs = (residuals.size() + kRun - 1) / kRun;
  const auto run = [&](std::size_t b) {
    return residuals.subspan(b * kRun, std::min(kRun, residuals.size() - b * kRun));
  };
  thread_local std::vector<std::uint8_t> guesses;
  guesses.resize(runs);
  tokens.zeros.assign(runs, false);
  for (std::size_t b = 0; b < runs; ++b) {
    guesses[b] = static_cast<std::uint8_t>(scale_for(run(b)));
    tokens.zeros[b] = guesses[b] == 0;
  }
  tokens.shape = choose_shape(model, residuals, guesses);
  const auto first = std::find_if(guesses.begin(), guesses.end(), [](auto s) { return s != 0; });
  tokens.first_scale = first == guesses.end() ? 1 : *first;
  tokens.scales.clear();
  tokens.values.resize(residuals.size());
  tokens.beside.clear();
  Tokeniser tokeniser(model, tokens);
  // The decoder reads the scales of all lanes before their values, and so does what lies beside.
  const std::size_t lanes = lanes_of(residuals.size());
  unsigned scales[4] = {};
  for (std::size_t b = 0; b < runs; b += lanes) {
    const auto live = std::min(lanes, runs - b);
    for (std::size_t l = 0; l < live; ++l) scales[l] = tokeniser.scale(run(b + l), guesses[b + l]);
    for (std::size_t l = 0; l < live; ++l) {
      if (scales[l] == 0) continue;
      tokeniser.values(run(b + l), scales[l], tokens.values.data() + (b + l) * kRun);
    }
  }
  tokeniser.finish();
}

// Shape, first scale and whether anything lies beside, in one number that is mostly one byte.
void write(std::span<const std::int64_t> residuals, ByteWriter& out) {
  if (residuals.empty()) return;
  thread_local Tokens t;
  const auto& m = model();
  tokenise(m, residuals, t);
  const bool beside = !t.beside.empty();
  const auto exact = t.first_scale <= kExactScales;
  out.varint(exact ? ((t.first_scale - 1) * kShapes + t.shape) * 2 + (beside ? 1 : 0)
                   : kExactScales * kShapes * 2 +
                         (t.first_scale - kExactScales - 1) * kShapes + t.shape);
  thread_local ByteVector room;
  StateWriter writer(m, residuals.size() + t.scales.size(), room);
  const auto states = write_states(t, lanes_of(residuals.size()), writer);
  if (beside || !exact) out.varint(states.size());
  out.raw(states);
  out.raw(t.beside);
}

}  // namespace tidemark::codec::tans
