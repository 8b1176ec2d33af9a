// When an answer comes: for a share of what the edge took, before the proof that all of it is here.
#include "cloud/store/orders.h"
#include "tests/cloud/edge_double.h"

namespace tidemark::test {
namespace {

answers::View for_share(const std::string& name, double share) {
  auto view = answers::built_in_view();
  view.name = name;
  view.emit.early = {};
  view.emit.complete = share;
  return view;
}

TEST(Emission, AWindowIsAnsweredWhenTheShareIsHere) {
  Node node({}, {for_share("most", 0.8), for_share("nearly_all", 0.95)});
  EdgeDouble edge("press-07", 1, 1);
  for (int block = 0; block < 10; ++block) {
    edge.take(0, kStart + block * 5 * kSecond, 7);
    edge.flush(kStart + 2 * kMinute);
  }
  greet(node, edge);
  for (const std::uint64_t block : {1, 2, 3, 4, 6, 7, 8}) node.take(edge, edge.block(block));
  node.commit();
  EXPECT_TRUE(node.answers("most").empty()) << "the edge has not said that the minute is over";
  node.take(edge, edge.last_seal());
  node.commit();
  EXPECT_TRUE(node.answers("most").empty()) << "seven of ten are here";
  node.take(edge, edge.block(9));
  node.commit();
  const auto most = node.answers("most");
  ASSERT_EQ(most.size(), 1u);
  EXPECT_EQ(most[0].state, answers::State::provisional);
  EXPECT_DOUBLE_EQ(most[0].completeness.value(), 0.8);
  EXPECT_EQ(most[0].values.at("count"), 8.0);
  EXPECT_TRUE(node.answers("nearly_all").empty());
  node.take(edge, edge.block(10));
  node.commit();
  EXPECT_EQ(node.answers("most")[0].values.at("count"), 8.0) << "once; the rest comes at the seal";
  node.take(edge, edge.block(5));
  node.commit();
  for (const auto* view : {"most", "nearly_all"}) {
    const auto all = node.answers(view);
    ASSERT_EQ(all.size(), 2u) << view;  // and the silent minute behind it
    EXPECT_EQ(all[0].state, answers::State::sealed);
    EXPECT_EQ(all[0].values.at("count"), 10.0);
    EXPECT_EQ(all[0].revision, view == std::string("most") ? 1u : 0u);
  }
}

// A series is heard for the first time behind what its source has proved: the silent windows
// behind its readings are answers too, though no frontier moves any more.
TEST(Emission, ASeriesThatIsFirstHeardLateHasItsSilentWindowsToo) {
  Node node;
  EdgeDouble edge("press-07", 1, 1);
  edge.take(0, kStart, 1);
  edge.flush(kStart + kMinute);
  edge.take(1, kStart + kSecond, 1);
  const auto late = edge.flush(kStart + 3 * kMinute);
  edge.evict(late);  // and is on its way
  edge.seal(kStart + 3 * kMinute);
  greet(node, edge);
  node.take(edge, edge.block(1));
  node.take(edge, edge.last_seal());
  node.settle();
  EXPECT_EQ(node.answers("minute", "**/m0").size(), 3u);
  EXPECT_TRUE(node.answers("minute", "**/m1").empty());
  node.take(edge, edge.block(late));
  node.settle();
  const auto all = node.answers("minute", "**/m1");
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].values.at("count"), 1.0);
  for (const auto& a : all) EXPECT_EQ(a.completeness, 1.0);
}

// Its share of what its edge took: an edge that is away holds nobody back.
TEST(Emission, AnotherEdgeThatIsAwayDoesNotMatter) {
  Node node({}, {for_share("most", 0.8)});
  EdgeDouble here("press-07", 1, 1), away("press-08", 2, 1);
  for (auto* edge : {&here, &away}) {
    edge->take(0, kStart, 7);
    edge->flush(kStart + kMinute);
    node.take(*edge, edge->hello());
    node.take(*edge, edge->dictionary());
  }
  node.take(away, away.last_seal());
  node.take(here, here.block(1));
  node.take(here, here.last_seal());
  node.commit();
  ASSERT_EQ(node.answers("most").size(), 1u);
  EXPECT_EQ(node.answers("most")[0].state, answers::State::sealed);
}

// A view that comes while the node runs answers for what there was before it, and what was pending
// for the others is not forgotten.
TEST(Views, ChangeWhileTheNodeRuns) {
  Node node;
  EdgeDouble edge("press-07", 1, 1);
  for (auto t = kStart; t < kStart + 6 * kMinute; t += 10 * kSecond) edge.take(0, t, 7);
  edge.flush(kStart + 6 * kMinute);
  edge.take(0, kStart + kMinute + 5 * kSecond, 7);
  edge.flush(kStart + 6 * kMinute);
  greet(node, edge);
  node.take(edge, edge.block(1));
  node.take(edge, edge.seal_frame(0));
  node.commit();
  node.settle();
  ASSERT_EQ(node.answers("minute").size(), 6u);

  auto two = answers::built_in_view();
  two.name = "two";
  two.window.size = std::chrono::minutes(2);
  node.views().push_back(two);
  node.take(edge, edge.block(2));  // late: a revision is pending when the views change
  node.take(edge, edge.last_seal());
  node.commit();
  ASSERT_TRUE(store::give_order(node.folder.path, "views", node.clock.wall()).ok());
  node.settle();
  const auto minutes = node.answers("minute");
  ASSERT_EQ(minutes.size(), 6u);
  EXPECT_EQ(minutes[1].values.at("count"), 7.0);
  EXPECT_EQ(minutes[1].revision, 1u);
  const auto pairs = node.answers("two");
  ASSERT_EQ(pairs.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(pairs[i].values.at("count"), i == 0 ? 13.0 : 12.0);
    EXPECT_EQ(pairs[i].state, answers::State::sealed);
  }

  node.views().clear();
  ASSERT_TRUE(store::give_order(node.folder.path, "views", node.clock.wall()).ok());
  node.clock.advance(std::chrono::seconds(6));
  node.commit();
  auto reader = query::Reader::open(node.folder.path).value();
  EXPECT_EQ(reader->views().value(), std::vector<std::string>{"minute"});
}

// What a batch may answer grows with it: windows do not wait until their panes have left memory.
TEST(Emission, ALargeBatchAnswersMore) {
  Node node;
  EdgeDouble edge("press-07", 1, 1);
  constexpr int kWindows = 600;
  static_assert(kWindows > intake::kEmissionsPerCommitMax);
  const auto begin = kStart - kWindows * kMinute;
  greet(node, edge);
  for (int m = 0; m < kWindows; ++m) {
    for (int i = 0; i < static_cast<int>(intake::kReadingsOfAnEmission); ++i) {
      edge.take(0, begin + m * kMinute + i * kSecond / 10, i);
    }
    if (m % 100 == 99) node.take(edge, edge.block(edge.flush(kStart)));
  }
  node.take(edge, edge.last_seal());
  node.commit();
  EXPECT_EQ(node.answers("minute").size(), std::size_t{kWindows});
}

}  // namespace
}  // namespace tidemark::test
