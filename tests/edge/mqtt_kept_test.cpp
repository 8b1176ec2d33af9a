#include <gtest/gtest.h>

#include "edge/mqtt/kept_messages.h"

namespace tidemark::mqtt {
namespace {

using namespace std::chrono_literals;

struct Pace {
  const char* name;
  std::uint64_t kept;      // come at once after the connection
  std::uint64_t per_step;  // come evenly
  int steps;
  std::uint64_t told;      // 0: nothing
};

class KeptMessagesPace : public testing::TestWithParam<Pace> {};

TEST_P(KeptMessagesPace, IsToldFromThatOfNow) {
  const auto& c = GetParam();
  KeptMessages kept;
  const Nanoseconds start = 100s;
  kept.connected(start);
  for (std::uint64_t i = 0; i < c.kept; ++i) kept.heard(start + 1us);
  std::optional<std::uint64_t> told;
  for (int s = 0; s < c.steps; ++s) {
    for (std::uint64_t i = 0; i < c.per_step; ++i) {
      const auto within = KeptMessages::kStep * (2 * i + 1) / (2 * c.per_step);
      kept.heard(start + s * KeptMessages::kStep + within);
      if (const auto now = kept.ended(start + s * KeptMessages::kStep + within)) told = now;
    }
  }
  const auto after = start + c.steps * KeptMessages::kStep;
  if (const auto now = kept.ended(after)) told = now;
  EXPECT_EQ(told.value_or(0), c.told);
  EXPECT_FALSE(kept.ended(after + 1s)) << "once";
}

INSTANTIATE_TEST_SUITE_P(
    All, KeptMessagesPace,
    testing::Values(Pace{"nothing came", 0, 0, 60, 0}, Pace{"as many as ever", 0, 1000, 60, 0},
                    Pace{"a few more", 19, 0, 60, 0}, Pace{"a silent plant", 20, 0, 2, 20},
                    Pace{"one that goes on", 5000, 100, 60, 5000},
                    Pace{"less than what comes anyway", 90, 100, 60, 0}),
    [](const auto& row) {
      std::string name = row.param.name;
      for (auto& c : name) c = c == ' ' ? '_' : c;
      return name;
    });

TEST(KeptMessages, ABacklogThatTakesLongIsCountedToItsEnd) {
  KeptMessages kept;
  kept.connected(0s);
  for (int s = 0; s < 6; ++s) {  // three seconds of it, then nothing
    for (int i = 0; i < 500; ++i) kept.heard(s * KeptMessages::kStep + i * 1us);
    EXPECT_FALSE(kept.ended(s * KeptMessages::kStep + 1ms));
  }
  EXPECT_EQ(kept.ended(10s), 3000u);
  EXPECT_FALSE(kept.counting());
}

}  // namespace
}  // namespace tidemark::mqtt
