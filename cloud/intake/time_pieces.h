// Minutes, and how times that lie far apart are put into pieces: for the archive's index by source
// and time, and for looks into it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace tidemark::intake {

inline constexpr std::int64_t kMinuteNs = 60'000'000'000;
// 255 years to both sides of 1970: no sum of times overflows.
inline constexpr std::int64_t kMinuteMax = std::int64_t{1} << 27;
// Longest span of time under which the archive's index lists a block; longer ones are listed by
// pieces, or each look for repeats would go through all that came in the longest span of all.
inline constexpr std::int64_t kPieceNs = 60 * kMinuteNs;

// The times in stretches of at most this width and without such a gap, in order.
inline std::vector<std::pair<std::int64_t, std::int64_t>> pieces_of(std::vector<std::int64_t> times,
                                                                    std::int64_t width,
                                                                    std::int64_t gap) {
  std::sort(times.begin(), times.end());
  std::vector<std::pair<std::int64_t, std::int64_t>> pieces;
  for (const auto t : times) {
    if (pieces.empty() || t - pieces.back().first > width || t - pieces.back().second > gap) {
      pieces.emplace_back(t, t);
    }
    pieces.back().second = t;
  }
  return pieces;
}

}  // namespace tidemark::intake
