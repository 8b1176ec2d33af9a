// Stretches of panes without a value, one behind the other, of which somebody has looked at each: a
// sensor that says "not available" for days fills panes with bad readings, and who looks for the
// value before them would walk through all of them for each window again.
//
// Promise    panes of the series and tier that start inside a stretch have no value, as long as
//            each change of a pane is told.
// Bounds     kStretchesMax in all; beyond it all are forgotten, and found again.
// Threads    one.
#pragma once

#include <map>
#include <unordered_map>

#include "cloud/reconcile/tiers.h"
#include "common/base/time.h"

namespace tidemark::store {

class ValueGaps {
 public:
  static constexpr std::size_t kStretchesMax = 100'000;
  // Stretches of fewer panes are not worth a line.
  static constexpr std::size_t kPanesMin = 32;

  // Panes that start in [from, to) have no value.
  void found(std::uint32_t series, reconcile::Tier tier, EventTime from, EventTime to);
  // That pane may have one now.
  void changed(std::uint32_t series, reconcile::Tier tier, EventTime start);
  // Panes that start from there on and before t have none; t when nothing is known.
  [[nodiscard]] EventTime back_from(std::uint32_t series, reconcile::Tier tier, EventTime t) const;
  // Panes that start from t on and before there have none; t when nothing is known.
  [[nodiscard]] EventTime on_from(std::uint32_t series, reconcile::Tier tier, EventTime t) const;
  [[nodiscard]] bool empty() const { return stretches_ == 0; }

 private:
  using Stretches = std::map<EventTime, EventTime>;  // from, to; they do not meet
  static std::uint64_t key(std::uint32_t series, reconcile::Tier tier) {
    return std::uint64_t{series} << 3 | static_cast<std::uint64_t>(tier);
  }

  std::unordered_map<std::uint64_t, Stretches> all_;
  std::size_t stretches_ = 0;
};

}  // namespace tidemark::store
