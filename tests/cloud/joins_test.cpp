// As-of joins: readings of one input, each with the latest of the others, pane by pane, the same
// whatever comes late or twice.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cloud/edge_double.h"

namespace tidemark::test {
namespace {

using answers::Answer;
using answers::Join;
using answers::Sample;
using answers::Selection;
using answers::State;

answers::View joined(const std::string& join, Nanoseconds size = std::chrono::minutes(1)) {
  auto view = answers::built_in_view();
  view.name = "joined";
  view.group_by = {"edge"};
  view.inputs = {{"flow", Selection("*/m1")}, {"power", Selection("*/m0")}};
  view.joins = {{"each", join}};
  view.figures = {{"n", "count(each)"}, {"alone", "unpaired(each)"}, {"sum", "sum(each)"},
                  {"high", "max(each)"}, {"p50", "p50(each)"}, {"power", "mean(power)"}};
  view.window.size = size;
  return view;
}

// power (tenths) each second, flow 20 times a second.
void take_rates(EdgeDouble& edge, std::int64_t from, std::int64_t to) {
  for (auto t = from; t < to; t += kSecond / 20) {
    const auto i = (t - kStart) / (kSecond / 20);
    if (i % 20 == 7) edge.take(0, t, static_cast<double>(1000 + i % 113));
    edge.take(1, t + 1000, 1.0 + static_cast<double>(i % 17) / 3);
  }
}

// Sum of power / flow over the log in [from, to), and how many.
std::pair<double, int> oracle(const EdgeDouble& edge, std::int64_t from, std::int64_t to,
                              std::int64_t within) {
  long double sum = 0;
  int n = 0;
  for (const auto& l : edge.log) {
    if (l.series != 0 || l.time < from || l.time >= to) continue;
    const TakenReading* best = nullptr;
    for (const auto& r : edge.log) {
      if (r.series != 1 || r.time > l.time || l.time - r.time > within) continue;
      if (best == nullptr || r.time >= best->time) best = &r;
    }
    if (best == nullptr) continue;
    sum += static_cast<long double>(l.value / 10 / best->value);
    ++n;
  }
  return {static_cast<double>(sum), n};
}

TEST(Join, SaysWhatIsWrongWithItsWords) {
  const std::vector<std::string> inputs{"flow", "power"};
  const auto join = Join::parse("power / flow at power within 2s", inputs);
  ASSERT_TRUE(join.ok());
  EXPECT_EQ(join->at, 1u);
  EXPECT_THAT(join->others, testing::ElementsAre(0u));
  EXPECT_EQ(join->within, std::chrono::seconds(2));
  for (const auto& [text, why] :
       {std::pair{"power / flow", "expected FORMULA at INPUT within DURATION"},
        std::pair{"power / flow at power", "expected FORMULA at INPUT within DURATION"},
        std::pair{"power / flow at heat within 2s", "no input 'heat'"},
        std::pair{"power / heat at power within 2s", "no input 'heat'"},
        std::pair{"mean(power) / flow at power within 2s", "the input of mean"},
        std::pair{"power * 2 at power within 2s", "needs an input beside power"},
        std::pair{"power / flow at power within 2 parsecs", "parsecs"},
        std::pair{"power / flow at power within 2day", "within is 0s to 1day"}}) {
    const auto wrong = Join::parse(text, inputs);
    ASSERT_FALSE(wrong.ok()) << text;
    EXPECT_THAT(wrong.error().text(), testing::HasSubstr(why)) << text;
  }
}

TEST(Join, TakesTheLatestWithinItsTolerance) {
  const auto join = Join::parse("a - b at a within 5ns", {"a", "b"}).value();
  const auto at = [](std::int64_t t, double v) { return Sample{event_time(t), v}; };
  const std::vector<Sample> left{at(0, 1), at(10, 1), at(10, 2), at(15, 1), at(16, 1)};
  std::vector<std::vector<Sample>> inputs(2);
  inputs[1] = {at(10, 100), at(3, 7), at(10, -100), at(17, 3)};
  answers::sort(inputs[1]);
  std::vector<std::pair<std::int64_t, double>> found;
  answers::each_pair(join, left, inputs,
                     [&](EventTime t, answers::PairState state, double value) {
                       const bool paired = state == answers::PairState::paired;
                       found.emplace_back(count_ns(t), paired ? value : 0);
                     });
  EXPECT_THAT(found, testing::ElementsAre(std::pair(0, 0.0), std::pair(10, -99.0),
                                          std::pair(10, -98.0), std::pair(15, -99.0),
                                          std::pair(16, 0.0)));
}

TEST(Joins, PairSeriesOfDifferentRates) {
  Node node({}, {joined("power / flow at power within 2s")});
  EdgeDouble edge("press-07", 1, 1);
  edge.describe(0, [](SeriesDescription& d) { d.unit = "W"; });
  edge.describe(1, [](SeriesDescription& d) { d.unit = "l"; });
  take_rates(edge, kStart, kStart + 3 * kMinute);
  edge.flush(kStart + 3 * kMinute);
  send(node, edge);
  node.commit();
  node.settle();
  const auto all = node.answers("joined");
  ASSERT_EQ(all.size(), 3u);
  for (std::int64_t m = 0; m < 3; ++m) {
    const auto& a = all[static_cast<std::size_t>(m)];
    const auto [sum, n] = oracle(edge, kStart + m * kMinute, kStart + (m + 1) * kMinute,
                                 2 * kSecond);
    EXPECT_EQ(a.state, State::sealed);
    EXPECT_EQ(a.values.at("n"), static_cast<double>(n));
    EXPECT_EQ(n, 60);
    EXPECT_DOUBLE_EQ(a.values.at("sum").value(), sum);
    EXPECT_EQ(a.values.at("alone"), 0.0);
    EXPECT_TRUE(a.values.at("p50").has_value());
    EXPECT_FALSE(a.approximate);
    EXPECT_THAT(a.notes, testing::IsEmpty());
    EXPECT_EQ(a.completeness, 1.0);
  }
}

// What came while nobody watched is in the pairs of a view that is back.
TEST(Joins, OfAViewThatWasOutOfForceAreMadeAnew) {
  const auto view = joined("power / flow at power within 2s");
  Node node({}, {view});
  EdgeDouble edge("press-07", 1, 1);
  take_rates(edge, kStart, kStart + 30 * kSecond);
  edge.flush(kStart + 30 * kSecond);
  send(node, edge);
  node.settle();
  ASSERT_EQ(node.answers("joined").at(0).values.at("n"), 30.0);
  node.views().clear();
  node.kill();
  node.start();
  take_rates(edge, kStart + 30 * kSecond, kStart + 50 * kSecond);
  edge.flush(kStart + 50 * kSecond);
  send(node, edge);
  node.settle();
  node.views().push_back(view);
  node.kill();
  node.start();
  take_rates(edge, kStart + 50 * kSecond, kStart + kMinute);
  edge.flush(kStart + kMinute);
  send(node, edge);
  node.settle();
  const auto a = node.answers("joined").at(0);
  const auto [sum, n] = oracle(edge, kStart, kStart + kMinute, 2 * kSecond);
  EXPECT_EQ(a.values.at("n"), static_cast<double>(n));
  EXPECT_DOUBLE_EQ(a.values.at("sum").value(), sum);
  EXPECT_FALSE(a.approximate);
}

// The same bytes, whatever came when: blocks in any order, twice, over a node that dies.
TEST(Joins, DoNotDependOnTheOrderOfArrival) {
  std::vector<std::map<std::string, std::optional<double>>> expected;
  for (const bool shuffled : {false, true}) {
    Node node({}, {joined("power / flow at power within 90s", std::chrono::minutes(2))});
    EdgeDouble edge("press-07", 1, 1);
    for (std::int64_t s = 0; s < 240; s += 20) {
      take_rates(edge, kStart + s * kSecond, kStart + (s + 20) * kSecond);
      edge.flush(kStart + (s + 20) * kSecond);
    }
    greet(node, edge);
    std::vector<std::uint64_t> order;
    for (const auto& [sequence, block] : edge.blocks) order.push_back(sequence);
    if (shuffled) std::reverse(order.begin(), order.end() - 4);
    for (const auto sequence : order) {
      node.take(edge, edge.block(sequence));
      if (shuffled) {
        node.take(edge, edge.block(sequence));
        node.take(edge, edge.last_seal());
        node.settle();
        node.kill();
        node.start();
        greet(node, edge);
      }
    }
    node.take(edge, edge.last_seal());
    node.settle();
    const auto all = node.answers("joined");
    ASSERT_EQ(all.size(), 2u);
    for (std::size_t i = 0; i < all.size(); ++i) {
      EXPECT_EQ(all[i].completeness, 1.0);
      EXPECT_FALSE(all[i].approximate) << testing::PrintToString(all[i].notes);
      if (!shuffled) expected.push_back(all[i].values);
      EXPECT_EQ(all[i].values, expected[i]);
    }
  }
}

// A reading of one window is the partner of the next one's first.
TEST(Joins, AreRevisedByALateReadingOfTheWindowBefore) {
  Node node({}, {joined("power - flow at power within 10s")});
  EdgeDouble edge("press-07", 1, 1);
  edge.take(1, kStart + 55 * kSecond, 5);
  edge.take(0, kStart + kMinute + 2 * kSecond, 1000);
  edge.take(0, kStart + kMinute + 30 * kSecond, 1000);
  edge.flush(kStart + 2 * kMinute);
  send(node, edge);
  node.commit();
  node.settle();
  auto all = node.answers("joined");
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[1].values.at("sum"), 95.0);
  EXPECT_EQ(all[1].values.at("alone"), 1.0);
  EXPECT_THAT(all[1].notes, testing::ElementsAre("each: 1 of 2 readings of power have no partner "
                                                 "within 10s"));
  edge.take(1, kStart + 59 * kSecond, 7);
  edge.flush(kStart + 2 * kMinute);
  send(node, edge);
  node.commit();
  node.kill();
  node.start();
  node.settle();
  all = node.answers("joined");
  EXPECT_EQ(all[1].state, State::revised);
  EXPECT_EQ(all[1].cause, "late");
  EXPECT_EQ(all[1].values.at("sum"), 93.0);
  EXPECT_EQ(all[1].previous.at("sum"), 95.0);
}

TEST(Joins, NeedOneSeriesOfEachOtherInput) {
  auto view = joined("power / flow at power within 2s");
  view.inputs["flow"] = Selection::parse("*/m1,*/m3").value();
  Node node({}, {view});
  EdgeDouble edge("press-07", 1, 1, false, 4);
  for (const auto s : {0U, 1U, 3U}) edge.take(s, kStart + kSecond, 1);
  edge.flush(kStart + kMinute);
  send(node, edge);
  node.commit();
  node.settle();
  const auto all = node.answers("joined");
  ASSERT_EQ(all.size(), 1u);
  EXPECT_FALSE(all[0].values.at("sum").has_value());
  EXPECT_THAT(all[0].notes, testing::Contains(testing::HasSubstr("flow is 2 series")));
}

TEST(Joins, CountWhatHasNoValue) {
  Node node({}, {joined("power / flow at power within 2s")});
  EdgeDouble edge("press-07", 1, 1);
  edge.take(1, kStart, 0);
  edge.take(0, kStart, 10);
  edge.flush(kStart + kMinute);
  send(node, edge);
  node.commit();
  node.settle();
  const auto all = node.answers("joined");
  EXPECT_EQ(all.at(0).values.at("n"), 0.0);
  EXPECT_THAT(all[0].notes, testing::Contains("each: 1 pairs have no value"));
  EXPECT_THAT(all[0].notes, testing::Contains("sum: each has no pairs"));
}

// What came as sums of minutes cannot be paired, and is not passed over.
TEST(Joins, SayWhatTheArchiveHasNoReadingsOf) {
  Node node({}, {joined("power / flow at power within 2s")});
  EdgeDouble edge("press-07", 1, 1);
  take_rates(edge, kStart, kStart + 30 * kSecond);
  const auto first = edge.flush(kStart + 30 * kSecond);
  take_rates(edge, kStart + 30 * kSecond, kStart + kMinute);
  edge.flush(kStart + kMinute);
  const auto sums = edge.replace_by_minutes({first}, kStart + kMinute);
  greet(node, edge);
  node.take(edge, edge.block(2));
  node.take(edge, edge.block(sums));
  node.take(edge, edge.last_seal());
  node.commit();
  node.settle();
  const auto all = node.answers("joined");
  ASSERT_EQ(all.size(), 1u);
  EXPECT_TRUE(all[0].approximate);
  EXPECT_EQ(all[0].values.at("n"), 30.0);
  EXPECT_THAT(all[0].notes, testing::Contains(testing::HasSubstr("of 1260 readings the archive has "
                                                                 "630")));
}

// A day is made of the pairs of its minutes.
TEST(Joins, OfLongWindowsAreSumsOfTheirPanes) {
  auto day = joined("power / flow at power within 2s", std::chrono::hours(1));
  day.name = "hours";
  Node node({}, {joined("power / flow at power within 2s"), day});
  EdgeDouble edge("press-07", 1, 1);
  for (std::int64_t m = 0; m < 61; ++m) {
    take_rates(edge, kStart + m * kMinute, kStart + m * kMinute + 10 * kSecond);
    edge.flush(kStart + (m + 1) * kMinute);
  }
  send(node, edge);
  node.settle();
  double n = 0;
  const auto hours = node.answers("hours");
  ASSERT_FALSE(hours.empty());
  for (const auto& a : node.answers("joined")) {
    if (a.start >= hours[0].start && a.end <= hours[0].end) n += a.values.at("n").value();
  }
  EXPECT_EQ(hours[0].values.at("n"), n);
  EXPECT_GT(n, 0);
}

}  // namespace
}  // namespace tidemark::test
