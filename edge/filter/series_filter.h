// The filters of one series. They mark and thin, they never destroy: a marked reading keeps its
// value and says why it is doubted, and one that thinning leaves out was already in its windows.
//
// Promise    same calls in, same answers out: no clock, no I/O.
// Values     doubles; a decimal or integer series is converted by the caller, booleans are 0 and 1.
//            Non-finite values pass unmarked and touch no state: windows count them apart.
// Hold       an event that lasts would repeat with every reading; after one, the same detector
//            speaks again only for a higher score or when the hold is over. Marks are not held.
// Clock      a reading older than the newest is late and touches no detector, so the caller says by
//            shift() when the clock that stamps them was set: else a clock that goes back would
//            silence them until it has caught up, and one that goes ahead would end every delay.
// Bounds     state is fixed at construction: about 100 B, plus 16 B a sample of the spike window.
// Threads    one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/model/block.h"

namespace tidemark::filter {

// Values outside [min, max] are not plausible: Quality::bad_range, they leave the aggregates.
struct RangeOptions {
  double min = 0;
  double max = 0;
};
struct RateOptions {
  double per_second_max = 0;
  std::size_t samples = 3;  // the slope is taken over so many readings, [2, 64]
};
struct StuckOptions {
  Nanoseconds after = std::chrono::seconds(60);
  double tolerance = 0;       // differences up to this are no change: the resolution of the channel
  std::size_t learning = 300;  // readings; a learnt run makes it 10 times its length. 0: none
};
struct SpikeOptions {
  std::size_t samples = 64;  // [8, 1024]
  double sigmas = 5;
  double floor = 0;  // least scale, in the unit of the values
};
struct LimitOptions {
  std::optional<double> hihi, hi, lo, lolo;
  double deadband = 0;
  Nanoseconds on_delay = std::chrono::seconds(5);
  Nanoseconds off_delay = std::chrono::seconds(15);
};
struct HoldOptions {
  std::size_t samples = 150;  // 0: no hold
  Nanoseconds time{};         // 0: by samples alone; otherwise whichever ends first
};
struct ThinOptions {
  std::optional<double> deadband;
  Nanoseconds keep_every{};  // one reading at least so often; 0: none
};
struct FilterOptions {
  std::optional<RangeOptions> range;
  std::optional<RateOptions> rate;
  std::optional<StuckOptions> stuck;
  std::optional<SpikeOptions> spike;
  std::vector<LimitOptions> limits;  // at most kLimitsMax
  HoldOptions hold;
  ThinOptions thin;
  static constexpr std::size_t kLimitsMax = 8;

  // Fault::bad_input names the option and its bound.
  [[nodiscard]] Result<> check() const;
  [[nodiscard]] bool empty() const;  // nothing to do for any reading
};

enum class Cause : std::uint8_t { none, range, rate, stuck, spike, hihi, hi, lo, lolo };
std::string_view to_string(Cause cause);

// What becomes of one reading. The worst mark stands: range before rate, spike and stuck.
struct Verdict {
  Quality quality = Quality::good;
  Cause cause = Cause::none;
  [[nodiscard]] bool marked() const { return quality != Quality::good; }
};

// Something to tell people, and to send the raw context of. Limits raise and clear, others raise.
struct Event {
  Cause cause = Cause::none;
  bool raised = true;    // false: cleared
  EventTime time{};
  double value = 0;
  double expected = 0;   // median, bound, rate or limit that the value was measured against
  double score = 0;      // above 1; of limits 1
  // "spike: 98.2, expected about 21.4 (score 3.1)"
  [[nodiscard]] std::string text() const;
};

class SeriesFilter {
 public:
  // `options` passed their check().
  explicit SeriesFilter(const FilterOptions& options);
  ~SeriesFilter();
  SeriesFilter(SeriesFilter&&) noexcept;
  SeriesFilter& operator=(SeriesFilter&&) noexcept;

  // Appends to `events` what this reading raised or cleared. O(1), the spike window O(samples).
  Verdict check(EventTime time, double value, std::vector<Event>& events);

  // Thinning: false when the reading may be left out as a raw row, as it lies within the deadband
  // around the last one kept. Marked readings are always kept, and the first one after a mark.
  bool keep(EventTime time, double value, const Verdict& verdict);

  // Before the first reading: an alarm of an earlier start stands until its limit says otherwise.
  // One of another level is that of the only limit of its cause, when there is only one.
  void stand(Cause cause, double level);

  // The clock was set by `by`: what was learnt, delays, holds and thinning go on as if all that was
  // seen had been stamped by the new one.
  void shift(Nanoseconds by);
  // Of all readings that check() was given; kEventTimeMin: none.
  [[nodiscard]] EventTime newest() const;

  // Whether a limit stands beyond its on-delay now.
  [[nodiscard]] bool in_alarm() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tidemark::filter
