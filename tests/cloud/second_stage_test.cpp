// Groups whose series lie in several partitions: whatever comes when, again, or from a node that
// took over, they are what one store with all edges says.
#include <gmock/gmock.h>

#include <random>

#include "tests/cloud/plant_double.h"

namespace tidemark::test {
namespace {

TEST(SecondStage, GroupsOverPartitionsAreWhatOneStoreSays) {
  Plant plant;
  std::set<int> used;
  for (const auto& edge : plant.edges) used.insert(plant.parts.partition_of(*edge));
  ASSERT_GT(used.size(), 1u) << "the names of edges are to lie in several partitions";
  plant.run(3);
  const auto all = plant.parts.answers();
  ASSERT_EQ(all.size(), 6u);
  for (const auto& a : all) {
    EXPECT_EQ(a.state, State::sealed);
    EXPECT_EQ(a.revision, 0u) << "nothing was sealed before all of it was there";
    EXPECT_EQ(a.values.at("count"), 24.0);
    EXPECT_EQ(a.completeness, 1.0);
    EXPECT_EQ(a.coverage, 0.5);
    EXPECT_THAT(a.missing, testing::IsEmpty());
  }
  plant.expect_equal();
}

// A partition of which nothing was heard may have series of any group.
TEST(SecondStage, NothingIsSealedBeforeAllPartitionsHaveSaidWhatTheyHave) {
  Plant plant;
  for (int p = 0; p < plant.parts.size(); ++p) plant.parts.hold_back(p, true, p != 1);
  plant.run(2);
  for (const auto& a : plant.parts.answers()) {
    EXPECT_EQ(a.state, State::provisional);
    EXPECT_THAT(a.missing, testing::Contains(testing::Field(
                               &answers::Missing::reason,
                               "partition 1 has not said yet who belongs to it")));
  }
  plant.parts.hold_back(1, true, true);
  plant.settle();
  plant.expect_equal();
}

TEST(SecondStage, AWindowWaitsForEveryPartitionAndNamesWhoIsBehind) {
  Plant plant;
  plant.run(2);
  for (std::size_t i = 0; i < plant.edges.size(); ++i) {
    auto& edge = *plant.edges[i];
    take_minutes(edge, 2, 4);
    edge.flush(kStart + (i == 1 ? 2 : 4) * kMinute);  // one proves less
    plant.send(edge);
  }
  plant.settle();
  for (const auto& a : plant.parts.answers()) {
    const bool waits = a.start >= event_time(kStart + 2 * kMinute);
    EXPECT_EQ(proved(a.state), !waits) << format_utc(a.start);
    EXPECT_EQ(a.missing.empty(), !waits);
    EXPECT_EQ(waits, !a.missing.empty() && a.missing[0].source.starts_with("press-01/"));
  }
  auto& last = *plant.edges[1];
  last.seal(kStart + 4 * kMinute);
  plant.take(last, last.last_seal());
  plant.settle();
  plant.expect_equal();
}

TEST(SecondStage, LateReadingsReviseAndRepeatsDoNot) {
  Plant plant;
  plant.run(3);
  auto& edge = *plant.edges[2];
  edge.take(0, kStart + 5 * kSecond, 700);
  const auto block = edge.flush(kStart + 3 * kMinute);
  plant.take(edge, edge.block(block));
  plant.take(edge, edge.last_seal());
  plant.settle();
  plant.expect_equal();
  std::size_t revised = 0;
  for (const auto& a : plant.parts.answers()) {
    revised += a.state == State::revised ? 1 : 0;
    if (a.state != State::revised) continue;
    EXPECT_EQ(a.revision, 1u);
    EXPECT_EQ(a.cause, "late");
    EXPECT_EQ(a.values.at("count"), 25.0);
  }
  EXPECT_EQ(revised, 1u);
  const auto before = all_words(plant.parts.answers());
  for (int round = 0; round < 2; ++round) {
    for (auto& e : plant.edges) plant.send(*e);
    plant.settle();
  }
  EXPECT_EQ(all_words(plant.parts.answers()), before);
  for (const auto& a : plant.parts.answers()) EXPECT_LE(a.revision, 1u);
}

// The node that puts a group together dies at any record, and reads on from its last commit.
TEST(SecondStage, WhoPutsTogetherMayDieAtAnyRecord) {
  Plant plant;
  for (auto& edge : plant.edges) {
    take_minutes(*edge, 0, 3);
    edge->flush(kStart + 3 * kMinute);
    plant.send(*edge);
  }
  plant.whole.commit();
  settle_all(plant.whole);
  for (int p = 0; p < plant.parts.size(); ++p) {
    plant.parts.node(p).settle();
    plant.parts.say(p);
  }
  for (int p = 0; p < plant.parts.size(); ++p) {
    while (plant.parts.node(p).intake->noted("heard") < plant.parts.topic()[p].size()) {
      plant.parts.hear(p, 1);
      plant.parts.kill(p);
    }
  }
  plant.settle();
  plant.expect_equal();
}

void copy_folder(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::filesystem::remove_all(to);
  std::filesystem::copy(from, to, std::filesystem::copy_options::recursive);
}

// As after kill -9 of a node: another one begins with a copy of a while ago, and reads again. What
// the old one still says does not count, be it newer or older.
TEST(SecondStage, AnotherOwnerReplacesWhatTheOldOneSaid) {
  Plant plant;
  plant.run(3);
  auto& edge = *plant.edges[0];
  const auto p = plant.parts.partition_of(edge);
  auto& node = plant.parts.node(p);
  Folder copy, zombie;
  node.kill();
  copy_folder(node.folder.path, copy.path);
  node.start();
  plant.parts.begin_run(p);
  std::vector<std::uint64_t> blocks;
  for (const auto value : {500.0, 900.0}) {
    edge.take(0, kStart + static_cast<std::int64_t>(value) * kSecond / 100, value);
    blocks.push_back(edge.flush(kStart + 3 * kMinute));
    plant.take(edge, edge.block(blocks.back()));
    plant.take(edge, edge.last_seal());
    node.commit();
    settle_all(node);
    if (value == 500.0) plant.parts.say(p);  // of the second nobody has heard
  }
  plant.whole.commit();
  settle_all(plant.whole);
  node.kill();
  copy_folder(node.folder.path, zombie.path);
  auto old_feed = plant.parts.feed(p);
  auto old_said = plant.parts.said(p);
  copy_folder(copy.path, node.folder.path);
  node.start();
  plant.parts.begin_run(p);
  plant.settle();
  // The old one goes on for a moment, behind the new one's beginning.
  node.take(edge, edge.block(blocks[0]));
  node.take(edge, edge.last_seal());
  settle_all(node);
  EXPECT_GT(plant.parts.say(p), 0u);
  const auto reader = query::Reader::open(zombie.path).value();
  EXPECT_GT(plant.parts.say(old_feed, *reader, old_said), 0u);
  plant.settle();
  std::set<double> counts;
  for (const auto& a : plant.parts.answers()) counts.insert(*a.values.at("count"));
  EXPECT_EQ(counts, (std::set<double>{24, 25})) << "what the old one alone had taken";
  node.take(edge, edge.block(blocks[1]));
  node.take(edge, edge.last_seal());
  plant.settle();
  plant.expect_equal();
}

// A store that is made anew from the log says all again, and what it no longer has goes.
TEST(SecondStage, APartitionThatLostItsDiskSaysAllAgain) {
  Plant plant;
  plant.run(3);
  auto& edge = *plant.edges[3];
  const auto p = plant.parts.partition_of(edge);
  auto& node = plant.parts.node(p);
  node.kill();
  std::filesystem::remove_all(node.folder.path);
  std::filesystem::create_directories(node.folder.path);
  node.start();
  plant.parts.begin_run(p);
  for (auto& e : plant.edges) {
    if (plant.parts.partition_of(*e) == p) send(node, *e);
  }
  plant.settle();
  plant.expect_equal();
}

// From the window on that it has not proved yet; the group that it leaves loses a partition there.
TEST(SecondStage, ASeriesThatMovesIsInOneGroupOfEachWindow) {
  auto view = by_metric(kFigures);
  view.group_by = {"area"};
  Plant plant(view, 3);
  const auto relabel = [&](std::vector<answers::Relabel> relabels) {
    plant.whole.relabels = relabels;
    plant.whole.kill();
    plant.whole.start();
    for (int p = 0; p < plant.parts.size(); ++p) {
      plant.parts.node(p).relabels = relabels;
      plant.parts.kill(p);
    }
  };
  relabel({{answers::Selection("**"), {{"area", "stamping"}}}});
  plant.run(2);
  plant.expect_equal();
  relabel({{answers::Selection("**"), {{"area", "stamping"}}},
           {answers::Selection("press-01/**"), {{"area", "paint"}}}});
  for (auto& edge : plant.edges) {
    take_minutes(*edge, 2, 4, 30);
    edge->flush(kStart + 4 * kMinute);
    plant.send(*edge);
  }
  plant.settle();
  plant.expect_equal();
  auto& moved = *plant.edges[1];
  moved.take(0, kStart + 5 * kSecond, 700);                // of when it still belonged there
  moved.take(0, kStart + 3 * kMinute + 5 * kSecond, 700);
  moved.flush(kStart + 4 * kMinute);
  plant.send(moved);
  plant.settle();
  plant.expect_equal();
  std::map<std::string, double> counts;
  for (const auto& a : plant.parts.answers()) counts[a.labels.at("area")] += *a.values.at("count");
  EXPECT_EQ(counts["stamping"], 2 * 36 + 1 + 2 * 24);
  EXPECT_EQ(counts["paint"], 2 * 12 + 1);
}

// Who is not configured anew yet keeps what it hears of a view that it does not know.
TEST(SecondStage, AViewThatComesIntoForceGoesOnFromWhatWasHeard) {
  Plant plant(by_metric());  // of figures that all panes have
  const auto hall = plant.parts.node(0).views();
  auto& late = plant.parts.node(2);
  late.views().clear();
  plant.parts.kill(2);
  plant.run(3);
  for (const auto& a : plant.parts.node(0).answers("hall")) EXPECT_FALSE(proved(a.state));
  late.views() = hall;
  plant.parts.kill(2);
  plant.settle();
  plant.expect_equal();
}

// A view that is new to what was there has groups that wait for their turn: nothing of them is
// answered before it was said.
TEST(SecondStage, AGroupWhoseTurnHasNotComeIsNotAnsweredAsEmpty) {
  auto view = by_metric();
  view.group_by = {"edge", "metric"};
  Plant plant(view, 60);
  const auto views = plant.parts.node(0).views();
  for (int p = 0; p < plant.parts.size(); ++p) {
    plant.parts.node(p).views().clear();
    plant.parts.kill(p);
  }
  plant.run(40);
  for (int p = 0; p < plant.parts.size(); ++p) {
    plant.parts.node(p).views() = views;
    plant.parts.kill(p);
  }
  for (int turn = 0; turn < 3; ++turn) {
    for (int p = 0; p < plant.parts.size(); ++p) {
      plant.parts.node(p).commit();
      plant.parts.say(p);
    }
    for (int p = 0; p < plant.parts.size(); ++p) plant.parts.hear(p);
  }
  plant.settle();
  for (const auto& a : plant.parts.answers()) {
    EXPECT_EQ(a.revision, 0u) << to_json(a);
  }
  plant.expect_equal();
}

// While somebody new in another partition is not proved there, the window cannot be answered anew.
TEST(SecondStage, ALateReadingIsAnsweredOnceANewcomerIsProved) {
  Plant plant;
  plant.run(3);
  auto& edge = *plant.edges[2];
  int n = 4;
  std::unique_ptr<EdgeDouble> newcomer;
  while (!newcomer || plant.parts.partition_of(*newcomer) == plant.parts.partition_of(edge)) {
    newcomer = std::make_unique<EdgeDouble>("press-0" + std::to_string(n), n + 1, 1);
    ++n;
  }
  greet(plant.parts.node(*newcomer), *newcomer);
  greet(plant.whole, *newcomer);
  take_minutes(*newcomer, 3, 4);
  plant.take(*newcomer, newcomer->block(newcomer->flush(kStart + 4 * kMinute)));
  plant.settle();
  edge.take(0, kStart + 5 * kSecond, 700);
  plant.take(edge, edge.block(edge.flush(kStart + 3 * kMinute)));
  plant.take(edge, edge.last_seal());
  plant.settle();
  plant.take(*newcomer, newcomer->last_seal());
  for (auto& e : plant.edges) {
    e->seal(kStart + 4 * kMinute);
    plant.take(*e, e->last_seal());
  }
  plant.settle();
  plant.expect_equal();
  const auto all = plant.parts.answers();
  const auto has_it = [](const Answer& a) { return a.values.at("count") == 25.0; };
  EXPECT_EQ(std::ranges::count_if(all, has_it), 1);
}

// Whoever has the partition that puts a group together goes on where the topic is, with a store
// of before, or with none.
TEST(SecondStage, APublishedGroupGoesOnWithAnotherOwner) {
  Plant plant;
  plant.run(2);
  std::vector<std::unique_ptr<Folder>> copies;
  for (int p = 0; p < plant.parts.size(); ++p) {
    auto& node = plant.parts.node(p);
    node.kill();
    copies.push_back(std::make_unique<Folder>());
    copy_folder(node.folder.path, copies.back()->path);
    node.start();
    plant.parts.begin_run(p);
  }
  for (auto& edge : plant.edges) {
    take_minutes(*edge, 2, 4);
    edge->flush(kStart + 4 * kMinute);
    plant.send(*edge);
  }
  auto& edge = *plant.edges[1];
  edge.take(0, kStart + 5 * kSecond, 700);  // revises what the copies have
  edge.flush(kStart + 4 * kMinute);
  plant.send(edge);
  plant.settle();
  plant.expect_equal();
  const auto before = plant.parts.published();
  for (const bool wiped : {false, true}) {
    for (int p = 0; p < plant.parts.size(); ++p) {
      auto& node = plant.parts.node(p);
      node.kill();
      copy_folder(wiped ? Folder().path : copies[p]->path, node.folder.path);
      node.start();
      plant.parts.begin_run(p);
    }
    for (auto& e : plant.edges) plant.send(*e);
    plant.settle();
    plant.expect_equal();
    const auto after = plant.parts.published();
    ASSERT_EQ(after.size(), before.size());
    for (std::size_t i = 0; i < after.size(); ++i) {
      EXPECT_EQ(to_json(after[i]), to_json(before[i])) << "nothing is said again";
    }
  }
}

struct Step {
  std::size_t edge = 0;
  wire::Frame frame;
};

// Blocks and seals in any order and more than once, readings of any time, and deaths of nodes.
class SecondStageAtRandom : public testing::TestWithParam<unsigned> {};

TEST_P(SecondStageAtRandom, EndsAsOneStoreDoes) {
  std::mt19937_64 random(GetParam());
  Plant plant(by_metric(kFigures), 5);
  constexpr int kMinutes = 8;
  std::vector<Step> steps;
  for (std::size_t i = 0; i < plant.edges.size(); ++i) {
    auto& edge = *plant.edges[i];
    const int first = static_cast<int>(random() % 4);
    for (int m = first; m < kMinutes; ++m) {
      if (random() % 6 == 0) continue;  // silent
      for (int n = 0; n < 6; ++n) {
        const auto back = static_cast<std::int64_t>(random() % 100) * kSecond;
        const auto t = kStart + m * kMinute + n * 10 * kSecond - (m > first + 2 ? back : 0);
        edge.take(static_cast<std::uint32_t>(random() % 2), t,
                  static_cast<double>(random() % 1000));
        edge.poll(t, random() % 3 != 0);
      }
      const auto block = edge.flush(kStart + (m + 1) * kMinute);
      const int times = 1 + static_cast<int>(random() % 2);
      for (int n = 0; n < times; ++n) steps.push_back({i, edge.block(block)});
      steps.push_back({i, edge.last_seal()});
    }
    edge.seal(kStart + kMinutes * kMinute);
  }
  std::shuffle(steps.begin(), steps.end(), random);
  for (auto& edge : plant.edges) {
    greet(plant.parts.node(*edge), *edge);
    greet(plant.whole, *edge);
  }
  std::map<int, std::shared_ptr<Folder>> copies;
  for (const auto& step : steps) {
    auto& edge = *plant.edges[step.edge];
    plant.take(edge, step.frame);
    const auto p = plant.parts.partition_of(edge);
    if (random() % 3 == 0) plant.whole.commit();
    if (random() % 3 == 0) plant.parts.node(p).settle();
    if (random() % 4 == 0) plant.parts.say(static_cast<int>(random() % 3));
    if (random() % 4 == 0) plant.parts.hear(static_cast<int>(random() % 3), random() % 9);
    if (random() % 4 == 0) plant.parts.publish(static_cast<int>(random() % 3));
    if (random() % 8 != 0) continue;
    for (int q = 0; q < plant.parts.size(); ++q) plant.parts.node(q).commit();
    const auto q = static_cast<int>(random() % 3);
    auto& node = plant.parts.node(q);
    if (random() % 3 != 0) {
      plant.parts.kill(q);
      continue;
    }
    node.kill();  // another one goes on from a copy of before, if there is one
    const auto copy = copies.find(q);
    const auto now = std::make_shared<Folder>();
    copy_folder(node.folder.path, now->path);
    if (copy != copies.end()) copy_folder(copy->second->path, node.folder.path);
    copies[q] = now;
    node.start();
    plant.parts.begin_run(q);
  }
  for (auto& edge : plant.edges) plant.send(*edge);
  plant.settle();
  plant.expect_equal();
}

INSTANTIATE_TEST_SUITE_P(Seeds, SecondStageAtRandom, testing::Range(0U, 12U));

}  // namespace
}  // namespace tidemark::test
