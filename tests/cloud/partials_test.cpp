// Windows of groups edge by edge: a partial answer is replaced and never added, those of other
// edges are not read again, and what is trusted is what the panes say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "cloud/answers/partial_rows.h"
#include "cloud/store/schema.h"
#include "common/base/disk.h"
#include "tests/cloud/give_order.h"
#include "tests/cloud/partial_rows.h"
#include "tests/common/hex.h"

namespace tidemark::test {
namespace {

using answers::GroupSum;
using answers::PartialAnswer;
using answers::PartialRows;
using answers::Selection;
using answers::State;

answers::View grouped(std::vector<std::string> aggregates = {}, const char* label = "site") {
  auto view = answers::built_in_view();
  view.name = "site";
  view.group_by = {label};
  if (!aggregates.empty()) view.aggregates = std::move(aggregates);
  return view;
}

const std::vector<std::string> kAll{"count", "sum",      "stddev",   "first",         "last", "min",
                                    "twa",   "integral", "increase", "time_in_state", "p50",  "p99",
                                    "distinct"};

void take_minutes(EdgeDouble& edge, std::int64_t from, std::int64_t to, std::uint32_t series = 0,
                  double value = 10) {
  for (auto t = from; t < to; t += 10 * kSecond) edge.take(series, t, value);
}

// Two edges of a site with two minutes each.
struct Plant {
  explicit Plant(std::vector<std::string> aggregates = {})
      : node({}, {grouped(std::move(aggregates))}) {
    for (auto* edge : {&one, &two}) {
      take_minutes(*edge, kStart, kStart + 2 * kMinute);
      edge->flush(kStart + 2 * kMinute);
      send(node, *edge);
    }
    node.commit();
    node.settle();
  }
  void late(EdgeDouble& edge, std::int64_t time, double value) {
    edge.take(0, time, value);
    greet(node, edge);
    node.take(edge, edge.block(edge.flush(kStart + 2 * kMinute)));
    node.take(edge, edge.last_seal());
    node.commit();
    node.settle();
  }
  KeptPartial kept(const std::string& edge, std::int64_t minute) {
    for (const auto& [key, row] : kept_partials(node)) {
      if (std::get<2>(key) == minute && std::get<3>(key) == edge) return row;
    }
    return {};
  }
  Node node;
  EdgeDouble one{"press-07", 1, 1}, two{"press-08", 2, 1};
};

window::Summary some_readings(std::mt19937_64& random, ValueType type) {
  const auto parts = window::Parts::of(kAll, type);
  window::Summary sum(type, parts);
  Column column;
  column.type = type;
  const auto n = random() % 40;
  for (std::size_t i = 0; i < n; ++i) {
    const auto v = static_cast<std::int64_t>(random() % 3000) - 500;
    column.f64.push_back(static_cast<double>(v) * 0.37);
    column.i64.push_back(type == ValueType::boolean ? v & 1 : v);
    column.text.emplace_back(static_cast<std::size_t>(v & 3), 'a');
    sum.add(kStart + static_cast<std::int64_t>(random() % 60) * kSecond, column, i);
  }
  sum.close(kStart, kStart + kMinute, std::nullopt, {});
  if (random() % 8 == 0) sum.doubt();
  return sum;
}

ByteVector bytes_of(const auto& state) {
  ByteVector bytes;
  ByteWriter out(bytes);
  state.encode(out);
  return bytes;
}

// Whoever merges them, in whatever order, from bytes: it is what all members are together.
TEST(PartialAnswers, OfEdgesAreWhatTheirMembersAreTogether) {
  std::mt19937_64 random(7);
  constexpr std::pair<ValueType, int> kKinds[] = {{ValueType::i64, -1}, {ValueType::i64, -3},
                                                  {ValueType::f64, 0}, {ValueType::boolean, 0},
                                                  {ValueType::text, 0}};
  for (int round = 0; round < 200; ++round) {
    GroupSum all;
    std::vector<PartialAnswer> edges(1 + random() % 4);
    for (std::size_t i = 0; i < 12; ++i) {
      const auto [type, exponent] = kKinds[random() % (round % 2 == 0 ? 1 : std::size(kKinds))];
      SeriesDescription d;
      d.type = type;
      d.exponent = static_cast<std::int8_t>(exponent);
      d.unit = random() % 3 == 0 ? "V" : "A";
      const auto inputs = static_cast<std::uint32_t>(1 + random() % 7);
      const auto sum = some_readings(random, type);
      all.add(sum, d, inputs);
      auto& edge = edges[random() % edges.size()];
      edge.sum.add(sum, d, inputs);
      edge.sources.push_back({static_cast<store::SeriesId>(i), "line1", "fast", {}});
      edge.sources.back().counts.manifest.sent = random() % 1000;
      edge.sources.back().counts.manifest.lacking = edge.sources.back().counts.manifest.sent;
      if (i % 3 == 0) edge.sources.back().counts.deadband = 0.5;
      edge.sources.back().counts.reaches_back = i % 2 == 0;
    }
    std::shuffle(edges.begin(), edges.end(), random);
    PartialAnswer merged;
    for (const auto& edge : edges) {
      const auto bytes = bytes_of(edge);
      auto again = PartialAnswer::decode(bytes);
      ASSERT_TRUE(again.ok()) << again.error().text();
      EXPECT_EQ(bytes_of(*again), bytes);
      merged.merge(std::move(again).value());
    }
    EXPECT_EQ(merged.sources.size(), 12u);
    ASSERT_EQ(bytes_of(merged.sum), bytes_of(all)) << "round " << round;
  }
}

// What is documented is what is written.
TEST(PartialAnswers, AreInBytesAsDocumented) {
  SeriesDescription d;
  d.unit = "V";
  d.type = ValueType::i64;
  d.exponent = -1;
  window::Partial readings(ValueType::i64);
  readings.add(1000, std::int64_t{2312});
  readings.add(3000, std::int64_t{2314});
  readings.add_bad();
  window::Summary sum(ValueType::i64);
  sum.add(readings, nullptr, {});
  PartialAnswer partial;
  partial.sum.add(sum, d);
  auto& source = partial.sources.emplace_back();
  source.series = 7;
  source.name = "line1";
  source.poll_class = "fast";
  source.counts.readings = 2;
  source.counts.manifest = {.due = 3, .good = 3, .taken = 3, .sent = 3, .received = 3};
  const auto document = read_file(TIDEMARK_SOURCE "/cloud/store/FORMAT.md", 1 << 20);
  ASSERT_TRUE(document.ok());
  const auto told = fenced_hex(*document, "hex partial answer");
  EXPECT_EQ(to_hex(bytes_of(partial)), to_hex(told));
  const auto back = PartialAnswer::decode(told);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(bytes_of(*back), told);
}

TEST(PartialAnswers, DamagedBytesAreRefused) {
  std::mt19937_64 random(8);
  SeriesDescription d;
  d.unit = "V";
  PartialAnswer partial;
  partial.sum.add(some_readings(random, ValueType::f64), d);
  partial.sources.push_back({7, "line1", "fast", {}});
  const auto good = bytes_of(partial);
  ASSERT_TRUE(PartialAnswer::decode(good).ok());
  for (std::size_t n = 0; n < good.size(); ++n) {
    EXPECT_FALSE(PartialAnswer::decode(ByteSpan(good).first(n)).ok()) << n;
  }
  auto bytes = good;
  bytes[0] = 9;
  EXPECT_EQ(PartialAnswer::decode(bytes).error().fault(), Fault::unsupported);
  for (int i = 0; i < 2000; ++i) {  // any of them: refused or something, never a crash
    bytes = good;
    bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
    (void)PartialAnswer::decode(bytes).ok();
  }
}

TEST(PartialRows, AreReplacedByRevision) {
  Node node;
  node.kill();
  const auto database = open_store(node);
  PartialRows rows(*database);
  const auto at = [](int minute) { return event_time(kStart + minute * kMinute); };
  const auto row = [](store::EdgeId edge, std::uint64_t revision, std::uint8_t byte) {
    return PartialRows::Row{edge, revision, false, {byte}};
  };
  EXPECT_EQ(rows.newest(1, -1), kEventTimeMin);
  EXPECT_TRUE(rows.replace(1, -1, at(0), row(5, 2, 'b')));
  EXPECT_FALSE(rows.replace(1, -1, at(0), row(5, 2, 'x'))) << "repeated";
  EXPECT_FALSE(rows.replace(1, -1, at(0), row(5, 1, 'a'))) << "older";
  EXPECT_TRUE(rows.replace(1, -1, at(0), row(3, 1, 'c')));
  auto all = rows.rows(1, -1, at(0));
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].edge, 3u);
  EXPECT_EQ(all[1].state, ByteVector{'b'});
  EXPECT_TRUE(rows.replace(1, -1, at(0), row(5, 3, 'd')));
  EXPECT_EQ(rows.rows(1, -1, at(0))[1].state, ByteVector{'d'});

  for (int m = 1; m < 4; ++m) rows.replace(1, -1, at(m), row(5, 1, 'e'));
  rows.spoil(1, -1, 5, at(1), at(3));
  for (int m = 0; m < 4; ++m) {
    for (const auto& r : rows.rows(1, -1, at(m))) {
      EXPECT_EQ(r.stale, r.edge == 5 && (m == 1 || m == 2)) << m;
    }
  }
  rows.confirm(1, -1, at(1), 5);
  EXPECT_FALSE(rows.rows(1, -1, at(1))[0].stale);
  EXPECT_TRUE(rows.replace(1, -1, at(2), row(5, 2, 'f')));
  EXPECT_FALSE(rows.rows(1, -1, at(2))[0].stale);
  EXPECT_EQ(rows.newest(1, -1), at(3));
  rows.remove(1, -1, at(2), kEventTimeMax);
  EXPECT_EQ(rows.newest(1, -1), at(1));
}

TEST(Partials, NewsOfOneEdgeReplaceItsOwnAlone) {
  Plant plant;
  const auto one = plant.kept("press-07", 0), two = plant.kept("press-08", 0);
  ASSERT_FALSE(one.state.empty());
  ASSERT_FALSE(two.state.empty());
  for (const auto& [key, row] : kept_partials(plant.node)) EXPECT_FALSE(row.stale);
  plant.late(plant.two, kStart + 5 * kSecond, 70);
  EXPECT_EQ(plant.node.answers("site")[0].values.at("sum"), 19.0);
  EXPECT_EQ(plant.kept("press-07", 0).revision, one.revision);
  EXPECT_EQ(plant.kept("press-07", 0).state, one.state);
  const auto now = plant.kept("press-08", 0);
  EXPECT_EQ(now.revision, two.revision + 1);
  EXPECT_NE(now.state, two.state);
  for (int i = 0; i < 3; ++i) {  // what comes again changes nothing
    send(plant.node, plant.two);
    plant.node.commit();
    plant.node.settle();
  }
  EXPECT_EQ(plant.kept("press-08", 0).revision, now.revision);
  EXPECT_EQ(plant.kept("press-08", 0).state, now.state);
  EXPECT_EQ(plant.node.answers("site")[0].values.at("sum"), 19.0);
  EXPECT_EQ(untrue_partials(plant.node), "");
}

// The panes of the other edge could be gone.
TEST(Partials, NewsOfOneEdgeReadNoPanesOfAnother) {
  Plant plant;
  plant.node.kill();
  open_store(plant.node)->run("DELETE FROM panes WHERE series IN (SELECT id FROM series WHERE edge="
                              "(SELECT id FROM edges WHERE name='press-07'))");
  plant.node.start();
  plant.late(plant.two, kStart + 5 * kSecond, 70);
  const auto all = plant.node.answers("site");
  EXPECT_EQ(all[0].values.at("count"), 13.0);
  EXPECT_EQ(all[0].values.at("sum"), 19.0);
}

// What it was made of changed and came to nothing new.
TEST(Partials, ThatStayTheSameKeepTheirRevision) {
  Plant plant({"max"});
  const auto before = plant.kept("press-08", 0);
  plant.node.kill();
  open_store(plant.node)->run("UPDATE partials SET stale=1;"
                              "INSERT INTO revisions_due SELECT view,series,start,1 FROM answers"
                              " WHERE series<0");
  plant.node.start();
  plant.node.settle();
  const auto now = plant.kept("press-08", 0);
  EXPECT_FALSE(now.stale);
  EXPECT_EQ(now.revision, before.revision);
  EXPECT_EQ(plant.node.answers("site")[0].revision, 0u);
}

// A series of two of one edge goes over to another group, from a window on of which there were
// rows.
TEST(Partials, OfAnEdgeFollowItsSeriesToAnotherGroup) {
  Node node({}, {grouped({}, "area")});
  node.relabels = {{Selection("**"), {{"area", "stamping"}}}};
  node.kill();
  node.start();
  EdgeDouble one("press-07", 1, 1), two("press-08", 2, 1, false, 3);
  for (auto* edge : {&one, &two}) {
    take_minutes(*edge, kStart, kStart + 2 * kMinute);
    if (edge == &two) take_minutes(two, kStart, kStart + 2 * kMinute, 2);
    edge->flush(kStart + kMinute);
    send(node, *edge);
  }
  node.commit();
  node.settle();
  node.relabels.push_back({Selection("press-08/*/m2"), {{"area", "paint"}}});
  node.kill();
  node.start();
  const auto sums = [&] {
    std::map<std::pair<std::string, std::int64_t>, double> all;
    for (const auto& a : node.answers("site")) {
      all[{a.labels.at("area"), (count_ns(a.start) - kStart) / kMinute}] =
          a.values.at("sum").value_or(-1);
    }
    return all;
  };
  one.seal(kStart + 2 * kMinute);
  two.seal(kStart + 2 * kMinute);
  for (auto* edge : {&one, &two}) node.take(*edge, edge->last_seal());
  node.commit();
  node.settle();
  EXPECT_EQ((sums()[{"stamping", 0}]), 18.0) << "what was proved stays";
  EXPECT_EQ((sums()[{"stamping", 1}]), 12.0);
  EXPECT_EQ((sums()[{"paint", 1}]), 6.0);
  two.take(2, kStart + 5 * kSecond, 30);  // late, of when it still belonged there
  two.take(2, kStart + kMinute + 5 * kSecond, 40);
  two.flush(kStart + 2 * kMinute);
  send(node, two);
  node.commit();
  node.settle();
  EXPECT_EQ((sums()[{"stamping", 0}]), 21.0);
  EXPECT_EQ((sums()[{"stamping", 1}]), 12.0);
  EXPECT_EQ((sums()[{"paint", 1}]), 10.0);
  EXPECT_EQ(untrue_partials(node), "");
}

// It had nothing there; but who looks again before it is proved cannot know.
TEST(Partials, AWindowThatANewcomerMadeUncertainIsProvedWithIt) {
  Plant plant;
  auto& node = plant.node;
  EdgeDouble three("press-09", 3, 1);
  three.take(0, kStart + 2 * kMinute + kSecond, 1);
  const auto block = three.flush(kStart + 3 * kMinute);
  greet(node, three);
  node.take(three, three.block(block));
  node.commit();
  plant.late(plant.two, kStart + 5 * kSecond, 70);
  node.settle();
  ASSERT_EQ(node.answers("site")[0].values.at("count"), 13.0);
  ASSERT_FALSE(proved(node.answers("site")[0].state));
  node.kill();
  node.start();
  greet(node, three);
  node.take(three, three.last_seal());
  node.commit();
  for (int i = 0; i < 3; ++i) node.settle();
  EXPECT_TRUE(proved(node.answers("site")[0].state));
}

// A further series of an edge, in windows of which its edge has rows already.
TEST(Partials, TakeANewMemberInOldWindows) {
  Plant plant;
  EdgeDouble more("press-08", 3, 2, false, 3);
  take_minutes(more, kStart, kStart + 2 * kMinute, 2, 20);
  more.flush(kStart + 2 * kMinute);
  send(plant.node, more, {plant.two.closing(1)});
  plant.node.commit();
  plant.node.settle();
  for (const auto& a : plant.node.answers("site")) EXPECT_EQ(a.values.at("sum"), 24.0);
  EXPECT_EQ(untrue_partials(plant.node), "");
}

// By whose word a source is not waited for is no part of what its edge has.
TEST(Partials, OfAWaivedSourceStayAsTheyAre) {
  Plant plant;
  take_minutes(plant.one, kStart + 2 * kMinute, kStart + 3 * kMinute);
  plant.one.flush(kStart + 3 * kMinute);
  take_minutes(plant.two, kStart + 2 * kMinute, kStart + 2 * kMinute + 30 * kSecond);
  plant.two.flush(kStart + 2 * kMinute + 30 * kSecond);
  for (auto* edge : {&plant.one, &plant.two}) send(plant.node, *edge);
  plant.node.commit();
  plant.node.settle();
  auto& node = plant.node;
  ASSERT_EQ(node.answers("site")[2].state, State::provisional);
  const auto before = plant.kept("press-08", 2);
  const auto said = "press-08/line1 " + std::to_string(kStart + 3 * kMinute) + " ada burnt";
  EXPECT_THAT(order(node, "retire " + said), testing::StartsWith("ok: "));
  node.settle();
  auto third = node.answers("site")[2];
  EXPECT_EQ(third.state, State::sealed);
  EXPECT_EQ(third.waived.size(), 1u);
  EXPECT_EQ(third.values.at("sum"), 9.0);
  EXPECT_EQ(plant.kept("press-08", 2).revision, before.revision);
  EXPECT_EQ(plant.kept("press-08", 2).state, before.state);
  order(node, "unwaive press-08/line1 bob");
  node.settle();
  third = node.answers("site")[2];
  EXPECT_EQ(third.state, State::provisional);
  EXPECT_TRUE(third.waived.empty());
  take_minutes(plant.two, kStart + 2 * kMinute + 30 * kSecond, kStart + 3 * kMinute);
  plant.two.flush(kStart + 3 * kMinute);
  send(node, plant.two);
  node.commit();
  node.settle();
  EXPECT_EQ(node.answers("site")[2].values.at("sum"), 12.0);
  EXPECT_EQ(untrue_partials(node), "");
}

// While a view is not in force nobody watches what its rows are made of.
TEST(Partials, OfAViewThatComesBackAreMadeAnew) {
  Plant plant;
  auto& node = plant.node;
  const auto view = node.views()[0];
  node.views().clear();
  EXPECT_EQ(order(node, "views"), "ok: views in force: minute");
  plant.late(plant.one, kStart + 5 * kSecond, 30);
  node.views().push_back(view);
  EXPECT_EQ(order(node, "views"), "ok: views in force: minute, site");
  plant.late(plant.two, kStart + 15 * kSecond, 20);
  EXPECT_EQ(node.answers("site")[0].values.at("sum"), 17.0);
  EXPECT_EQ(untrue_partials(node), "");
}

// Rows of a file that an older program wrote are made when their windows are looked at.
TEST(Partials, AFileOfVersion5HasNone) {
  Plant plant;
  plant.node.kill();
  open_store(plant.node)->run("DROP TABLE partials; ALTER TABLE edges DROP COLUMN away;"
                               "PRAGMA user_version=5");
  plant.node.start();
  plant.late(plant.two, kStart + 5 * kSecond, 70);
  EXPECT_EQ(plant.node.answers("site")[0].values.at("sum"), 19.0);
  EXPECT_EQ(plant.kept("press-07", 0).revision, 1u);
  EXPECT_EQ(plant.kept("press-08", 0).revision, 1u);
  EXPECT_EQ(number_in(plant.node, "PRAGMA user_version"),
            static_cast<std::uint64_t>(store::kSchemaVersion));
}

// Figures that depend on the order of time begin with the last value before their window.
TEST(Partials, ALateValueIsHeldInLaterWindows) {
  Plant plant({"twa", "integral", "increase", "p50", "distinct"});
  auto& node = plant.node;
  for (auto* edge : {&plant.one, &plant.two}) {  // a silent hour, then a further minute
    take_minutes(*edge, kStart + 62 * kMinute, kStart + 63 * kMinute, 0, 50);
    edge->flush(kStart + 63 * kMinute);
    send(node, *edge);
  }
  node.commit();
  node.settle();
  const auto of = [&](std::size_t minute) { return node.answers("site").at(minute).values; };
  ASSERT_EQ(of(3).at("twa"), 1.0);
  ASSERT_EQ(of(62).at("increase"), 8.0);
  plant.late(plant.two, kStart + 2 * kMinute - kSecond, 30);
  EXPECT_EQ(of(3).at("twa"), 2.0) << "1.0 and 3.0";
  EXPECT_EQ(of(62).at("increase"), 6.0) << "4.0, and 2.0 from 3.0 on";
  EXPECT_EQ(untrue_partials(node), "");
}

// What is not of panes: each changes what an edge has of a window, and news of another edge show
// it.
TEST(Partials, AreMadeAnewWhenTheirCountsChange) {
  Plant plant;
  plant.two.take(0, kStart + 5 * kSecond, 70);
  plant.two.evict(plant.two.flush(kStart + 2 * kMinute));
  plant.two.seal(kStart + 2 * kMinute);
  greet(plant.node, plant.two);
  plant.node.take(plant.two, plant.two.last_seal());
  plant.node.commit();
  plant.node.settle();
  const auto first = plant.node.answers("site")[0];
  EXPECT_DOUBLE_EQ(first.completeness.value(), 12.0 / 13);
  EXPECT_EQ(first.lost, 1u);
  EXPECT_EQ(untrue_partials(plant.node), "");
}

TEST(Partials, AreMadeAnewWhenReadingsAreSetAside) {
  Plant plant;
  plant.two.take(0, kStart + 3 * 60 * kMinute, 10);  // of a time to come
  plant.two.flush(kStart + 2 * kMinute);
  send(plant.node, plant.two);
  plant.node.commit();
  plant.late(plant.one, kStart + 5 * kSecond, 10);
  EXPECT_DOUBLE_EQ(plant.node.answers("site")[0].completeness.value(), 13.0 / 14);
  plant.late(plant.one, kStart + 65 * kSecond, 10);  // each window is looked at
  EXPECT_EQ(untrue_partials(plant.node), "");
}

TEST(Partials, AreMadeAnewWhenTheirEdgeSaysThatItThins) {
  Plant plant;
  plant.two.describe(0, [](SeriesDescription& d) { d.deadband = 0.5; });
  plant.late(plant.two, kStart + 65 * kSecond, 10);
  plant.late(plant.one, kStart + 5 * kSecond, 10);
  const auto first = plant.node.answers("site")[0];
  EXPECT_TRUE(first.approximate);
  EXPECT_THAT(first.notes, testing::Contains(testing::HasSubstr("readings within 0.5 of")));
  EXPECT_EQ(untrue_partials(plant.node), "");
}

TEST(Partials, AreMadeAnewWhenAMeterWasSwapped) {
  Plant plant({"increase"});
  auto& node = plant.node;
  for (auto* edge : {&plant.one, &plant.two}) {
    take_minutes(*edge, kStart + 62 * kMinute, kStart + 63 * kMinute, 0, 50);
    edge->flush(kStart + 63 * kMinute);
    send(node, *edge);
  }
  node.commit();
  node.settle();
  ASSERT_EQ(node.answers("site").at(62).values.at("increase"), 8.0);
  const auto at = std::to_string(kStart + 30 * kMinute);
  EXPECT_THAT(order(node, "swap press-08/line1/m0 " + at + " 2 4.5"), testing::StartsWith("ok: "));
  node.settle();
  EXPECT_EQ(node.answers("site").at(62).values.at("increase"), 5.5) << "4, 1 and 0.5";
  EXPECT_EQ(untrue_partials(node), "");
}

TEST(Partials, GoWithTheAnswersOfTheirWindows) {
  reconcile::Horizons horizons;
  horizons.age = {std::chrono::minutes(1), std::chrono::hours(1), std::chrono::hours(48),
                  std::chrono::hours(24 * 400)};
  Node node(horizons, {grouped({"count"})});
  node.clock.advance(std::chrono::hours(24 * 30));
  EdgeDouble one("press-07", 1, 1), two("press-08", 2, 1);
  for (const std::int64_t day : {0, 3}) {
    for (auto* edge : {&one, &two}) {
      const auto from = kStart + day * 1440 * kMinute;
      take_minutes(*edge, from, from + 3 * kMinute);
      edge->flush(from + 3 * kMinute);
      send(node, *edge);
    }
    node.commit();
    for (int i = 0; i < 10; ++i) node.settle();
  }
  const auto kept = kept_partials(node);
  EXPECT_GE(kept.size(), 6u);
  for (const auto& [key, row] : kept) EXPECT_GT(std::get<2>(key), 1440) << std::get<2>(key);
}

}  // namespace
}  // namespace tidemark::test
