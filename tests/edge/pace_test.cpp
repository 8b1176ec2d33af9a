#include "edge/daemon/pace.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace tidemark::edge {
namespace {

using std::chrono::seconds;

TEST(Pace, IsThatOfTheLastSeconds) {
  Pace pace(seconds(10));
  const SteadyTime start{};
  EXPECT_EQ(pace.per_second(start, 0), 0.0);
  for (int t = 0; t <= 100; t += 5) pace.look(start + seconds(t), static_cast<unsigned>(t * 100));
  EXPECT_EQ(pace.per_second(start + seconds(100), 10'000), 100.0);
  // It stops: nothing is left of it 15 s later.
  for (int t = 105; t <= 115; t += 5) pace.look(start + seconds(t), 10'000);
  EXPECT_EQ(pace.per_second(start + seconds(115), 10'000), 0.0);
}

TEST(Pace, SaysOverWhatTimeItIsTaken) {
  Pace pace(seconds(10));
  const SteadyTime start{};
  EXPECT_EQ(pace.over(start), seconds(0));
  for (int t = 0; t <= 100; t += 5) {
    pace.look(start + seconds(t), 0);
    EXPECT_EQ(pace.over(start + seconds(t)), seconds(std::min(t, 10)));
  }
}

TEST(Pace, ACounterThatBeginsAnewIsNoRise) {
  Pace pace(seconds(10));
  pace.look(SteadyTime{}, 500);
  EXPECT_EQ(pace.per_second(SteadyTime{} + seconds(1), 20), 0.0);
}

}  // namespace
}  // namespace tidemark::edge
