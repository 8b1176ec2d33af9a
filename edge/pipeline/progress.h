// How far a source's statement reaches: the event time below which everything that it took is in
// blocks already (semantics B7). Plain logic; the pipeline feeds it.
#pragma once

#include <algorithm>
#include <cstdint>

#include "common/base/time.h"

namespace tidemark::pipeline {

class Progress {
 public:
  // Between an arrival stamp and its place in the journal lies a source thread's way there.
  static constexpr Nanoseconds kMargin = std::chrono::milliseconds(200);
  // A device whose newest reading is farther than this from its arrival runs on a clock of its own
  // (a recording, a dead battery): its progress is measured on that clock.
  static constexpr Nanoseconds kOwnClock = std::chrono::hours(1);

  Progress(bool device_stamped, Nanoseconds lateness)
      : device_stamped_(device_stamped), lateness_(lateness) {}

  // The source was made anew: its kind and lateness may be others.
  void bound(const Progress& other) {
    device_stamped_ = other.device_stamped_;
    lateness_ = other.lateness_;
  }

  void reading(EventTime event, EventTime arrival) {
    last_arrival_ = std::max(last_arrival_, arrival);
    if (event <= newest_) return;
    newest_ = event;
    const auto distance = event - arrival;
    own_clock_ = distance > kOwnClock || distance < -kOwnClock;
  }

  // The edge's clock was set back to `now`: what was heard before was not later than that.
  void set_back(EventTime now) {
    last_arrival_ = std::min(last_arrival_, now);
    if (newest_ > now) newest_ = kEventTimeMin;
  }

  // `heard_until`: every entry that arrived before it has been decoded.
  [[nodiscard]] EventTime sealed_until(EventTime heard_until) const {
    if (!device_stamped_) return heard_until;
    // Before its first reading nobody knows which clock the device runs on.
    if (newest_ == kEventTimeMin) return kEventTimeMin;
    if (!own_clock_) return heard_until - lateness_;
    const bool quiet = heard_until > last_arrival_ && heard_until - last_arrival_ > 3 * lateness_;
    return quiet ? newest_ + Nanoseconds(1) : newest_ - lateness_;
  }

 private:
  bool device_stamped_;
  Nanoseconds lateness_;
  EventTime newest_ = kEventTimeMin;
  EventTime last_arrival_ = kEventTimeMin;
  bool own_clock_ = false;
};

}  // namespace tidemark::pipeline
