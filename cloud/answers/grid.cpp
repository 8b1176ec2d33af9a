#include "cloud/answers/grid.h"

#include <date/tz.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "common/base/text.h"

namespace tidemark::answers {
namespace {

constexpr Nanoseconds kQuarter = std::chrono::minutes(15);
constexpr std::array<std::string_view, 7> kWeekdays = {"sunday",   "monday", "tuesday", "wednesday",
                                                       "thursday", "friday", "saturday"};

Result<std::chrono::minutes> parse_clock(const std::string& text) {
  int hours = 0, minutes = 0;
  char rest = 0;
  if (text.size() == 5 && std::sscanf(text.c_str(), "%2d:%2d%c", &hours, &minutes, &rest) == 2 &&
      hours >= 0 && hours < 24 && minutes >= 0 && minutes < 60 && minutes % 15 == 0) {
    return std::chrono::hours(hours) + std::chrono::minutes(minutes);
  }
  return Error(Fault::bad_input, fmt::format("'{}' is no start of a shift, expected a quarter hour "
                                             "such as \"06:00\" or \"14:30\"", text));
}

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

}  // namespace

// Windows are numbered: days, weeks and months since the epoch, shifts in order of the days.
struct Grid::Calendar {
  const date::time_zone* zone = nullptr;
  std::string unit;
  std::int64_t week_shift = 0;  // days from the week of the epoch, which was a Thursday
  std::vector<std::chrono::minutes> shifts;

  [[nodiscard]] std::int64_t number_of(date::local_days day) const {
    const auto days = day.time_since_epoch().count();
    if (unit == "week") return floor_div(days - week_shift, 7);
    if (unit == "month") {
      const date::year_month_day d(day);
      return (static_cast<int>(d.year()) - 1970) * std::int64_t{12} +
             static_cast<unsigned>(d.month()) - 1;
    }
    return unit == "shift" ? days * static_cast<std::int64_t>(shifts.size()) : days;
  }
  [[nodiscard]] EventTime start_of(std::int64_t number) const {
    date::local_seconds local;
    if (unit == "month") {
      const auto years = floor_div(number, 12);
      const auto month = static_cast<unsigned>(number - years * 12) + 1;
      local = date::local_days(date::year(1970 + static_cast<int>(years)) / date::month(month) / 1);
    } else if (unit == "shift") {
      const auto n = static_cast<std::int64_t>(shifts.size());
      const auto day = floor_div(number, n);
      const auto shift = static_cast<std::size_t>(number - day * n);
      local = date::local_days(date::days(day)) + shifts[shift];
    } else {
      local = date::local_days(date::days(unit == "week" ? number * 7 + week_shift : number));
    }
    // A midnight that the clocks skip begins when they have; one that they repeat, the first time:
    // what a clock on the wall shows as that day is that day.
    const auto utc = zone->to_sys(local, date::choose::earliest);
    return floor_to(event_time(utc.time_since_epoch().count() * 1'000'000'000), kQuarter);
  }
  [[nodiscard]] Window around(EventTime t) const {
    const auto utc = date::sys_seconds(
        std::chrono::seconds(floor_div(count_ns(t), 1'000'000'000)));
    auto number = number_of(date::floor<date::days>(zone->to_local(utc)));
    while (start_of(number) > t) --number;
    Window w{start_of(number), start_of(number + 1)};
    while (w.end <= t) w = {w.end, start_of(++number + 1)};
    return w;
  }
};

Result<Grid> Grid::calendar(const CalendarOptions& options) {
  auto calendar = std::make_shared<Calendar>();
  calendar->unit = options.unit;
  try {
    calendar->zone = date::locate_zone(options.zone);
  } catch (const std::exception&) {
    return Error(Fault::bad_input,
                 fmt::format("no time zone '{}', expected one of the tz database such as "
                             "\"Europe/Berlin\" (package tzdata)", options.zone));
  }
  const auto day = std::find(kWeekdays.begin(), kWeekdays.end(), options.week_start);
  if (day == kWeekdays.end()) {
    return Error(Fault::bad_input, fmt::format("'{}' is no day of the week, expected monday or "
                                               "another", options.week_start));
  }
  calendar->week_shift = day - kWeekdays.begin() - 4;
  for (const auto& s : options.shifts) {
    TIDE_ASSIGN(const auto at, parse_clock(s));
    if (!calendar->shifts.empty() && at <= calendar->shifts.back()) {
      return Error(Fault::bad_input, fmt::format("shift {} does not begin after the one before it",
                                                 s));
    }
    calendar->shifts.push_back(at);
  }
  if ((options.unit == "shift") == calendar->shifts.empty()) {
    return Error(Fault::bad_input, "a calendar has windows of 1 day, 1 week or 1 month, or shifts");
  }
  Grid grid{Nanoseconds{}};
  grid.calendar_ = std::move(calendar);
  return grid;
}

EventTime Grid::floor(EventTime t) const {
  return calendar_ ? around(t).start : floor_to(t, every_);
}

EventTime Grid::first(EventTime t) const {
  if (calendar_ || width_ == every_) return floor(t);
  return t < kEventTimeMin + width_ ? floor(t) : floor_to(t - width_, every_) + every_;
}

EventTime Grid::next(EventTime start) const {
  return calendar_ ? around(start).end : start + every_;
}

Grid::Window Grid::around(EventTime t) const {
  if (t < last_.start || t >= last_.end) last_ = calendar_->around(t);
  return last_;
}

EventTime Grid::end(EventTime start) const {
  return calendar_ ? around(start).end : start + width_;
}

}  // namespace tidemark::answers
