// Where the windows of a view begin and end: every so long since the epoch, longer than that where
// they overlap, or as a calendar has them in a time zone (semantics D15), where days have 23 and 25
// hours twice a year.
//
// Bounds     a calendar's windows begin at whole quarter hours of UTC, because they are made of
//            panes of 15 minutes: what an old zone has between is moved down to one.
// Threads    one at a time: the window asked for last is remembered.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"

namespace tidemark::answers {

struct CalendarOptions {
  std::string unit;                 // day | week | month | shift
  std::string zone = "UTC";         // of the tz database
  std::string week_start = "monday";
  std::vector<std::string> shifts;  // "06:00", rising within a day
};

class Grid {
 public:
  explicit Grid(Nanoseconds width) : width_(width), every_(width) {}
  // Windows of `width` that begin each `every`, which is not longer.
  Grid(Nanoseconds width, Nanoseconds every) : width_(width), every_(every) {}
  // Fault::bad_input with what is wrong: an unknown zone, a shift that is no quarter hour.
  static Result<Grid> calendar(const CalendarOptions& options);

  // The start of the last window that holds t, and of the first.
  [[nodiscard]] EventTime floor(EventTime t) const;
  [[nodiscard]] EventTime first(EventTime t) const;
  // Where a window that starts there ends, and where the next one starts.
  [[nodiscard]] EventTime end(EventTime start) const;
  [[nodiscard]] EventTime next(EventTime start) const;

 private:
  struct Calendar;
  struct Window {
    EventTime start = kEventTimeMax;
    EventTime end = kEventTimeMin;
  };
  [[nodiscard]] Window around(EventTime t) const;
  Nanoseconds width_{};
  Nanoseconds every_{};
  std::shared_ptr<const Calendar> calendar_;  // null: every width_
  mutable Window last_;
};

}  // namespace tidemark::answers
