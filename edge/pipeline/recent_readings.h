// Recognises a reading that a device sent twice, within a bounded memory: the same series, event
// time and value bits. Only for device-stamped series: arrival stamps never repeat.
//
// Bound: the last kRemembered readings in order of arrival, 16 B each. An older copy passes. Where
// raw rows travel the cloud recognises it, which compares with all that it has counted. Where
// partials travel nobody can: it is counted twice. So series that travel in windows remember up to
// kRememberedInWindows, as long as there is room in what all of them share, and what may have been
// such a copy is counted: unsure(). The memory is this start's: of what earlier starts took nothing
// is known, so any reading that is no newer than they may have taken counts as such.
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

  static constexpr std::size_t kSharedInWindows = (2 << 20) / 16;  // beyond kRemembered of each

  // `shared`: how many readings more all series together may remember; null: this one none. It
  // outlives this. `heard_until`: earlier starts may have taken readings up to it.
  explicit RecentReadings(std::size_t* shared = nullptr,
                          std::int64_t heard_until = std::numeric_limits<std::int64_t>::min())
      : shared_(shared), highest_(heard_until), forgotten_until_(heard_until) {}

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
    if (seen_.size() == remembered_ && next_ == 0) grow();
    if (seen_.size() < remembered_) {
      seen_.push_back({time, value});
    } else {
      forgotten_until_ = std::max(forgotten_until_, seen_[next_].time);
      seen_[next_] = {time, value};
      next_ = (next_ + 1) % remembered_;
    }
    return false;
  }

  // The clock was set back: nothing that was forgotten was of a time after `now`.
  void set_back(std::int64_t now) { forgotten_until_ = std::min(forgotten_until_, now); }

  // Readings that may have been copies of forgotten ones: no newer than one of these.
  [[nodiscard]] std::uint64_t unsure() const { return unsure_; }

 private:
  struct Seen {
    std::int64_t time;
    std::uint64_t value;
  };
  void grow() {
    const auto more = remembered_;
    if (shared_ == nullptr || *shared_ < more || 2 * more > kRememberedInWindows) return;
    *shared_ -= more;
    remembered_ += more;
    seen_.reserve(remembered_);
  }

  std::size_t* shared_;
  std::size_t remembered_ = kRemembered;
  std::int64_t highest_;
  std::int64_t forgotten_until_;
  std::vector<Seen> seen_;
  std::size_t next_ = 0;
  std::uint64_t unsure_ = 0;
};

}  // namespace tidemark::pipeline
