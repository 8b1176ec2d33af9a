// Windows of a calendar, against instants that were worked out by hand.
#include "cloud/answers/grid.h"

#include <gmock/gmock.h>

#include "common/base/time.h"

namespace tidemark::answers {
namespace {

using std::chrono::hours;

EventTime at(const char* text) { return parse_utc(text).value(); }

Grid calendar(const char* unit, const char* zone, std::vector<std::string> shifts = {},
              const char* week_start = "monday") {
  return Grid::calendar({unit, zone, week_start, std::move(shifts)}).value();
}

struct DayCase {
  const char* zone;
  const char* inside;  // UTC
  const char* start;
  int length_h;
};
class CalendarDay : public testing::TestWithParam<DayCase> {};

TEST_P(CalendarDay, BeginsAtLocalMidnight) {
  const auto& c = GetParam();
  const auto grid = calendar("day", c.zone);
  const auto start = grid.floor(at(c.inside));
  EXPECT_EQ(format_utc(start), format_utc(at(c.start)));
  EXPECT_EQ(grid.end(start) - start, hours(c.length_h));
  EXPECT_EQ(grid.floor(start), start);
  EXPECT_EQ(grid.floor(start - Nanoseconds(1)), grid.floor(start - hours(1)));
  EXPECT_EQ(grid.floor(grid.end(start) - Nanoseconds(1)), start);
}

INSTANTIATE_TEST_SUITE_P(
    Zones, CalendarDay,
    testing::Values(
        DayCase{"UTC", "2026-11-21T13:00:00Z", "2026-11-21T00:00:00Z", 24},
        DayCase{"Europe/Berlin", "2026-11-21T23:30:00Z", "2026-11-21T23:00:00Z", 24},
        DayCase{"Europe/Berlin", "2026-03-29T10:00:00Z", "2026-03-28T23:00:00Z", 23},
        DayCase{"Europe/Berlin", "2026-10-25T10:00:00Z", "2026-10-24T22:00:00Z", 25},
        DayCase{"Asia/Kolkata", "2026-11-21T18:29:59Z", "2026-11-20T18:30:00Z", 24},
        DayCase{"Asia/Kolkata", "2026-11-21T18:30:00Z", "2026-11-21T18:30:00Z", 24},
        DayCase{"Asia/Kathmandu", "2026-11-21T18:20:00Z", "2026-11-21T18:15:00Z", 24},
        // At midnight the clocks went to 01:00: the day begins there.
        DayCase{"America/Sao_Paulo", "2018-11-04T12:00:00Z", "2018-11-04T03:00:00Z", 23},
        // At midnight they went back to 23:00: the day that was ending has 25 hours.
        DayCase{"America/Sao_Paulo", "2018-02-18T02:30:00Z", "2018-02-17T02:00:00Z", 25},
        // At 01:00 they went back to 00:00: midnight came twice, and the day began at the first.
        DayCase{"Atlantic/Azores", "2026-10-25T00:30:00Z", "2026-10-25T00:00:00Z", 25},
        DayCase{"America/Havana", "2026-11-01T04:30:00Z", "2026-11-01T04:00:00Z", 25}));

TEST(Calendar, WeeksBeginOnTheirDay) {
  const auto t = at("2026-11-21T12:00:00Z");  // a Saturday
  EXPECT_EQ(calendar("week", "UTC").floor(t), at("2026-11-16T00:00:00Z"));
  EXPECT_EQ(calendar("week", "UTC", {}, "sunday").floor(t), at("2026-11-15T00:00:00Z"));
  EXPECT_EQ(calendar("week", "UTC", {}, "saturday").floor(t), at("2026-11-21T00:00:00Z"));
  const auto berlin = calendar("week", "Europe/Berlin");
  const auto start = berlin.floor(at("2026-03-27T12:00:00Z"));
  EXPECT_EQ(berlin.end(start) - start, hours(7 * 24 - 1));
}

TEST(Calendar, MonthsHaveTheirLengths) {
  const auto grid = calendar("month", "Europe/Berlin");
  auto start = grid.floor(at("2028-01-15T00:00:00Z"));
  EXPECT_EQ(start, at("2027-12-31T23:00:00Z"));
  for (const int length : {31 * 24, 29 * 24, 31 * 24 - 1, 30 * 24}) {
    EXPECT_EQ(grid.end(start) - start, hours(length));
    start = grid.end(start);
  }
  EXPECT_EQ(calendar("month", "UTC").floor(at("1969-12-31T23:59:59Z")),
            at("1969-12-01T00:00:00Z"));
}

TEST(Calendar, ShiftsFollowEachOtherOverMidnightAndTheSwitch) {
  const auto grid = calendar("shift", "Europe/Berlin", {"06:00", "14:00", "22:00"});
  auto start = grid.floor(at("2026-03-28T22:00:00Z"));
  EXPECT_EQ(start, at("2026-03-28T21:00:00Z"));
  EXPECT_EQ(grid.end(start), at("2026-03-29T04:00:00Z"));  // 7 hours, in the night of the switch
  EXPECT_EQ(grid.floor(at("2026-03-29T03:59:59Z")), start);
  EXPECT_EQ(grid.floor(at("2026-03-29T04:00:00Z")), grid.end(start));
}

TEST(Calendar, RefusesWhatIsNone) {
  const auto wrong = [](CalendarOptions o) {
    const auto grid = Grid::calendar(o);
    return grid ? std::string("taken") : grid.error().text();
  };
  EXPECT_THAT(wrong({"day", "Europe/Berlim", "monday", {}}), testing::HasSubstr("Europe/Berlim"));
  EXPECT_THAT(wrong({"week", "UTC", "firstday", {}}), testing::HasSubstr("firstday"));
  EXPECT_THAT(wrong({"shift", "UTC", "monday", {}}), testing::HasSubstr("shifts"));
  EXPECT_THAT(wrong({"shift", "UTC", "monday", {"06:10"}}), testing::HasSubstr("06:10"));
  EXPECT_THAT(wrong({"shift", "UTC", "monday", {"14:00", "06:00"}}),
              testing::HasSubstr("does not begin after"));
}

}  // namespace
}  // namespace tidemark::answers
