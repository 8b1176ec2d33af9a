#include "cloud/store/changes.h"

#include <algorithm>
#include <utility>

namespace tidemark::store {
namespace {

// The second is not the earlier one.
bool meet(const Changes::Change& a, const Changes::Change& b) {
  return a.of_source == b.of_source && a.id == b.id && b.from >= a.from && b.from <= a.to;
}

}  // namespace

void Changes::add(const Change& change) {
  if (!changes_.empty() && meet(changes_.back(), change)) {
    changes_.back().to = std::max(changes_.back().to, change.to);
  } else {
    changes_.push_back(change);
  }
}

std::vector<Changes::Change> Changes::take() {
  auto all = std::exchange(changes_, {});
  std::sort(all.begin(), all.end());
  std::size_t kept = 0;
  for (std::size_t i = 1; i < all.size(); ++i) {
    if (meet(all[kept], all[i])) {
      all[kept].to = std::max(all[kept].to, all[i].to);
    } else {
      all[++kept] = all[i];
    }
  }
  if (!all.empty()) all.resize(kept + 1);
  return all;
}

}  // namespace tidemark::store
