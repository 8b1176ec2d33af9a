#include "edge/clock/event_clock.h"

#include <algorithm>

#include "common/base/log.h"

namespace tidemark::clock {

void EventStamper::observe(EventTime wall, SteadyTime steady) {
  const Nanoseconds base = wall.time_since_epoch() - steady.time_since_epoch();
  if (state_ == ClockState::unknown) {
    if (wall < plausible_from_) return;
    state_ = ClockState::set;
    base_ = base;
    observed_ = steady;
    return;
  }
  difference_ = base - base_;
  const auto room = kSlewPerSecond * (steady - observed_).count() / 1'000'000'000;
  observed_ = steady;
  if (difference_ > kStep || difference_ < -kStep) {
    ++steps_;
    log::warning("the clock was set", "by={}", format_duration(difference_));
    base_ = base;
    difference_ = {};
    return;
  }
  base_ += std::clamp(difference_, -room, room);
}

EventTime EventStamper::stamp(EventTime arrived, std::int64_t steady_ns) const {
  if (steady_ns > observed_.time_since_epoch().count() +
                      std::chrono::nanoseconds(std::chrono::hours(1)).count()) {
    return arrived;
  }
  return event_time(steady_ns + base_.count());
}

EventTime EventStamper::now(SteadyTime steady) const {
  return event_time(steady.time_since_epoch().count() + base_.count());
}

}  // namespace tidemark::clock
