// Windows that overlap: answered all the time when somebody subscribed, and then as exactly as when
// they are computed on read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cloud/edge_double.h"

namespace tidemark::test {
namespace {

using answers::State;

answers::View overlapping(const char* name, const char* type, std::int64_t size,
                          std::int64_t every, bool subscribed) {
  auto view = answers::built_in_view();
  view.name = name;
  view.window.type = type;
  view.window.size = Nanoseconds(size);
  view.window.every = Nanoseconds(every);
  view.emit.subscribed = subscribed;
  return view;
}

std::map<EventTime, answers::Answer> by_start(const std::vector<answers::Answer>& all) {
  std::map<EventTime, answers::Answer> found;
  for (const auto& a : all) found[a.start] = a;
  return found;
}

struct Case {
  const char* type;
  std::int64_t size, every;
};
void PrintTo(const Case& c, std::ostream* out) {
  *out << c.type << " " << c.size / kSecond << " s every " << c.every / kSecond << " s";
}
class Subscribed : public testing::TestWithParam<Case> {};
TEST_P(Subscribed, AreWhatIsComputedOnRead) {
  const auto& c = GetParam();
  Node node({}, {overlapping("kept", c.type, c.size, c.every, true),
                 overlapping("asked", c.type, c.size, c.every, false)});
  EdgeDouble edge("press-07", 1, 1, false, 1);
  for (auto t = kStart + 7 * kSecond; t < kStart + 12 * kMinute; t += 11 * kSecond) {
    if ((t / kMinute) % 5 != 3) edge.take(0, t, static_cast<double>(t / kSecond % 100));
  }
  edge.flush(kStart + 12 * kMinute);
  edge.take(0, kStart + 4 * kMinute + kSecond, 999);
  edge.flush(kStart + 12 * kMinute);
  greet(node, edge);
  node.take(edge, edge.block(1));
  node.take(edge, edge.seal_frame(0));
  node.commit();
  node.settle();
  const auto before = by_start(node.answers("kept"));
  ASSERT_FALSE(before.empty());
  node.kill();
  node.start();
  node.take(edge, edge.hello());
  node.take(edge, edge.block(2));
  node.take(edge, edge.last_seal());
  node.commit();
  node.kill();  // what is pending is found again
  node.start();
  node.settle();
  const auto kept = by_start(node.answers("kept"));
  const auto asked = by_start(node.answers("asked"));
  std::size_t compared = 0;
  for (const auto& [start, answer] : asked) {
    if (answer.end > event_time(kStart + 12 * kMinute)) continue;
    ASSERT_TRUE(kept.contains(start));
    const auto& k = kept.at(start);
    EXPECT_EQ(k.values, answer.values);
    EXPECT_EQ(k.end - k.start, Nanoseconds(c.size));
    EXPECT_EQ(k.completeness, answer.completeness);
    // Those that hold the late reading are revised, the others are not.
    const auto late = event_time(kStart + 4 * kMinute + kSecond);
    const bool holds = k.start <= late && late < k.end;
    EXPECT_EQ(k.state, holds ? State::revised : State::sealed);
    ++compared;
  }
  EXPECT_GT(compared, 5u);
}
INSTANTIATE_TEST_SUITE_P(Rows, Subscribed,
                         testing::Values(Case{"hopping", 5 * kMinute, 2 * kMinute},
                                         Case{"hopping", 3 * kMinute, kMinute},
                                         Case{"sliding", 4 * kMinute, kMinute},
                                         Case{"hopping", 90 * kSecond, 30 * kSecond},
                                         Case{"hopping", 45 * kSecond, 20 * kSecond}));

TEST(Grid, KnowsAllWindowsThatHoldATime) {
  const answers::Grid grid(Nanoseconds(300), Nanoseconds(120));
  for (const std::int64_t t : {-1000, -1, 0, 1, 119, 120, 299, 300, 301, 359, 360, 1000}) {
    const auto at = event_time(t);
    for (auto w = event_time(-1320); w <= event_time(1080); w += Nanoseconds(120)) {
      const bool holds = w <= at && at < grid.end(w);
      EXPECT_EQ(holds, w >= grid.first(at) && w <= grid.floor(at)) << t << " " << count_ns(w);
    }
  }
  const answers::Grid tumbling(Nanoseconds(300));
  EXPECT_EQ(tumbling.first(event_time(299)), event_time(0));
  EXPECT_EQ(tumbling.next(event_time(0)), event_time(300));
}

}  // namespace
}  // namespace tidemark::test
