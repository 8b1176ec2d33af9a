// News of minutes that were sealed: what waits for its turn is bounded by minutes, not by series,
// and reaches a series under every name that its source had.
#include <gmock/gmock.h>

#include "cloud/store/schema.h"
#include "cloud/store/store.h"
#include "common/sqlite/database.h"
#include "tests/cloud/edge_double.h"

namespace tidemark::test {
namespace {

std::uint64_t rows_in(Node& node, const std::string& table) {
  auto database = sqlite::Database::open(store::database_path(node.folder.path),
                                         {.pragmas = "", .version = store::kSchemaVersion}).value();
  auto count = database->prepare("SELECT COUNT(*) FROM " + table);
  count->start();
  return count->next() ? count->count(0) : 0;
}

constexpr std::uint32_t kSeries = 200;
constexpr std::int64_t kMinutes = 60;

// Readings of all series in every minute; then, late, one more of the first series in each.
EdgeDouble big_source() {
  EdgeDouble edge("press-07", 11, 1, false, kSeries);
  for (std::int64_t m = 0; m < kMinutes; ++m) {
    for (std::uint32_t s = 0; s < kSeries; ++s) edge.take(s, kStart + m * kMinute, s);
  }
  edge.flush(kStart + kMinutes * kMinute);
  for (std::int64_t m = 0; m < kMinutes; ++m) edge.take(0, kStart + m * kMinute + kSecond, 1);
  edge.flush(kStart + kMinutes * kMinute);
  return edge;
}

TEST(LateNews, OfABigSourceWaitsByMinutes) {
  for (const bool killed : {false, true}) {
    Node node;
    const auto edge = big_source();
    greet(node, edge);
    node.take(edge, edge.block(1));
    node.take(edge, edge.seal_frame(0));
    node.commit();
    for (int i = 0; i < 30; ++i) node.settle();
    // The counts come before the readings: every window of the source is short of one.
    node.take(edge, edge.seal_frame(1));
    node.commit();
    EXPECT_LE(rows_in(node, "revisions_due") + rows_in(node, "minutes_due"),
              static_cast<std::uint64_t>(2 * kMinutes));
    if (killed) {
      node.kill();
      node.start();
    }
    for (int i = 0; i < 30; ++i) node.settle();
    auto all = node.answers("minute");
    ASSERT_EQ(all.size(), kSeries * static_cast<std::size_t>(kMinutes));
    for (const auto& a : all) ASSERT_DOUBLE_EQ(a.completeness.value(), 200.0 / 201) << a.series;
    node.take(edge, edge.block(2, Lane::backlog));
    node.commit();
    EXPECT_LE(rows_in(node, "revisions_due") + rows_in(node, "minutes_due"),
              static_cast<std::uint64_t>(3 * kMinutes));
    for (int i = 0; i < 30; ++i) node.settle();
    EXPECT_EQ(rows_in(node, "revisions_due") + rows_in(node, "minutes_due"), 0u);
    all = node.answers("minute");
    for (const auto& a : all) {
      ASSERT_EQ(a.completeness, 1.0) << a.series << " " << format_utc(a.start);
      ASSERT_EQ(a.cause, "backfill") << a.series;
      ASSERT_EQ(a.values.at("count"), a.series == edge.full_name(0) ? 2.0 : 1.0);
    }
  }
}

// Counts of a minute are no news of its shorter windows; that what is counted will not come is.
TEST(LateNews, OfWhatIsGivenUpReachesWindowsThatAreShorterThanAMinute) {
  auto view = answers::built_in_view();
  view.name = "ten";
  view.window.size = Nanoseconds(10 * kSecond);
  for (const bool killed : {false, true}) {
    Node node({}, {view});
    EdgeDouble edge("press-07", 11, 1, false, 1);
    edge.take(0, kStart + kSecond, 1);
    edge.take(0, kStart + kMinute + kSecond, 1);
    edge.flush(kStart + 2 * kMinute);
    edge.take(0, kStart + 2 * kSecond, 2);  // late, and on its way
    const auto late = edge.flush(kStart + 2 * kMinute);
    greet(node, edge);
    node.take(edge, edge.block(1));
    for (std::size_t seal = 0; seal < 2; ++seal) {
      node.take(edge, edge.seal_frame(seal));
      node.commit();
      node.settle();
    }
    const auto shown = [&node](std::size_t window) { return node.answers("ten").at(window); };
    ASSERT_EQ(shown(0).completeness, 1.0);
    edge.evict(late);
    edge.seal(kStart + 2 * kMinute);
    node.take(edge, edge.last_seal());
    node.commit();
    if (killed) {
      node.kill();
      node.start();
    }
    for (int i = 0; i < 3; ++i) node.settle();
    EXPECT_EQ(shown(0).completeness, 0.5);
    EXPECT_TRUE(shown(0).estimated);
    EXPECT_EQ(shown(0).cause, "correction");
    EXPECT_EQ(shown(0).start, event_time(kStart));
    EXPECT_EQ(shown(6).completeness, 1.0) << "of a minute that lacks nothing";
  }
}

// A window is revised at most once in revision_interval, however its news come.
TEST(LateNews, OfAWindowComesAtMostOnceAnInterval) {
  Node node;
  EdgeDouble edge("press-07", 11, 1, false, 2);
  for (std::uint32_t s = 0; s < 2; ++s) edge.take(s, kStart, 1);
  edge.flush(kStart + kMinute);
  greet(node, edge);
  node.take(edge, edge.block(1));
  node.take(edge, edge.seal_frame(0));
  node.commit();
  for (int i = 0; i < 40; ++i) {  // one of the two, every 700 ms, and its counts behind it
    edge.take(static_cast<std::uint32_t>(i % 2), kStart + (1 + i) * kSecond, 1);
    const auto block = edge.flush(kStart + kMinute);
    node.take(edge, edge.block(block));
    node.clock.advance(std::chrono::milliseconds(300));
    node.commit();
    node.take(edge, edge.last_seal());
    node.clock.advance(std::chrono::milliseconds(400));
    node.commit();
  }
  node.settle();
  auto reader = query::Reader::open(node.folder.path).value();
  for (const auto* name : {"press-07/line1/m0", "press-07/line1/m1"}) {
    query::AnswerQuery q;
    q.view = "minute";
    q.select = name;
    const auto all = reader->revisions(q).value();
    ASSERT_GE(all.size(), 4u);
    for (std::size_t i = 2; i < all.size(); ++i) {
      EXPECT_GE(all[i].known_at - all[i - 1].known_at, std::chrono::seconds(5)) << name << i;
    }
    EXPECT_EQ(all.back().completeness, 1.0);
    EXPECT_EQ(all.back().values.at("count"), 21.0);
  }
}

TEST(LateNews, OfARenamedSourceReachItsSeries) {
  for (const bool killed : {false, true}) {
    Node node;
    EdgeDouble first("press-07", 1, 1);
    EdgeDouble next("press-07", 2, 2);
    next.describe(0, [](SeriesDescription& d) { d.source = "line1-renamed"; });
    for (std::int64_t s = 0; s < 60; ++s) first.take(0, kStart + s * kSecond, 100.0);
    first.flush(kStart + kMinute);
    first.take(1, kStart + 30 * kSecond, 7.0);
    first.flush(kStart + kMinute);
    greet(node, first);
    node.take(first, first.block(1));
    node.take(first, first.seal_frame(0));
    node.commit();
    next.take(0, kStart + 2 * kMinute, 1.0);
    next.flush(kStart + 3 * kMinute);
    greet(node, next, {first.closing(2)});
    node.take(next, next.block(1));
    node.commit();
    node.settle();
    ASSERT_EQ(node.answers("minute", "**/m0").at(0).completeness, 1.0);
    if (killed) {
      node.kill();
      node.start();
    }
    // The old start's counts were amended before it ended, and a block of it is still under way.
    node.take(first, first.seal_frame(1));
    node.commit();
    node.settle();
    EXPECT_DOUBLE_EQ(node.answers("minute", "**/m0").at(0).completeness.value(), 60.0 / 61);
    node.take(first, first.block(2));
    node.commit();
    node.settle();
    EXPECT_EQ(node.answers("minute", "**/m0").at(0).completeness, 1.0);
  }
}

TEST(LateNews, MinutesOfEarlierSourcesGoWithTheirHorizon) {
  reconcile::Horizons horizons;
  using std::chrono::hours;
  horizons.age = {hours(1), hours(2), hours(24 * 30), hours(24 * 60)};
  Node node(horizons);
  EdgeDouble first("press-07", 1, 1, false, 1);
  EdgeDouble next("press-07", 2, 2, false, 1);
  next.describe(0, [](SeriesDescription& d) { d.source = "line1-renamed"; });
  first.take(0, kStart, 1);
  first.flush(kStart + kMinute);
  greet(node, first);
  node.take(first, first.block(1));
  node.take(first, first.seal_frame(0));
  node.commit();
  EXPECT_EQ(rows_in(node, "minutes"), 1u);
  // Later than an edge states it again; the renamed source has a line of its own in the seals.
  node.clock.jump_wall(std::chrono::hours(24 * 10));
  Seal seal;
  next.take(0, kStart + 9 * 24 * 60 * kMinute, 1);
  next.flush(kStart + 9 * 24 * 60 * kMinute + kMinute);
  seal = next.seals.back();
  seal.sources[0].source = "line1-renamed";
  greet(node, next, {first.closing(1)});
  node.take(next, next.block(1));
  node.take(next, EdgeDouble::frame(seal));
  node.commit();
  node.settle();
  EXPECT_EQ(rows_in(node, "minutes"), 1u);  // that of now
}

}  // namespace
}  // namespace tidemark::test
