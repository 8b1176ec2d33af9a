// Alarms of limits as people see them: in the history, over restarts of the agent.
#include "edge/local/local_feed.h"

#include <gtest/gtest.h>

#include "edge/history/reader.h"
#include "tests/edge/temporary_folder.h"

namespace tidemark::local {
namespace {

using namespace std::chrono_literals;

constexpr EventTime kNow = event_time(1'790'000'000'000'000'000);

// One series under limits, and the agent that watches it.
class LimitsOverRestarts : public testing::Test {
 protected:
  LimitsOverRestarts() : clock_(kNow) { series_.name = "press-07/line1/power"; }

  void start(std::vector<double> levels) {
    feed_.reset();
    history_.reset();
    auto opened = history::History::open({.folder = folder_.path(), .commit_interval = 1h}, clock_);
    ASSERT_TRUE(opened) << opened.error().text();
    history_ = std::move(opened).value();
    feed_ = std::make_unique<LocalFeed>(history_.get(), nullptr, tap_);
    filter::FilterOptions options;
    for (const double level : levels) {
      filter::LimitOptions limit;
      limit.hi = level;
      limit.on_delay = limit.off_delay = 0s;
      options.limits.push_back(limit);
    }
    filter_.emplace(options);
    for (const auto& s : feed_->standing(series_.name)) filter_->stand(s.cause, s.level);
  }
  void read(double value) {
    std::vector<filter::Event> events;
    clock_.advance(1s);
    filter_->check(clock_.wall(), value, events);
    for (const auto& e : events) feed_->event(series_, e, false);
  }
  // Ids, oldest first, of all events or of those that stand.
  std::vector<std::uint64_t> ids(bool standing) {
    EXPECT_TRUE(history_->commit());
    auto reader = history::Reader::open(folder_.path());
    EXPECT_TRUE(reader) << reader.error().text();
    std::vector<std::uint64_t> ids;
    const auto events = (*reader)->events({}, false);
    for (auto e = events->rbegin(); e != events->rend(); ++e) {
      if (!standing || !e->cleared) ids.push_back(e->event.id);
    }
    return ids;
  }
  using Ids = std::vector<std::uint64_t>;

  test::TemporaryFolder folder_;
  ManualClock clock_;
  pipeline::TapHub tap_;
  pipeline::LocalSeries series_;
  std::unique_ptr<history::History> history_;
  std::unique_ptr<LocalFeed> feed_;
  std::optional<filter::SeriesFilter> filter_;
};

TEST_F(LimitsOverRestarts, OneThatStillStandsIsTheSameOne) {
  start({100});
  read(101);
  start({100});
  read(105);
  EXPECT_EQ(ids(true), Ids{1});
  const auto heard = tap_.subscribe("**", {true, true, true});
  read(50);
  EXPECT_EQ(ids(true), Ids{});
  EXPECT_EQ(ids(false), Ids{1});
  const auto lines = heard->take(0ms);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_NE(lines[0].find(R"("id":1,)"), std::string::npos) << lines[0];
  EXPECT_NE(lines[0].find(R"("state":"cleared")"), std::string::npos) << lines[0];
  read(101);
  EXPECT_EQ(ids(true), Ids{2});
}

TEST_F(LimitsOverRestarts, OneThatEndedMeanwhileEndsWithTheFirstReading) {
  start({100});
  read(101);
  start({100});
  read(50);
  EXPECT_EQ(ids(true), Ids{});
  start({100});
  read(50);
  EXPECT_EQ(ids(false), Ids{1});
}

TEST_F(LimitsOverRestarts, ALevelThatWasChangedJudgesItToo) {
  start({100});
  read(101);
  start({80});
  read(90);
  EXPECT_EQ(ids(true), Ids{1});
  read(50);
  EXPECT_EQ(ids(true), Ids{});
}

TEST_F(LimitsOverRestarts, OfTwoLimitsEachHasItsOwn) {
  start({100, 200});
  read(150);
  read(250);
  EXPECT_EQ(ids(true), (Ids{1, 2}));
  read(150);
  EXPECT_EQ(ids(true), Ids{1});
  start({100, 200});
  read(150);
  EXPECT_EQ(ids(true), Ids{1});
  read(50);
  EXPECT_EQ(ids(true), Ids{});
}

}  // namespace
}  // namespace tidemark::local
