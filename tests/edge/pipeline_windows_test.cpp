#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/edge/pipeline_rig.h"

namespace tidemark::pipeline {
namespace {

class PipelineWindows : public PipelineRig {};

TEST_F(PipelineWindows, WindowsCarryWhatTheRuleSaysAndTheLedgerAgrees) {
  Rule rule;
  rule.select = "floor/temp";
  rule.forward = Forward::windows;
  rule.window = WindowRule{.size = 1s, .hop = 1s};
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

// The cloud books a pane in the minute in which it starts, and so does the seal.
TEST_F(PipelineWindows, AWidePaneIsSentInTheMinuteInWhichItStarts) {
  Rule rule;
  rule.forward = Forward::windows;
  rule.window = WindowRule{.size = 10min, .hop = 10min};
  options_.rules = {rule};
  for (int i = 0; i < 20; ++i) say(1, "temp " + at(Nanoseconds(-20min) + i * 1min) + " 1");
  run();
  std::map<std::int64_t, MinuteCounts> minutes;  // the newest statement of each
  for (const auto& f : ring_.flushes) {
    for (const auto& m : f.seal.sources.at(0).minutes) minutes[m.minute] = m;
  }
  std::uint64_t sent = 0;
  for (const auto& [minute, counts] : minutes) {
    EXPECT_EQ(counts.sent > 0, minute % 10 == 0) << minute;
    sent += counts.sent;
  }
  EXPECT_EQ(sent, 20u);
  EXPECT_GE(minutes.size(), 20u);  // taken is by reading
}

window::Wanted wanted(std::vector<std::string> names) {
  return window::Wanted::parse(names).value();
}

// Readings of the past, so that the frontier has passed their windows when they are taken.
TEST_F(PipelineWindows, ResultsOfWindowsAreForTheMachineAndCarryNothing) {
  Rule rule;
  rule.select = "floor/temp";
  rule.publish = "tidemark/{edge}/{series}";
  rule.window = WindowRule{
      .size = 1s,
      .hop = 1s,
      .wanted = std::make_shared<window::Wanted>(wanted({"count", "p50", "increase"}))};
  Rule both;
  both.select = "floor/*";
  both.window = WindowRule{.size = 2s,
                           .hop = 2s,
                           .group = GroupBy::source,
                           .name = "sum",
                           .wanted = std::make_shared<window::Wanted>(wanted({"sum"}))};
  options_.rules = {rule, both};
  for (int i = 0; i < 20; ++i) {
    const auto t = at(Nanoseconds(-20s) + i * 100ms);
    say(1, "temp " + t + " " + std::to_string(i));
    say(1, "left " + t + " 1");
    say(1, "right " + t + " 2.5");
  }
  const auto status = run().status();
  EXPECT_EQ(status.ledger.pending, 60u);
  std::uint64_t raw = 0;
  for (const auto& block : blocks()) {
    raw += readings_carried(block);
    EXPECT_TRUE(block.partials.empty());
  }
  EXPECT_EQ(raw, 60u);
  const auto& temp = local_.windows_of["press-07/floor/temp"];
  ASSERT_EQ(temp.size(), 2u);
  EXPECT_EQ(temp[1].figures[0].number, 10);
  EXPECT_EQ(temp[1].figures[1].number, 14.5 - 0.5 + 0.03125);  // the middle of its bucket
  EXPECT_EQ(temp[1].figures[2].number, 10);
  EXPECT_EQ(local_.topics["press-07/floor/temp"], "tidemark/press-07/floor/temp");
  const auto& sum = local_.windows_of["press-07/floor/sum"];
  ASSERT_EQ(sum.size(), 1u);
  EXPECT_EQ(sum[0].readings, 40u);
  EXPECT_EQ(sum[0].figures[0].number, 70);
}

TEST_F(PipelineWindows, AnAnomalySendsTheRawReadingsAroundItAsCopies) {
  Rule rule;
  rule.forward = Forward::windows;
  rule.window = WindowRule{.size = 1s, .hop = 1s};
  rule.filter.range = filter::RangeOptions{-1000, 1000};
  rule.context = recorder::Context{500ms, 300ms};
  options_.rules = {rule};
  for (int i = 0; i < 40; ++i) {
    say(1,
        "temp " + at(Nanoseconds(-20s) + i * 100ms) + " " + (i == 20 ? "9999" : std::to_string(i)));
  }
  const auto status = run().status();
  EXPECT_EQ(status.ledger.taken, 40u);
  EXPECT_EQ(status.ledger.pending, 40u);  // each once, in partials
  EXPECT_EQ(status.recorder.contexts, 1u);
  std::vector<double> context;
  std::uint64_t carried = 0;
  for (const auto& f : ring_.flushes) {
    for (const auto& b : f.blocks) {
      const auto block = codec::decode(b.bytes);
      ASSERT_TRUE(block);
      carried += b.readings;
      for (const auto& g : block->groups) {
        EXPECT_TRUE(g.copy);
        EXPECT_TRUE(b.alarm);
        context.insert(context.end(), g.columns[0].f64.begin(), g.columns[0].f64.end());
        if (!g.columns[0].quality.empty()) {
          EXPECT_EQ(g.columns[0].quality[5], Quality::bad_range);
        }
      }
    }
  }
  EXPECT_EQ(carried, 40u);
  EXPECT_EQ(context, (std::vector<double>{15, 16, 17, 18, 19, 9999, 21, 22, 23}));
  ASSERT_EQ(local_.events.size(), 1u);
  EXPECT_EQ(local_.events[0], "press-07/floor/temp range context");
}

TEST_F(PipelineWindows, ALimitOfAnEarlierStartEndsWithTheFirstReadingInside) {
  Rule rule;
  filter::LimitOptions limit;
  limit.hi = 100;
  limit.on_delay = limit.off_delay = 0s;
  rule.filter.limits = {limit};
  options_.rules = {rule};
  local_.stand["press-07/floor/temp"] = {{filter::Cause::hi, 100}};
  say(1, "temp " + at(-3s) + " 50");
  say(1, "other " + at(-3s) + " 50");
  run();
  EXPECT_EQ(local_.events, std::vector<std::string>{"press-07/floor/temp hi"});
}

// What a device had kept for days is of its own time: no detector, window or progress of today
// hears it, and the cloud gets it as it is.
TEST_F(PipelineWindows, WhatADeviceHadKeptTravelsAsRowsAndIsNoWordAboutNow) {
  Rule rule;
  rule.forward = Forward::windows;
  rule.window = WindowRule{.size = 1s, .hop = 1s};
  rule.filter.range = filter::RangeOptions{-1000, 1000};
  rule.filter.thin.deadband = 1.0;
  rule.context = recorder::Context{500ms, 300ms};
  options_.rules = {rule};
  say(1, "stored temp " + at(-48h) + " 9999");
  say(1, "temp " + at(-1s) + " 7");
  say(1, "stored temp " + at(-47h) + " 8888");
  const auto& pipeline = run();
  const auto status = pipeline.status();
  EXPECT_EQ(status.ledger.taken, 3u);
  EXPECT_EQ(status.ledger.pending, 3u);
  EXPECT_EQ(status.windows_late, 0u);
  EXPECT_EQ(status.recorder.contexts, 0u);
  EXPECT_TRUE(local_.events.empty());
  EXPECT_EQ(pipeline.series().at(0).last, kNow - 1s);
  std::vector<double> rows;
  std::uint64_t in_windows = 0;
  for (const auto& block : blocks()) {
    for (const auto& g : block.groups) {
      EXPECT_FALSE(g.copy);
      rows.insert(rows.end(), g.columns[0].f64.begin(), g.columns[0].f64.end());
    }
    for (const auto& p : block.partials) in_windows += p.readings;
  }
  std::sort(rows.begin(), rows.end());
  EXPECT_EQ(rows, (std::vector<double>{8888, 9999}));
  EXPECT_EQ(in_windows, 1u);
}

// Around an anomaly a series is seen at full rate, also when it is thinned or stays at the machine.
TEST_F(PipelineWindows, ContextIsSentBesideThinnedReadingsAndBesideNothing) {
  Rule thinned;
  thinned.select = "floor/temp";
  thinned.filter.range = filter::RangeOptions{-1000, 1000};
  thinned.filter.thin.deadband = 1000;
  thinned.context = recorder::Context{500ms, 300ms};
  auto local = thinned;
  local.select = "floor/kept";
  local.forward = Forward::nothing;
  local.filter.thin = {};
  options_.rules = {thinned, local};
  for (int i = 0; i < 40; ++i) {
    const auto reading = at(Nanoseconds(-20s) + i * 100ms) + " " +
                         (i == 20 ? "9999" : std::to_string(i));
    say(1, "temp " + reading);
    say(1, "kept " + reading);
  }
  const auto status = run().status();
  EXPECT_EQ(status.recorder.contexts, 2u);
  std::map<bool, std::vector<double>> rows;  // by whether they are copies
  std::uint64_t carried = 0;
  for (const auto& block : blocks()) {
    carried += readings_carried(block);
    for (const auto& g : block.groups) {
      for (const auto& c : g.columns) {
        auto& all = rows[g.copy];
        all.insert(all.end(), c.f64.begin(), c.f64.end());
      }
    }
  }
  const std::vector<double> around{15, 16, 17, 18, 19, 9999, 21, 22, 23};
  auto both = around;
  both.insert(both.end(), around.begin(), around.end());
  EXPECT_THAT(rows[true], testing::UnorderedElementsAreArray(both));
  EXPECT_EQ(rows[false].size(), carried);
  EXPECT_LT(carried, 5u);
  EXPECT_EQ(status.ledger.taken, 80u);
  EXPECT_EQ(status.ledger.local, 40u);
  EXPECT_EQ(status.ledger.thinned, 40u - carried);
}

TEST_F(PipelineWindows, DictionariesSayWhatIsThinned) {
  Rule raw;
  raw.select = "floor/temp";
  raw.filter.thin.deadband = 0.5;
  Rule windows = raw;
  windows.select = "floor/kept";
  windows.forward = Forward::windows;
  windows.window = WindowRule{.size = 1s, .hop = 1s};
  options_.rules = {raw, windows};
  say(1, "temp " + at(-5s) + " 1");
  say(1, "kept " + at(-5s) + " 1");
  say(1, "free " + at(-5s) + " 1");
  run();
  std::map<std::string, std::optional<double>> said;
  for (const auto& flush : ring_.flushes) {
    for (const auto& d : flush.dictionaries) {
      for (const auto& s : d->series()) said[s.metric] = s.deadband;
    }
  }
  EXPECT_EQ(said, (std::map<std::string, std::optional<double>>{
                      {"free", std::nullopt}, {"kept", std::nullopt}, {"temp", 0.5}}));
}

TEST_F(PipelineWindows, GroupsAreByDeviceOrByRule) {
  Rule rule;
  rule.window = WindowRule{.size = 2s,
                           .hop = 2s,
                           .group = GroupBy::device,
                           .name = "all",
                           .wanted = std::make_shared<window::Wanted>(wanted({"sum"}))};
  const auto sums = [&](GroupBy by) {
    rule.window->group = by;
    options_.rules = {rule};
    for (int i = 0; i < 20; ++i) {
      const auto t = at(Nanoseconds(-20s) + i * 100ms);
      say(1, "temp " + t + " 1");
      say(1, "press/temp " + t + " 2.5");
      say(1, "press/flow " + t + " 3");
    }
    run();
    std::map<std::string, double> out;
    for (const auto& [name, results] : local_.windows_of) {
      EXPECT_EQ(results.size(), 1u) << name;
      out[name] = results[0].figures[0].number.value();
    }
    return out;
  };
  using Sums = std::map<std::string, double>;
  EXPECT_EQ(sums(GroupBy::device), (Sums{{"press-07/floor/all", 20}, {"press-07/press/all", 110}}));
  local_.windows_of.clear();
  EXPECT_EQ(sums(GroupBy::rule), (Sums{{"press-07/all/all", 130}}));
}

// Before, the 129th reading back was counted again, in a sum that nobody can correct.
TEST_F(PipelineWindows, ARepeatOfLongAgoIsKnownWhereWindowsCarry) {
  Rule rule;
  rule.forward = Forward::windows;
  rule.window = WindowRule{.size = 1s, .hop = 1s};
  options_.rules = {rule};
  for (int i = 0; i < 4000; ++i) say(1, "temp " + at(-9s + i * 1ms) + " 1");
  for (int i = 0; i < 4000; i += 100) say(1, "temp " + at(-9s + i * 1ms) + " 1");
  const auto status = run().status();
  EXPECT_EQ(status.ledger.duplicate, 40u);
  EXPECT_EQ(status.windows_unsure, 0u);
}

TEST_F(PipelineWindows, ARepeatThatIsForgottenIsCountedAsUnsure) {
  Rule rule;
  rule.forward = Forward::windows;
  rule.window = WindowRule{.size = 1s, .hop = 1s};
  options_.rules = {rule};
  for (int i = 0; i < 5000; ++i) say(1, "temp " + at(-9s + i * 1ms) + " 1");
  say(1, "temp " + at(-9s) + " 1");           // forgotten
  say(1, "temp " + at(-9s + 4999ms) + " 1");  // known
  const auto status = run().status();
  EXPECT_EQ(status.ledger.duplicate, 1u);
  EXPECT_EQ(status.windows_unsure, 1u);
}

// What an earlier start took is not remembered: unsure said 0.
TEST_F(PipelineWindows, ARepeatOfWhatAnEarlierStartTookIsCountedAsUnsure) {
  Rule rule;
  rule.forward = Forward::windows;
  rule.window = WindowRule{.size = 1s, .hop = 1s};
  options_.rules = {rule};
  say(1, "temp " + at(-1s) + " 1");
  EXPECT_EQ(run().status().windows_unsure, 0u) << "there was none before";
  ring_.recovered_.start_ordinal = 2;
  ring_.recovered_.journal = ring_.flushes.back().journal;
  clock_.advance(10s);
  say(1, "temp " + at(-1s) + " 1");  // nobody had told the sensor
  const auto status = run().status();
  EXPECT_EQ(status.ledger.duplicate, 0u);
  EXPECT_EQ(status.windows_unsure, 1u);
}

}  // namespace
}  // namespace tidemark::pipeline
