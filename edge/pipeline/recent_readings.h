// Recognises a reading that a device sent twice, within a bounded memory: the same series, event
// time and value bits. Only for device-stamped series: arrival stamps never repeat.
//
// Bound: the last kRemembered readings in order of arrival, 2 KiB a series. An older copy passes
// and is recognised by the cloud, which compares with everything that it has counted.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

namespace tidemark::pipeline {

class RecentReadings {
 public:
  static constexpr std::size_t kRemembered = 128;

  // True when this reading is among the remembered; remembers it otherwise. `value` is the bits of
  // a number, or a hash of a text.
  bool repeated(std::int64_t time, std::uint64_t value) {
    // A rising series, the ordinary case, needs no search.
    if (time <= highest_) {
      for (const auto& s : seen_) {
        if (s.time == time && s.value == value) return true;
      }
    } else {
      highest_ = time;
    }
    if (seen_.size() < kRemembered) {
      seen_.push_back({time, value});
    } else {
      seen_[next_] = {time, value};
      next_ = (next_ + 1) % kRemembered;
    }
    return false;
  }

 private:
  struct Seen {
    std::int64_t time;
    std::uint64_t value;
  };
  std::int64_t highest_ = std::numeric_limits<std::int64_t>::min();
  std::vector<Seen> seen_;
  std::size_t next_ = 0;
};

}  // namespace tidemark::pipeline
