#include "edge/pipeline/pipeline.h"

#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "tests/edge/temporary_folder.h"
#include "tests/support/eventually.h"

namespace tidemark::pipeline {
namespace {

using namespace std::chrono_literals;

constexpr EventTime kNow = event_time(1'790'000'000'000'000'000);
constexpr EventTime kPlausible = event_time(1'700'000'000'000'000'000);

// Keeps flushes; fails when told.
class MemoryRing final : public ring::RingBuffer {
 public:
  [[nodiscard]] const ring::Recovered& recovered() const override { return recovered_; }
  [[nodiscard]] Sequence next_sequence() const override { return next_; }
  Result<> append(const ring::Flush& flush) override {
    if (failures_ > 0) {
      --failures_;
      return Error{Fault::full, "no space left"};
    }
    for (const auto& b : flush.blocks) {
      EXPECT_EQ(b.name.sequence, next_);
      ++next_.count;
    }
    flushes.push_back(flush);
    return {};
  }
  Result<> sync() override {
    durable_ = flushes.empty() ? journal::Position{} : flushes.back().journal;
    return {};
  }
  [[nodiscard]] journal::Position durable_position() const override { return durable_; }
  Evicted take_evicted() override { return std::exchange(evicted, {}); }
  Result<> offer(Sequence) override { return {}; }
  std::vector<ring::Stored> unreleased(
      ring::Order, std::size_t,
      const std::vector<std::pair<Incarnation, SequenceRanges>>&) override {
    return {};
  }
  Result<BlockRecord> read(BlockName) override { return Error{Fault::unavailable, "not kept"}; }
  Result<> release(Incarnation, const SequenceRanges&) override { return {}; }
  Result<> seals_acknowledged(Incarnation, std::uint64_t) override { return {}; }
  std::vector<Seal> past_seals() override { return {}; }
  DictionaryPtr dictionary(DictionaryHash) override { return nullptr; }
  [[nodiscard]] ring::Usage usage() const override { return {}; }
  Result<> close() override { return {}; }

  std::vector<ring::Flush> flushes;
  Evicted evicted;
  ring::Recovered recovered_;
  int failures_ = 0;

 private:
  Sequence next_{1};
  journal::Position durable_;
};

class KeptQuarantine final : public quarantine::Quarantine {
 public:
  void add(std::string_view reason, std::string_view, ByteSpan, ByteSpan, std::uint64_t readings,
           EventTime) override {
    items.emplace_back(reason, readings);
  }
  std::vector<quarantine::Item> newest(std::size_t) override { return {}; }
  std::vector<Count> counts() override { return {}; }
  std::vector<std::pair<std::string, std::uint64_t>> items;
};

// Entries hold "metric time value" lines; time 0 is edge-stamped, "bad" is rejected, "poll" a good
// poll, "miss" a failed one, "old miss" one that was due 70 s before. "wave n time" is n readings
// of one series, "wide n time" one of each of n series.
class LineSource final : public source::Source, public source::Decoder {
 public:
  explicit LineSource(bool device_stamped) : device_stamped_(device_stamped) {}
  Result<> start() override { return {}; }
  void stop() override {}
  [[nodiscard]] source::Status status() const override { return {}; }
  [[nodiscard]] Decoder& decoder() override { return *this; }
  [[nodiscard]] std::vector<source::Schedule> schedules() const override {
    if (device_stamped_) return {};
    return {{"fast", 1s}};
  }
  [[nodiscard]] bool device_stamped() const override { return device_stamped_; }
  [[nodiscard]] Nanoseconds lateness() const override { return 5s; }

  void decode(const journal::Entry& entry, source::SeriesTable& table,
              source::Decoded& out) override {
    char metric[32];
    long long time = 0;
    double value = 0;
    const std::string line(as_text(entry.payload));
    if (std::sscanf(line.c_str(), "%31s %lld %lf", metric, &time, &value) != 3) {
      if (line == "poll" || line.ends_with("miss")) {
        out.expected.push_back({"fast", line == "poll", line == "old miss" ? 70s : 0s});
        out.poll_class = "fast";
      } else {
        out.rejected.push_back({"not a line", 2});
      }
      return;
    }
    const std::string_view what(metric);
    if (what == "wave" || what == "wide") {
      return many(what == "wide", time, static_cast<std::int64_t>(value), table, out);
    }
    SeriesDescription d;
    d.source = device_stamped_ ? "floor" : "meter";
    d.device = d.source;
    d.metric = metric;
    d.poll_class = device_stamped_ ? "" : "fast";
    d.device_stamped = device_stamped_;
    Group g;
    g.times = {time};
    Column c;
    c.series = *table.intern(d);
    c.f64 = {value};
    g.columns.push_back(std::move(c));
    out.groups.push_back(std::move(g));
  }

 private:
  static void many(bool wide, long long n, std::int64_t time, source::SeriesTable& table,
                   source::Decoded& out) {
    SeriesDescription d;
    d.source = d.device = "floor";
    d.device_stamped = true;
    Group g;
    for (long long i = 0; i < n; ++i) {
      if (wide || i == 0) {
        d.metric = "m" + std::to_string(i);
        g.columns.emplace_back().series = *table.intern(d);
      }
      if (!wide || i == 0) g.times.push_back(time + i);
      g.columns.back().f64.push_back(static_cast<double>(i) * 0.1);
    }
    out.groups.push_back(std::move(g));
  }

  bool device_stamped_;
};

class PipelineTest : public testing::Test {
 protected:
  PipelineTest() : clock_(kNow) {
    auto opened = journal::Journal::open({folder_.path() / "journal", Bytes{1 << 20}});
    EXPECT_TRUE(opened);
    journal_ = std::move(opened).value();
    options_.edge = "press-07";
    options_.incarnation = {42};
    options_.plausible_from = kPlausible;
    options_.sync_interval = 1ms;
  }

  void say(std::uint32_t source, const std::string& line) {
    journal::Entry e;
    e.source = source;
    e.arrived = clock_.wall();
    e.steady = clock_.steady().time_since_epoch().count();
    const auto bytes = as_bytes(line);
    e.payload = bytes;
    ASSERT_TRUE(journal_->append(e, 1s));
  }
  std::string at(Nanoseconds offset) { return std::to_string(count_ns(kNow + offset)); }

  // Runs the pipeline over all that was said, to its end.
  Pipeline& run() {
    pipeline_ = std::make_unique<Pipeline>(
        options_, std::vector<SourceEntry>{{1, "floor", &floor_}, {2, "meter", &meter_}},
        *journal_, ring_, quarantine_, tap_, clock_);
    pipeline_->stop();
    pipeline_->run([this] { ++flushed_; });
    return *pipeline_;
  }
  [[nodiscard]] std::vector<Block> blocks() const {
    std::vector<Block> out;
    for (const auto& f : ring_.flushes) {
      for (const auto& b : f.blocks) {
        auto block = codec::decode(b.bytes);
        EXPECT_TRUE(block);
        EXPECT_EQ(readings_carried(*block), b.readings);
        out.push_back(std::move(block).value());
      }
    }
    return out;
  }

  test::TemporaryFolder folder_;
  ManualClock clock_;
  Options options_;
  LineSource floor_{true}, meter_{false};
  std::unique_ptr<journal::Journal> journal_;
  MemoryRing ring_;
  KeptQuarantine quarantine_;
  TapHub tap_;
  std::unique_ptr<Pipeline> pipeline_;
  int flushed_ = 0;
};

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

TEST_F(PipelineTest, ARingThatFailsLosesNothing) {
  ring_.failures_ = 2;
  say(1, "temp " + at(0s) + " 3");
  pipeline_ = std::make_unique<Pipeline>(options_,
                                         std::vector<SourceEntry>{{1, "floor", &floor_}},
                                         *journal_, ring_, quarantine_, tap_, clock_);
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

TEST_F(PipelineTest, AClockThatIsSetBackTakesBackWhatWasSealed) {
  constexpr auto kAhead = 24h * 365 * 54;
  clock_.jump_wall(kAhead);
  say(2, "power 0 1");
  pipeline_ = std::make_unique<Pipeline>(options_,
                                         std::vector<SourceEntry>{{2, "meter", &meter_}},
                                         *journal_, ring_, quarantine_, tap_, clock_);
  std::thread runner([this] { pipeline_->run([this] { ++flushed_; }); });
  const auto sealed = [&] {
    const auto seal = pipeline_->seal_since(0, 0);
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

TEST_F(PipelineTest, WindowsCarryWhatTheRuleSaysAndTheLedgerAgrees) {
  Rule rule;
  rule.select = "floor/temp";
  rule.forward = Forward::windows;
  rule.window = window::WindowOptions{.size = 1s, .hop = 1s, .keep = 10s};
  Rule local;
  local.select = "floor/noise";
  local.forward = Forward::nothing;
  Rule thin;
  thin.select = "floor/level";
  thin.filter.thin.deadband = 1.0;
  options_.rules = {rule, local, thin};
  for (int i = 0; i < 10; ++i) {
    const auto t = at(Nanoseconds(-1s) + i * 100ms);
    say(1, "temp " + t + " " + std::to_string(i));
    say(1, "noise " + t + " 1");
    say(1, "level " + t + " " + std::to_string(0.1 * i));
  }
  const auto status = run().status();
  EXPECT_EQ(status.ledger.taken, 30u);
  EXPECT_EQ(status.ledger.local, 10u);
  EXPECT_EQ(status.ledger.thinned, 9u);
  EXPECT_EQ(status.ledger.pending, 11u);
  window::Partial sum;
  std::uint64_t rows = 0;
  for (const auto& block : blocks()) {
    for (const auto& p : block.partials) {
      ByteReader in(p.state);
      auto partial = window::Partial::decode(in);
      ASSERT_TRUE(partial);
      sum.merge(*partial);
      rows += p.readings;
    }
  }
  EXPECT_EQ(rows, 10u);
  EXPECT_EQ(window::Aggregates::of(sum, 0).sum, 45.0);
}

TEST_F(PipelineTest, TapsSeeReadingsAsTheyPass) {
  const auto tap = tap_.subscribe("**");
  say(1, "temp " + at(0s) + " 21.5");
  run();
  const auto lines = tap->take(0ms);
  ASSERT_EQ(lines.size(), 1u);
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
