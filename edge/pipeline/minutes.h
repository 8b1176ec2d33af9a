// The counts of one line of the manifest, minute by minute of event time, and which seal stated
// them.
//
// Cost       the hours in use lie open, 60 minutes of 96 B each; all others are packed, some 10 B a
//            minute: a week of one line is 100 kB.
// Bound      kHoursKept hours, of whatever times: beyond it the one that is furthest from the hour
//            in use is forgotten. What comes for a forgotten hour is counted in no minute. Both are
//            said to whoever has not heard it yet (Stated::dropped), in kDroppedKept stretches. A
//            clock that jumps ahead and back costs so many hours as it was away, and no others.
// Threads    one at a time.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "common/base/bytes.h"
#include "common/model/seal.h"
#include "common/model/sequence_ranges.h"

namespace tidemark::pipeline {

class Minutes {
 public:
  static constexpr std::size_t kHoursKept = 7 * 24 + 1;
  static constexpr std::size_t kDroppedKept = 64;

  // In order of time.
  struct Stated {
    std::vector<MinuteCounts> minutes;
    std::vector<DroppedCounts> dropped;
  };

  // The counts of that time's minute, to be added to before the next call; if its hour is
  // forgotten, those that no minute has.
  MinuteCounts& touch(EventTime at) {
    // Mostly that of the reading before, which spares the division.
    const bool same = last_ != nullptr && at >= last_from_ &&
                      at - last_from_ < std::chrono::minutes(1);
    return same && last_->touched ? last_->counts : touch_other(at);
  }
  // What was touched since the last call is what seal `number` states; dropped is what of it was
  // of forgotten hours.
  Stated state(std::uint64_t number);
  // What state() would give now takes at most so much in a seal.
  [[nodiscard]] std::uint64_t bytes_max() const;
  // As stated last, those that a seal after `acknowledged` stated; dropped is also what such a seal
  // stated and is forgotten.
  [[nodiscard]] Stated since(std::uint64_t acknowledged) const;

 private:
  struct Minute {
    MinuteCounts counts;        // so far
    MinuteCounts stated;        // as in seal `changed`
    std::uint64_t changed = 0;  // 0: in no seal yet
    bool touched = false;       // counts may differ from stated
  };
  using Open = std::array<Minute, 60>;
  struct Hour {
    std::unique_ptr<Open> open;  // or
    ByteVector packed;           // of all its minutes that a seal stated
    std::uint64_t changed = 0;   // the last seal that stated one of them
  };
  MinuteCounts& touch_other(EventTime at);
  Hour& opened(std::int64_t hour);
  static void pack(Hour& hour);
  static Open unpacked(std::int64_t hour, const Hour& from);
  void forget_furthest();

  std::map<std::int64_t, Hour> hours_;
  SequenceRanges forgotten_;              // of hours, see place_of()
  std::map<std::int64_t, MinuteCounts> missed_;  // of forgotten hours, since the last state()
  std::vector<DroppedCounts> dropped_;
  Minute* last_ = nullptr;                // the one that was touched last
  EventTime last_from_{};                 // its begin
  std::vector<std::int64_t> touched_;     // minutes
  std::vector<std::int64_t> open_;        // hours
};

}  // namespace tidemark::pipeline
