#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>

#include "tests/edge/pipeline_rig.h"
#include "tests/support/eventually.h"

namespace tidemark::pipeline {
namespace {

class PipelineTest : public PipelineRig {};

TEST_F(PipelineTest, ReadingsLeaveAsOneBlockWithTheirSeal) {
  say(1, "temp " + at(-1s) + " 21.5");
  say(1, "temp " + at(0s) + " 21.75");
  say(2, "power 0 4800");
  const auto status = run().status();
  const auto all = blocks();
  ASSERT_EQ(all.size(), 1u);
  ASSERT_EQ(all[0].groups.size(), 2u);
  EXPECT_EQ(all[0].groups[0].columns[0].f64, (std::vector<double>{21.5, 21.75}));
  EXPECT_EQ(all[0].groups[1].times, std::vector<std::int64_t>{count_ns(kNow)});
  const auto& seal = ring_.flushes[0].seal;
  EXPECT_EQ(seal.next, Sequence{2});
  EXPECT_EQ(seal.ledger.taken, 3u);
  EXPECT_EQ(ring_.flushes[0].dictionaries.size(), 1u);
  EXPECT_EQ(ring_.flushes[0].journal, journal_->end());
  EXPECT_EQ(status.ledger.pending, 3u);
  EXPECT_TRUE(status.ledger.adds_up());
  EXPECT_GE(flushed_, 1);
}

// A device that has no time until its clock is set: once its series was there twice.
TEST_F(PipelineTest, ASeriesWithAndWithoutTimesIsOneSeries) {
  say(1, "temp 0 20");
  auto& pipeline = run();
  say(1, "temp " + at(-1s) + " 21");
  say(1, "temp 0 22");
  say(1, "temp " + at(-1s) + " 21");
  clock_.advance(1s);
  pipeline.run([] {});
  ASSERT_EQ(pipeline.series().size(), 1u);
  EXPECT_EQ(pipeline.series()[0].readings, 4u);
  ASSERT_EQ(ring_.flushes.size(), 2u);
  for (const bool second : {false, true}) {
    ASSERT_EQ(ring_.flushes[second ? 1 : 0].dictionaries.size(), 1u);
    const auto& told = ring_.flushes[second ? 1 : 0].dictionaries[0]->series();
    ASSERT_EQ(told.size(), 1u);
    EXPECT_EQ(told[0].device_stamped, second) << "described anew with its first own time";
  }
  const auto all = blocks();
  ASSERT_EQ(all.size(), 2u);
  ASSERT_EQ(all[1].groups.size(), 1u);
  EXPECT_EQ(all[1].groups[0].columns[0].f64, (std::vector<double>{21, 22})) << "a repeat is one";
  EXPECT_EQ(pipeline.status().ledger.duplicate, 1u);
}

// The tier of a block lies in its second byte (common/codec/FORMAT.md).
codec::Tier tier_of(const BlockRecord& block) {
  return static_cast<codec::Tier>(block.bytes.at(1) >> 1 & 3);
}

TEST_F(PipelineTest, BlocksArePackedInTheTierThatTheCpuCanPay) {
  options_.tier = {std::nullopt, true, 0.1};
  clock_.cpu_step(1s);  // what packing a flush seems to take
  say(1, "temp " + at(0s) + " 1");
  auto& pipeline = run();
  for (const int second : {6, 12}) {  // a second of six: more than its share
    clock_.advance(6s);
    say(1, "temp " + at(std::chrono::seconds(second)) + " 1");
    pipeline.run([] {});
  }
  std::vector<codec::Tier> tiers;
  for (const auto& flush : ring_.flushes) {
    for (const auto& block : flush.blocks) tiers.push_back(tier_of(block));
  }
  EXPECT_EQ(tiers, (std::vector{codec::Tier::dense, codec::Tier::standard, codec::Tier::fast}));
  const auto status = pipeline.status();
  EXPECT_EQ(status.tier, codec::Tier::fast);
  EXPECT_EQ(status.tier_why, "standard took 16.7 % of a CPU, at most 10.0 %");
  EXPECT_EQ(status.ledger.taken, 3u);
}

// It also has to be read: once a start with such a journal flushed nothing for ever.
TEST_F(PipelineTest, AFullJournalIsPackedFast) {
  options_.tier = {std::nullopt, true, 0.1};
  options_.journal_capacity = Bytes{1 << 20};
  const std::string filler(400, ' ');
  std::uint64_t said = 0;
  for (; journal_->used().count < (800 << 10); ++said) {
    say(1, "temp " + at(said * 1us) + " 1" + filler);
  }
  const auto status = run().status();
  ASSERT_FALSE(ring_.flushes.empty());
  EXPECT_EQ(tier_of(ring_.flushes.front().blocks.at(0)), codec::Tier::fast);
  EXPECT_NE(status.tier_why.find("intake journal"), std::string::npos) << status.tier_why;
  EXPECT_EQ(status.ledger.taken, said);
}

TEST_F(PipelineTest, EveryEntryIsTakenHoweverManyWait) {
  constexpr int kMany = 1000;
  for (int i = 0; i < kMany; ++i) say(1, "temp " + at(-1s + i * 1us) + " " + std::to_string(i));
  EXPECT_EQ(run().status().ledger.taken, static_cast<std::uint64_t>(kMany));
  std::uint64_t readings = 0;
  for (const auto& block : blocks()) readings += readings_carried(block);
  EXPECT_EQ(readings, static_cast<std::uint64_t>(kMany));
}

// Above what the codec takes in a group, and in a block: a daemon that stops here reads the same
// entry again after each start.
TEST_F(PipelineTest, AMessageLargerThanABlockGoesIntoSeveral) {
  constexpr std::uint64_t kWave = 131'000, kWide = 20'000;
  say(1, "wave " + std::to_string(kWave) + " " + at(0s));
  say(1, "wide " + std::to_string(kWide) + " " + at(1s));
  EXPECT_EQ(run().status().ledger.taken, kWave + kWide);
  std::map<std::string, std::uint64_t> readings;
  for (const auto& f : ring_.flushes) {
    EXPECT_EQ(f.blocks.empty() ? 0u : f.blocks.back().name.sequence.count + 1,
              f.blocks.empty() ? 0u : f.seal.next.count);
    for (const auto& b : f.blocks) readings["all"] += b.readings;
  }
  EXPECT_EQ(readings["all"], kWave + kWide);
  EXPECT_GT(blocks().size(), 4u);
  EXPECT_EQ(ring_.flushes.back().journal, journal_->end());
}

TEST_F(PipelineTest, ImpossibleTimesGoToQuarantineAndTheRestGoesOn) {
  say(1, "temp " + at(1h) + " 1");
  say(1, "temp 5 2");
  say(1, "bad");
  say(1, "temp " + at(0s) + " 3");
  say(9, "temp " + at(0s) + " 4");
  const auto status = run().status();
  ASSERT_EQ(quarantine_.items.size(), 4u);
  EXPECT_NE(quarantine_.items[0].first.find("ahead"), std::string::npos);
  EXPECT_NE(quarantine_.items[1].first.find("before"), std::string::npos);
  EXPECT_EQ(quarantine_.items[2].second, 2u);
  EXPECT_NE(quarantine_.items[3].first.find("configuration"), std::string::npos);
  EXPECT_EQ(status.ledger.quarantined, 4u);
  EXPECT_EQ(status.ledger.taken, 5u);
  EXPECT_EQ(status.rejected_messages, 4u) << "those with impossible times, too";
  EXPECT_EQ(status.sources.at(0).refused,
            (std::map<std::string, std::uint64_t, std::less<>>{
                {"its time is ahead of the clock by more than uplink.skew", 1},
                {"its time is before all that is plausible", 1},
                {"not a line", 1}}));
  EXPECT_EQ(blocks()[0].groups[0].columns[0].f64, std::vector<double>{3});
}

TEST_F(PipelineTest, AMessageSentTwiceIsCountedOnce) {
  say(1, "temp " + at(0s) + " 3");
  say(1, "temp " + at(0s) + " 3");
  say(1, "temp " + at(0s) + " 4");  // another value: another reading
  const auto status = run().status();
  EXPECT_EQ(status.ledger.duplicate, 1u);
  EXPECT_EQ(blocks()[0].groups[0].columns[0].f64, (std::vector<double>{3, 4}));
}

TEST_F(PipelineTest, TheLedgerAddsWhatOnlyTheCloudKnows) {
  say(1, "temp " + at(0s) + " 3");
  say(1, "temp " + at(0s) + " 3");
  say(1, "temp " + at(1s) + " 4");
  say(1, "temp " + at(2s) + " 5");
  auto& pipeline = run();
  Ledger cloud;
  cloud.answered = 1;
  cloud.duplicate = 1;  // a repeat that the edge did not remember
  pipeline.cloud_ledger(cloud);
  const auto ledger = pipeline.status().ledger;
  EXPECT_EQ(ledger.duplicate, 2u);
  EXPECT_EQ(ledger.pending, 1u);
  EXPECT_TRUE(ledger.adds_up());
}

TEST_F(PipelineTest, PollsAreCountedAsDueAndGood) {
  say(2, "poll");
  say(2, "miss");
  say(2, "miss");
  run();
  const auto& seal = ring_.flushes.at(0).seal;
  const auto line = std::find_if(seal.sources.begin(), seal.sources.end(),
                                 [](const SourceSeal& s) { return s.source == "meter"; });
  ASSERT_NE(line, seal.sources.end());
  ASSERT_EQ(line->minutes.size(), 1u);
  EXPECT_EQ(line->minutes[0].due, 3u);
  EXPECT_EQ(line->minutes[0].good, 1u);
  EXPECT_TRUE(ring_.flushes[0].blocks.empty());
}

TEST_F(PipelineTest, AMissedPollCountsInTheMinuteInWhichItWasDue) {
  say(2, "poll");
  say(2, "old miss");
  run();
  for (const auto& s : ring_.flushes.at(0).seal.sources) {
    if (s.source != "meter") continue;
    ASSERT_EQ(s.minutes.size(), 2u);
    EXPECT_EQ(s.minutes[0].due, 1u);
    EXPECT_EQ(s.minutes[0].good, 0u);
    EXPECT_EQ(s.minutes[1].due, 1u);
    EXPECT_EQ(s.minutes[1].good, 1u);
  }
}

TEST_F(PipelineTest, WhatIsRejectedIsCountedInItsOwnPollClass) {
  say(2, "poll");
  say(1, "bad");
  run();
  for (const auto& s : ring_.flushes.at(0).seal.sources) {
    EXPECT_EQ(s.poll_class, s.source == "floor" ? "" : "fast");
  }
}

TEST_F(PipelineTest, TheTimeTheEdgeWasOffIsStatedAsDue) {
  ring::Past past;
  past.closing.incarnation = {41};
  past.closing.off_from = kNow - 90s;
  ring_.recovered_.past.push_back(past);
  say(2, "poll");
  run();
  std::uint64_t due = 0, good = 0;
  for (const auto& s : ring_.flushes.at(0).seal.sources) {
    for (const auto& m : s.minutes) {
      due += m.due;
      good += m.good;
    }
  }
  EXPECT_EQ(due, 91u);
  EXPECT_EQ(good, 1u);
}

// All of it in one seal found no room in a small ring: sources waited for ever.
TEST_F(PipelineTest, AWeekOffIsStatedInPiecesThatFindRoom) {
  ring::Past past;
  past.closing.incarnation = {41};
  past.closing.off_from = kNow - 24h * 7;
  ring_.recovered_.past.push_back(past);
  ring_.flush_max_ = 20'000;
  ring_.refuse_large = true;
  run();
  std::map<std::int64_t, std::uint64_t> due;
  for (const auto& f : ring_.flushes) {
    for (const auto& s : f.seal.sources) {
      for (const auto& m : s.minutes) due[m.minute] = m.due;
    }
  }
  std::uint64_t all = 0;
  for (const auto& [minute, n] : due) all += n;
  EXPECT_EQ(all, 7u * 86'400u);
}

TEST_F(PipelineTest, ARingThatFailsLosesNothing) {
  ring_.failures_ = 2;
  say(1, "temp " + at(0s) + " 3");
  pipeline_ = std::make_unique<Pipeline>(options_,
                                         std::vector<SourceEntry>{{1, "floor", &floor_}},
                                         *journal_, ring_, quarantine_, tap_, clock_, &local_);
  std::thread runner([this] { pipeline_->run([this] { ++flushed_; }); });
  // The retry waits by the clock that the test moves.
  while (pipeline_->status().error.empty()) clock_.advance(2ms), std::this_thread::yield();
  EXPECT_NE(pipeline_->status().error.find("no space"), std::string::npos);
  while (!pipeline_->status().error.empty()) clock_.advance(50ms), std::this_thread::yield();
  pipeline_->stop();
  runner.join();
  EXPECT_EQ(blocks().at(0).groups[0].columns[0].f64, std::vector<double>{3});
  EXPECT_EQ(ring_.flushes.size(), 1u);
}

TEST_F(PipelineTest, ABlockMayLeaveBeforeItIsDurable) {
  std::size_t told_at_sync = 0;
  ring_.on_sync = [&] { told_at_sync = static_cast<std::size_t>(flushed_); };
  say(1, "temp " + at(0s) + " 3");
  run();
  ASSERT_GE(ring_.flushes.size(), 1u);
  EXPECT_GE(told_at_sync, ring_.flushes.size()) << "the uplink waits for no medium";
}

// While the link is up blocks leave every live_interval, and share a sync; while it is down nobody
// waits for them, and larger ones pack better.
TEST_F(PipelineTest, WhileTheLinkIsUpBlocksLeaveEarlyAndShareASync) {
  std::atomic<bool> up{true};
  std::atomic<int> left{0}, syncs{0};
  options_.sync_interval = 500ms;
  options_.live_interval = 100ms;
  options_.live = [&] { return up.load(); };
  ring_.on_sync = [&] { ++syncs; };
  pipeline_ = std::make_unique<Pipeline>(options_,
                                         std::vector<SourceEntry>{{1, "floor", &floor_}},
                                         *journal_, ring_, quarantine_, tap_, clock_, &local_);
  std::thread runner([this, &left] { pipeline_->run([&left] { ++left; }); });
  const auto taken = [&](std::uint64_t n) { return pipeline_->status().ledger.taken == n; };
  say(1, "temp " + at(0s) + " 3");
  EXPECT_TRUE(test::eventually([&] { return taken(1); }));
  clock_.advance(100ms);
  EXPECT_TRUE(test::eventually([&] { return left == 1; }));
  EXPECT_EQ(syncs, 0);
  say(1, "temp " + at(1s) + " 4");
  EXPECT_TRUE(test::eventually([&] { return taken(2); }));
  clock_.advance(100ms);
  EXPECT_TRUE(test::eventually([&] { return left == 2; }));
  EXPECT_EQ(syncs, 0);
  clock_.advance(300ms);  // of the oldest reading
  EXPECT_TRUE(test::eventually([&] { return syncs == 1; }));
  EXPECT_EQ(left, 2);
  up = false;
  say(1, "temp " + at(2s) + " 5");
  EXPECT_TRUE(test::eventually([&] { return taken(3); }));
  clock_.advance(499ms);
  say(1, "temp " + at(3s) + " 6");
  EXPECT_TRUE(test::eventually([&] { return taken(4); }));
  EXPECT_EQ(left, 2);
  clock_.advance(1ms);
  EXPECT_TRUE(test::eventually([&] { return left == 3 && syncs == 2; }));
  pipeline_->stop();
  runner.join();
}

// A ring of 1 MiB takes a quarter of that at once. It was tried again for ever, and sources waited.
TEST_F(PipelineTest, WhatASmallRingCannotTakeAtOnceIsEvictedAndTold) {
  ring_.flush_max_ = 60'000;
  ring_.refuse_large = true;
  for (int n = 0; n < 40; ++n) say(1, "hiss 1000 " + at((n - 60) * 1s));
  say(1, "hiss 60000 " + at(-10s));
  say(1, "temp " + at(0s) + " 3");
  const auto ledger = run().status().ledger;
  EXPECT_EQ(ledger.taken, 100'001u);
  EXPECT_GT(ledger.evicted, 30'000u) << "of the one message that cannot be parted";
  EXPECT_LE(ledger.evicted, 60'000u);
  std::uint64_t readings = 0;
  for (const auto& f : ring_.flushes) {
    auto expected = f.seal.next.count - f.blocks.size();
    for (const auto& b : f.blocks) {
      EXPECT_EQ(b.name.sequence.count, expected++);
      readings += b.readings;
    }
  }
  EXPECT_EQ(readings + ledger.evicted, 100'001u);
  EXPECT_EQ(ring_.flushes.back().journal, journal_->end());
}

TEST_F(PipelineTest, AClockThatIsSetBackTakesBackWhatWasSealed) {
  constexpr auto kAhead = 24h * 365 * 54;
  clock_.jump_wall(kAhead);
  say(2, "power 0 1");
  pipeline_ = std::make_unique<Pipeline>(options_,
                                         std::vector<SourceEntry>{{2, "meter", &meter_}},
                                         *journal_, ring_, quarantine_, tap_, clock_, &local_);
  std::thread runner([this] { pipeline_->run([this] { ++flushed_; }); });
  const auto sealed = [&] {
    const auto seal = pipeline_->seal_since(0, 0, true);
    return seal ? seal->sources.at(0).sealed_until : kEventTimeMin;
  };
  const auto turn = [&](bool ahead) {
    clock_.advance(20ms);
    return (sealed() > kNow + 1h) == ahead;
  };
  EXPECT_TRUE(test::eventually([&] { return turn(true); }));
  clock_.jump_wall(-kAhead);
  EXPECT_TRUE(test::eventually([&] { return turn(false); }));
  pipeline_->stop();
  runner.join();
}

// A will is stamped on arrival; the devices that go on are two hours behind that.
TEST_F(PipelineTest, ADeviceThatIsAwayMovesNobodysFrontier) {
  say(1, "temp " + at(-2h) + " 1");
  say(1, "gone temp 0 1");
  say(1, "temp " + at(-2h + 1s) + " 2");
  EXPECT_EQ(run().status().ledger.taken, 3u) << "it counts all the same";
  ASSERT_FALSE(ring_.flushes.empty());
  EXPECT_EQ(ring_.flushes.back().seal.sources.at(0).sealed_until, kNow - 2h + 1s - 5s);
}

TEST_F(PipelineTest, TapsSeeReadingsAsTheyPass) {
  const auto tap = tap_.subscribe("**", {true, true, true});
  const auto full = tap_.subscribe("press-07/floor/*", {true, true, true});
  say(1, "temp " + at(0s) + " 21.5");
  run();
  const auto lines = tap->take(0ms);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(full->take(0ms), lines) << "by the name that is in the line";
  EXPECT_NE(lines[0].find(R"("series":"press-07/floor/temp")"), std::string::npos);
  EXPECT_NE(lines[0].find(R"("value":21.5)"), std::string::npos);
}

TEST_F(PipelineTest, NothingIsDecodedBeforeTheClockIsKnown) {
  ManualClock dead(event_time(1000));
  Pipeline waiting(options_, {{1, "floor", &floor_}}, *journal_, ring_, quarantine_, tap_, dead);
  say(1, "temp " + at(0s) + " 21.5");
  waiting.stop();
  waiting.run([] {});
  EXPECT_TRUE(ring_.flushes.empty());
  EXPECT_EQ(waiting.status().clock, ClockState::unknown);
  run();
  EXPECT_EQ(blocks().size(), 1u);
}

}  // namespace
}  // namespace tidemark::pipeline
