// Recognises a reading that a device sent twice, within a bounded memory: the same series, event
// time and value bits. Only for device-stamped series: arrival stamps never repeat.
//
// Bound: the last `remembered` readings in order of arrival, 16 B each, taken as they come. An
// older copy passes. Where raw rows travel the cloud recognises it, which compares with everything
// that it has counted. Where partials travel nobody can: it is counted twice. So series that travel
// in windows remember more, and what may have been such a copy is counted: unsure().
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

namespace tidemark::pipeline {

class RecentReadings {
 public:
  static constexpr std::size_t kRemembered = 128;
  static constexpr std::size_t kRememberedInWindows = 4096;

  explicit RecentReadings(std::size_t remembered) : remembered_(remembered) {}

  // True when this reading is among the remembered; remembers it otherwise. `value` is the bits of
  // a number, or a hash of a text.
  bool repeated(std::int64_t time, std::uint64_t value) {
    // A rising series, the ordinary case, needs no search.
    if (time <= highest_) {
      for (const auto& s : seen_) {
        if (s.time == time && s.value == value) return true;
      }
      if (time <= forgotten_until_) ++unsure_;
    } else {
      highest_ = time;
    }
    if (seen_.size() < remembered_) {
      seen_.push_back({time, value});
    } else {
      forgotten_until_ = std::max(forgotten_until_, seen_[next_].time);
      seen_[next_] = {time, value};
      next_ = (next_ + 1) % remembered_;
    }
    return false;
  }

  // Readings that may have been copies of forgotten ones: no newer than one of these.
  [[nodiscard]] std::uint64_t unsure() const { return unsure_; }

 private:
  struct Seen {
    std::int64_t time;
    std::uint64_t value;
  };
  std::size_t remembered_;
  std::int64_t highest_ = std::numeric_limits<std::int64_t>::min();
  std::int64_t forgotten_until_ = std::numeric_limits<std::int64_t>::min();
  std::vector<Seen> seen_;
  std::size_t next_ = 0;
  std::uint64_t unsure_ = 0;
};

}  // namespace tidemark::pipeline
