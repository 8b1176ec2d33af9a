#include "edge/history/history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "common/sqlite/database.h"
#include "edge/history/reader.h"
#include "tests/edge/temporary_folder.h"
#include "tests/support/eventually.h"

namespace tidemark::history {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr EventTime kNow = event_time(1'790'000'000'000'000'000);

class HistoryTest : public testing::Test {
 protected:
  HistoryTest() : clock_(kNow) {
    options_.folder = folder_.path();
    options_.commit_interval = 1h;  // the tests say when
  }
  void open() {
    auto opened = History::open(options_, clock_);
    ASSERT_TRUE(opened) << opened.error().text();
    history_ = std::move(opened).value();
  }
  static Window window(const std::string& series, std::int64_t second,
                       std::uint64_t readings = 10) {
    Window w;
    w.series = series;
    w.unit = "W";
    w.type = "tumbling";
    w.start = second * kSecond;
    w.end = w.start + kSecond;
    w.readings = readings;
    w.values = R"({"count":)" + std::to_string(readings) + R"(,"mean":21.5})";
    return w;
  }
  static Event event(std::uint64_t id, const std::string& cause = "spike") {
    Event e;
    e.id = id;
    e.series = "press-07/line1/power";
    e.unit = "W";
    e.cause = cause;
    e.detector = "spike, 64 readings, 5 sigmas";
    e.text = "spike: 98.2, expected about 21.4 (score 3.10)";
    e.time = kNow + std::chrono::seconds(id);
    e.value = 98.2;
    e.expected = 21.4;
    e.score = 3.1;
    return e;
  }
  std::vector<Window> windows(const Selection& selection = {}) {
    auto reader = Reader::open(folder_.path());
    EXPECT_TRUE(reader) << reader.error().text();
    auto got = (*reader)->windows(selection);
    EXPECT_TRUE(got) << got.error().text();
    return std::move(got).value();
  }
  std::vector<StoredEvent> events(bool open = false) {
    auto reader = Reader::open(folder_.path());
    auto got = (*reader)->events({}, open);
    EXPECT_TRUE(got) << got.error().text();
    return std::move(got).value();
  }

  test::TemporaryFolder folder_;
  ManualClock clock_;
  Options options_;
  std::unique_ptr<History> history_;
};

TEST_F(HistoryTest, RowsAreReadBySeriesAndTimeOnceCommitted) {
  open();
  for (int s = 0; s < 10; ++s) history_->add(window("press-07/line1/power", s));
  history_->add(window("press-07/line2/power", 3));
  EXPECT_TRUE(windows().empty());
  ASSERT_TRUE(history_->commit());
  EXPECT_EQ(windows().size(), 11u);
  const auto some = windows({.glob = "line1/*",
                             .from = event_time(2 * kSecond),
                             .to = event_time(8 * kSecond),
                             .limit = 3});
  ASSERT_EQ(some.size(), 3u);  // the newest, oldest first
  EXPECT_EQ(some[0].start, 5 * kSecond);
  EXPECT_EQ(some[2].start, 7 * kSecond);
  EXPECT_EQ(some[2].unit, "W");
  EXPECT_EQ(some[2].values, R"({"count":10,"mean":21.5})");
  EXPECT_EQ(history_->usage().commits, 1u);
  EXPECT_GT(history_->usage().written.count, 0u);
}

TEST_F(HistoryTest, ARevisionReplacesAndAWithdrawalDeletes) {
  open();
  history_->add(window("a/b/c", 1));
  auto revised = window("a/b/c", 1, 12);
  revised.revision = 1;
  revised.approximate = true;
  history_->add(revised);
  history_->add(window("a/b/c", 2));
  auto gone = window("a/b/c", 2);
  gone.withdrawn = true;
  history_->add(gone);
  ASSERT_TRUE(history_->commit());
  const auto got = windows();
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].readings, 12u);
  EXPECT_EQ(got[0].revision, 1u);
  EXPECT_TRUE(got[0].approximate);
}

TEST_F(HistoryTest, ASessionThatGrewHasOneRow) {
  open();
  auto session = window("a/b/c", 1);
  session.type = "session";
  history_->add(session);
  session.end += 5 * kSecond;
  session.revision = 1;
  history_->add(session);
  ASSERT_TRUE(history_->commit());
  ASSERT_EQ(windows().size(), 1u);
  EXPECT_EQ(windows()[0].end, session.end);
}

TEST_F(HistoryTest, AWindowThatAStartCutShortReplacesNoFullerOne) {
  open();
  history_->add(window("a/b/c", 1, 60));
  auto cut = window("a/b/c", 1, 7);
  cut.cut = true;
  history_->add(cut);
  cut = window("a/b/c", 2, 7);
  cut.cut = true;
  history_->add(cut);
  ASSERT_TRUE(history_->commit());
  EXPECT_EQ(windows()[0].readings, 60u);
  EXPECT_TRUE(windows()[1].cut);
}

TEST_F(HistoryTest, EachStartSaysFromWhenUntilWhenTheOneBeforeMayLackWindows) {
  const auto gaps = [&](Selection selection = {}) {
    auto reader = Reader::open(folder_.path());
    auto got = (*reader)->gaps(selection);
    EXPECT_TRUE(got) << got.error().text();
    return std::move(got).value();
  };
  open();
  history_->add(window("a/b/c", 1));
  ASSERT_TRUE(history_->commit());
  EXPECT_TRUE(gaps().empty());  // the first start
  clock_.advance(90s);          // stores nothing more
  history_.reset();
  open();
  const auto started = clock_.wall();
  clock_.advance(30s);
  ASSERT_TRUE(history_->commit());  // without a row
  auto got = gaps();
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].from, kNow);
  EXPECT_EQ(got[0].to, started);
  EXPECT_TRUE(gaps({.to = kNow}).empty());
  EXPECT_TRUE(gaps({.from = started + 1s}).empty());
  history_->add(window("a/b/c", 2));
  history_.reset();
  open();
  history_->add(window("a/b/c", 3));
  ASSERT_TRUE(history_->commit());
  got = gaps();
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(got[1].from, started + 30s);
  // They go with what is as old.
  clock_.advance(std::chrono::hours(24 * 8));
  history_->add(window("a/b/c", 4));
  ASSERT_TRUE(history_->commit());
  clock_.advance(30s);
  history_->add(window("a/b/c", 5));
  ASSERT_TRUE(history_->commit());
  EXPECT_TRUE(gaps().empty());
}

// What the cloud has of an event that this file lost must not be taken for another.
TEST_F(HistoryTest, NoIdIsGivenTwice) {
  open();
  history_->add(event(1));
  ASSERT_TRUE(history_->commit().ok());
  history_->add(event(2));
  // As a crash leaves it: the second one was not written.
  const test::TemporaryFolder crashed;
  std::filesystem::copy(folder_.path(), crashed.path(),
                        std::filesystem::copy_options::recursive);
  history_.reset();
  open();
  EXPECT_EQ(history_->next_event(), 3u);  // after an orderly end they go on
  history_.reset();
  Options options;
  options.folder = crashed.path();
  const auto after = History::open(options, clock_).value();
  EXPECT_GT(after->next_event(), 2u);
  EXPECT_LE(after->next_event(), 30'000u);
}

// Half of those that are put by are given, and no commit comes but the one that this brings about.
TEST_F(HistoryTest, IdsThatAreNotPutByAreSoonEnough) {
  open();
  history_->add(event(11'000));
  ASSERT_TRUE(test::eventually([&] { return history_->usage().commits > 0; }));
  const test::TemporaryFolder crashed;
  std::filesystem::copy(folder_.path(), crashed.path(),
                        std::filesystem::copy_options::recursive);
  Options options;
  options.folder = crashed.path();
  EXPECT_GE(History::open(options, clock_).value()->next_event(), 31'001u);
}

TEST_F(HistoryTest, AnIdIsGivenThoughItsEventFoundNoRoomToWait) {
  open();
  auto other = sqlite::Database::open(folder_ / "history.db", {.pragmas = ""});
  ASSERT_TRUE(other);
  auto held = sqlite::Transaction::begin(**other);
  ASSERT_TRUE(held);
  const auto add_windows = [&](std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      history_->add(window("a/b/c", static_cast<std::int64_t>(i)));
    }
  };
  add_windows(History::kWaitingMax / 2);  // the writer has these, and fails
  history_->add(event(5));
  add_windows(History::kWaitingMax);
  EXPECT_FALSE(history_->commit());
  ASSERT_TRUE(held->commit());
  history_.reset();
  EXPECT_TRUE(events().empty());
  open();
  EXPECT_EQ(history_->next_event(), 6u);
}

TEST_F(HistoryTest, EventsAreClearedAcknowledgedAndKeptOverAStart) {
  open();
  EXPECT_EQ(history_->next_event(), 1u);
  history_->add(event(1));
  history_->add(event(2, "hi"));
  auto over = event(0, "hi");
  over.clears = true;
  over.time = kNow + 9s;
  history_->add(over);
  history_.reset();  // commits
  open();
  EXPECT_EQ(history_->next_event(), 3u);
  ASSERT_TRUE(acknowledge(folder_.path(), 1, "ana", "a loose wire", kNow + 20s));
  const auto all = events();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].event.id, 2u);
  EXPECT_EQ(all[0].cleared, kNow + 9s);
  EXPECT_FALSE(all[0].acked);
  EXPECT_FALSE(all[1].cleared);
  EXPECT_EQ(all[1].acked, kNow + 20s);
  EXPECT_EQ(all[1].acked_by, "ana");
  EXPECT_EQ(all[1].note, "a loose wire");
  EXPECT_EQ(all[1].event.value, 98.2);
  EXPECT_EQ(all[1].event.detector, "spike, 64 readings, 5 sigmas");
  EXPECT_EQ(events(true).size(), 1u);
  ASSERT_TRUE(acknowledge(folder_.path(), 1, "bo", "", kNow + 30s));
  EXPECT_EQ(events()[1].note, "a loose wire") << "who has nothing to add takes nothing away";
  const auto none = acknowledge(folder_.path(), 77, "ana", "", kNow);
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().text(), HasSubstr("there is no event 77"));
}

// The detector of another start raised them: without it nobody would ever say that they are over.
TEST_F(HistoryTest, WhatIsOverEndsAlarmsOfEarlierStartsToo) {
  open();
  for (const std::uint64_t id : {1, 2}) history_->add(event(id, "hi"));
  history_->add(event(3, "lo"));
  history_.reset();
  open();
  auto other = event(4, "hi");
  other.expected = 90;
  history_->add(other);
  history_->add(event(5, "hi"));
  auto over = event(0, "hi");
  over.clears = true;
  over.time = kNow + 9s;
  history_->add(over);
  ASSERT_TRUE(history_->commit());
  std::vector<std::uint64_t> standing;
  for (const auto& e : events()) {
    if (!e.cleared) standing.push_back(e.event.id);
  }
  EXPECT_EQ(standing, (std::vector<std::uint64_t>{4, 3})) << "another level, and another cause";
}

TEST_F(HistoryTest, WhatIsShelvedSaysSoUntilItsTime) {
  open();
  history_->add(event(1));
  history_->add(event(2));
  ASSERT_TRUE(history_->commit());
  EXPECT_FALSE(events()[0].shelved);
  ASSERT_TRUE(shelve(folder_.path(), 1, kNow + 8h, "ana", "the sensor is being changed", kNow));
  auto all = events();
  ASSERT_EQ(all.size(), 2u);
  for (const auto& e : all) {
    const bool same = e.event.series == all[1].event.series && e.event.cause == all[1].event.cause;
    EXPECT_EQ(e.shelved.has_value(), same) << "of that series and cause, whichever it is";
  }
  EXPECT_EQ(all[1].shelved, kNow + 8h);
  EXPECT_EQ(all[1].shelved_by, "ana");
  ASSERT_TRUE(shelve(folder_.path(), 1, kNow, "bo", "done", kNow + 1h)) << "taken back";
  EXPECT_EQ(events()[1].shelved, kNow);
  EXPECT_EQ(shelve(folder_.path(), 1, kNow + 24h * 8, "ana", "", kNow).error().fault(),
            Fault::bad_input);
  EXPECT_THAT(shelve(folder_.path(), 77, kNow + 1h, "ana", "", kNow).error().text(),
              HasSubstr("there is no event 77"));
  history_->add(event(3));
  EXPECT_TRUE(history_->commit()) << "the agent goes on beside it";
}

TEST_F(HistoryTest, WhatIsOlderThanItsTimeGoes) {
  options_.keep = 1h;
  open();
  history_->add(window("a/b/c", 1));
  history_->add(event(1));
  ASSERT_TRUE(history_->commit());
  clock_.advance(50min);
  history_->add(window("a/b/c", 2));
  ASSERT_TRUE(history_->commit());
  EXPECT_EQ(windows().size(), 2u);
  clock_.advance(20min);
  history_->add(window("a/b/c", 3));
  ASSERT_TRUE(history_->commit());
  ASSERT_EQ(windows().size(), 2u);
  EXPECT_EQ(windows()[0].start, 2 * kSecond);
  EXPECT_TRUE(events().empty());
}

// One minute of a clock that was ten years ahead took everything.
TEST_F(HistoryTest, AClockThatJumpedAheadIsBelievedAfterADay) {
  constexpr auto kTenYears = 24h * 3652;
  options_.keep = 48h;
  open();
  const auto rows = [&](std::int64_t second) {
    history_->add(window("a/b/c", second));
    EXPECT_TRUE(history_->commit());
    return windows().size();
  };
  EXPECT_EQ(rows(1), 1u);
  clock_.jump_wall(kTenYears);
  clock_.advance(1min);
  EXPECT_EQ(rows(2), 2u);
  clock_.jump_wall(-kTenYears);
  clock_.advance(1min);
  EXPECT_EQ(rows(3), 3u);
  clock_.advance(49h);
  EXPECT_EQ(rows(4), 1u) << "time passes as ever";
  clock_.jump_wall(kTenYears);
  EXPECT_EQ(rows(5), 2u);
  clock_.advance(23h);
  EXPECT_EQ(rows(6), 3u);
  clock_.advance(1h);
  EXPECT_EQ(rows(7), 1u);
}

TEST_F(HistoryTest, ItsFileStaysWithinItsSizeAndKeepsTheNewest) {
  options_.size = {1 << 20};
  open();
  std::int64_t second = 0;
  for (int commit = 0; commit < 40; ++commit) {
    for (int i = 0; i < 1000; ++i) history_->add(window("a/b/c", second++));
    ASSERT_TRUE(history_->commit());
    EXPECT_LE(history_->usage().bytes, options_.size);
  }
  EXPECT_LE(std::filesystem::file_size(folder_ / "history.db"), options_.size.count);
  const auto got = windows({.limit = 100'000});
  EXPECT_GT(got.size(), 5'000u);
  EXPECT_EQ(got.back().start, (second - 1) * kSecond);
  EXPECT_EQ(got.size(), static_cast<std::size_t>(second) - static_cast<std::size_t>(
                                                               got.front().start / kSecond));
}

TEST_F(HistoryTest, ATechnicianReadsItWithSqlAlone) {
  open();
  history_->add(window("press-07/line1/power", 1'790'000'000));
  history_->add(event(1));
  ASSERT_TRUE(history_->commit());
  auto db = sqlite::Database::open(folder_ / "history.db", {.pragmas = "", .reader = true});
  ASSERT_TRUE(db);
  sqlite::Statement view(**db, "SELECT series, start, mean, unit FROM history");
  view.start();
  ASSERT_TRUE(view.next());
  EXPECT_EQ(view.text(0), "press-07/line1/power");
  EXPECT_EQ(view.text(1), "2026-09-21 14:13:20.000");
  EXPECT_EQ(view.real(2), 21.5);
  sqlite::Statement alarms(**db, "SELECT text, cleared, acked FROM alarms");
  alarms.start();
  ASSERT_TRUE(alarms.next());
  EXPECT_THAT(alarms.text(0), HasSubstr("98.2"));
}

TEST_F(HistoryTest, WhatFindsNoRoomToWaitIsCounted) {
  open();
  // The writer's own thread takes what waits at half of the bound; another process holds the file.
  auto other = sqlite::Database::open(folder_ / "history.db", {.pragmas = ""});
  ASSERT_TRUE(other);
  auto held = sqlite::Transaction::begin(**other);
  ASSERT_TRUE(held);
  for (std::size_t i = 0; i < 3 * History::kWaitingMax; ++i) {
    history_->add(window("a/b/c", static_cast<std::int64_t>(i)));
  }
  EXPECT_FALSE(history_->commit());
  EXPECT_FALSE(history_->usage().error.empty());
  EXPECT_GT(history_->usage().dropped, 0u);
  ASSERT_TRUE(held->commit());
  ASSERT_TRUE(history_->commit());
  EXPECT_TRUE(history_->usage().error.empty());
  const auto got = windows({.limit = 1'000'000});
  EXPECT_EQ(got.size() + history_->usage().dropped, 3 * History::kWaitingMax);
  EXPECT_EQ(got.back().start, static_cast<std::int64_t>(3 * History::kWaitingMax - 1) * kSecond);
}

TEST_F(HistoryTest, WindowsStayWithinTheirBudgetAndEventsAreStored) {
  options_.budget = {24 * 20'000};  // 20 kB an hour: about a hundred rows
  open();
  for (int s = 0; s < 1000; ++s) history_->add(window("a/b/c", s));
  history_->add(event(1));
  const auto kept = 1000 - history_->usage().dropped;
  EXPECT_GT(kept, 50u);
  EXPECT_LT(kept, 150u);
  clock_.advance(30min);
  for (int s = 1000; s < 2000; ++s) history_->add(window("a/b/c", s));
  ASSERT_TRUE(history_->commit());
  EXPECT_NEAR(static_cast<double>(windows({.limit = 10'000}).size()),
              static_cast<double>(kept) * 1.5, 2);
  EXPECT_EQ(events().size(), 1u);
}

TEST_F(HistoryTest, ADamagedFileIsKeptAside) {
  open();
  history_->add(window("a/b/c", 1));
  history_.reset();
  std::ofstream(folder_ / "history.db", std::ios::trunc) << "this is no database, but long enough";
  open();
  EXPECT_TRUE(std::filesystem::exists(folder_ / "history.db.damaged"));
  history_->add(window("a/b/c", 2));
  ASSERT_TRUE(history_->commit());
  EXPECT_EQ(windows().size(), 1u);
}

TEST_F(HistoryTest, WithoutAFileThereIsNothingToRead) {
  const auto reader = Reader::open(folder_.path());
  ASSERT_FALSE(reader);
  EXPECT_THAT(reader.error().text(), HasSubstr("no history in"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "history.db"));
}

}  // namespace
}  // namespace tidemark::history
