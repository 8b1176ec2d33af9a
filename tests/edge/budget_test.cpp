#include "edge/uplink/budget.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/edge/temporary_folder.h"

namespace tidemark::uplink {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kDay = 24'000'000;  // 1 MB an hour, of which 0.9 are ordinary
constexpr EventTime kMidnight = event_time(1'790'000'000'000'000'000 / 86'400'000'000'000 *
                                           86'400'000'000'000);

TEST(Budget, WithoutOneEverythingMayGo) {
  Budget budget(Bytes{0}, {});
  budget.spend(kMidnight, 1ULL << 60);
  EXPECT_GT(budget.room(kMidnight, 0).backlog, 1ULL << 62);
  EXPECT_EQ(budget.between_seals(1000), 0ns);
  EXPECT_FALSE(budget.note_due());
}

TEST(Budget, LiveMayTakeWhatTheDayHasBroughtAndAnHourTheBacklogNot) {
  Budget budget(Bytes{kDay}, {});
  EXPECT_EQ(budget.room(kMidnight, 0).backlog, 0u);
  EXPECT_EQ(budget.room(kMidnight, 0).live, kDay * 9 / 10);
  budget.spend(kMidnight, 899'999);
  EXPECT_GT(budget.room(kMidnight, 0).live, 0u);
  budget.spend(kMidnight, 1);
  EXPECT_EQ(budget.room(kMidnight, 0).live, 0u);
  EXPECT_EQ(budget.room(kMidnight + 59min, 0).backlog, 0u);
  EXPECT_GT(budget.room(kMidnight + 61min, 0).backlog, 0u);
  EXPECT_GT(budget.room(kMidnight + 1min, 0).live, 0u);
}

TEST(Budget, TheLastTenthIsForAlarms) {
  Budget budget(Bytes{kDay}, {});
  const auto evening = kMidnight + 23h + 59min;
  budget.spend(evening, kDay * 9 / 10);
  EXPECT_EQ(budget.room(evening, 0).live, 0u);
  EXPECT_EQ(budget.room(evening, 0).alarm, kDay / 10);
  EXPECT_EQ(budget.room(evening, 100).alarm, kDay / 10 - 100) << "what is on its way counts";
  budget.spend(evening, kDay);
  EXPECT_EQ(budget.room(evening, 0).alarm, 0u);
}

TEST(Budget, AnotherDayBeginsAnew) {
  Budget budget(Bytes{kDay}, {});
  budget.spend(kMidnight + 23h, 2 * kDay);
  EXPECT_EQ(budget.room(kMidnight + 24h - 1ns, 0).alarm, 0u);
  EXPECT_EQ(budget.room(kMidnight + 24h, 0).alarm, kDay);
  EXPECT_EQ(budget.spent(kMidnight + 24h).count, 0u);
  budget.spend(kMidnight + 24h, 5);
  EXPECT_EQ(budget.spent(kMidnight + 24h).count, 5u);
}

// However often the agent starts anew, what it spends in a day is at most the budget.
TEST(Budget, RestartsSpendNoByteTwice) {
  test::TemporaryFolder folder;
  const auto file = folder.path() / "uplink.budget";
  std::uint64_t sent = 0;
  int starts = 0;
  for (; starts < 1000; ++starts) {
    auto note = load_note(file);
    ASSERT_TRUE(note);
    Budget budget(Bytes{kDay}, *note);
    bool any = false;
    for (int i = 0; i < 10; ++i) {
      const auto noon = kMidnight + 12h;
      if (budget.room(noon, 0).alarm < 10'000) break;
      budget.spend(noon, 10'000);
      sent += 10'000;
      any = true;
      if (!budget.note_due()) continue;
      ASSERT_TRUE(save_note(file, budget.take_note()));
    }
    if (!any) break;
  }
  EXPECT_LE(sent, kDay);
  EXPECT_GT(starts, 20);
  EXPECT_LT(starts, 1000);
}

TEST(Budget, ANoteIsDueSixtyFourTimesADay) {
  Budget budget(Bytes{kDay}, {});
  int notes = 0;
  for (std::uint64_t spent = 0; spent < kDay; spent += 1000) {
    budget.spend(kMidnight, 1000);
    if (!budget.note_due()) continue;
    budget.take_note();
    ++notes;
  }
  EXPECT_NEAR(notes, 64, 1);
}

TEST(Budget, AFileThatIsNoneIsTold) {
  test::TemporaryFolder folder;
  const auto file = folder.path() / "uplink.budget";
  EXPECT_EQ(load_note(file)->spent, 0u);
  std::ofstream(file) << "what";
  const auto note = load_note(file);
  ASSERT_FALSE(note);
  EXPECT_EQ(note.error().fault(), Fault::corrupt);
}

TEST(Budget, SealsTakeTwoPerCent) {
  Budget budget(Bytes{50 << 20}, {});  // 607 B/s
  EXPECT_NEAR(std::chrono::duration<double>(budget.between_seals(200)).count(), 200 / 12.14, 0.1);
  EXPECT_EQ(budget.between_seals(1 << 20), 5min);
}

}  // namespace
}  // namespace tidemark::uplink
