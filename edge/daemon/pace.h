// How fast a counter rises lately: its rise since the newest look that is at least `over` old, or
// since the first look. Memory: a look each time that look() is called within `over`.
// Threads: one at a time.
#pragma once

#include <cstdint>
#include <deque>

#include "common/base/time.h"

namespace tidemark::edge {

class Pace {
 public:
  explicit Pace(SteadyTime::duration over) : over_(over) {}

  void look(SteadyTime now, std::uint64_t count) {
    looks_.push_back({now, count});
    while (looks_.size() > 1 && now - looks_[1].time >= over_) looks_.pop_front();
  }
  // 0 before a look.
  [[nodiscard]] double per_second(SteadyTime now, std::uint64_t count) const {
    if (looks_.empty() || now <= looks_.front().time || count < looks_.front().count) return 0;
    return static_cast<double>(count - looks_.front().count) /
           std::chrono::duration<double>(now - looks_.front().time).count();
  }

  // The time that per_second() is taken over.
  [[nodiscard]] SteadyTime::duration over(SteadyTime now) const {
    return looks_.empty() || now < looks_.front().time ? SteadyTime::duration(0)
                                                       : now - looks_.front().time;
  }

 private:
  struct Look {
    SteadyTime time{};
    std::uint64_t count = 0;
  };
  SteadyTime::duration over_;
  std::deque<Look> looks_;
};

}  // namespace tidemark::edge
