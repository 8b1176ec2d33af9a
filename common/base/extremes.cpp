#include "common/base/extremes.h"

#include <algorithm>

#include "common/base/clones.h"

namespace tidemark {

TIDE_CLONES Extremes extremes_of(std::span<const std::int64_t> all) {
  const auto* const v = all.data();
  auto least = v[0];
  auto largest = v[0];
  for (std::size_t i = 1; i < all.size(); ++i) {
    least = std::min(least, v[i]);
    largest = std::max(largest, v[i]);
  }
  return {least, largest};
}

TIDE_CLONES bool rise_strictly(std::span<const std::int64_t> all) {
  const auto* const v = all.data();
  std::int64_t falls = 0;
  for (std::size_t i = 1; i < all.size(); ++i) falls |= v[i - 1] < v[i] ? 0 : 1;
  return falls == 0;
}

}  // namespace tidemark
