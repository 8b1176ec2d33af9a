// How long to leave something alone that does not answer: doubling, with jitter, so that a plant
// that comes back after a power cut is not asked by everybody at once.
#pragma once

#include "common/base/random.h"
#include "common/base/time.h"

namespace tidemark::modbus {

class Backoff {
 public:
  Backoff(Nanoseconds first, Nanoseconds longest) : first_(first), longest_(longest) {}
  // The next try is half to all of the delay away; the delay doubles, up to `longest` or more.
  void failed(SteadyTime now, Random& random, Nanoseconds or_more = {});
  void succeeded();
  [[nodiscard]] bool waiting(SteadyTime now) const { return delay_.count() > 0 && now < until_; }
  [[nodiscard]] Nanoseconds left(SteadyTime now) const {
    return waiting(now) ? Nanoseconds(until_ - now) : Nanoseconds(0);
  }

 private:
  Nanoseconds first_, longest_;
  Nanoseconds delay_{};  // 0: nothing failed
  SteadyTime until_{};
};

}  // namespace tidemark::modbus
