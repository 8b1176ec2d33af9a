// Whether the cloud is there, and whether it is still the one it was: a ping each second over the
// log, answered with the same eight bytes and the random number of that start of the cloud.
#pragma once

#include <cstdint>
#include <optional>

#include "common/base/random.h"
#include "common/base/time.h"
#include "gateway/log/log.h"

namespace tidemark::gateway {

class CloudLink {
 public:
  enum class Change : std::uint8_t {
    none,
    up,
    lost,       // no answer for kPatience
    restarted,  // another start of it answers: what it knew of sessions is gone
  };
  static constexpr Nanoseconds kPingEvery = std::chrono::seconds(1);
  static constexpr Nanoseconds kPatience = std::chrono::seconds(5);

  CloudLink(Log& log, Random& random) : log_(log), random_(random), own_(random.next() | 1) {}

  Change on_tick(SteadyTime now);  // at least each kPingEvery
  // Takes the messages between gateway and cloud themselves; others are not looked at.
  Change on_envelope(const Envelope& envelope, SteadyTime now);
  [[nodiscard]] bool up() const { return up_; }
  [[nodiscard]] Nanoseconds round_trip() const { return round_trip_; }

 private:
  Log& log_;
  Random& random_;
  std::uint64_t own_;  // of this start, in place of a session: so the cloud learns of another one
  bool up_ = false;
  std::optional<std::uint64_t> instance_;
  std::uint64_t asked_ = 0;  // the newest ping
  SteadyTime asked_at_{};
  SteadyTime answered_at_{};
  bool asked_once_ = false;
  Nanoseconds round_trip_{0};
};

}  // namespace tidemark::gateway
