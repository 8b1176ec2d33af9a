// Orders that come with the log, into the store of one partition: when they are obeyed, by a store
// that hears of them first and by one that reads the log again.
#include <gmock/gmock.h>

#include "tests/cloud/give_order.h"

namespace tidemark::test {
namespace {

constexpr auto kGivenAt = kStart + 50 * kMinute;
const std::string kRetire =
    "retire press-08/line1 " + std::to_string(kStart + 3 * kMinute) + " ada burnt";

store::Order given(const std::string& name, const std::string& words) {
  store::Order order;
  order.name = name;
  order.words = words;
  order.by = "ada";
  order.at = event_time(kGivenAt);
  return order;
}

// The log was read so far, and more is there.
intake::InputRead read_to(std::int64_t live, std::int64_t backlog) {
  return {.to = {live, backlog}, .caught_up = true};
}

answers::View site() {
  auto view = answers::built_in_view();
  view.name = "site";
  view.group_by = {"site"};
  return view;
}

// Two edges of a site, of which one stops after a minute.
struct Plant {
  explicit Plant(std::uint32_t partitions = 0) : node({}, {site()}, {}, partitions) {
    for (auto* edge : {&ahead, &gone}) {
      const auto minutes = edge == &ahead ? 3 : 1;
      for (auto t = kStart; t < kStart + minutes * kMinute; t += 10 * kSecond) {
        edge->take(0, t, 10);
      }
      edge->flush(kStart + minutes * kMinute);
      send(node, *edge);
    }
    node.settle();
  }
  std::vector<query::WaivedSource> waived() {
    return query::Reader::open(node.folder.path).value()->waived_sources().value();
  }
  std::vector<store::Outcome> unsaid() {
    return query::Reader::open(node.folder.path).value()->outcomes_since(0, 100).value();
  }
  Node node;
  EdgeDouble ahead{"press-07", 1, 1}, gone{"press-08", 2, 1};
};

std::vector<std::string> told(Plant& plant) {
  std::vector<std::string> all;
  for (auto a : plant.node.answers("site")) {
    a.known_at = {};
    for (auto& w : a.waived) w.at = {};
    for (auto& m : a.missing) m.reason.clear();
    a.position = 0;
    all.push_back(answers::to_json(a));
  }
  return all;
}

TEST(LogOrders, AreObeyedOnceAllThatWasThereIsReadAndAnswerAsThoseOfOneNode) {
  Plant alone;
  EXPECT_EQ(order(alone.node, kRetire), "ok: 1 source of press-08: retired at "
                                        "2025-11-20T01:03:00Z");
  alone.node.settle();
  Plant plant;
  auto& node = plant.node;
  node.intake->take_order(given("a1", kRetire));
  node.commit();
  EXPECT_TRUE(plant.waived().empty());
  EXPECT_EQ(node.intake->counters().orders_waiting, 1u);
  node.kill();
  node.start();  // it lies in the store
  node.intake->note_read(read_to(5, 2));
  node.settle();
  ASSERT_EQ(plant.waived().size(), 1u);
  EXPECT_EQ(plant.waived()[0].at, event_time(kGivenAt)) << "when it was given, not obeyed";
  EXPECT_EQ(told(plant), told(alone));
  const auto outcomes = plant.unsaid();
  ASSERT_EQ(outcomes.size(), 1u);
  EXPECT_EQ(outcomes[0].name, "a1");
  EXPECT_EQ(outcomes[0].text, "ok: 1 source of press-08: retired at 2025-11-20T01:03:00Z");
  EXPECT_EQ(outcomes[0].at, (store::InputPosition{5, 2}));
}

TEST(LogOrders, AreObeyedAgainWhereTheyWereObeyedBefore) {
  for (const bool ended : {false, true}) {
    Plant plant;
    auto& node = plant.node;
    node.intake->take_order(given("a1", kRetire));
    node.intake->take_outcome({0, "a1", "ok: 1 source", {7, 2}});
    for (const auto& [live, backlog] : {std::pair{6, 5}, {7, 1}}) {
      node.intake->note_read(read_to(live, backlog));
      node.settle();
      EXPECT_TRUE(plant.waived().empty()) << live;
    }
    auto there = read_to(7, ended ? 1 : 2);
    there.backlog_ended = ended;  // retention took what was there
    node.intake->note_read(there);
    node.settle();
    EXPECT_EQ(plant.waived().size(), 1u);
    EXPECT_TRUE(plant.unsaid().empty()) << "the log has what came of it";
  }
}

TEST(LogOrders, ThatWereRefusedAreNotObeyedAgain) {
  Plant plant;
  plant.node.intake->take_order(given("a1", kRetire));
  plant.node.intake->take_outcome({0, "a1", "error: press-08 has no source 'line1'", {1, 0}});
  plant.node.intake->note_read(read_to(9, 9));
  plant.node.settle();
  EXPECT_TRUE(plant.waived().empty());
  EXPECT_TRUE(plant.unsaid().empty());
}

// Retention took the records from before the order: its edge comes later here.
TEST(LogOrders, ThatWereObeyedWaitForTheirEdgeAndHoldNothingBack) {
  Plant plant;
  auto& node = plant.node;
  EdgeDouble late("press-09", 3, 1);
  node.intake->take_order(given("a1", "retire press-09/line1 " +
                                          std::to_string(kStart + 3 * kMinute) + " ada burnt"));
  node.intake->take_outcome({0, "a1", "ok: 1 source", {7, 2}});
  node.intake->take_order(given("a2", "refuse press-09 0000000000000003"));
  node.intake->take_outcome({0, "a2", "ok: start 3", {7, 2}});
  node.intake->take_order(given("a3", kRetire));
  node.intake->note_read(read_to(9, 9));
  node.settle();
  ASSERT_EQ(plant.waived().size(), 1u) << "the third";
  EXPECT_EQ(plant.waived()[0].source, "press-08/line1");
  EXPECT_FALSE(node.intake->next_order().has_value());
  EXPECT_EQ(node.intake->counters().orders_waiting, 2u);
  late.take(0, kStart, 10);
  late.flush(kStart + kMinute);
  const auto before = node.intake->counters().readings;
  send(node, late);
  node.settle();
  EXPECT_EQ(node.intake->counters().readings, before) << "its start was refused";
  EXPECT_EQ(node.intake->counters().orders_waiting, 1u);
}

TEST(LogOrders, OfAnEdgeThatNobodyKnowsAreAnError) {
  Plant plant;
  plant.node.intake->note_read(read_to(9, 9));
  plant.node.intake->take_order(given("a1", "accept press-09 b2"));
  plant.node.settle();
  ASSERT_EQ(plant.unsaid().size(), 1u);
  EXPECT_EQ(plant.unsaid()[0].text, "error: no edge is called 'press-09'");
}

TEST(LogOrders, KeepTheirOrderAndHoldBackNoneOfTheNodesOwn) {
  Plant plant;
  auto& node = plant.node;
  node.intake->take_order(given("a1", kRetire));
  node.intake->take_outcome({0, "a1", "ok: 1 source", {7, 2}});
  node.intake->take_order(given("a2", "unwaive press-08/line1 bob"));
  node.intake->note_read(read_to(6, 2));
  node.commit();
  EXPECT_EQ(order(node, "views"), "ok: views in force: minute, site");
  EXPECT_TRUE(plant.unsaid().empty()) << "the second waits for the first";
  node.intake->note_read(read_to(8, 2));
  node.settle();
  ASSERT_EQ(plant.waived().size(), 1u);
  EXPECT_EQ(plant.waived()[0].ended_by, "bob");
  ASSERT_EQ(plant.unsaid().size(), 1u);
  EXPECT_EQ(plant.unsaid()[0].name, "a2");
}

TEST(LogOrders, AreThereOnceAndGoADayAfterTheLogHasWhatCameOfThem) {
  Plant plant;
  auto& node = plant.node;
  node.intake->note_read(read_to(9, 9));
  for (int i = 0; i < 2; ++i) node.intake->take_order(given("a1", kRetire));
  node.settle();
  EXPECT_EQ(plant.waived().size(), 1u);
  const auto kept = [&] { return store::known_orders(node.folder.path).value().size(); };
  EXPECT_EQ(kept(), 1u);
  node.clock.advance(std::chrono::hours(49));
  node.commit();
  EXPECT_EQ(kept(), 1u) << "the log does not have its outcome yet";
  node.intake->take_outcome({0, "a1", "ok: 1 source", {9, 9}});
  node.clock.advance(std::chrono::minutes(2));
  node.commit();
  EXPECT_EQ(kept(), 0u);
}

// Of a name without its edge nobody knows in which partitions a series is called so.
TEST(LogOrders, NameMetersWithTheirEdge) {
  const auto at = " " + std::to_string(kStart + kMinute) + " 1 0";
  Plant alone;
  EXPECT_THAT(order(alone.node, "swap line1/m0" + at), testing::HasSubstr("2 series, which one?"));
  Plant plant(4);
  EXPECT_THAT(order(plant.node, "swap line1/m0" + at),
              testing::HasSubstr("no series is called 'line1/m0', expected edge/device/metric"));
  EXPECT_THAT(order(plant.node, "swap press-07/line1/m0" + at), testing::StartsWith("ok: "));
}

TEST(LogOrders, SayWhomTheyAreAbout) {
  using Kind = store::OrderSubject::Kind;
  struct Row {
    std::string words;
    Kind kind;
    std::string edge;
  };
  for (const auto& row : std::vector<Row>{{"waive press%2007/line%201 1 ada x", Kind::edge,
                                           "press 07"},
                                          {"unwaive press-07/* ada", Kind::edge, "press-07"},
                                          {"swap press-07/line1/m0 1 2 3", Kind::edge, "press-07"},
                                          {"accept press-07 b2", Kind::edge, "press-07"},
                                          {"replay ** 1 2", Kind::all, ""},
                                          {"backfill hall 1 2", Kind::all, ""},
                                          {"views", Kind::store, ""},
                                          {"letter retry 7 ada", Kind::store, ""},
                                          {"accept", Kind::store, ""},
                                          {"", Kind::store, ""}}) {
    const auto about = store::subject_of_order(row.words);
    EXPECT_EQ(about.kind, row.kind) << row.words;
    EXPECT_EQ(about.edge, row.edge) << row.words;
  }
}

}  // namespace
}  // namespace tidemark::test
