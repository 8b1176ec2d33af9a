// Where slots are, as one scan has it and as each look does.
#include "cloud/answers/slot_rows.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "cloud/store/late_rows.h"
#include "cloud/store/schema.h"
#include "tests/edge/temporary_folder.h"

namespace tidemark::test {
namespace {

using answers::Cause;
using answers::SlotRows;

constexpr std::int64_t kView = 2, kShares = -2, kOther = 7;

class SlotsInRows : public testing::TestWithParam<bool> {  // whether all were read at once
 protected:
  void SetUp() override {
    database_ = store::open_writer(folder_.path() / "cloud.db").value();
    database_->run("INSERT INTO views VALUES(2,'minute',x'01',1)");
    database_->run("INSERT INTO slots VALUES(2,1,60,120),(2,3,0,60),(-2,3,-60,180)");
    database_->run("INSERT INTO revisions_due VALUES(2,3,60,0),(2,3,0,1),(-2,3,120,4)");
    rows_.emplace(*database_);
    if (GetParam()) rows_->read();
  }

  TemporaryFolder folder_;
  std::unique_ptr<sqlite::Database> database_;
  std::optional<SlotRows> rows_;
};

TEST_P(SlotsInRows, AreFoundByViewAndSubject) {
  const auto found = rows_->find(kView, 1);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->begins, event_time(60));
  EXPECT_EQ(found->sealed_to, event_time(120));
  EXPECT_EQ(rows_->find(kView, 3)->sealed_to, event_time(60));
  EXPECT_EQ(rows_->find(kShares, 3)->begins, event_time(-60));
  EXPECT_FALSE(rows_->find(kView, 2));
  EXPECT_FALSE(rows_->find(kShares, 1));
  EXPECT_FALSE(rows_->find(kOther, 1));
}

TEST_P(SlotsInRows, SayWhichWindowsWait) {
  const auto due = rows_->due(kView, 3);
  ASSERT_EQ(due.size(), 2u);
  EXPECT_EQ(due[0].start, event_time(0));
  EXPECT_EQ(due[0].cause, Cause::late);
  EXPECT_EQ(due[1].start, event_time(60));
  EXPECT_FALSE(due[1].cause) << "it is not sealed";
  ASSERT_EQ(rows_->due(kShares, 3).size(), 1u);
  EXPECT_EQ(rows_->due(kShares, 3)[0].cause, Cause::correction);
  EXPECT_TRUE(rows_->due(kView, 1).empty());
}

TEST(SlotRows, OfViewsThatAreNoMoreAreNotRead) {
  TemporaryFolder folder;
  const auto database = store::open_writer(folder.path() / "cloud.db").value();
  database->run("INSERT INTO views VALUES(2,'minute',x'01',1),(5,'minute',x'00',0)");
  database->run("INSERT INTO slots VALUES(2,1,60,120),(-2,1,60,120),(5,1,60,120),(-5,1,60,120)");
  SlotRows rows(*database);
  rows.read();
  EXPECT_EQ(rows.size(), 2u);
}

TEST_P(SlotsInRows, ThatWereLetGoOfAreAskedForAgain) {
  rows_->let_go();
  database_->run("UPDATE slots SET sealed_to=240 WHERE view=2 AND series=1");
  database_->run("DELETE FROM revisions_due");
  EXPECT_EQ(rows_->find(kView, 1)->sealed_to, event_time(240));
  EXPECT_TRUE(rows_->due(kView, 3).empty());
}

INSTANTIATE_TEST_SUITE_P(, SlotsInRows, testing::Bool(), [](const auto& how) {
  return how.param ? "AtOnce" : "OneByOne";
});

TEST(LateRows, SayWhichSeriesHaveReadingsInQuarantine) {
  TemporaryFolder folder;
  const auto database = store::open_writer(folder.path() / "cloud.db").value();
  store::Changes changes;
  store::LateRows late(*database, changes);
  EXPECT_TRUE(late.early().empty());
  late.add(1, event_time(0), "pane", 5);
  late.add(2, event_time(0), store::LateRows::kLedger, 5);
  late.add(3, event_time(0), store::LateRows::kQuarantine, 1);
  late.add(3, event_time(60), store::LateRows::kQuarantine, 1);
  EXPECT_EQ(late.early(), std::unordered_set<store::SeriesId>{3});
  late.remove_waiting(3, event_time(0), event_time(120));
  EXPECT_TRUE(late.early().empty());
}

}  // namespace
}  // namespace tidemark::test
