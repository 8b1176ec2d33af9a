// Event time on a device whose clock may be wrong: stamps are steady time plus an offset, so that a
// clock that is set or slewed while readings arrive never tears their order.
//
// States     unknown until the wall clock is past `plausible_from` (a gateway without a battery
//            wakes in 1970): nothing is stamped then, entries wait in the journal. set afterwards.
// Steps      when wall and stamp differ by more than kStep, the new wall time is believed from then
//            on and the step is counted; smaller differences are slewed in, at most kSlewPerSecond.
// Threads    one (the pipeline's).
#pragma once

#include <cstdint>

#include "common/base/time.h"
#include "common/model/seal.h"

namespace tidemark::clock {

class EventStamper {
 public:
  static constexpr Nanoseconds kStep = std::chrono::milliseconds(100);
  static constexpr Nanoseconds kSlewPerSecond = std::chrono::microseconds(500);

  explicit EventStamper(EventTime plausible_from) : plausible_from_(plausible_from) {}

  // Compares the clocks; call it at least once before stamp(), then every second or so.
  void observe(EventTime wall, SteadyTime steady);
  // The event time of something that arrived at `steady_ns` (steady clock, ns since its epoch)
  // while the wall clock said `arrived`. An arrival of another boot (ahead of this boot's clock)
  // keeps its wall time.
  [[nodiscard]] EventTime stamp(EventTime arrived, std::int64_t steady_ns) const;
  [[nodiscard]] EventTime now(SteadyTime steady) const;

  [[nodiscard]] ClockState state() const { return state_; }
  [[nodiscard]] std::uint64_t steps() const { return steps_; }
  // Wall minus stamp at the last observe(): what is still to be slewed in.
  [[nodiscard]] Nanoseconds offset() const { return difference_; }

 private:
  EventTime plausible_from_;
  ClockState state_ = ClockState::unknown;
  Nanoseconds base_{};  // event time = steady + base
  Nanoseconds difference_{};
  SteadyTime observed_{};
  std::uint64_t steps_ = 0;
};

}  // namespace tidemark::clock
