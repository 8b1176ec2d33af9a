#include "edge/pipeline/tier_choice.h"

#include <gtest/gtest.h>

namespace tidemark::pipeline {
namespace {

using codec::Tier;
using namespace std::chrono_literals;

// Packs `values` every second, each at the cost of its tier, and tells which tier was chosen.
class Edge {
 public:
  explicit Edge(TierOptions options) : choice_(options) {}
  Tier run(int seconds, std::uint64_t values, double fill = 0) {
    for (int i = 0; i < seconds; ++i) {
      now_ += 1s;
      const auto tier = choice_.choose(now_, fill);
      changes_ += tier != before_ ? 1 : 0;
      before_ = tier;
      const auto ns = values * cost_[static_cast<std::size_t>(tier)];
      choice_.packed(values, Nanoseconds(static_cast<std::int64_t>(ns)));
    }
    return choice_.tier();
  }
  void costs(std::uint64_t fast, std::uint64_t standard, std::uint64_t dense) {
    cost_ = {fast, standard, dense};
  }
  [[nodiscard]] int changes() const { return changes_; }
  [[nodiscard]] const TierChoice& choice() const { return choice_; }

 private:
  TierChoice choice_;
  SteadyTime now_{};
  std::array<std::uint64_t, 3> cost_{3, 25, 130};  // ns a value
  Tier before_ = choice_.tier();
  int changes_ = 0;
};

constexpr TierOptions automatic(bool metered) { return {std::nullopt, metered, 0.1}; }

TEST(TierChoice, AConfiguredTierStaysWhateverItCosts) {
  Edge edge({Tier::dense, false, 0.1});
  EXPECT_EQ(edge.run(100, 7'000'000, 0.9), Tier::dense);
  EXPECT_EQ(edge.choice().why(), "configured");
}

TEST(TierChoice, AMeteredLinkIsWorthDenseBlocksAnyOtherStandardOnes) {
  EXPECT_EQ(Edge(automatic(true)).run(100, 1000), Tier::dense);
  EXPECT_EQ(Edge(automatic(false)).run(100, 1000), Tier::standard);
}

TEST(TierChoice, PackingThatTakesMoreThanItsShareBecomesLighterStepByStep) {
  Edge edge(automatic(true));
  // 1.3 M/s: dense 16.9 % of a CPU, standard 3.3 %.
  EXPECT_EQ(edge.run(7, 1'300'000), Tier::standard);
  EXPECT_EQ(edge.choice().why(), "dense took 16.9 % of a CPU, at most 10.0 %");
  EXPECT_EQ(edge.run(7, 7'000'000), Tier::fast);
}

// The threshold: what takes the share exactly stays, one more does not.
TEST(TierChoice, TheShareIsItsBound) {
  Edge at_bound(automatic(false)), above(automatic(false));
  at_bound.costs(1, 100, 1000);
  above.costs(1, 100, 1000);
  EXPECT_EQ(at_bound.run(20, 1'000'000), Tier::standard);
  EXPECT_EQ(above.run(20, 1'000'100), Tier::fast);
}

TEST(TierChoice, ItDoesNotFlapAtALoadThatItCannotCarry) {
  Edge edge(automatic(true));
  edge.run(3600, 1'300'000);
  EXPECT_EQ(edge.choice().tier(), Tier::standard);
  EXPECT_EQ(edge.changes(), 1);
}

TEST(TierChoice, AnUntriedTierIsTriedOnceAndItsCostRemembered) {
  Edge edge(automatic(false));
  edge.costs(3, 200, 1000);  // standard costs more here than kStepCost foresees
  EXPECT_EQ(edge.run(10, 10'000, 0.8), Tier::fast) << "pressed before standard was ever measured";
  edge.run(3600, 1'000'000);
  EXPECT_EQ(edge.choice().tier(), Tier::fast);
  EXPECT_LE(edge.changes(), 3);
}

TEST(TierChoice, ItBecomesHeavierOnlyAfterAMinuteOfCalm) {
  Edge edge(automatic(true));
  ASSERT_EQ(edge.run(7, 1'300'000), Tier::standard);
  EXPECT_EQ(edge.run(55, 100'000), Tier::standard);
  EXPECT_EQ(edge.run(15, 100'000), Tier::dense);
  ASSERT_EQ(edge.run(7, 1'300'000), Tier::standard);
  for (int i = 0; i < 10; ++i) {  // never calm for a minute
    edge.run(45, 100'000);
    edge.run(5, 1'300'000);
  }
  EXPECT_EQ(edge.choice().tier(), Tier::standard);
}

TEST(TierChoice, AJournalThatFillsUpMakesItFastAtOnce) {
  Edge edge(automatic(true));
  EXPECT_EQ(edge.run(1, 1000, 0.74), Tier::dense);
  EXPECT_EQ(edge.run(1, 1000, 0.75), Tier::fast);
  EXPECT_EQ(edge.choice().why(), "the intake journal was 75 % full");
  EXPECT_EQ(edge.run(120, 1000, 0.61), Tier::fast) << "not relieved yet";
  EXPECT_EQ(edge.run(70, 1000, 0.2), Tier::standard);
  EXPECT_EQ(edge.run(70, 1000, 0.2), Tier::dense);
}

TEST(TierChoice, TheSameMeasurementsGiveTheSameTiers) {
  Edge a(automatic(true)), b(automatic(true));
  std::uint64_t load = 1;
  for (int i = 0; i < 2000; ++i) {
    load = load * 6364136223846793005u + 1442695040888963407u;
    const auto values = (load >> 33) % 3'000'000;
    const auto fill = static_cast<double>(load >> 20 & 1023) / 1200;
    ASSERT_EQ(a.run(1, values, fill), b.run(1, values, fill));
    ASSERT_EQ(a.choice().why(), b.choice().why());
  }
}

}  // namespace
}  // namespace tidemark::pipeline
