// How far plain readings are taken as complete. Nobody states it: it is an estimate, from the times
// of what came. Plain state: no I/O.
//
// Estimate   what comes is out of order by `lateness` at most. So all before the newest reading
//            less that is here; while partitions have more than was read, before the newest of
//            each of those: none is judged by what another is ahead. One that is read to its end
//            holds nobody back, or the silence of one machine would be that of all.
// Silence    when nothing has come for `idle`, and all is read, the estimate goes on as the clock
//            does, from where it stood; with 0 it stays.
// Clocks     of a time to come, beyond `ahead`, nothing is believed; nothing moves it beyond now.
// Never goes back. Threads: one.
#pragma once

#include <functional>
#include <vector>

#include "common/base/time.h"

namespace tidemark::plain {

class Progress {
 public:
  struct Options {
    Nanoseconds lateness{};
    Nanoseconds idle{};
    Nanoseconds ahead{};
  };
  // `until`: as it was estimated before.
  Progress(Options options, EventTime until, SteadyTime now)
      : options_(options), until_(until), quiet_from_(until), heard_(now) {}

  // That many are read; what was known of others is forgotten.
  void partitions(std::size_t n) { newest_.assign(n, kEventTimeMin); }
  // Before take(), now and then: what is believed follows the clock.
  void at(EventTime wall) { latest_ = wall + options_.ahead; }
  void take(std::size_t partition, EventTime time) {
    if (time > newest_[partition] && time <= latest_) newest_[partition] = time;
    heard_any_ = true;
  }
  // All that is of before has come, as far as anybody can tell.
  EventTime estimate(const std::function<bool(std::size_t)>& read_to_its_end, SteadyTime now,
                     EventTime wall);

 private:
  Options options_;
  EventTime until_;
  EventTime quiet_from_;  // the estimate when something came last
  SteadyTime heard_;
  bool heard_any_ = false;
  EventTime latest_ = kEventTimeMin;
  std::vector<EventTime> newest_;  // by partition
};

}  // namespace tidemark::plain
