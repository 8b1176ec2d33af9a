// The detectors of one series, each by itself: time and value in, a score out. Private to the
// folder (and its tests); SeriesFilter is the face.
//
// All of them expect finite values and skip a reading that is older than the newest they saw: a
// late reading says nothing about what the signal does now. State is fixed at construction.
// shift(): SeriesFilter::shift.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/base/time.h"
#include "edge/filter/series_filter.h"

namespace tidemark::filter {

// What a detector thinks of one reading. A score of 1 is the threshold; 0 means nothing to say.
struct Opinion {
  double score = 0;
  double expected = 0;  // the value, rate or limit that the score was measured against
  [[nodiscard]] bool fires() const { return score > 1; }
};

class RangeDetector {
 public:
  explicit RangeDetector(const RangeOptions& options) : options_(options) {}
  [[nodiscard]] Opinion check(double value) const;

 private:
  RangeOptions options_;
};

// The slope between this reading and the one `samples - 1` before it.
class RateDetector {
 public:
  explicit RateDetector(const RateOptions& options);
  Opinion check(EventTime time, double value);
  void shift(Nanoseconds by);

 private:
  struct Sample {
    EventTime time;
    double value = 0;
  };
  RateOptions options_;
  std::vector<Sample> ring_;  // the last samples - 1 readings
  std::size_t next_ = 0;
  std::size_t held_ = 0;
};

// Unchanged for max(after, 10 times the longest run of the learning phase).
class StuckDetector {
 public:
  explicit StuckDetector(const StuckOptions& options) : options_(options) {}
  Opinion check(EventTime time, double value);
  void shift(Nanoseconds by);

 private:
  StuckOptions options_;
  std::size_t learnt_ = 0;
  Nanoseconds longest_{};
  bool started_ = false;
  EventTime run_start_{};
  EventTime newest_{};
  double run_value_ = 0;
};

// Hampel: the distance to the median of the last `samples` values, in robust sigmas. The scale is
// max(1.4826 MAD, q95 / 2, floor) of the distances to the median. A window that never moved has no
// scale and says nothing, unless `floor` gives one.
//
// Cost: O(log samples) and one move of part of the window: the values are kept sorted, and the
// quantiles of the distances are found by halving. bench/filter; 16 B a sample.
class SpikeDetector {
 public:
  explicit SpikeDetector(const SpikeOptions& options);
  Opinion check(EventTime time, double value);
  void shift(Nanoseconds by);

 private:
  [[nodiscard]] std::size_t place_of(double value) const;
  [[nodiscard]] double scale(double median) const;
  void remember(double value);
  SpikeOptions options_;
  std::vector<double> ring_;    // by age
  std::vector<double> sorted_;  // the same values
  std::size_t next_ = 0;
  EventTime newest_ = kEventTimeMin;
};

// One level of a limit: on after on_delay beyond it, off after off_delay back inside its deadband.
class LimitDetector {
 public:
  enum class Change : std::uint8_t { none, raised, cleared };
  LimitDetector(const LimitOptions& options, double level, bool high);
  Change check(EventTime time, double value);
  void stand() { on_ = true; }  // before the first reading
  void shift(Nanoseconds by);
  [[nodiscard]] bool on() const { return on_; }
  [[nodiscard]] double level() const { return level_; }

 private:
  LimitOptions options_;
  double level_;
  bool high_;
  bool on_ = false;
  std::optional<EventTime> since_;  // when the condition for the other state began
  EventTime newest_ = kEventTimeMin;
};

}  // namespace tidemark::filter
