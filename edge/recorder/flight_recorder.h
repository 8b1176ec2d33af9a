// The flight recorder: keeps the last raw readings of series whose readings travel in windows, so
// that an anomaly can be shown at full rate, `before` and `after` it (semantics C11: as copies).
//
// Promise    every reading that it still holds, or that comes, with a time in [anomaly - before,
//            anomaly + after] is handed out once, however many anomalies overlap; a late one for an
//            earlier context than the newest is not.
// Bounds     kReadingsMax of a series and `memory` of all. Beyond either a series keeps its newest
//            readings: a context that would have begun earlier is counted in cut.
// Cost       O(1) a reading. 24 B for each that is kept.
// Threads    one. No I/O, no clock.
#pragma once

#include <cstdint>
#include <vector>

#include "common/base/strong.h"
#include "common/base/time.h"
#include "common/model/block.h"

namespace tidemark::recorder {

struct Context {
  Nanoseconds before{};
  Nanoseconds after{};
};

struct Kept {
  std::int64_t time = 0;
  std::uint64_t bits = 0;  // of the f64, or the i64
  Quality quality = Quality::good;
};

struct Usage {
  Bytes bytes, memory;
  std::uint64_t contexts = 0;  // anomalies that began one
  std::uint64_t readings = 0;  // handed out
  std::uint64_t cut = 0;       // contexts that began later than they should
};

class FlightRecorder {
 public:
  static constexpr std::size_t kReadingsMax = 16'384;

  explicit FlightRecorder(Bytes memory) { usage_.memory = memory; }

  using Track = std::size_t;
  Track track(const Context& context);

  struct Due {
    Track track = 0;
    Kept reading;
  };
  // What the reading makes due is in due() afterwards.
  void add(Track track, const Kept& reading);
  void anomaly(Track track, std::int64_t time);  // after the add() of its reading
  // The clock was set back to `now`: what was kept of later times is let go, and a context that
  // reaches there is over. They come again, and are other readings.
  void set_back(Track track, std::int64_t now);
  [[nodiscard]] std::vector<Due>& due() { return due_; }  // the caller empties it
  [[nodiscard]] const Usage& usage() const { return usage_; }

 private:
  struct Series {
    Context context;
    std::vector<Kept> ring;      // capacity a power of two
    std::uint64_t first = 0;     // number of the oldest kept
    std::uint64_t next = 0;      // number of the next
    std::int64_t lost_until = INT64_MIN;  // newest time of what a bound took
    std::int64_t from = 0;       // of the context that is open
    std::int64_t until = INT64_MIN;
  };
  bool grow(Series& s);
  void hand_out(Track track, const Kept& reading);

  std::vector<Series> series_;
  std::vector<Due> due_;
  Usage usage_;
};

}  // namespace tidemark::recorder
