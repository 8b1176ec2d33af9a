// The model of the standard coder: which symbol stands for which residual, and the shipped static
// tables by which tANS writes symbols. Private to this folder; layout in FORMAT.md under
// "Residuals, standard".
//
// Residuals come in runs of 32. A run has a scale (half octaves of the mean magnitude) that the
// encoder chose; from scale 17 on, the low bits of every residual go raw beside the symbols. A
// table is chosen by the shape of the block (how heavy its tails are), the kind of the scale, and
// the class (small, middle, large) of the symbol before it in the run.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "common/base/bytes.h"

namespace tidemark::codec::tans {

inline constexpr std::size_t kRun = 32;  // residuals under one scale
inline constexpr unsigned kStateBits = 10;
inline constexpr std::uint32_t kStates = 1U << kStateBits;

// Symbols: the 52 smallest zigzag residuals, 11 tails with extra bits, and an escape.
inline constexpr unsigned kSymbols = 64;
inline constexpr unsigned kPlain = 52;
inline constexpr unsigned kTails = 11;
inline constexpr unsigned kEscape = kPlain + kTails;

inline constexpr unsigned kShapes = 3;
inline constexpr unsigned kExactScales = 16;       // 1 to 16: no low bits
inline constexpr unsigned kKinds = kExactScales + 3;  // of scales; 0 for a run of zeros
inline constexpr unsigned kClasses = 4;            // 3: before the first symbol of a run
inline constexpr unsigned kFirstClass = 3;
inline constexpr unsigned kScaleMax = kExactScales + 2 * 57;

// Tables for the scales themselves: symbol 0 to 16 is the step from the last scale plus 8, 17 a
// run of zeros, 18 a scale in full.
inline constexpr unsigned kScaleTables = 4;
inline constexpr int kStepMax = 8;
inline constexpr unsigned kZeroRun = 17;
inline constexpr unsigned kFullScale = 18;
inline constexpr unsigned kFullScaleBits = 8;

inline constexpr unsigned kValueTables = kShapes * kKinds * kClasses;
inline constexpr unsigned kTables = kValueTables + kScaleTables;

constexpr unsigned shift_of(unsigned scale) {
  return scale <= kExactScales ? 0 : 1 + (scale - kExactScales - 1) / 2;
}
constexpr unsigned kind_of(unsigned scale) {
  return scale <= kExactScales ? scale : kExactScales + 1 + (scale - kExactScales - 1) % 2;
}
constexpr unsigned table_of(unsigned shape, unsigned kind) {  // of class 0; the others follow
  return (shape * kKinds + kind) * kClasses;
}
// The table for the next scale, by the last step; `zeros`: the run before was all zeros.
constexpr unsigned scale_table(int step, bool zeros) {
  const auto size = static_cast<unsigned>(step < 0 ? -step : step);
  return kValueTables + (zeros ? 3 : size > 2 ? 2 : size);
}

constexpr unsigned symbol_of(std::uint64_t folded) {
  if (folded < kPlain) return static_cast<unsigned>(folded);
  const auto tail = static_cast<unsigned>(std::bit_width((folded >> 1) - kPlain / 2 + 1)) - 1;
  return tail < kTails ? kPlain + tail : kEscape;
}

// Segments of a sequence: each is a lane, a tANS state that steps along with the others. More of
// them keep the CPU busy; each costs 10 bits, a first value and the way to its scale.
constexpr unsigned lanes_of(std::size_t residuals) {
  return residuals < 400 ? 1 : residuals < 1600 ? 2 : residuals < 4000 ? 4 : 8;
}

using Frequencies = std::array<std::uint16_t, kSymbols>;  // of one table; their sum is kStates

struct Model {
  // The decoder's step: bits to read | symbol << 8 | next state << 14. States of all tables are
  // counted on, and the next one lies in the table of its class; of scales it is from 0.
  std::array<std::uint32_t, kTables * kStates> decode;

  struct Symbol {
    std::uint32_t bits;  // (state + bits) >> 16 is how many bits leave the state
    std::int32_t offset;
  };
  std::array<std::array<Symbol, kSymbols>, kTables> symbols;
  std::array<std::array<std::uint16_t, kStates>, kTables> encode;  // the next state, from kStates
  // What a symbol costs with its extra bits, in 1/64 bit; of one that is not there, its escape.
  std::array<std::array<std::uint16_t, kSymbols>, kTables> cost;
  std::array<Frequencies, kTables> frequencies;
  // The class of a symbol within a run of a kind: 0 small, 1 middle, 2 large.
  std::array<std::array<std::uint8_t, kSymbols>, kKinds> classes;
};

// The shipped one, built at first use (about 2 MB, 2 ms).
const Model& model();
// From other frequencies: for the tool that trains them.
void build(const std::array<Frequencies, kTables>& frequencies, Model& into);

}  // namespace tidemark::codec::tans
