// The resolutions at which panes are kept, and where a reading of a given age belongs.
//
// Each reading lies in exactly one pane: in its series' finest tier while that is within its
// horizon (measured in event time, behind the source's frontier), else in the first coarser tier
// that still is, else in the late ledger. Panes past their horizon move into the next tier by
// merging. A window is therefore the sum of all panes inside it, and nothing is written twice.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "common/base/time.h"

namespace tidemark::reconcile {

enum class Tier : std::uint8_t { second = 0, ten = 1, minute = 2, quarter = 3, day = 4 };
inline constexpr std::size_t kTiers = 5;

constexpr Nanoseconds width_of(Tier t) {
  constexpr std::array<Nanoseconds, kTiers> widths{
      std::chrono::seconds(1), std::chrono::seconds(10), std::chrono::minutes(1),
      std::chrono::minutes(15), std::chrono::hours(24)};
  return widths[static_cast<std::size_t>(t)];
}
constexpr const char* name_of(Tier t) {
  constexpr std::array<const char*, kTiers> names{"1s", "10s", "1min", "15min", "1day"};
  return names[static_cast<std::size_t>(t)];
}
// As rows of cloud.db name it: that of 10 s came last.
constexpr std::int64_t number_of(Tier t) {
  constexpr std::array<std::int64_t, kTiers> numbers{0, 4, 1, 2, 3};
  return numbers[static_cast<std::size_t>(t)];
}
constexpr std::optional<Tier> tier_of(std::int64_t number) {
  for (std::size_t t = 0; t < kTiers; ++t) {
    if (number_of(static_cast<Tier>(t)) == number) return static_cast<Tier>(t);
  }
  return std::nullopt;
}

struct Horizons {
  // Of panes below a minute, of a minute, a quarter and a day.
  std::array<Nanoseconds, kTiers - 1> age{std::chrono::hours(24 * 4), std::chrono::hours(24 * 90),
                                          std::chrono::hours(24 * 3650),
                                          std::chrono::hours(24 * 10950)};
  // Panes of this tier that start before are frozen. The start of time while nothing is proved.
  [[nodiscard]] EventTime floor(Tier t, EventTime frontier) const {
    const auto a = age[t == Tier::second ? 0 : static_cast<std::size_t>(t) - 1];
    if (frontier == kEventTimeMin || frontier < kEventTimeMin + a) return kEventTimeMin;
    return floor_to(frontier - a, width_of(t));
  }
};

// The finest tier at or above `finest` that still takes `time`; nothing: the late ledger.
inline std::optional<Tier> placement(EventTime time, Tier finest, EventTime frontier,
                                     const Horizons& horizons) {
  for (auto t = static_cast<std::size_t>(finest); t < kTiers; ++t) {
    if (time >= horizons.floor(static_cast<Tier>(t), frontier)) return static_cast<Tier>(t);
  }
  return std::nullopt;
}

// The first tier at or above `finest` that holds [start, start + size) in one pane.
inline std::optional<Tier> tier_holding(EventTime start, Nanoseconds size, Tier finest) {
  for (auto t = static_cast<std::size_t>(finest); t < kTiers; ++t) {
    const auto width = width_of(static_cast<Tier>(t));
    if (size <= width && start + size <= floor_to(start, width) + width) {
      return static_cast<Tier>(t);
    }
  }
  return std::nullopt;
}

}  // namespace tidemark::reconcile
