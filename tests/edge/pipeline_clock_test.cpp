// Readings of a box that does not know the time: put aside, stamped once, or held for a person.
#include "tests/edge/pipeline_rig.h"

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
