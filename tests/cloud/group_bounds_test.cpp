// What members of a group do to each other's windows, and how many groups there can be: who is
// ahead, who left and who changes its labels for ever.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "cloud/store/schema.h"
#include "cloud/store/store.h"
#include "common/sqlite/database.h"
#include "tests/cloud/edge_double.h"

namespace tidemark::test {
namespace {

using answers::Answer;
using answers::Selection;
using answers::State;

constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kDay = 24 * kHour;

answers::View grouped(const char* name, std::vector<std::string> group_by,
                      std::vector<std::string> aggregates = {"count", "sum"}) {
  auto view = answers::built_in_view();
  view.name = name;
  view.group_by = std::move(group_by);
  view.select = Selection::parse("*/m0").value();
  view.aggregates = std::move(aggregates);
  return view;
}

// Minutes are kept for an hour.
reconcile::Horizons short_horizons() {
  reconcile::Horizons horizons;
  horizons.age = {std::chrono::minutes(1), std::chrono::hours(1), std::chrono::hours(48),
                  std::chrono::hours(24 * 400)};
  return horizons;
}

void take_minutes(EdgeDouble& edge, std::int64_t from, std::int64_t to) {
  for (auto t = from; t < to; t += 10 * kSecond) edge.take(0, t, 10);
}

std::vector<Answer> in(std::vector<Answer> all, std::int64_t from, std::int64_t to) {
  std::erase_if(all, [&](const Answer& a) {
    return count_ns(a.start) < from || count_ns(a.start) >= to;
  });
  return all;
}

std::uint64_t rows_in(Node& node, const std::string& table) {
  auto database = sqlite::Database::open(store::database_path(node.folder.path),
                                         {.pragmas = "", .version = store::kSchemaVersion}).value();
  auto count = database->prepare("SELECT COUNT(*) FROM " + table);
  count->start();
  return count->next() ? count->count(0) : 0;
}

// A recorded data set in one group with a machine of today.
TEST(GroupBounds, WhoIsAheadFreezesNobody) {
  Node node(short_horizons(), {grouped("site", {"site"})});
  node.clock.advance(std::chrono::hours(24 * 30));
  EdgeDouble today("press-07", 1, 1), recorded("press-08", 2, 1);
  take_minutes(today, kStart + 20 * kDay, kStart + 20 * kDay + 3 * kMinute);
  today.flush(kStart + 20 * kDay + 3 * kMinute);
  send(node, today);
  node.commit();
  take_minutes(recorded, kStart, kStart + 3 * kMinute);
  recorded.flush(kStart + 30 * kSecond);
  send(node, recorded);
  node.settle();
  const auto of_then = [&] { return in(node.answers("site"), kStart, kStart + kDay); };
  ASSERT_EQ(of_then().size(), 3u);
  EXPECT_EQ(of_then()[0].state, State::provisional);
  recorded.seal(kStart + 3 * kMinute);
  node.take(recorded, recorded.last_seal());
  node.commit();
  for (int i = 0; i < 30; ++i) node.settle();
  auto all = of_then();
  ASSERT_EQ(all.size(), 3u);
  for (const auto& a : all) {
    EXPECT_EQ(a.state, State::sealed);
    EXPECT_EQ(a.completeness, 1.0);
    EXPECT_EQ(a.values.at("count"), 6.0);
  }
  recorded.take(0, kStart + kSecond, 10);
  recorded.flush(kStart + 3 * kMinute);
  send(node, recorded);
  node.commit();
  node.settle();
  EXPECT_EQ(of_then().at(0).values.at("count"), 7.0);
  EXPECT_EQ(of_then().at(0).state, State::revised);
}

TEST(GroupBounds, WhoLeftFreezesNobody) {
  Node node(short_horizons(), {grouped("area", {"area"})});
  node.relabels = {{Selection("**"), {{"area", "stamping"}}}};
  node.kill();
  node.start();
  EdgeDouble stays("press-07", 1, 1), leaves("press-08", 2, 1);
  for (auto* edge : {&stays, &leaves}) {
    take_minutes(*edge, kStart, kStart + kMinute);
    edge->flush(kStart + kMinute);
    send(node, *edge);
  }
  node.commit();
  node.relabels.push_back({Selection("press-08/**"), {{"area", "paint"}}});
  node.kill();
  node.start();
  node.clock.advance(std::chrono::hours(24));
  take_minutes(leaves, kStart + kMinute, kStart + 5 * kHour);
  leaves.flush(kStart + 5 * kHour);
  send(node, leaves);
  node.commit();
  node.settle();
  take_minutes(stays, kStart + kMinute, kStart + 3 * kMinute);
  stays.flush(kStart + kMinute);
  send(node, stays);
  node.commit();
  node.settle();
  stays.seal(kStart + 3 * kMinute);
  node.take(stays, stays.last_seal());
  node.commit();
  node.settle();
  std::size_t found = 0;
  for (const auto& a : in(node.answers("area"), kStart + kMinute, kStart + 3 * kMinute)) {
    if (a.labels.at("area") != "stamping") continue;
    ++found;
    EXPECT_EQ(a.state, State::sealed);
    EXPECT_EQ(a.values.at("count"), 6.0);
  }
  EXPECT_EQ(found, 2u);
}

// The panes of one have merged when the other comes back: nobody can add them up any more.
TEST(GroupBounds, AWindowWhosePanesMergedBeforeItWasSealedSaysSo) {
  Node node(short_horizons(), {grouped("site", {"site"})});
  node.clock.advance(std::chrono::hours(24));
  EdgeDouble one("press-07", 1, 1), two("press-08", 2, 1);
  take_minutes(two, kStart, kStart + kMinute);
  two.flush(kStart + kMinute);
  send(node, two);
  for (const std::int64_t hours : {1, 3}) {
    take_minutes(one, kStart + (hours - 1) / 2 * kHour, kStart + hours * kHour);
    one.flush(kStart + hours * kHour);
    send(node, one);
    node.commit();
    for (int i = 0; i < 10; ++i) node.settle();
  }
  take_minutes(two, kStart + kMinute, kStart + 3 * kHour);
  two.flush(kStart + 3 * kHour);
  send(node, two);
  node.commit();
  for (int i = 0; i < 10; ++i) node.settle();
  const auto all = in(node.answers("site"), kStart, kStart + 3 * kHour);
  ASSERT_EQ(all.size(), 180u);
  for (const auto& a : all) EXPECT_NE(a.state, State::provisional) << format_utc(a.start);
  EXPECT_EQ(all[30].state, State::frozen);
  EXPECT_EQ(all[30].values.at("count"), 6.0) << "what was known when the panes merged";
  EXPECT_FALSE(all[30].completeness.has_value()) << "what came since is not in it";
  EXPECT_THAT(all[30].notes, testing::Contains(testing::HasSubstr("frozen before all of it came")));
  EXPECT_EQ(all[179].state, State::sealed);
  EXPECT_EQ(all[179].values.at("count"), 12.0);
  // The quarter hours have all of it.
  auto q = query::Reader::parse("count */m0 by 15m per site").value();
  for (const auto& a : in(node.ask(q), kStart, kStart + 3 * kHour - kHour)) {
    EXPECT_EQ(a.values.at("count"), 180.0);
  }
}

// An edge that says another thing about its series with every block.
TEST(GroupBounds, ASeriesChangesItsGroupSoManyTimes) {
  Node node(short_horizons(), {grouped("area", {"area"})});
  node.clock.advance(std::chrono::hours(24 * 30));
  EdgeDouble edge("press-07", 1, 1);
  const auto say = [&](int i, std::int64_t at) {
    edge.describe(0, [&](SeriesDescription& d) { d.labels["area"] = "a" + std::to_string(i); });
    greet(node, edge);
    take_minutes(edge, at, at + kMinute);
    const auto block = edge.flush(at + kMinute);
    node.take(edge, edge.block(block));
    node.take(edge, edge.last_seal());
    node.commit();
  };
  for (int i = 0; i < 50; ++i) say(i, kStart + i * kMinute);
  node.settle();
  const auto most = answers::Emitter::kMovesMax + 1;
  EXPECT_EQ(rows_in(node, "groups"), most);
  EXPECT_EQ(rows_in(node, "members"), most);
  auto all = node.answers("area");
  ASSERT_EQ(all.size(), 50u) << "each minute in one group";
  const auto newest = [&] {
    const auto by_start = [](const Answer& a, const Answer& b) { return a.start < b.start; };
    return std::max_element(all.begin(), all.end(), by_start)->labels.at("area");
  };
  EXPECT_EQ(newest(), "a" + std::to_string(most - 1));
  const auto edges = query::Reader::open(node.folder.path).value()->edges().value();
  ASSERT_EQ(edges.at(0).alarms.size(), 1u);
  EXPECT_THAT(edges[0].alarms[0].text, testing::HasSubstr("has changed its group in the view"));
  // Two days later the groups of then are forgotten, and it moves again.
  say(50, kStart + 2 * kDay);
  for (int i = 0; i < 40; ++i) node.settle();
  say(51, kStart + 2 * kDay + kMinute);
  node.settle();
  EXPECT_LE(rows_in(node, "groups"), 3u);
  EXPECT_LE(rows_in(node, "slots"), 8u);
  all = node.answers("area");
  EXPECT_EQ(newest(), "a51");
  const auto before = all.size();
  node.kill();
  node.start();
  node.settle();
  EXPECT_EQ(node.answers("area").size(), before);
}

// One late reading that is held for two weeks changes every window of them.
TEST(GroupBounds, AHeldValueChangesAllWindowsThatItReaches) {
  constexpr std::int64_t kMinutes = 12'000;  // more than a silent stretch of one series has
  Node node({}, {grouped("site", {"site"}, {"integral"})}, {{"**", std::chrono::hours(24 * 30)}});
  node.clock.advance(std::chrono::hours(24 * 30));
  EdgeDouble live("press-07", 1, 1), held("press-08", 2, 1);
  for (std::int64_t m = 0; m < kMinutes; ++m) live.take(0, kStart + m * kMinute, 10);
  live.flush(kStart + kMinutes * kMinute);
  held.take(0, kStart, 10);
  held.flush(kStart + kMinutes * kMinute);
  for (auto* edge : {&live, &held}) send(node, *edge);
  node.commit();
  for (int i = 0; i < 3; ++i) node.settle();
  auto all = node.answers("site");
  ASSERT_EQ(all.size(), static_cast<std::size_t>(kMinutes));
  for (const auto& a : all) ASSERT_EQ(a.values.at("integral"), 120.0) << format_utc(a.start);
  held.take(0, kStart + kMinute, 40);
  held.flush(kStart + kMinutes * kMinute);
  send(node, held);
  node.commit();
  EXPECT_LE(rows_in(node, "revisions_due"), 2 * answers::Emitter::kHeldAtOnce);
  EXPECT_EQ(rows_in(node, "windows_due"), 1u);
  node.clock.advance(std::chrono::seconds(6));
  node.commit();
  node.kill();  // in the middle
  node.start();
  for (int i = 0; i < 3; ++i) node.settle();
  all = node.answers("site");
  EXPECT_EQ(all[0].values.at("integral"), 120.0);
  for (std::size_t m = 1; m < all.size(); ++m) {
    ASSERT_EQ(all[m].values.at("integral"), 300.0) << m;
    ASSERT_EQ(all[m].state, State::revised) << m;
  }
  EXPECT_EQ(rows_in(node, "windows_due"), 0u);
}

}  // namespace
}  // namespace tidemark::test
