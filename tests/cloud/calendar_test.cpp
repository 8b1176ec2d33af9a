// Days of a time zone, kept by a view and asked for: over the end of summer time, with late data
// and restarts.
#include "tests/cloud/edge_double.h"

namespace tidemark::test {
namespace {

constexpr std::int64_t kHour = 60 * kMinute;

EventTime at(const char* text) { return parse_utc(text).value(); }

answers::View days(const char* zone) {
  auto view = answers::built_in_view();
  view.name = "days";
  view.window = {"calendar", std::chrono::hours(24), {}, {"day", zone, "monday", {}}};
  return view;
}

struct Day {
  const char* start;
  const char* end;
  double count;
};

void expect_days(const std::vector<answers::Answer>& answers, const std::vector<Day>& right) {
  std::vector<answers::Answer> sealed;
  for (const auto& a : answers) {
    if (a.state != answers::State::provisional) sealed.push_back(a);
  }
  ASSERT_EQ(sealed.size(), right.size());
  for (std::size_t i = 0; i < right.size(); ++i) {
    EXPECT_EQ(format_utc(sealed[i].start), format_utc(at(right[i].start)));
    EXPECT_EQ(format_utc(sealed[i].end), format_utc(at(right[i].end)));
    EXPECT_EQ(sealed[i].values.at("count"), right[i].count);
    EXPECT_EQ(sealed[i].completeness, 1.0);
  }
}

TEST(CalendarViews, DaysHaveTheirHoursAndAreCorrected) {
  Node node({}, {days("Europe/Berlin")});
  EdgeDouble edge("press-07", 1, 1);
  const auto first = count_ns(at("2025-10-25T20:30:00Z"));
  const auto end = count_ns(at("2025-10-28T00:00:00Z"));
  for (auto t = first; t < end; t += kHour) edge.take(0, t, 1);
  edge.flush(end);
  edge.take(0, count_ns(at("2025-10-26T22:59:59Z")), 1);  // the last second of the long day
  edge.flush(end);
  greet(node, edge);
  node.take(edge, edge.block(1));
  node.take(edge, edge.seal_frame(0));
  node.commit();
  node.settle();
  std::vector<Day> right{{"2025-10-24T22:00:00Z", "2025-10-25T22:00:00Z", 2},
                         {"2025-10-25T22:00:00Z", "2025-10-26T23:00:00Z", 25},
                         {"2025-10-26T23:00:00Z", "2025-10-27T23:00:00Z", 24}};
  expect_days(node.answers("days"), right);
  node.kill();
  node.start();
  node.take(edge, edge.hello());
  node.take(edge, edge.block(2));
  node.take(edge, edge.last_seal());
  node.commit();
  node.settle();
  right[1].count = 26;
  expect_days(node.answers("days"), right);
  EXPECT_EQ(node.answers("days")[1].state, answers::State::revised);
  EXPECT_EQ(node.answers("days")[0].revision, 0u);
}

TEST(CalendarViews, AreAskedForInAnyZone) {
  Node node;
  EdgeDouble edge("press-07", 1, 1);
  const auto first = count_ns(at("2025-10-25T20:30:00Z"));
  const auto end = count_ns(at("2025-10-28T00:00:00Z"));
  for (auto t = first; t < end; t += kHour) edge.take(0, t, 1);
  edge.flush(end);
  greet(node, edge);
  node.take(edge, edge.block(1));
  node.take(edge, edge.last_seal());
  node.commit();
  node.settle();
  auto query = query::Reader::parse("count press-07/line1/m0 by 1day").value();
  ASSERT_TRUE(query::Reader::set_zone(query, "Asia/Kolkata").ok());
  expect_days(node.ask(query), {{"2025-10-25T18:30:00Z", "2025-10-26T18:30:00Z", 22},
                                {"2025-10-26T18:30:00Z", "2025-10-27T18:30:00Z", 24}});
  query.newest = 2;
  ASSERT_EQ(node.ask(query).size(), 2u);
  EXPECT_EQ(node.ask(query)[0].start, at("2025-10-26T18:30:00Z"));
  query = query::Reader::parse("count press-07/line1/m0 by 1month").value();
  ASSERT_TRUE(query::Reader::set_zone(query, "Europe/Berlin").ok());
  const auto months = node.ask(query);
  ASSERT_EQ(months.size(), 1u);
  EXPECT_EQ(months[0].start, at("2025-09-30T22:00:00Z"));
  EXPECT_EQ(months[0].end, at("2025-10-31T23:00:00Z"));
  EXPECT_EQ(months[0].values.at("count"), 52.0);
  query = query::Reader::parse("count press-07/line1/m0 by 1h").value();
  EXPECT_FALSE(query::Reader::set_zone(query, "Europe/Berlin").ok());
  query = query::Reader::parse("count press-07/line1/m0 by 1day").value();
  EXPECT_FALSE(query::Reader::set_zone(query, "Mars/Base").ok());
}

}  // namespace
}  // namespace tidemark::test
