#include "common/model/block.h"

namespace tidemark {

std::uint64_t readings_carried(const Block& block) {
  std::uint64_t n = 0;
  for (const auto& g : block.groups) {
    if (g.copy) continue;
    for (const auto& c : g.columns) n += c.values();
  }
  for (const auto& p : block.partials) {
    if (!p.copy) n += p.readings;
  }
  return n;
}

}  // namespace tidemark
