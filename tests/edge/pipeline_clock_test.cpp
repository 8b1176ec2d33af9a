// Readings of a box that does not know the time: put aside, stamped once, or held for a person.
#include <thread>

#include "tests/edge/pipeline_rig.h"
#include "tests/support/eventually.h"

namespace tidemark::pipeline {
namespace {

const std::string kBoot = "0123456789abcdef0123456789abcdef";
const std::string kNextBoot = "fedcba9876543210fedcba9876543210";

class PipelineClockTest : public PipelineRig {
 protected:
  PipelineClockTest() {
    clock_.jump_wall(event_time(1'000'000'000) - kNow);  // 1970
    clock_.advance(100s);                                // of uptime
    options_.clock_known = [this] { return known_; };
  }
  // A start of the agent: all that was said is taken, then it stops. `power`: what the ring keeps.
  void start(const std::string& boot, Bytes room = Bytes{1 << 20}) {
    untimed_.reset();
    auto opened = untimed::Untimed::open({folder_.path() / "data", boot, room}, disk_,
                                         ring_.recovered_);
    ASSERT_TRUE(opened.ok()) << (opened.ok() ? "" : opened.error().text());
    untimed_ = std::move(opened).value();
    pipeline_ = std::make_unique<Pipeline>(
        options_, std::vector<SourceEntry>{{1, "floor", &floor_}, {2, "meter", &meter_}},
        *journal_, ring_, quarantine_, tap_, clock_, &local_, untimed_.get());
    pipeline_->stop();
    pipeline_->run([this] { ++flushed_; });
  }
  // The ring as the next start finds it.
  void next_start() {
    ring::Past past;
    past.closing.incarnation = options_.incarnation;
    past.last_seal = ring_.flushes.empty() ? 0 : ring_.flushes.back().seal.number;
    ring_.recovered_.past.push_back(past);
    ring_.recovered_.journal = ring_.flushes.empty() ? journal::Position{}
                                                     : ring_.flushes.back().journal;
    ++options_.incarnation.count;
  }
  void new_journal() {
    journal_.reset();
    std::filesystem::remove(folder_.path() / "journal");
    journal_ = std::move(journal::Journal::open({folder_.path() / "journal", Bytes{1 << 20}}))
                   .value();
  }
  // Now it is `now`, known.
  void learn(EventTime now) {
    clock_.jump_wall(now - clock_.wall());
    known_ = true;
  }
  std::vector<std::pair<std::int64_t, double>> readings() const {
    std::vector<std::pair<std::int64_t, double>> all;
    for (const auto& block : blocks()) {
      for (const auto& g : block.groups) {
        for (std::size_t i = 0; i < g.times.size(); ++i) {
          all.emplace_back(g.times[i], g.columns[0].f64[i]);
        }
      }
    }
    std::sort(all.begin(), all.end());
    return all;
  }

  bool known_ = false;
  SystemDisk disk_;
  std::unique_ptr<untimed::Untimed> untimed_;
};

TEST_F(PipelineClockTest, WhatCameBeforeTheTimeIsStampedOnceItIsKnown) {
  std::filesystem::create_directories(folder_.path() / "data");
  say(2, "power 0 1");
  clock_.advance(10s);
  say(2, "power 0 2");
  start(kBoot);
  EXPECT_TRUE(ring_.flushes.empty()) << "neither offered nor windowed";
  EXPECT_EQ(pipeline_->status().ledger.taken, 0u);
  EXPECT_EQ(journal_->used().count, 0u) << "it is on the disk, and the journal has room";
  ASSERT_EQ(untimed_->boots().size(), 1u);
  EXPECT_EQ(untimed_->boots()[0].entries, 2u);
  next_start();
  clock_.advance(20s);
  say(2, "power 0 3");
  clock_.advance(1s);
  learn(kNow);
  start(kBoot);
  const std::vector<std::pair<std::int64_t, double>> expected{
      {count_ns(kNow - 31s), 1}, {count_ns(kNow - 21s), 2}, {count_ns(kNow - 1s), 3}};
  EXPECT_EQ(readings(), expected);
  EXPECT_TRUE(untimed_->boots().empty());
  EXPECT_EQ(pipeline_->status().ledger.taken, 3u);
  next_start();
  start(kBoot);
  EXPECT_EQ(readings(), expected) << "once";
}

TEST_F(PipelineClockTest, AStartThatFailedInTheMiddleCountsNothingTwice) {
  std::filesystem::create_directories(folder_.path() / "data");
  for (int n = 1; n <= 3; ++n) {
    say(2, "power 0 " + std::to_string(n));
    clock_.advance(1s);
  }
  start(kBoot);
  learn(kNow);
  // The flush is noted and not in the ring: the next start takes the entries again.
  ring_.failures_ = 1000;
  next_start();
  start(kBoot);
  EXPECT_TRUE(ring_.flushes.empty());
  ring_.failures_ = 0;
  next_start();
  start(kBoot);
  EXPECT_EQ(readings().size(), 3u);
  // It is in the ring, and the file was not removed: nothing is taken again.
  EXPECT_TRUE(untimed_->boots().empty());
}

TEST_F(PipelineClockTest, WhatANoteSaysOfAFlushThatIsInTheRingIsNotTakenAgain) {
  std::filesystem::create_directories(folder_.path() / "data");
  say(2, "power 0 1");
  clock_.advance(1s);
  start(kBoot);
  next_start();
  auto again = untimed::Untimed::open({folder_.path() / "data", kBoot, Bytes{1 << 20}}, disk_,
                                      ring_.recovered_);
  ASSERT_TRUE((*again)->next().value().has_value());
  ASSERT_TRUE((*again)->note({77}, 5).ok());
  again->reset();  // kill -9 after the flush
  ring::Past past;
  past.closing.incarnation = {77};
  past.last_seal = 5;
  ring_.recovered_.past.push_back(past);
  learn(kNow);
  start(kBoot);
  EXPECT_TRUE(readings().empty());
  EXPECT_TRUE(untimed_->boots().empty());
}

TEST_F(PipelineClockTest, ABootThatNeverLearnedTheTimeIsHeldForAPerson) {
  std::filesystem::create_directories(folder_.path() / "data");
  say(2, "power 0 1");
  clock_.advance(10s);
  say(2, "power 0 2");
  start(kBoot);
  next_start();
  new_journal();
  learn(kNow);
  start(kNextBoot);
  EXPECT_TRUE(readings().empty());
  auto ledger = pipeline_->status().ledger;
  EXPECT_EQ(ledger.taken, 2u);
  EXPECT_EQ(ledger.quarantined, 2u);
  ASSERT_EQ(quarantine_.items.size(), 2u);
  EXPECT_TRUE(quarantine_.items[0].first.starts_with("time unknown: boot " + kBoot));
  ASSERT_EQ(untimed_->boots().size(), 1u);
  EXPECT_TRUE(untimed_->boots()[0].counted);
  next_start();
  start(kNextBoot);
  EXPECT_EQ(quarantine_.items.size(), 2u) << "counted once";
  EXPECT_EQ(untimed_->release("nobody", kNow).error().fault(), Fault::bad_input);
  ASSERT_TRUE(untimed_->release(kBoot, kNow - 1h).ok());
  next_start();
  start(kNextBoot);
  const std::vector<std::pair<std::int64_t, double>> expected{
      {count_ns(kNow - 1h - 10s), 1}, {count_ns(kNow - 1h), 2}};
  EXPECT_EQ(readings(), expected);
  EXPECT_TRUE(untimed_->boots().empty());
}

TEST_F(PipelineClockTest, TheRoomOfWhatWaitsIsBounded) {
  std::filesystem::create_directories(folder_.path() / "data");
  say(2, "power 0 1");
  clock_.advance(1s);
  start(kBoot, Bytes{280});
  learn(kNow);
  next_start();
  new_journal();
  start(kNextBoot, Bytes{280});  // counted and held
  known_ = false;
  const std::string third = "00000000000000000000000000000003";
  journal::Entry e;
  const ByteVector payload(150, 0x20);
  e.payload = payload;
  auto files = untimed::Untimed::open({folder_.path() / "data", third, Bytes{280}}, disk_,
                                      ring_.recovered_);
  ASSERT_EQ((*files)->boots().size(), 1u);
  ASSERT_TRUE((*files)->append(e, "meter", {1, 16}).ok()) << "the held boot goes for it";
  ASSERT_EQ((*files)->boots().size(), 1u);
  EXPECT_EQ((*files)->boots()[0].boot, third);
  EXPECT_EQ((*files)->append(e, "meter", {1, 32}).error().fault(), Fault::full);
}

struct Step {
  const char* name;
  Nanoseconds by;
};
class ClockSteps : public PipelineClockTest, public testing::WithParamInterface<Step> {};
INSTANTIATE_TEST_SUITE_P(Rows, ClockSteps,
                         testing::Values(Step{"BackAnHour", -1h},
                                         Step{"ForwardTenYears", 24h * 3652}),
                         [](const auto& row) { return std::string(row.param.name); });

// A clock that steps between two starts of one boot: every reading is taken once, and what a device
// stamps that did not follow the step is kept in quarantine where it would be ahead of now.
TEST_P(ClockSteps, LoseNothing) {
  learn(kNow);
  say(2, "power 0 1");
  say(1, "temp " + std::to_string(count_ns(clock_.wall() - 1s)) + " 21");
  clock_.advance(1s);
  start(kBoot);
  next_start();
  clock_.jump_wall(GetParam().by);
  say(2, "power 0 2");
  clock_.advance(1s);
  say(2, "power 0 3");
  say(1, "temp " + std::to_string(count_ns(clock_.wall())) + " 22");   // followed the step
  say(1, "temp " + std::to_string(count_ns(kNow + 2s)) + " 23");      // did not
  start(kBoot);
  const auto all = readings();
  std::vector<double> values;
  for (const auto& [time, value] : all) values.push_back(value);
  std::sort(values.begin(), values.end());
  const bool ahead = GetParam().by > 0s;  // the device that stayed is behind us, else ahead
  std::vector<double> expected{1, 2, 3, 21, 22};
  if (ahead) expected.push_back(23);
  EXPECT_EQ(values, expected);
  const auto ledger = pipeline_->status().ledger;
  EXPECT_EQ(ledger.quarantined, ahead ? 0u : 1u);
  EXPECT_EQ(quarantine_.items.size(), ahead ? 0u : 1u) << "kept, and can be looked at";
  EXPECT_EQ(ledger.lost, 0u);
  EXPECT_EQ(ledger.evicted, 0u);
}

// One run of the agent, a reading a second, in which the clock is set.
class StepInARun : public PipelineClockTest {
 protected:
  ~StepInARun() override { stop(); }
  void begin(Rule rule) {
    options_.rules = {std::move(rule)};
    learn(kNow);
    pipeline_ = std::make_unique<Pipeline>(
        options_, std::vector<SourceEntry>{{1, "floor", &floor_}, {2, "meter", &meter_}},
        *journal_, ring_, quarantine_, tap_, clock_, &local_);
    runner_ = std::thread([this] { pipeline_->run([] {}); });
    // From here on it looks at the clock every second.
    ASSERT_TRUE(test::eventually([&] { return pipeline_->status().clock == ClockState::set; }));
  }
  void hear(std::uint32_t source, const std::string& line) {
    say(source, line);
    ++said_;
    ASSERT_TRUE(test::eventually([&] { return pipeline_->status().ledger.taken == said_; }));
    clock_.advance(1s);
  }
  void hear(int times, double value) {
    for (int n = 0; n < times; ++n) hear(2, "power 0 " + std::to_string(value));
  }
  void step(Nanoseconds by) {
    const auto steps = pipeline_->status().clock_steps;
    clock_.jump_wall(by);
    clock_.advance(1s);
    ASSERT_TRUE(test::eventually([&] { return pipeline_->status().clock_steps == steps + 1; }));
  }
  void stop() {
    if (!runner_.joinable()) return;
    pipeline_->stop();
    runner_.join();
  }

  std::thread runner_;
  std::uint64_t said_ = 0;
};

constexpr auto kTenYears = 24h * 3652;

Rule limit_rule() {
  Rule rule;
  filter::LimitOptions limit;
  limit.hi = 50;
  limit.on_delay = 2s;
  limit.off_delay = 0s;
  rule.filter.limits = {limit};
  return rule;
}

// Detectors waited until the clock had caught up.
TEST_F(StepInARun, ALimitIsHeardAfterTheClockWentBack) {
  begin(limit_rule());
  for (const Nanoseconds by : {Nanoseconds(-1h), Nanoseconds(kTenYears), Nanoseconds(-kTenYears)}) {
    hear(4, 60);
    hear(1, 10);
    step(by);
  }
  hear(4, 60);
  hear(1, 10);
  stop();
  EXPECT_EQ(local_.events.size(), 8u) << "raised and cleared four times";
  EXPECT_EQ(quarantine_.items.size(), 0u);
}

// A step ahead ended every delay.
TEST_F(StepInARun, AStepAheadIsNoTimeThatPassed) {
  auto rule = limit_rule();
  rule.filter.limits[0].on_delay = 10s;
  rule.filter.stuck = {30s, 0, 0};
  rule.filter.rate = {100, 2};
  begin(rule);
  hear(1, 60);
  step(1h);
  hear(1, 60);
  hear(1, 10);
  stop();
  EXPECT_TRUE(local_.events.empty()) << local_.events.at(0);
}

// Stamps a nanosecond apart, until the clock had caught up, made steep slopes of small changes.
TEST_F(StepInARun, AStepBackOfLessThanASecondSqueezesNoTimes) {
  Rule rule;
  rule.filter.rate = {100, 2};
  begin(rule);
  const auto then_pass = [&](Nanoseconds time) {
    say(2, "power 0 " + std::to_string(++said_));
    ASSERT_TRUE(test::eventually([&] { return pipeline_->status().ledger.taken == said_; }));
    clock_.advance(time);
  };
  then_pass(900ms);
  then_pass(0ms);
  clock_.jump_wall(-500ms);
  clock_.advance(100ms);
  ASSERT_TRUE(test::eventually([&] { return pipeline_->status().clock_steps == 1; }));
  for (int n = 0; n < 3; ++n) then_pass(100ms);
  stop();
  EXPECT_TRUE(local_.events.empty()) << local_.events.at(0);
}

// A device that keeps its own, right time is not deaf and not early when only ours was wrong.
TEST_F(StepInARun, ADeviceWithAClockOfItsOwnGoesOnByIt) {
  begin(limit_rule());
  int second = 0;
  const auto own = [&](int times, double value) {
    for (int n = 0; n < times; ++n) {
      hear(1, "temp " + at(second++ * 1s) + " " + std::to_string(value));
    }
  };
  own(3, 10);
  step(kTenYears);
  ++second;
  own(2, 60);  // one second
  step(-kTenYears);
  ++second;
  own(1, 60);  // three
  own(1, 10);
  stop();
  EXPECT_EQ(local_.events.size(), 2u);
}

struct Shape {
  const char* name;
  WindowRule window;
  std::size_t results;  // of ten readings; 0: as many as hold them
};
class WindowsAcrossAStep : public StepInARun, public testing::WithParamInterface<Shape> {};
INSTANTIATE_TEST_SUITE_P(
    Rows, WindowsAcrossAStep,
    testing::Values(Shape{"Tumbling", {.size = 2s, .hop = 2s}, 0},
                    Shape{"Sliding", {.type = WindowType::sliding, .size = 2s, .hop = 1ns}, 10},
                    Shape{"Session", {.type = WindowType::session, .gap = 3s}, 1}),
    [](const auto& row) { return std::string(row.param.name); });

// Twenty of thirty seconds come again: they were late for every window, or joined what was over.
TEST_P(WindowsAcrossAStep, ResultsOfTimesThatComeAgainComeToo) {
  for (const auto forward : {Forward::nothing, Forward::windows}) {
    SCOPED_TRACE(forward == Forward::windows);
    Rule rule;
    rule.forward = forward;
    rule.window = GetParam().window;
    rule.window->wanted = std::make_shared<window::Wanted>(
        window::Wanted::parse({"count", "last"}).value());
    local_ = {};
    said_ = 0;
    ring_.flushes.clear();
    begin(rule);
    hear(30, 1);
    step(-20s);
    hear(10, 2);
    clock_.advance(10s);
    hear(1, 3);  // so that what was before it is over
    stop();
    const auto& told = local_.windows_of["press-07/meter/power"];
    const auto first = std::find_if(told.rbegin(), told.rend(), [](const auto& r) {
                         return r.figures.at(1).number == 1.0;
                       }).base();
    std::uint64_t readings = 0;
    std::size_t results = 0;
    for (auto r = first; r != told.end() && r->figures.at(1).number != 3.0; ++r) {
      EXPECT_EQ(r->revision, 0u);
      EXPECT_EQ(r->figures.at(1).number, 2.0);
      readings += r->readings;
      ++results;
    }
    if (GetParam().results == 0) {
      EXPECT_EQ(readings, 10u);
    } else {
      EXPECT_EQ(results, GetParam().results);
    }
    const auto status = pipeline_->status();
    EXPECT_EQ(status.windows_late, 0u);
    const bool local = forward == Forward::nothing;
    EXPECT_EQ(status.ledger.local, local ? 41u : 0u);
    std::uint64_t carried = 0;
    for (const auto& block : blocks()) carried += readings_carried(block);
    EXPECT_EQ(carried, local ? 0u : 41u) << "each reading once";
  }
}

TEST_F(PipelineClockTest, ATornTailEndsTheFileThere) {
  std::filesystem::create_directories(folder_.path() / "data");
  say(2, "power 0 1");
  say(2, "power 0 2");
  start(kBoot);
  const auto file = folder_.path() / "data" / "untimed" / (kBoot + ".entries");
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 3);
  auto files = untimed::Untimed::open({folder_.path() / "data", kBoot, Bytes{1 << 20}}, disk_,
                                      ring_.recovered_);
  ASSERT_EQ((*files)->boots().size(), 1u);
  EXPECT_EQ((*files)->boots()[0].entries, 1u);
}

}  // namespace
}  // namespace tidemark::pipeline
