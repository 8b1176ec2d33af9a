// What no edge will ever say: a start went with its medium or before its first seal, or the cloud
// came back from a backup. No window of that is proved.
#include <gmock/gmock.h>

#include "tests/cloud/minutes_of_edge.h"

namespace tidemark::test {
namespace {

using answers::State;
using testing::HasSubstr;

Opening opening_at(std::int64_t begun) {
  Opening opening;
  opening.begun = event_time(begun);
  return opening;
}

// All that it has, and with its first seal what it says of its starts.
void send_opening(Node& node, const EdgeDouble& edge, const Opening& opening,
                  const std::vector<Closing>& closings = {}) {
  greet(node, edge, closings);
  for (const auto& [sequence, block] : edge.blocks) node.take(edge, edge.block(sequence));
  auto seal = edge.seals.back();
  seal.opening = opening;
  node.take(edge, EdgeDouble::frame(seal));
}

// By minute of the built-in view, those that are not proved.
std::set<std::int64_t> doubted(Node& node) {
  std::set<std::int64_t> minutes;
  for (const auto& a : node.answers("minute")) {
    const auto m = (count_ns(a.start) - kStart) / kMinute;
    if (a.estimated) minutes.insert(m);
    if (a.completeness != 1.0) minutes.insert(m);
    EXPECT_EQ(a.state, State::sealed) << m;
    EXPECT_EQ(a.missing.empty(), !minutes.contains(m)) << m << " " << reasons(a);
  }
  return minutes;
}

using Minutes = std::set<std::int64_t>;

// Its medium was replaced, or wiped: what its last start took behind its last seal is gone, and
// nobody counted it.
TEST(Unheard, WindowsOfAStartThatItsEdgeLostAreNotProved) {
  for (const bool says : {true, false}) {
    SCOPED_TRACE(says ? "it says when it began" : "an edge of before");
    Node node({}, {of_all()});
    node.clock.jump_wall(-std::chrono::minutes(48));  // to the twelfth
    send(node, away(3));
    node.commit();
    EdgeDouble fresh("press-07", 12, 1);
    take_minutes(fresh, 6, 12);
    send_opening(node, fresh, says ? opening_at(kStart + 5 * kMinute + 1) : Opening{});
    node.commit();
    node.settle();
    for (int start = 0; start < 2; ++start) {
      const auto all = node.answers("minute");
      ASSERT_EQ(all.size(), 12u);
      EXPECT_EQ(doubted(node), says ? (Minutes{3, 4, 5})
                                    : (Minutes{3, 4, 5, 6, 7, 8, 9, 10, 11}));
      EXPECT_EQ(all[4].completeness, std::nullopt);
      EXPECT_THAT(reasons(all[4]),
                  HasSubstr("press-07/line1: its edge lost a start, with what that took and had "
                            "not sent from 2025-11-20T01:03:00Z to 2025-11-20T01:"));
      EXPECT_EQ(node.answers("all").at(4).completeness, std::nullopt);
      EXPECT_EQ(node.answers("all").at(2).completeness, 1.0);
      node.kill();
      node.start();
    }
    // The old medium was in its drawer.
    EdgeDouble last("press-07", 13, 5);
    auto before = away(3);
    before.off_from = event_time(kStart + 3 * kMinute);
    before.off_until = event_time(kStart + 5 * kMinute);
    node.take(last, last.hello({before.closing(3), fresh.closing(6)}));
    node.commit();
    node.settle();
    EXPECT_EQ(node.answers("minute").at(8).completeness, 1.0);
    EXPECT_FALSE(node.answers("minute").at(8).estimated);
  }
}

// It died before its first seal, and its medium with it.
TEST(Unheard, AStartThatSaidNothingAndIsLostMayHaveTakenOfAllSources) {
  Node node;
  auto first = away(3);
  send(node, first);
  node.commit();
  EdgeDouble silent("press-07", 12, 2);
  node.take(silent, silent.hello({first.closing(3)}));
  node.commit();
  EdgeDouble fresh("press-07", 13, 1);
  take_minutes(fresh, 6, 8);
  send_opening(node, fresh, opening_at(kStart + 5 * kMinute), {});
  node.commit();
  node.settle();
  EXPECT_EQ(doubted(node), (Minutes{3, 4, 5}));
}

// Its backlog and its last word went; the start behind it had said all that it took.
TEST(Unheard, AStartWhoseEndWasToldIsLostUpToThen) {
  Node node;
  auto first = away(3);
  first.off_from = event_time(kStart + 3 * kMinute);
  first.off_until = event_time(kStart + 4 * kMinute);
  send(node, first);
  EdgeDouble next("press-07", 12, 2);
  take_minutes(next, 5, 7);
  send(node, next, {first.closing(9)});
  node.commit();
  EdgeDouble fresh("press-07", 13, 1);
  take_minutes(fresh, 8, 10);
  send_opening(node, fresh, opening_at(kStart + 8 * kMinute));
  node.commit();
  node.settle();
  EXPECT_EQ(doubted(node), (Minutes{3, 4, 7, 8}));
}

TEST(Unheard, APowerCutBeforeTheFirstSealIsAnEstimate) {
  Node node;
  auto first = away(3);
  first.off_from = event_time(kStart + 3 * kMinute);
  first.off_until = event_time(kStart + 4 * kMinute);
  send(node, first);
  node.commit();
  EdgeDouble silent("press-07", 12, 2);
  silent.off_from = first.off_until;
  silent.off_until = event_time(kStart + 5 * kMinute);
  EdgeDouble next("press-07", 13, 3);
  take_minutes(next, 6, 8);
  auto opening = opening_at(kStart + 5 * kMinute);
  opening.uncounted_from = first.off_until;
  opening.uncounted_until = opening.begun;
  for (int connection = 0; connection < 2; ++connection) {
    send_opening(node, next, opening, {first.closing(3), silent.closing(0)});
    node.commit();
    node.settle();
  }
  const auto all = node.answers("minute");
  ASSERT_EQ(all.size(), 8u);
  for (std::size_t m = 0; m < 8; ++m) {
    SCOPED_TRACE(m);
    EXPECT_EQ(all[m].completeness, 1.0) << "of what is known";
    EXPECT_EQ(all[m].estimated, m == 4 || m == 5);
    EXPECT_EQ(reasons(all[m]).find("the power went") != std::string::npos, m == 4 || m == 5);
  }
}

// What edges were told that it has, and what they said of it, they say no more.
class Restored : public testing::Test {
 protected:
  void back_up() { copy_all(node_.folder.path, backup_.path); }
  // An edge of which the backup has three minutes, and the node three more.
  EdgeDouble half_backed_up() {
    auto edge = away(3);
    send(node_, edge);
    node_.commit();
    node_.kill();
    back_up();
    node_.start();
    take_minutes(edge, 3, 6);
    send(node_, edge);
    node_.commit();
    return edge;
  }
  void restore() {
    node_.kill();
    std::filesystem::remove_all(node_.folder.path);
    copy_all(backup_.path, node_.folder.path);
    node_.start();
  }
  Node node_;

 private:
  static void copy_all(const std::filesystem::path& from, const std::filesystem::path& to) {
    using Options = std::filesystem::copy_options;
    std::filesystem::copy(from, to, Options::recursive | Options::overwrite_existing);
  }
  Folder backup_;
};

TEST_F(Restored, WhatAStartSaidThatGoesOnItSaysAgain) {
  auto edge = half_backed_up();
  node_.settle();
  EXPECT_EQ(doubted(node_), Minutes{});
  restore();
  // The blocks of the fifth minute are overwritten by now.
  edge.evict(5);
  take_minutes(edge, 6, 7);
  node_.take(edge, edge.hello());
  for (const std::uint64_t b : {4, 6, 7}) node_.take(edge, edge.block(b));
  auto seal = edge.seals.back();
  seal.opening = opening_at(kStart);
  node_.take(edge, EdgeDouble::frame(seal));
  node_.commit();
  node_.settle();
  EXPECT_EQ(node_.answers("minute").at(4).completeness, 0.0);
  EXPECT_EQ(node_.answers("minute").at(4).lost, 60u);
  EXPECT_EQ(node_.answers("minute").at(5).completeness, 1.0);
}

TEST_F(Restored, WhatAnEarlierStartSaidIsNotProved) {
  auto edge = half_backed_up();
  restore();
  edge.off_from = event_time(kStart + 6 * kMinute);
  edge.off_until = event_time(kStart + 7 * kMinute);
  EdgeDouble next("press-07", 12, 2);
  take_minutes(next, 7, 9);
  auto opening = opening_at(kStart + 7 * kMinute);
  opening.told = {{edge.incarnation(), 6}};
  node_.take(edge, edge.hello());
  greet(node_, next, {edge.closing(6)});
  // Its last word: what was evicted. Its counts were acknowledged, and are no more.
  edge.evict(4);
  edge.seal(kStart + 6 * kMinute);
  auto last_word = edge.seals.back();
  last_word.number = (std::uint64_t{1} << 32) + 7;
  last_word.sources[0].minutes.clear();
  last_word.opening.emplace().told = opening.told;
  node_.take(next, EdgeDouble::frame(last_word));
  for (const std::uint64_t b : {5, 6}) node_.take(next, edge.block(b));
  for (const auto& [sequence, block] : next.blocks) node_.take(next, next.block(sequence));
  auto seal = next.seals.back();
  seal.opening = opening;
  node_.take(next, EdgeDouble::frame(seal));
  node_.commit();
  node_.settle();
  EXPECT_EQ(doubted(node_), (Minutes{3, 4, 5, 6, 7}));
  EXPECT_THAT(reasons(node_.answers("minute").at(3)),
              HasSubstr("this cloud came back from a backup, and no longer knows what its edge "
                        "told it from 2025-11-20T01:03:00Z to 2025-11-20T01:08:00Z"));
}

// A whole start lies between the backup and today; its edge has settled it.
TEST_F(Restored, AStartThatItNeverHeardOfIsNotProved) {
  auto edge = away(3);
  edge.off_from = event_time(kStart + 3 * kMinute);
  edge.off_until = event_time(kStart + 3 * kMinute + 1);
  send(node_, edge);
  EdgeDouble next("press-07", 12, 2);
  node_.take(next, next.hello({edge.closing(3)}));
  node_.commit();
  node_.settle();
  node_.kill();
  back_up();
  restore();
  EdgeDouble last("press-07", 14, 4);
  take_minutes(last, 6, 8);
  auto opening = opening_at(kStart + 6 * kMinute);
  opening.settled = {13};
  for (int connection = 0; connection < 2; ++connection) {
    send_opening(node_, last, opening, {next.closing(0)});
    node_.commit();
    node_.settle();
  }
  EXPECT_EQ(doubted(node_), (Minutes{3, 4, 5, 6}));
}

TEST_F(Restored, WhoHasAllThatItWasToldDoubtsNothing) {
  const auto edge = away(3);
  send(node_, edge);
  node_.commit();
  EdgeDouble next("press-07", 12, 2);
  take_minutes(next, 3, 6);
  auto opening = opening_at(kStart + 3 * kMinute + 1);
  opening.told = {{edge.incarnation(), edge.seals.back().number}};
  send_opening(node_, next, opening, {edge.closing(3)});
  node_.commit();
  EdgeDouble last("press-07", 13, 3);
  take_minutes(last, 6, 9);
  opening = opening_at(kStart + 6 * kMinute);
  opening.settled = edge.incarnation();
  opening.told = {{next.incarnation(), next.seals.back().number}};
  send_opening(node_, last, opening, {next.closing(3)});
  node_.commit();
  node_.settle();
  EXPECT_EQ(node_.answers("minute").size(), 9u);
  EXPECT_EQ(doubted(node_), Minutes{});
}

}  // namespace
}  // namespace tidemark::test
