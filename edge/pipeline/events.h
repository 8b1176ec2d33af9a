// Events on their way to the cloud: common/model/events.h. Plain logic; the pipeline feeds it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "common/base/time.h"
#include "edge/filter/series_filter.h"

namespace tidemark::pipeline {

struct RaisedEvent {  // or cleared
  std::uint32_t series = 0;  // handle
  filter::Event event;
  std::uint64_t id = 0;  // LocalSink::event()
};

// How many go up: a plant that trips raises one of each series at once, and a detector with a bad
// limit raises for ever. Events share the alarm lane with those that somebody waits for, so what is
// beyond stays at the machine, and the next one that goes says how many.
class EventPace {
 public:
  static constexpr std::uint64_t kAtOnceMax = 1000;
  static constexpr Nanoseconds kApart = std::chrono::milliseconds(10);  // sustained: 100/s

  // Nothing: one too many, it is not sent. Otherwise how many were not since the one before.
  std::optional<std::uint64_t> take(SteadyTime now) {
    const auto from = std::max(next_, now);
    if (from - now > kApart * (kAtOnceMax - 1)) {
      ++skipped_;
      ++untold_;
      return std::nullopt;
    }
    next_ = from + kApart;
    ++sent_;
    return std::exchange(untold_, 0);
  }
  [[nodiscard]] std::uint64_t sent() const { return sent_; }
  [[nodiscard]] std::uint64_t skipped() const { return skipped_; }

 private:
  SteadyTime next_{};  // when a pace without bursts would be due again
  std::uint64_t sent_ = 0;
  std::uint64_t skipped_ = 0;
  std::uint64_t untold_ = 0;  // skipped, since the last that was sent
};

}  // namespace tidemark::pipeline
