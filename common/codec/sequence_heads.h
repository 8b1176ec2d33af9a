// The first bytes of sequences beside those of Prediction; for their writer and reader. Private to
// this folder.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/codec/residuals.h"

namespace tidemark::codec {

inline constexpr std::uint8_t kTable = 6;
inline constexpr std::uint8_t kDivided = 7;
inline constexpr std::uint8_t kDeltaTable = 8;
// A short sequence: its head is this, plus kShortDelta, plus the width of the numbers behind.
inline constexpr std::uint8_t kShort = 0x80;
inline constexpr std::uint8_t kShortDelta = 0x40;
inline constexpr std::size_t kShortMax = 64;  // values that may be short
// Beside the predictor: residuals by the coder of tier standard, though the tier is fast.
inline constexpr std::uint8_t kByStandard = 0x40;

// There are fewer entries than ranks, but they have to be there before the first of those.
inline Cut cut_of_entries(Tier tier, std::size_t entries) {
  const auto lanes = cut_of(tier, 4 * entries).lanes;
  return {lanes, (entries + lanes - 1) / lanes};
}

}  // namespace tidemark::codec
