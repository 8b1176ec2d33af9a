// Answers of groups of series, also of several edges: exact whatever the series hold, sealed when
// everybody is, and who belongs is known by time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "common/window/mixed.h"
#include "tests/cloud/edge_double.h"

namespace tidemark::test {
namespace {

using answers::Answer;
using answers::Labels;
using answers::Selection;
using answers::State;

answers::View grouped(const char* name, std::vector<std::string> group_by,
                      const char* select = "**") {
  auto view = answers::built_in_view();
  view.name = name;
  view.group_by = std::move(group_by);
  view.select = Selection::parse(select).value();
  return view;
}

// Takes one value of its first series each ten seconds.
void take_minutes(EdgeDouble& edge, std::int64_t from, std::int64_t to, double value) {
  for (auto t = from; t < to; t += 10 * kSecond) edge.take(0, t, value);
}

std::vector<std::string> reasons(const Answer& a) {
  std::vector<std::string> all;
  for (const auto& m : a.missing) all.push_back(m.source + ": " + m.reason);
  return all;
}

window::Summary summary_of(const window::Partial& state) {
  window::Summary summary(state.type());
  summary.add(state, nullptr, {});
  return summary;
}

TEST(Mixed, AddsDecimalsAndDoublesExactly) {
  window::Partial tenths(ValueType::i64), thousandths(ValueType::i64), doubles(ValueType::f64);
  tenths.add(10, std::int64_t{1});          // 0.1
  tenths.add(20, std::int64_t{-3});         // -0.3
  thousandths.add(10, std::int64_t{200});   // 0.2
  doubles.add(5, 0.5);
  doubles.add(40, 0x1p-60);
  window::Mixed all;
  all.add(summary_of(tenths), -1);
  all.add(summary_of(doubles), 0);
  all.add(summary_of(thousandths), -3);
  const auto figures = window::MixedFigures(all).plain();
  EXPECT_EQ(figures.count, 5u);
  // 0.1 - 0.3 + 0.2 is nothing; in doubles it would not be.
  EXPECT_EQ(*figures.sum, 0.5 + 0x1p-60);
  EXPECT_EQ(*figures.mean, (0.5 + 0x1p-60) / 5);
  EXPECT_EQ(*figures.min, -0.3);
  EXPECT_EQ(*figures.max, 0.5);
  EXPECT_EQ(*figures.first, 0.5);
  EXPECT_EQ(*figures.last, 0x1p-60);
  EXPECT_NEAR(*figures.stddev, 0.2607680962, 1e-9);
}

TEST(Mixed, OfOneTimeTheLowerIsFirstAndTheHigherLast) {
  window::Partial tenths(ValueType::i64), doubles(ValueType::f64);
  tenths.add(10, std::int64_t{1});
  doubles.add(10, 0.05);
  window::Mixed all;
  all.add(summary_of(tenths), -1);
  all.add(summary_of(doubles), 0);
  const auto figures = window::MixedFigures(all).plain();
  EXPECT_EQ(*figures.first, 0.05);
  EXPECT_EQ(*figures.last, 0.1);
}

// Who said nothing in a window does not make the others several kinds, which have no quantiles.
TEST(Mixed, WhoHasNoReadingsIsOfNoKind) {
  const std::vector<std::string> names{"p50", "twa"};
  const auto closed = [&](const window::Partial& rows, ValueType type) {
    window::Extras extras;
    extras.want(window::Parts::of(names, type), type, {});
    window::Summary summary(type, window::Parts::of(names, type));
    if (rows.count() > 0) {
      extras.sketch->add(std::int64_t{7});
      extras.runs->replace(std::vector{window::OrderedSample{10, 0, 7}}, {}, false);
    }
    summary.add(rows, &extras, {});
    summary.close(0, 20, std::nullopt, {});
    return summary;
  };
  window::Partial one(ValueType::i64);
  one.add(10, std::int64_t{7});
  window::Mixed all;
  all.add(closed(one, ValueType::i64), -1);
  auto silent = closed(window::Partial(ValueType::f64), ValueType::f64);
  all.add(silent, 0);
  const window::MixedFigures figures(all);
  EXPECT_FALSE(figures.several());
  EXPECT_EQ(figures.get("p50"), 0.7);
  EXPECT_TRUE(figures.exact("twa"));
  silent.doubt();
  all.add(silent, 0);
  EXPECT_FALSE(window::MixedFigures(all).exact("twa"));
  EXPECT_TRUE(window::MixedFigures(all).exact("p50"));
}

// Two edges of one site, of which one falls behind.
TEST(Groups, AreSealedWhenEveryMemberIs) {
  Node node({}, {grouped("site", {"site"}, "*/m0")});
  EdgeDouble one("press-07", 1, 1), two("press-08", 2, 1);
  take_minutes(one, kStart, kStart + 3 * kMinute, 10);
  one.flush(kStart + 3 * kMinute);
  take_minutes(two, kStart, kStart + kMinute, 30);
  two.flush(kStart + kMinute);
  for (auto* edge : {&one, &two}) send(node, *edge);
  node.commit();
  node.settle();
  auto all = node.answers("site");
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].state, State::sealed);
  EXPECT_EQ(all[0].series, "");
  EXPECT_EQ(all[0].unit, "V");
  EXPECT_EQ(all[0].labels, (Labels{{"site", "plant7"}, {"unit", "V"}}));
  EXPECT_EQ(all[0].values.at("count"), 12.0);
  EXPECT_EQ(all[0].values.at("sum"), 24.0) << "6 times 1.0 and 3.0";
  EXPECT_EQ(all[0].completeness, 1.0);
  EXPECT_EQ(all[1].state, State::provisional) << "press-08 is not proved to be in";
  EXPECT_EQ(all[1].values.at("count"), 6.0) << "and holds nobody back";

  node.take(two, {wire::FrameType::bye, {}});
  node.commit();
  all = node.answers("site");
  EXPECT_THAT(reasons(all[1]), testing::ElementsAre(testing::StartsWith(
                                   "press-08/line1: edge press-08 offline since ")));
  EXPECT_THAT(reasons(all[0]), testing::IsEmpty());

  take_minutes(two, kStart + kMinute, kStart + 3 * kMinute, 30);
  two.flush(kStart + 3 * kMinute);
  node.kill();
  node.start();
  for (int i = 0; i < 3; ++i) {  // what comes again changes nothing
    send(node, two);
    node.commit();
  }
  node.settle();
  all = node.answers("site");
  ASSERT_EQ(all.size(), 3u);
  for (const auto& a : all) {
    EXPECT_EQ(a.state, State::sealed);
    EXPECT_EQ(a.values.at("sum"), 24.0);
    EXPECT_LE(a.revision, 2u);
  }
}

TEST(Groups, AreRevisedByLateReadingsOfOneMember) {
  Node node({}, {grouped("site", {"site"}, "*/m0")});
  EdgeDouble one("press-07", 1, 1), two("press-08", 2, 1);
  for (auto* edge : {&one, &two}) {
    take_minutes(*edge, kStart, kStart + kMinute, 10);
    edge->flush(kStart + kMinute);
  }
  two.take(0, kStart + 5 * kSecond, 70);
  two.flush(kStart + 2 * kMinute);
  send(node, one);
  greet(node, two);
  node.take(two, two.block(1));
  node.take(two, two.seal_frame(0));
  node.commit();
  ASSERT_EQ(node.answers("site")[0].state, State::sealed);
  node.take(two, two.block(2));
  node.take(two, two.last_seal());
  node.commit();
  node.kill();  // what is pending is found again
  node.start();
  node.settle();
  const auto all = node.answers("site");
  EXPECT_EQ(all[0].state, State::revised);
  EXPECT_EQ(all[0].cause, "late");
  EXPECT_EQ(all[0].values.at("sum"), 19.0);
  EXPECT_EQ(all[0].previous.at("sum"), 12.0);
}

TEST(Groups, HaveOneUnitEach) {
  Node node({}, {grouped("all", {})});
  EdgeDouble edge("press-07", 1, 1, false, 3);
  edge.describe(1, [](SeriesDescription& d) { d.unit = "A"; });
  edge.describe(2, [](SeriesDescription& d) { d.exponent = -3; });
  for (const auto series : {0U, 1U, 2U}) edge.take(series, kStart, 7);
  edge.flush(kStart + kMinute);
  send(node, edge);
  node.commit();
  const auto all = node.answers("all");
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].unit, "A");
  EXPECT_EQ(all[0].values.at("sum"), 7.0);
  EXPECT_EQ(all[1].unit, "V");
  EXPECT_EQ(all[1].values.at("sum"), 0.707) << "0.7 and 0.007, brought together exactly";
}

// A series belongs to whole windows; those that were proved keep who belonged to them.
TEST(Groups, KnowWhoBelongedWhen) {
  Node node({}, {grouped("area", {"area"}, "*/m0")});
  node.relabels = {{Selection("**"), {{"area", "stamping"}}}};
  node.kill();
  node.start();
  EdgeDouble one("press-07", 1, 1), two("press-08", 2, 1);
  for (auto* edge : {&one, &two}) {
    take_minutes(*edge, kStart, kStart + kMinute, 10);
    edge->flush(kStart + kMinute + 20 * kSecond);
    send(node, *edge);
  }
  node.commit();
  node.relabels.push_back({Selection("press-08/**"), {{"area", "paint"}}});
  node.kill();
  node.start();
  for (auto* edge : {&one, &two}) {
    take_minutes(*edge, kStart + kMinute, kStart + 2 * kMinute, 10);
    edge->flush(kStart + 2 * kMinute);
    send(node, *edge);
  }
  // Late, of when it still belonged there.
  two.take(0, kStart + 5 * kSecond, 50);
  two.flush(kStart + 2 * kMinute);
  send(node, two);
  node.commit();
  node.settle();
  std::vector<std::tuple<std::string, std::int64_t, double>> found;
  for (const auto& a : node.answers("area")) {
    found.emplace_back(a.labels.at("area"), (count_ns(a.start) - kStart) / kMinute,
                       a.values.at("sum").value_or(-1));
  }
  EXPECT_THAT(found,
              testing::ElementsAre(std::tuple("paint", 1, 6.0), std::tuple("stamping", 0, 17.0),
                                   std::tuple("stamping", 1, 6.0)));
}

// A group that is ahead of a series takes it from its first window on that is not sealed; until
// then the series stays where it was, so that each window holds it once.
TEST(Groups, ThatAreAheadOfASeriesTakeItLater) {
  Node node({}, {grouped("area", {"area"}, "*/m0")});
  node.relabels = {{Selection("press-07/**"), {{"area", "paint"}}},
                   {Selection("press-08/**"), {{"area", "stamping"}}}};
  node.kill();
  node.start();
  EdgeDouble ahead("press-07", 1, 1), behind("press-08", 2, 1);
  take_minutes(ahead, kStart, kStart + 4 * kMinute, 10);
  ahead.flush(kStart + 4 * kMinute);
  take_minutes(behind, kStart, kStart + kMinute, 10);
  behind.flush(kStart + kMinute);
  for (auto* edge : {&ahead, &behind}) send(node, *edge);
  node.commit();
  node.settle();
  node.relabels[1].labels["area"] = "paint";
  node.kill();
  node.start();
  take_minutes(behind, kStart + kMinute, kStart + 6 * kMinute, 10);
  behind.flush(kStart + 6 * kMinute);
  take_minutes(ahead, kStart + 4 * kMinute, kStart + 6 * kMinute, 10);
  ahead.flush(kStart + 6 * kMinute);
  for (auto* edge : {&ahead, &behind}) send(node, *edge);
  node.commit();
  node.settle();
  std::map<std::int64_t, double> sums;
  std::map<std::string, std::size_t> windows;
  for (const auto& a : node.answers("area")) {
    sums[(count_ns(a.start) - kStart) / kMinute] += a.values.at("sum").value();
    ++windows[a.labels.at("area")];
    EXPECT_EQ(a.state, State::sealed);
    EXPECT_EQ(a.completeness, 1.0);
  }
  for (std::int64_t m = 0; m < 6; ++m) EXPECT_EQ(sums[m], 12.0) << m;
  EXPECT_EQ(windows["paint"], 6u);
  EXPECT_EQ(windows["stamping"], 4u);
}

// More windows than are remembered one by one wait for somebody new.
TEST(Groups, AllWindowsThatWaitForANewcomerAreProvedWithIt) {
  constexpr int kSeconds = 1300;
  auto view = grouped("site", {"site"}, "*/m0");
  view.window.size = Nanoseconds(kSecond);
  Node node({}, {view});
  EdgeDouble edge("press-07", 1, 1), newcomer("press-08", 2, 1);
  for (int s = 0; s < kSeconds; ++s) edge.take(0, kStart + s * kSecond, 1);
  edge.flush(kStart + kSeconds * kSecond);
  send(node, edge);
  const auto settle = [&] {
    for (int i = 0; i < 20; ++i) node.settle();
  };
  const auto proved_windows = [&] {
    return std::ranges::count_if(node.answers("site"), [](const Answer& a) {
      return proved(a.state);
    });
  };
  settle();
  ASSERT_EQ(proved_windows(), kSeconds);
  greet(node, newcomer);
  newcomer.take(0, kStart + (kSeconds - 1) * kSecond, 1);  // it had nothing before
  node.take(newcomer, newcomer.block(newcomer.flush(kStart + kSeconds * kSecond)));
  for (int s = 0; s < kSeconds; ++s) edge.take(0, kStart + s * kSecond + kSecond / 2, 1);
  node.take(edge, edge.block(edge.flush(kStart + kSeconds * kSecond)));
  node.take(edge, edge.last_seal());
  settle();
  ASSERT_EQ(proved_windows(), 0);
  node.take(newcomer, newcomer.last_seal());
  settle();
  EXPECT_EQ(proved_windows(), kSeconds);
}

// Also when the node dies between the start that moved a series and its first batch.
TEST(Groups, AnswerAnewWhatAMoveChangedAfterACrash) {
  Node node({}, {grouped("area", {"area"}, "*/m0")});
  node.relabels = {{Selection("**"), {{"area", "stamping"}}}};
  node.kill();
  node.start();
  EdgeDouble one("press-07", 1, 1), two("press-08", 2, 1);
  for (auto* edge : {&one, &two}) {
    take_minutes(*edge, kStart, kStart + 2 * kMinute, 10);
    edge->flush(kStart + kMinute);
    send(node, *edge);
  }
  node.commit();
  node.settle();
  node.relabels.push_back({Selection("press-08/**"), {{"area", "paint"}}});
  for (int i = 0; i < 2; ++i) {
    node.kill();
    node.start();
  }
  node.settle();
  std::map<std::pair<std::string, std::int64_t>, double> sums;
  for (const auto& a : node.answers("area")) {
    sums[{a.labels.at("area"), (count_ns(a.start) - kStart) / kMinute}] =
        a.values.at("sum").value();
  }
  EXPECT_EQ((sums[{"stamping", 0}]), 12.0);
  EXPECT_EQ((sums[{"stamping", 1}]), 6.0);
  EXPECT_EQ((sums[{"paint", 1}]), 6.0);
}

// What an edge says anew counts from its next block on, not from the next restart.
TEST(Groups, TakeALabelThatChangesWhileTheNodeRuns) {
  Node node({}, {grouped("area", {"area"}, "*/m0")});
  EdgeDouble edge("press-07", 1, 1);
  for (const auto* area : {"stamping", "paint"}) {
    edge.describe(0, [&](SeriesDescription& d) { d.labels["area"] = area; });
    const auto start = kStart + (std::string(area) == "paint" ? kMinute : 0);
    take_minutes(edge, start, start + kMinute, 10);
    edge.flush(start + kMinute);
    send(node, edge);
    node.commit();
  }
  node.settle();
  std::vector<std::pair<std::string, std::int64_t>> found;
  for (const auto& a : node.answers("area")) {
    found.emplace_back(a.labels.at("area"), (count_ns(a.start) - kStart) / kMinute);
    EXPECT_EQ(a.values.at("sum"), 6.0);
  }
  EXPECT_THAT(found, testing::ElementsAre(std::pair("paint", 1), std::pair("stamping", 0)));
}

TEST(Groups, CompletenessCoverageAndLossesAreSummed) {
  Node node({}, {grouped("site", {"site"}, "*/m0")});
  EdgeDouble one("press-07", 1, 1), two("press-08", 2, 1);
  for (auto* edge : {&one, &two}) {
    for (int i = 0; i < 10; ++i) {
      edge->take(0, kStart + i * kSecond, 10);
      edge->poll(kStart + i * kSecond, edge == &one || i < 5);
    }
    edge->flush(kStart + 30 * kSecond);
    edge->take(0, kStart + 40 * kSecond, 10);
    edge->flush(kStart + kMinute);
  }
  two.evict(2);
  two.seal(kStart + kMinute);
  send(node, one);
  greet(node, two);
  node.take(two, two.block(1));
  node.take(two, two.last_seal());
  node.commit();
  node.settle();
  const auto all = node.answers("site");
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].state, State::sealed);
  EXPECT_DOUBLE_EQ(all[0].completeness.value(), 21.0 / 22);
  EXPECT_DOUBLE_EQ(all[0].coverage.value(), 15.0 / 20);
  EXPECT_EQ(all[0].lost, 1u);
  EXPECT_THAT(reasons(all[0]),
              testing::ElementsAre("press-08/line1: 1 readings evicted or lost"));
}

// Asked for without a view, a group says what the view says.
TEST(Groups, AreComputedOnReadToTheSameBits) {
  Node node({}, {grouped("site", {"site"}), grouped("each", {"edge", "metric"})});
  std::vector<EdgeDouble> edges;
  for (std::uint64_t i = 0; i < 3; ++i) {
    edges.emplace_back("press-0" + std::to_string(i), i + 1, 1, false, 2U);
    for (auto t = kStart; t < kStart + 3 * kMinute; t += 7 * kSecond) {
      edges.back().take(0, t, static_cast<double>((t / kSecond + static_cast<int>(i)) % 97));
      edges.back().take(1, t, 1.0 / static_cast<double>(1 + t / kSecond % 13));
    }
    edges.back().flush(kStart + 3 * kMinute);
    send(node, edges.back());
  }
  node.commit();
  node.settle();
  const std::string all_of = "count,sum,mean,stddev,min,max,first,last ";
  for (const auto& [view, text] : {std::pair{"site", all_of + "{unit=V} by 1m per site"},
                                   std::pair{"each", all_of + "{unit=V} by 1m per edge,metric"}}) {
    const auto kept = node.answers(view);
    auto q = query::Reader::parse(text).value();
    const auto computed = node.ask(q);
    ASSERT_EQ(kept.size(), computed.size()) << text;
    ASSERT_FALSE(kept.empty());
    for (std::size_t i = 0; i < kept.size(); ++i) {
      EXPECT_EQ(kept[i].values, computed[i].values) << text;
      EXPECT_EQ(kept[i].labels, computed[i].labels) << text;
      EXPECT_EQ(kept[i].completeness, computed[i].completeness);
      EXPECT_EQ(kept[i].state, computed[i].state);
    }
  }
  auto q = query::Reader::parse("sum */m1 by 1m per all").value();
  q.newest = 1;
  const auto last = node.ask(q);
  ASSERT_EQ(last.size(), 1u);
  EXPECT_EQ(last[0].start, event_time(kStart + 2 * kMinute));
  EXPECT_EQ(last[0].labels, (Labels{{"unit", "V"}}));
}

// A fall is the end of a counter only for who asks what it counted.
TEST(Groups, SayOfTheirMembersIncreasesWhatIsAsked) {
  auto counted = grouped("counted", {"site"}, "*/m0");
  counted.aggregates = {"increase"};
  auto held = grouped("held", {"site"}, "*/m0");
  held.aggregates = {"twa", "integral", "time_in_state"};
  Node node({}, {counted, held});
  EdgeDouble edge("press-07", 1, 1);
  for (const auto s : {0, 10, 20}) edge.take(0, kStart + s * kSecond, s == 10 ? 50 : 20);
  edge.flush(kStart + kMinute);
  send(node, edge);
  node.commit();
  node.settle();
  const auto note = testing::ElementsAre("press-07/line1/m0: the counter began anew 1 times");
  EXPECT_THAT(node.answers("counted").at(0).notes, note);
  EXPECT_THAT(node.answers("held").at(0).notes, testing::IsEmpty());
  auto q = query::Reader::parse("increase */m0 by 1m per site").value();
  EXPECT_THAT(node.ask(q).at(0).notes, note);
  // Another width, so that no view answers.
  q = query::Reader::parse("increase */m0 by 30s per site").value();
  EXPECT_THAT(node.ask(q).at(0).notes, note);
  q = query::Reader::parse("twa,integral */m0 by 30s per site").value();
  EXPECT_THAT(node.ask(q).at(0).notes, testing::IsEmpty());
}

TEST(Groups, ShowTheNewestSealedWindowWhenAsked) {
  Node node;
  EdgeDouble ahead("press-07", 1, 1), behind("press-08", 2, 1);
  take_minutes(ahead, kStart, kStart + 4 * kMinute, 10);
  ahead.flush(kStart + 4 * kMinute);
  take_minutes(behind, kStart, kStart + 2 * kMinute, 10);
  behind.flush(kStart + 2 * kMinute);
  for (auto* edge : {&ahead, &behind}) send(node, *edge);
  node.commit();
  auto q = query::Reader::parse("sum */m0 by 1m per site").value();
  q.newest = 1;
  q.sealed_only = true;
  const auto all = node.ask(q);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].start, event_time(kStart + kMinute));
}

// One series goes over to another poll class: what its earlier one lost is lost once.
TEST(Groups, CountASourceOnceThatASeriesHasLeft) {
  Node node;
  EdgeDouble edge("press-07", 1, 1);
  edge.take(0, kStart, 10);
  edge.take(1, kStart, 10);
  edge.flush(kStart);
  greet(node, edge);
  node.take(edge, edge.block(1));
  edge.take(0, kStart + kSecond, 10);
  edge.flush(kStart);
  edge.evict(2);
  edge.describe(1, [](SeriesDescription& d) { d.poll_class = "slow"; });
  edge.take(1, kStart + kMinute, 10);
  edge.flush(kStart + 2 * kMinute);
  node.take(edge, edge.dictionary());
  node.take(edge, edge.block(3));
  auto seal = edge.seals.back();
  auto slow = seal.sources[0];
  slow.poll_class = "slow";
  slow.minutes.clear();
  seal.sources.push_back(slow);
  node.take(edge, EdgeDouble::frame(seal));
  node.commit();
  auto q = query::Reader::parse("count ** by 1m per site").value();
  const auto all = node.ask(q);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].state, State::sealed);
  EXPECT_EQ(all[0].values.at("count"), 2.0);
  EXPECT_EQ(all[0].lost, 1u);
}

TEST(Groups, AreInTheStreamAndHaveRevisions) {
  Node node({}, {grouped("site", {"site"}, "*/m0")});
  EdgeDouble one("press-07", 1, 1);
  take_minutes(one, kStart, kStart + kMinute, 10);
  one.flush(kStart + 30 * kSecond);
  send(node, one);
  node.commit();
  node.settle();
  one.seal(kStart + kMinute);
  node.clock.advance(std::chrono::seconds(1));
  node.take(one, one.last_seal());
  node.commit();
  auto reader = query::Reader::open(node.folder.path).value();
  query::AnswerQuery q;
  q.view = "site";
  const auto revisions = reader->revisions(q).value();
  ASSERT_EQ(revisions.size(), 2u);
  EXPECT_EQ(revisions[1].revision, 1u);
  std::size_t of_groups = 0;
  const auto streamed = reader->since(0, 100).value();
  for (const auto& a : streamed) {
    if (a.view == "site" && a.labels == Labels{{"site", "plant7"}, {"unit", "V"}}) ++of_groups;
  }
  EXPECT_EQ(of_groups, 2u);
  q.as_of = revisions[0].known_at;
  EXPECT_EQ(reader->answers(q).value().at(0).state, State::provisional);
}

}  // namespace
}  // namespace tidemark::test
