// Sessions: as long as readings come without a gap. Late ones join them; who is joined is
// withdrawn.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cloud/give_order.h"

namespace tidemark::test {
namespace {

using answers::State;

answers::View sessions(std::int64_t gap) {
  auto view = answers::built_in_view();
  view.name = "runs";
  view.window.type = "session";
  view.window.size = view.window.gap = Nanoseconds(gap);
  return view;
}

struct Shown {
  std::int64_t start, end;  // seconds
  double count;             // -1: none
  State state;
  friend bool operator==(const Shown&, const Shown&) = default;
};
void PrintTo(const Shown& s, std::ostream* out) {
  *out << s.start << " to " << s.end << ": " << s.count << " " << answers::to_string(s.state);
}
std::vector<Shown> shown(Node& node) {
  std::vector<Shown> all;
  for (const auto& a : node.answers("runs")) {
    all.push_back({(count_ns(a.start) - kStart) / kSecond, (count_ns(a.end) - kStart) / kSecond,
                   a.values.at("count").value_or(-1), a.state});
  }
  return all;
}

void take(EdgeDouble& edge, std::int64_t from_s, std::int64_t to_s) {
  for (auto t = from_s; t < to_s; t += 5) edge.take(0, kStart + t * kSecond, 7);
}

TEST(Sessions, AreSealedWhenTheirGapIsOver) {
  Node node({}, {sessions(10 * kSecond)});
  EdgeDouble edge("press-07", 1, 1, false, 1);
  take(edge, 0, 31);    // 0 to 30, then nothing until
  take(edge, 45, 56);   // 45 to 55
  edge.flush(kStart + 58 * kSecond);
  send(node, edge);
  node.commit();
  node.settle();
  EXPECT_THAT(shown(node), testing::ElementsAre(Shown{0, 31, 7, State::sealed},
                                                Shown{45, 56, 3, State::provisional}));
  edge.seal(kStart + 66 * kSecond);
  node.take(edge, edge.last_seal());
  node.commit();
  EXPECT_THAT(shown(node), testing::ElementsAre(Shown{0, 31, 7, State::sealed},
                                                Shown{45, 56, 3, State::sealed}));
}

TEST(Sessions, ThatLateReadingsJoinAreWithdrawnForTheFirst) {
  Node node({}, {sessions(10 * kSecond)});
  EdgeDouble edge("press-07", 1, 1, false, 1);
  take(edge, 20, 31);
  take(edge, 45, 56);
  take(edge, 70, 81);
  edge.flush(kStart + 100 * kSecond);
  take(edge, 38, 39);   // 31 … 38 … 45
  edge.flush(kStart + 100 * kSecond);
  take(edge, 12, 13);   // before the first
  edge.flush(kStart + 100 * kSecond);
  greet(node, edge);
  node.take(edge, edge.block(1));
  node.take(edge, edge.seal_frame(0));
  node.commit();
  node.settle();
  ASSERT_EQ(shown(node).size(), 3u);
  node.take(edge, edge.block(2));
  node.commit();
  node.kill();
  node.start();
  node.settle();
  EXPECT_THAT(shown(node), testing::ElementsAre(Shown{20, 56, 7, State::revised},
                                                Shown{45, 56, -1, State::withdrawn},
                                                Shown{70, 81, 3, State::sealed}));
  const auto gone = node.answers("runs")[1];
  EXPECT_THAT(gone.notes, testing::ElementsAre("part of the session that starts at " +
                                               format_utc(event_time(kStart + 20 * kSecond))));
  EXPECT_EQ(gone.previous.at("count"), 3.0);
  node.take(edge, edge.hello());
  node.take(edge, edge.block(3));
  node.take(edge, edge.last_seal());
  node.commit();
  node.settle();
  const auto all = shown(node);
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[0], (Shown{12, 56, 8, all[0].state})) << "a new start is a new session";
  EXPECT_EQ(all[1].state, State::withdrawn);
  EXPECT_EQ(all[1].start, 20);
}

// A reading that is bad is one: it changes no figure, and how long the session is.
TEST(Sessions, AreLongerByAReadingThatIsBad) {
  Node node({}, {sessions(10 * kSecond)});
  EdgeDouble edge("press-07", 1, 1, false, 1);
  take(edge, 0, 1);
  take(edge, 30, 31);
  edge.flush(kStart + 60 * kSecond);
  edge.count(kStart + 8 * kSecond);
  Block late;
  late.dictionaries = {edge.dictionary_hash()};
  Column column;
  column.type = edge.series()[0].type;
  column.i64 = {7};
  column.quality = {Quality::bad_range};
  auto& group = late.groups.emplace_back();
  group.times = {kStart + 8 * kSecond};
  group.columns = {column};
  edge.flush(std::move(late), kStart + 60 * kSecond);
  greet(node, edge);
  node.take(edge, edge.block(1));
  node.take(edge, edge.seal_frame(0));
  node.commit();
  node.settle();
  ASSERT_THAT(shown(node), testing::ElementsAre(Shown{0, 1, 1, State::sealed},
                                                Shown{30, 31, 1, State::sealed}));
  node.take(edge, edge.block(2));
  node.take(edge, edge.last_seal());
  node.commit();
  node.settle();
  EXPECT_THAT(shown(node), testing::ElementsAre(Shown{0, 9, 1, State::revised},
                                                Shown{30, 31, 1, State::sealed}));
}

// Who belongs changes between sessions, and nobody belongs for a while.
TEST(Sessions, OfAGroupGoOnWhenItsMemberComesBack) {
  auto view = sessions(10 * kSecond);
  view.group_by = {"area"};
  Node node({}, {view});
  EdgeDouble edge("press-07", 1, 1, false, 1);
  std::int64_t from = 0;
  for (const auto* area : {"stamping", "paint", "stamping"}) {
    node.relabels = {{answers::Selection("**"), {{"area", area}}}};
    node.kill();
    node.start();
    take(edge, from, from + 21);
    edge.flush(kStart + (from + 60) * kSecond);
    send(node, edge);
    node.commit();
    node.settle();
    from += 100;
  }
  std::vector<std::tuple<std::string, std::int64_t, double, State>> found;
  for (const auto& a : node.answers("runs")) {
    found.emplace_back(a.labels.at("area"), (count_ns(a.start) - kStart) / kSecond,
                       a.values.at("count").value_or(-1), a.state);
  }
  EXPECT_THAT(found, testing::UnorderedElementsAre(
                         std::tuple("stamping", 0, 5.0, State::sealed),
                         std::tuple("paint", 100, 5.0, State::sealed),
                         std::tuple("stamping", 200, 5.0, State::sealed)));
}

// A session that no panes are left of is no other sessions: each reading is in one, in order.
TEST(Sessions, ThatOutliveTheirPanesGoOnAsAnother) {
  reconcile::Horizons horizons;
  horizons.age = {std::chrono::minutes(2), std::chrono::hours(1), std::chrono::hours(24),
                  std::chrono::hours(48)};
  Node node(horizons, {sessions(10 * kSecond)});
  EdgeDouble edge("press-07", 1, 1, false, 1);
  greet(node, edge);
  for (std::int64_t s = 7; s < 900; s += 30) {
    take(edge, s, s + 30);
    node.take(edge, edge.block(edge.flush(kStart + (s + 30) * kSecond)));
    node.take(edge, edge.last_seal());
    node.commit();
    node.settle();
  }
  edge.seal(kStart + 1000 * kSecond);
  node.take(edge, edge.last_seal());
  node.settle();
  std::int64_t end = 0;
  double count = 0;
  for (const auto& s : shown(node)) {
    if (s.state == State::withdrawn) continue;
    EXPECT_GE(s.start, end) << "each reading is in one";
    EXPECT_NE(s.state, State::provisional);
    EXPECT_GT(s.count, 0) << s.start;
    end = s.end;
    count += s.count;
  }
  EXPECT_EQ(end, 903);
  EXPECT_EQ(count, 180);
}

// Sealed by a person's word, and proved when its source delivers.
TEST(Sessions, ThatWereWaivedAreProvedByAndBy) {
  Node node({}, {sessions(10 * kSecond)});
  EdgeDouble edge("press-07", 1, 1, false, 1);
  take(edge, 0, 31);
  edge.flush(kStart + 33 * kSecond);
  send(node, edge);
  node.commit();
  const auto until = std::to_string(kStart + 120 * kSecond);
  const auto words = "waive press-07/line1 " + until + " ada cable";
  ASSERT_THAT(order(node, words), testing::StartsWith("ok: "));
  node.settle();
  ASSERT_EQ(node.answers("runs").at(0).waived.size(), 1u);
  ASSERT_EQ(node.answers("runs").at(0).state, State::sealed);
  edge.seal(kStart + 200 * kSecond);
  node.take(edge, edge.last_seal());
  node.commit();
  node.settle();
  EXPECT_TRUE(node.answers("runs").at(0).waived.empty());
  EXPECT_EQ(node.answers("runs").at(0).completeness, 1.0);
  EXPECT_FALSE(node.answers("runs").at(0).estimated);
}

// In any order of blocks the same sessions stand in the end.
TEST(Sessions, DoNotDependOnTheOrderOfArrival) {
  const std::vector<std::vector<std::uint64_t>> orders = {
      {1, 2, 3, 4}, {4, 3, 2, 1}, {2, 4, 1, 3}, {3, 1, 4, 2}};
  for (const auto& order : orders) {
    Node node({}, {sessions(2 * kMinute)});
    EdgeDouble edge("press-07", 1, 1, false, 1);
    take(edge, 0, 100);
    edge.flush(kStart + 3600 * kSecond);
    take(edge, 400, 500);
    edge.flush(kStart + 3600 * kSecond);
    take(edge, 200, 300);
    edge.flush(kStart + 3600 * kSecond);
    take(edge, 900, 1000);
    edge.flush(kStart + 3600 * kSecond);
    greet(node, edge);
    node.take(edge, edge.last_seal());
    for (const auto block : order) {
      node.take(edge, edge.block(block));
      node.commit();
      node.settle();
    }
    std::vector<std::tuple<std::int64_t, std::int64_t, double>> standing;
    for (const auto& s : shown(node)) {
      if (s.state != State::withdrawn) standing.emplace_back(s.start, s.end, s.count);
    }
    EXPECT_THAT(standing, testing::ElementsAre(std::tuple(0, 540, 60.0),
                                               std::tuple(900, 1020, 20.0)));
  }
}

}  // namespace
}  // namespace tidemark::test
