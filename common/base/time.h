// Time and its two kinds. Event time says when something was measured (UTC, may lie or jump);
// steady time is for waiting (means nothing after a reboot).
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace tidemark {

using Nanoseconds = std::chrono::nanoseconds;
struct EventClock {  // names the time line only; has no now()
  using rep = std::int64_t;
  using period = std::nano;
  using duration = Nanoseconds;
  using time_point = std::chrono::time_point<EventClock, Nanoseconds>;
};
using EventTime = EventClock::time_point;  // UTC, ns since 1970-01-01, without leap seconds
using SteadyTime = std::chrono::steady_clock::time_point;

constexpr EventTime event_time(std::int64_t ns) { return EventTime(Nanoseconds(ns)); }
constexpr std::int64_t count_ns(EventTime t) { return t.time_since_epoch().count(); }
inline constexpr EventTime kEventTimeMin = EventTime::min();
inline constexpr EventTime kEventTimeMax = EventTime::max();

// The number of its minute since 1970, as manifests name minutes; rounded down before 1970 too.
constexpr std::int64_t minute_of(EventTime t) {
  return std::chrono::floor<std::chrono::minutes>(t.time_since_epoch()).count();
}
// The start of the epoch-aligned slice of `width` that holds `t`; right for times before 1970 too.
// The slice that begins before all time is given as beginning at kEventTimeMin.
constexpr EventTime floor_to(EventTime t, Nanoseconds width) {
  const auto ns = count_ns(t);
  const auto w = width.count();
  const auto rest = ns % w;
  const auto above = rest < 0 ? rest + w : rest;
  return ns < count_ns(kEventTimeMin) + above ? kEventTimeMin : event_time(ns - above);
}

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual SteadyTime steady() const = 0;
  [[nodiscard]] virtual EventTime wall() const = 0;
  // That the calling thread has used.
  [[nodiscard]] virtual Nanoseconds thread_cpu() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] SteadyTime steady() const override;
  [[nodiscard]] EventTime wall() const override;
  [[nodiscard]] Nanoseconds thread_cpu() const override;
};

// Moves when told; wall can jump while steady does not. For tests and the simulator.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(EventTime wall) : wall_(wall) {}
  [[nodiscard]] SteadyTime steady() const override { return steady_; }
  [[nodiscard]] EventTime wall() const override { return wall_; }
  // So much more at each call, as if what lies between two of them took that long.
  [[nodiscard]] Nanoseconds thread_cpu() const override { return cpu_ += cpu_step_; }
  void cpu_step(Nanoseconds each) { cpu_step_ = each; }
  void advance(Nanoseconds by) {
    steady_ += std::chrono::duration_cast<SteadyTime::duration>(by);
    wall_ += by;
  }
  void jump_wall(Nanoseconds by) { wall_ += by; }

 private:
  SteadyTime steady_{};
  EventTime wall_;
  mutable Nanoseconds cpu_{};
  Nanoseconds cpu_step_{};
};

// "2026-11-21T02:00:00.412Z": as many decimals as needed, in threes, none for whole seconds.
std::string format_utc(EventTime t);
// RFC 3339 with Z or an offset, a space for the T allowed; a date alone is its midnight UTC. A time
// without a zone is taken as UTC. Fault::bad_input tells what was expected.
Result<EventTime> parse_utc(std::string_view text);
// parse_utc, or relative to now: "now", "-10m", "-2h".
Result<EventTime> parse_time(std::string_view text, EventTime now);

// "500ms" "5s" "1min" "1m" "1h" "1day" "1d" "1week", "us" and "ns"; a number may have decimals.
Result<Nanoseconds> parse_duration(std::string_view text);
// The shortest exact form of the same: "1500ms", "5s", "1min".
std::string format_duration(Nanoseconds d);

}  // namespace tidemark
