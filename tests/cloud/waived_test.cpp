// Sources that a person said need not be waited for: their windows are sealed, say by whose word,
// and claim nothing that is not proved. And versions of views, whose answers each keep theirs.
#include <gmock/gmock.h>

#include "cloud/store/schema.h"
#include "cloud/store/store.h"
#include "cloud/store/waiver_rows.h"
#include "common/sqlite/database.h"
#include "tests/cloud/give_order.h"

namespace tidemark::test {
namespace {

using answers::Answer;
using answers::Selection;
using answers::State;

answers::View site() {
  auto view = answers::built_in_view();
  view.name = "site";
  view.group_by = {"site"};
  view.select = Selection("*/m0");
  return view;
}

void take_minutes(EdgeDouble& edge, std::int64_t from, std::int64_t to) {
  for (auto t = from; t < to; t += 10 * kSecond) edge.take(0, t, 10);
}

std::string said(const std::string& verb, const std::string& source, std::int64_t until,
                 const std::string& reason) {
  return verb + " " + store::order_word(source) + " " + std::to_string(until) + " ada " +
         store::order_word(reason);
}

std::vector<std::string> reasons(const Answer& a) {
  std::vector<std::string> all;
  for (const auto& m : a.missing) all.push_back(m.source + ": " + m.reason);
  return all;
}

// Two edges of a site, of which one stops after a minute; it had taken more than it sent.
struct Plant {
  Plant() {
    take_minutes(ahead, kStart, kStart + 3 * kMinute);
    ahead.flush(kStart + 3 * kMinute);
    take_minutes(gone, kStart, kStart + kMinute);
    gone.flush(kStart + kMinute);
    take_minutes(gone, kStart + kMinute, kStart + kMinute + 30 * kSecond);
    gone.flush(kStart + kMinute + 30 * kSecond);
    send(node, ahead);
    greet(node, gone);
    node.take(gone, gone.block(1));  // the second block stays on the way
    node.take(gone, gone.seal_frame(0));
    node.take(gone, gone.last_seal());
    node.commit();
    node.settle();
  }
  Node node{reconcile::Horizons{}, {site()}};
  EdgeDouble ahead{"press-07", 1, 1}, gone{"press-08", 2, 1};
};

TEST(Waived, ARetiredSourceHoldsNoWindowBack) {
  Plant plant;
  auto& node = plant.node;
  ASSERT_EQ(node.answers("site")[1].state, State::provisional);
  EXPECT_EQ(order(node, said("retire", "press-08/line1", kStart + 3 * kMinute, "burnt, 100 %")),
            "ok: 1 source of press-08: retired at 2025-11-20T01:03:00Z");
  node.settle();
  for (const bool restarted : {false, true}) {
    if (restarted) {
      node.kill();
      node.start();
      node.settle();
    }
    const auto all = node.answers("site");
    ASSERT_EQ(all.size(), 3u);
    EXPECT_TRUE(all[0].waived.empty()) << "that one was proved";
    EXPECT_EQ(all[0].completeness, 1.0);
    for (const auto i : {1U, 2U}) {
      EXPECT_EQ(all[i].state, State::sealed);
      ASSERT_EQ(all[i].waived.size(), 1u);
      EXPECT_EQ(all[i].waived[0].source, "press-08/line1");
      EXPECT_TRUE(all[i].waived[0].retired);
      EXPECT_EQ(all[i].waived[0].by, "ada");
      EXPECT_EQ(all[i].waived[0].reason, "burnt, 100 %");
      EXPECT_TRUE(all[i].estimated) << "nobody knows what it took";
      EXPECT_EQ(all[i].lost, 0u);
      EXPECT_THAT(reasons(all[i]), testing::Contains(testing::AllOf(
                                       testing::StartsWith("press-08/line1: retired by ada at "),
                                       testing::EndsWith(": burnt, 100 %"))));
    }
    // What it said that it took is not here, and counts as missing.
    EXPECT_DOUBLE_EQ(all[1].completeness.value(), 6.0 / 9);
    EXPECT_EQ(all[1].values.at("count"), 6.0);
    EXPECT_THAT(answers::to_json(all[1]),
                testing::HasSubstr(R"("kind":"retired","until":"2025-11-20T01:03:00Z",)"
                                   R"("by":"ada")"));
  }
}

TEST(Waived, WhatComesAllTheSameRevisesAndProves) {
  Plant plant;
  auto& node = plant.node;
  order(node, said("retire", "press-08/*", kStart + 3 * kMinute, "burnt"));
  node.settle();
  take_minutes(plant.gone, kStart + kMinute + 30 * kSecond, kStart + 3 * kMinute);
  plant.gone.flush(kStart + 3 * kMinute);
  send(node, plant.gone);
  node.commit();
  node.settle();
  for (const auto& a : node.answers("site")) {
    EXPECT_TRUE(a.waived.empty());
    EXPECT_EQ(a.values.at("count"), 12.0);
    EXPECT_EQ(a.completeness, 1.0);
    EXPECT_FALSE(a.estimated);
  }
}

TEST(Waived, AWaiverIsTakenBack) {
  Plant plant;
  auto& node = plant.node;
  order(node, said("waive", "press-08/line1", kStart + 2 * kMinute, "cable cut"));
  node.settle();
  auto all = node.answers("site");
  EXPECT_EQ(all[1].state, State::sealed);
  EXPECT_FALSE(all[1].waived.at(0).retired);
  EXPECT_EQ(all[2].state, State::provisional) << "until then only";
  EXPECT_EQ(order(node, "unwaive press-08/line1 bob"),
            "ok: 1 source of press-08: windows wait for it again");
  node.settle();
  all = node.answers("site");
  EXPECT_EQ(all[1].state, State::provisional);
  EXPECT_EQ(all[1].cause, "operator");
  EXPECT_TRUE(all[1].waived.empty());
  const auto revision = all[1].revision;
  node.kill();
  node.start();
  node.settle();
  EXPECT_EQ(node.answers("site")[1].revision, revision);
  take_minutes(plant.gone, kStart + kMinute + 30 * kSecond, kStart + 3 * kMinute);
  plant.gone.flush(kStart + 3 * kMinute);
  send(node, plant.gone);
  node.commit();
  node.settle();
  all = node.answers("site");
  for (const auto& a : all) {
    EXPECT_EQ(a.values.at("count"), 12.0);
    EXPECT_TRUE(a.state == State::sealed || a.state == State::revised);
  }
  const auto told = query::Reader::open(node.folder.path).value()->waived_sources().value();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].source, "press-08/line1");
  EXPECT_EQ(told[0].by, "ada");
  EXPECT_EQ(told[0].ended_by, "bob");
  EXPECT_GT(told[0].ended, told[0].at);
}

std::vector<std::string> words(Node& node) {
  std::vector<std::string> all;
  for (const char* view : {"site", "minute"}) {
    for (const auto& a : node.answers(view)) {
      auto& text = all.emplace_back(format_utc(a.start) + " " + a.series);
      for (const auto& w : a.waived) text += " " + w.reason;
    }
  }
  return all;
}

// Whether the node had sealed windows by the first word when it was told the second does not
// matter: a store that is made anew from the log says what the first one said.
TEST(Waived, AWindowIsAnsweredByTheWordThatCoversItFirst) {
  const auto first = said("waive", "press-08/line1", kStart + 2 * kMinute, "cable cut");
  const auto second = said("retire", "press-08/line1", kStart + 3 * kMinute, "scrapped");
  Plant between, together;
  order(between.node, first);
  between.node.settle();
  EXPECT_EQ(order(between.node, second), "ok: 1 source of press-08: retired at "
                                         "2025-11-20T01:03:00Z");
  between.node.settle();
  for (const auto& text : {first, second}) {
    const auto wall = together.node.clock.wall();
    ASSERT_TRUE(store::give_order(together.node.folder.path, text, wall).ok());
  }
  for (int i = 0; i < 3; ++i) {
    together.node.clock.advance(std::chrono::seconds(6));
    together.node.settle();
  }
  const auto all = words(together.node);
  EXPECT_EQ(all, words(between.node));
  const auto with = [&all](std::string_view word) {
    return std::ranges::count_if(all, [&](const std::string& s) { return s.ends_with(word); });
  };
  EXPECT_EQ(with("cable cut"), 2);
  EXPECT_EQ(with("scrapped"), 2);
  together.node.kill();
  together.node.start();
  together.node.settle();
  EXPECT_EQ(words(together.node), all);
}

// What reaches no further ends what was said before: windows behind it wait again, and the others
// are answered by what holds.
TEST(Waived, AWordThatReachesLessTakesThePlaceOfTheOther) {
  Plant plant;
  auto& node = plant.node;
  order(node, said("waive", "press-08/line1", kStart + 3 * kMinute, "cable cut"));
  node.settle();
  EXPECT_EQ(node.answers("site")[2].state, State::sealed);
  order(node, said("waive", "press-08/line1", kStart + 2 * kMinute, "back soon"));
  node.settle();
  const auto all = node.answers("site");
  EXPECT_EQ(all[1].waived.at(0).reason, "back soon");
  EXPECT_TRUE(proved(all[1].state));
  EXPECT_EQ(all[2].state, State::provisional);
  const auto told = query::Reader::open(node.folder.path).value()->waived_sources().value();
  ASSERT_EQ(told.size(), 2u);
  EXPECT_GT(told[0].ended, told[0].at);
}

// A single series' windows go on until then, without readings and without a claim.
TEST(Waived, WindowsOfASeriesAreSealedUntilThen) {
  Plant plant;
  auto& node = plant.node;
  order(node, said("waive", "press-08/line1", kStart + 5 * kMinute, "cable cut"));
  node.settle();
  const auto all = node.answers("minute", "press-08/line1/m0");
  ASSERT_EQ(all.size(), 5u);
  EXPECT_EQ(all[4].state, State::sealed);
  EXPECT_FALSE(all[4].completeness.has_value());
  EXPECT_EQ(all[4].waived.size(), 1u);
  EXPECT_EQ(all[1].completeness, 0.0);
  // Computed when asked, it says the same.
  auto q = query::Reader::parse("count press-08/line1/m0 by 5m").value();
  const auto asked = node.ask(q);
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].state, State::sealed);
  EXPECT_EQ(asked[0].waived.size(), 1u);
}

// More windows than wait at once are proved by one seal.
TEST(Waived, ADayOfShortWindowsIsProvedAtOnce) {
  auto view = answers::built_in_view();
  view.name = "second";
  view.window.size = Nanoseconds(kSecond);
  Node node({}, {view});
  EdgeDouble edge("press-08", 2, 1, false, 1);
  constexpr std::int64_t kSeconds = 12'000;
  for (std::int64_t s = 0; s < kSeconds; ++s) edge.take(0, kStart + s * kSecond, 1);
  edge.flush(kStart + kSecond);
  node.clock.jump_wall(Nanoseconds(kSeconds * kSecond));
  send(node, edge);
  node.commit();
  order(node, said("waive", "press-08/line1", kStart + kSeconds * kSecond, "cable cut"));
  for (int i = 0; i < 20; ++i) node.settle();
  const auto waived = [&node] {
    const auto all = node.answers("second");
    return std::count_if(all.begin(), all.end(), [](const Answer& a) { return !a.waived.empty(); });
  };
  ASSERT_EQ(waived(), kSeconds - 1);
  edge.seal(kStart + kSeconds * kSecond);
  node.take(edge, edge.last_seal());
  node.commit();
  for (int i = 0; i < 20; ++i) node.settle();
  EXPECT_EQ(waived(), 0);
}

// At the bound what stands may be said anew.
TEST(Waived, WhatStandsIsSaidAnewAtTheBound) {
  Plant plant;
  plant.node.kill();
  auto database = sqlite::Database::open(store::database_path(plant.node.folder.path),
                                         {.pragmas = "", .version = store::kSchemaVersion}).value();
  database->run("BEGIN");
  store::WaiverRows rows(*database);
  store::Waiver w;
  w.edge = 2;
  w.at = event_time(kStart);
  w.by = "ada";
  w.reason = "burnt";
  for (std::size_t i = 0; i < store::WaiverRows::kWaiversMax; ++i) {
    w.source = "s" + std::to_string(i);
    ASSERT_TRUE(rows.add(w).ok());
  }
  w.reason = "gone";
  EXPECT_TRUE(rows.add(w).ok());
  EXPECT_EQ(rows.in_force(w.edge, w.source).last().reason, "gone");
  w.source = "another";
  EXPECT_FALSE(rows.add(w).ok());
}

TEST(Waived, SaysWhatIsWrongWithAnOrder) {
  Plant plant;
  auto& node = plant.node;
  for (const auto& [words, why] :
       {std::pair{said("retire", "press-09/line1", kStart, "x"), "'press-09/line1': expected"},
        std::pair{said("retire", "press-08/line2", kStart, "x"), "did you mean 'line1'?"},
        std::pair{said("retire", "press-08/line1", kStart + 86400 * kSecond, "x"),
                  "from a time on that has come"},
        std::pair{said("retire", "press-08/line1", kStart, ""), "who says it and why"},
        std::pair{std::string("unwaive press-08/line1 bob"), "neither retired nor waived"},
        std::pair{std::string("waive press-08/line1 soon ada x"), "expected: waive SOURCE TIME"}}) {
    const auto outcome = order(node, words);
    EXPECT_THAT(outcome, testing::StartsWith("error: ")) << words;
    EXPECT_THAT(outcome, testing::HasSubstr(why)) << words;
  }
}

TEST(OrderWords, KeepSpacesAndAnythingElse) {
  for (const auto* text : {"", "%", "a b", "100 % of\tit\n", "é/ü", "%41"}) {
    const auto word = store::order_word(text);
    EXPECT_EQ(word.find(' '), std::string::npos);
    EXPECT_EQ(store::from_order_word(word), text);
  }
}

// Another definition is another version; each answer says of which it is.
TEST(ViewVersions, AnswersKeepTheirs) {
  auto view = answers::built_in_view();
  view.name = "power";
  view.aggregates = {"count", "mean"};
  Node node({}, {view});
  EdgeDouble edge("press-07", 1, 1);
  take_minutes(edge, kStart, kStart + 2 * kMinute);
  edge.flush(kStart + 2 * kMinute);
  send(node, edge);
  node.settle();
  ASSERT_EQ(node.answers("power", "*/m0").at(0).view_version, 1u);
  const auto monday = node.clock.wall();
  const auto at_first = query::Reader::open(node.folder.path).value()->position().value();

  node.views()[0].aggregates = {"max"};
  EXPECT_EQ(order(node, "views"), "ok: views in force: minute, power");
  node.settle();
  auto all = node.answers("power", "*/m0");
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].view_version, 2u);
  EXPECT_EQ(all[0].values.size(), 1u);
  EXPECT_EQ(all[0].view_hash, node.views()[0].hash());
  EXPECT_THAT(answers::to_json(all[0]), testing::HasSubstr(R"("view":"power","view_version":2)"));

  query::AnswerQuery q;
  q.view = "power";
  q.select = "*/m0";
  q.as_of = monday;
  all = node.ask(q);
  ASSERT_EQ(all.size(), 2u) << "what the report said on Monday";
  EXPECT_EQ(all[0].view_version, 1u);
  EXPECT_EQ(all[0].values.size(), 2u);
  q.as_of.reset();
  q.view_version = 1;
  EXPECT_EQ(node.ask(q).at(0).view_version, 1u);

  auto reader = query::Reader::open(node.folder.path).value();
  q.view_version = 7;
  EXPECT_THAT(reader->answers(q).error().text(),
              testing::HasSubstr("view 'power' has no version 7; there are: 1, 2"));
  q.view_version.reset();
  std::vector<std::uint64_t> versions;
  const auto revisions = reader->revisions(q);
  for (const auto& a : *revisions) versions.push_back(a.view_version);
  EXPECT_THAT(versions, testing::ElementsAre(1, 1, 2, 2));
  const auto emitted = reader->since(at_first, 100);
  for (const auto& a : *emitted) {
    EXPECT_EQ(a.view_version, a.view == "power" ? 2u : 1u);
  }

  // The definition of before is the version of before.
  node.views()[0].aggregates = {"count", "mean"};
  order(node, "views");
  node.settle();
  EXPECT_EQ(node.answers("power", "*/m0").at(0).view_version, 1u);
  const auto told = reader->view_versions().value();
  ASSERT_EQ(told.size(), 3u);
  EXPECT_EQ(told[0].view, "minute");
  EXPECT_EQ(told[1].until, kEventTimeMax);
  EXPECT_EQ(told[2].version, 2u);
  EXPECT_LT(told[2].until, kEventTimeMax);

  // What is out of force goes with the revisions of its time.
  node.clock.advance(std::chrono::hours(24 * 91));
  node.settle();
  node.clock.advance(std::chrono::hours(1));
  node.settle();
  q.view_version = 2;
  EXPECT_TRUE(node.ask(q).empty());
  EXPECT_EQ(node.answers("power", "*/m0").size(), 2u);
}

}  // namespace
}  // namespace tidemark::test
