// What another node has published is taken over: its revisions stay, and go on.
#include "tests/cloud/edge_double.h"
#include "tests/cloud/give_order.h"

namespace tidemark::test {
namespace {

EdgeDouble edge_with_minutes(int minutes) {
  EdgeDouble edge("press-07", 11, 1);
  for (int n = 0; n < minutes; ++n) {
    for (int i = 0; i < 3; ++i) edge.take(0, kStart + n * kMinute + i * kSecond, n + i);
    edge.flush(kStart + (n + 1) * kMinute);
  }
  return edge;
}

std::vector<answers::Answer> emitted(Node& node, std::uint64_t after = 0) {
  return query::Reader::open(node.folder.path).value()->since(after, 10'000).value();
}

// What was taken over is looked at once an interval of revisions is over.
void look_again(Node& node) {
  node.settle();
  node.clock.advance(std::chrono::minutes(2));
  node.settle();
}

// All that a node said reaches another one.
void publish(const std::vector<answers::Answer>& all, Node& to) {
  to.intake->hold_published(true);
  for (const auto& a : all) {
    to.intake->note_published(answers::from_json(answers::to_json(a)).value());
  }
  ASSERT_TRUE(to.intake->save_notes().ok());
}

std::vector<std::string> lines(const std::vector<answers::Answer>& all) {
  std::vector<std::string> lines;
  for (const auto& a : all) lines.push_back(answers::to_json(a));
  return lines;
}

TEST(Published, WhatIsTheSameStaysTheOtherNodes) {
  const auto edge = edge_with_minutes(5);
  Node first;
  send(first, edge);
  first.settle();
  const auto said = first.answers("minute");
  ASSERT_EQ(said.size(), 5u);

  Node second;
  publish(emitted(first), second);
  send(second, edge);
  second.settle();
  EXPECT_TRUE(second.answers("minute").empty()) << "its input is not where that of the first was";
  second.intake->hold_published(false);
  look_again(second);
  EXPECT_EQ(lines(second.answers("minute")), lines(said));
  EXPECT_FALSE(second.intake->has_published());
  EXPECT_EQ(lines(emitted(second)), lines(emitted(first)));
}

TEST(Published, WhatIsOtherFollowsIt) {
  auto edge = edge_with_minutes(5);
  Node first;
  send(first, edge);
  first.settle();
  const auto said = emitted(first);
  const auto newest = said.back().position;

  edge.take(0, kStart + kMinute + 30 * kSecond, 99);  // the first node never saw it
  edge.flush(kStart + 5 * kMinute);
  Node second;
  publish(said, second);
  send(second, edge);
  second.settle();
  second.intake->hold_published(false);
  look_again(second);
  const auto all = second.answers("minute");
  const auto before = first.answers("minute");
  ASSERT_EQ(all.size(), before.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i != 1) {
      EXPECT_EQ(answers::to_json(all[i]), answers::to_json(before[i])) << i;
      continue;
    }
    EXPECT_EQ(all[i].revision, before[i].revision + 1);
    EXPECT_EQ(all[i].previous, before[i].values);
    EXPECT_EQ(all[i].cause, "late");
    EXPECT_EQ(all[i].values.at("count"), 4.0);
    EXPECT_GT(all[i].position, newest);
  }
}

TEST(Published, WhatWaitsIsTakenOverAfterARestart) {
  const auto edge = edge_with_minutes(5);
  Node first;
  send(first, edge);
  first.settle();
  Node second;
  publish(emitted(first), second);
  second.kill();
  second.start();
  second.intake->hold_published(true);
  ASSERT_TRUE(second.intake->has_published());
  send(second, edge);
  second.settle();
  second.kill();
  second.start();  // by now nobody tells it to wait
  look_again(second);
  EXPECT_EQ(lines(second.answers("minute")), lines(first.answers("minute")));
}

// It stood still with answers that nobody had read, and has the partition again.
TEST(Published, WhatNobodyHasReadGivesWay) {
  const auto edge = edge_with_minutes(5);
  Node node;
  send(node, edge);
  node.settle();
  const auto own = emitted(node);
  ASSERT_FALSE(own.empty());
  const auto mine = node.answers("minute");
  auto others = mine[1];
  others.revision = 7;
  others.position = own.front().position + 1;  // as it goes when two count on from one place
  others.values["count"] = 2.0;
  const auto said = own.front().position;
  publish({others}, node);
  const auto settled = node.intake->settle_unsaid(said, 0);
  ASSERT_TRUE(node.intake->save_notes().ok());
  for (const auto& a : emitted(node, said)) {
    EXPECT_GT(a.position, settled) << "what is still to be said is behind all that was";
    EXPECT_NE(a.start, mine[1].start);
  }
  node.intake->hold_published(false);
  look_again(node);
  const auto all = node.answers("minute");
  ASSERT_EQ(all.size(), mine.size());
  EXPECT_EQ(all[1].revision, 8u) << "the other node had less of it";
  EXPECT_EQ(all[1].previous.at("count"), 2.0);
  EXPECT_EQ(all[1].values, mine[1].values);
  EXPECT_EQ(all[0].revision, mine[0].revision);
}

// What a node says of groups in between is never in the topic, which counts on from older places.
TEST(Published, WhatWasNeverSaidMakesWay) {
  answers::View groups = answers::built_in_view();
  groups.name = "all";
  groups.group_by.clear();
  const auto edge = edge_with_minutes(5);
  Node node({}, {groups});
  send(node, edge);
  node.settle();
  const auto mine = node.answers("minute");
  const auto all = emitted(node);
  const auto unsaid = std::ranges::find_if(all, [](const auto& a) { return a.series.empty(); });
  ASSERT_NE(unsaid, all.end());
  // Another node was at an older place: a revision lies where a group's row is here, the next one
  // behind all that this node has.
  auto first = mine[1];
  first.position = unsaid->position;
  first.revision = mine[1].revision + 1;
  first.values["count"] = 1.0;
  auto second = mine[1];
  second.position = all.back().position + 1;
  second.revision = mine[1].revision + 2;
  publish({first, second}, node);
  const auto settled = node.intake->settle_unsaid(all.back().position, 0);
  ASSERT_TRUE(node.intake->save_notes().ok());
  node.intake->hold_published(false);
  look_again(node);
  for (const auto& a : emitted(node, settled)) EXPECT_TRUE(a.series.empty()) << to_json(a);
  EXPECT_EQ(node.answers("minute")[1].revision, second.revision);
  EXPECT_EQ(node.answers("minute")[1].position, second.position);
  const auto rows = emitted(node);
  const auto kept = std::ranges::find(rows, first.position, &answers::Answer::position);
  ASSERT_NE(kept, rows.end());
  EXPECT_EQ(kept->revision, first.revision);
  const auto of_groups = [](const auto& a) { return a.series.empty(); };
  EXPECT_EQ(std::ranges::count_if(rows, of_groups), std::ranges::count_if(all, of_groups));
}

TEST(Published, AGroupIsKnownByItsLabels) {
  answers::View view = answers::built_in_view();
  view.name = "by_device";
  view.group_by = {"edge", "device"};
  const auto edge = edge_with_minutes(5);
  Node first({}, {view});
  send(first, edge);
  first.settle();
  const auto said = first.answers("by_device");
  ASSERT_FALSE(said.empty());
  EXPECT_TRUE(said[0].series.empty());
  Node second({}, {view});
  publish(emitted(first), second);
  send(second, edge);
  second.settle();
  second.intake->hold_published(false);
  look_again(second);
  EXPECT_EQ(lines(second.answers("by_device")), lines(said));
  EXPECT_EQ(lines(emitted(second)), lines(emitted(first)));
}

answers::View power(std::vector<std::string> aggregates) {
  auto view = answers::built_in_view();
  view.name = "power";
  view.aggregates = std::move(aggregates);
  return view;
}

TEST(Published, AnswersOfAnotherDefinitionAreNotTakenOver) {
  const auto edge = edge_with_minutes(5);
  Node first({}, {power({"mean", "max"})});
  send(first, edge);
  first.settle();
  const auto said = emitted(first);
  Node second({}, {power({"max"})});
  publish(said, second);
  send(second, edge);
  second.settle();
  second.intake->hold_published(false);
  look_again(second);
  EXPECT_TRUE(second.intake->has_published()) << "they wait for their definition";
  EXPECT_EQ(lines(second.answers("minute")), lines(first.answers("minute")));

  Node alone({}, {power({"max"})});
  send(alone, edge);
  alone.settle();
  const auto all = second.answers("power");
  const auto own = alone.answers("power");
  ASSERT_EQ(all.size(), own.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].revision, own[i].revision) << "they begin anew";
    EXPECT_EQ(all[i].values, own[i].values);
    EXPECT_EQ(all[i].previous, own[i].previous);
    EXPECT_EQ(all[i].view_hash, power({"max"}).hash());
    EXPECT_GT(all[i].position, said.back().position) << "whoever reads the topic hears of each";
  }
}

TEST(Published, WhatWasNotSaidOfAFormerDefinitionIsNotSaidBehindOthers) {
  const auto edge = edge_with_minutes(5);
  Node node({}, {power({"mean", "max"})});
  send(node, edge);
  node.settle();
  const auto former = node.views()[0].hash();
  node.views()[0].aggregates = {"max"};
  ASSERT_EQ(order(node, "views"), "ok: views in force: minute, power");
  node.settle();
  const auto mine = node.answers("power");
  ASSERT_EQ(mine.size(), 5u);
  ASSERT_NE(mine[0].view_hash, former);
  auto others = mine[1];
  others.position += 1000;
  publish({others}, node);
  const auto settled = node.intake->settle_unsaid(0, 0);
  ASSERT_TRUE(node.intake->save_notes().ok());
  const auto left = emitted(node, settled);
  EXPECT_FALSE(left.empty());
  for (const auto& a : left) EXPECT_NE(a.view_hash, former) << answers::to_json(a);
}

TEST(Published, SessionsAreTakenOverToo) {
  answers::View view = answers::built_in_view();
  view.name = "runs";
  view.window.type = "session";
  view.window.size = view.window.gap = std::chrono::seconds(10);
  EdgeDouble edge("press-07", 11, 1);
  for (const auto s : {0, 1, 2, 30, 31, 100}) edge.take(0, kStart + s * kSecond, s);
  const auto early = edge.flush(kStart + 3 * kMinute);
  for (const auto s : {9, 16, 23}) edge.take(0, kStart + s * kSecond, s);  // joins the first two
  const auto late = edge.flush(kStart + 3 * kMinute);
  Node first({}, {view});
  greet(first, edge);
  first.take(edge, edge.block(early));
  first.settle();
  first.take(edge, edge.block(late));
  first.take(edge, edge.last_seal());
  first.settle();
  const auto said = first.answers("runs");
  ASSERT_FALSE(said.empty());
  Node second({}, {view});
  publish(emitted(first), second);
  send(second, edge);
  second.settle();
  second.intake->hold_published(false);
  look_again(second);
  EXPECT_EQ(lines(second.answers("runs")), lines(said));
}

// Its series are not known before a late block of them comes, and may be long past retention.
TEST(Published, AnswersOfWhoIsNotKnownWaitForThem) {
  auto edge = edge_with_minutes(5);
  Node first;
  send(first, edge);
  first.settle();
  const auto said = first.answers("minute");
  Node second;
  publish(emitted(first), second);
  second.intake->hold_published(false);
  look_again(second);
  EXPECT_TRUE(second.intake->has_published());
  second.kill();
  second.start();
  edge.take(0, kStart + 30 * kSecond, 99);
  const auto late = edge.flush(kStart + 5 * kMinute);
  greet(second, edge);
  second.take(edge, edge.block(late));
  look_again(second);
  EXPECT_EQ(lines(second.answers("minute")), lines(said)) << "they have what this one lacks";
  EXPECT_FALSE(second.intake->has_published());
  for (const auto& [sequence, block] : edge.blocks) second.take(edge, edge.block(sequence));
  second.take(edge, edge.last_seal());
  look_again(second);
  const auto all = second.answers("minute");
  ASSERT_EQ(all.size(), said.size());
  EXPECT_EQ(all[0].values.at("count"), 4.0);
  EXPECT_EQ(all[0].revision, said[0].revision + 1);
  for (std::size_t i = 1; i < all.size(); ++i) {
    EXPECT_EQ(answers::to_json(all[i]), answers::to_json(said[i]));
  }
}

TEST(Published, WhatNobodyAsksForGoesAsSupersededRevisionsDo) {
  const auto edge = edge_with_minutes(5);
  Node first;
  send(first, edge);
  first.settle();
  Node second;
  publish(emitted(first), second);
  second.intake->hold_published(false);
  second.clock.advance(std::chrono::hours(24 * 91));
  second.settle();
  second.clock.advance(std::chrono::minutes(2));
  second.settle();
  EXPECT_FALSE(second.intake->has_published());
}

// The first window of a store may be cut off where retention is; if it is whole, it counts.
TEST(Published, ALateReadingInTheFirstWindowCounts) {
  auto edge = edge_with_minutes(5);
  Node first;
  send(first, edge);
  first.settle();
  const auto said = first.answers("minute");
  edge.take(0, kStart + 30 * kSecond, 99);  // the first node never saw it
  edge.flush(kStart + 5 * kMinute);
  Node second;
  publish(emitted(first), second);
  send(second, edge);
  second.settle();
  second.intake->hold_published(false);
  look_again(second);
  const auto all = second.answers("minute");
  ASSERT_EQ(all.size(), said.size());
  EXPECT_EQ(all[0].values.at("count"), 4.0);
  EXPECT_EQ(all[0].revision, said[0].revision + 1);
}

TEST(Published, WhoHasLessOfTheFirstWindowLeavesItAsItIs) {
  EdgeDouble edge("press-07", 11, 1);
  std::vector<std::uint64_t> blocks;
  for (int n = 0; n < 4; ++n) {
    for (int i = 0; i < 3; ++i) edge.take(0, kStart + (30 * n + i) * kSecond, n + i);
    blocks.push_back(edge.flush(kStart + 30 * (n + 1) * kSecond));
  }
  Node first;
  send(first, edge);
  first.settle();
  const auto said = first.answers("minute");
  ASSERT_EQ(said.size(), 2u);
  edge.evict(blocks[0]);  // of whoever asks for it now
  edge.seal(kStart + 2 * kMinute);
  Node second;
  publish(emitted(first), second);
  greet(second, edge);
  for (std::size_t n = 1; n < blocks.size(); ++n) second.take(edge, edge.block(blocks[n]));
  second.take(edge, edge.last_seal());
  look_again(second);  // also what the seal corrects
  second.intake->hold_published(false);
  look_again(second);
  EXPECT_EQ(lines(second.answers("minute")), lines(said));
}

// It goes on from before where it begins in the topic, and nothing of it is said meanwhile.
TEST(Published, ASessionThatBeginsEarlierWaitsForTheOneThatItHolds) {
  answers::View view = answers::built_in_view();
  view.name = "runs";
  view.window.type = "session";
  view.window.size = view.window.gap = std::chrono::seconds(10);
  EdgeDouble edge("press-07", 11, 1);
  for (const auto s : {60, 65, 70, 100, 101}) edge.take(0, kStart + s * kSecond, s);
  edge.flush(kStart + 3 * kMinute);
  Node first({}, {view});
  send(first, edge);
  first.settle();
  const auto said = first.answers("runs");
  ASSERT_EQ(said.size(), 2u);
  edge.take(0, kStart + 52 * kSecond, 1);  // the first node never saw it
  edge.flush(kStart + 3 * kMinute);
  Node second({}, {view});
  publish(emitted(first), second);
  send(second, edge);
  second.settle();
  EXPECT_TRUE(second.answers("runs").empty());
  second.intake->hold_published(false);
  look_again(second);
  const auto all = second.answers("runs");
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].start, event_time(kStart + 52 * kSecond));
  EXPECT_EQ(all[0].end, said[0].end);
  EXPECT_EQ(all[0].values.at("count"), 4.0);
  EXPECT_EQ(all[1].start, said[0].start);
  EXPECT_EQ(all[1].state, answers::State::withdrawn);
  EXPECT_EQ(all[1].revision, said[0].revision + 1);
  EXPECT_EQ(answers::to_json(all[2]), answers::to_json(said[1]));
}

}  // namespace
}  // namespace tidemark::test
