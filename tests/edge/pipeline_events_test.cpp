// Events of detectors on their way to the cloud: common/model/events.h.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/model/events.h"
#include "edge/local/local_feed.h"
#include "edge/pipeline/event_json.h"
#include "tests/edge/pipeline_rig.h"

namespace tidemark::pipeline {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Told {
  SeriesDescription series;
  EventTime time{};
  std::string text;
  [[nodiscard]] json object() const { return json::parse(text); }
};

class PipelineEvents : public PipelineRig {
 protected:
  static Rule out_of_range(Forward forward, std::string select = "**") {
    Rule rule;
    rule.select = std::move(select);
    rule.forward = forward;
    rule.filter.range = filter::RangeOptions{-1000, 1000};
    if (forward == Forward::windows) rule.window = WindowRule{.size = 1s, .hop = 1s};
    return rule;
  }
  static Rule limit() {
    Rule rule;
    filter::LimitOptions limit;
    limit.hi = 100;
    limit.on_delay = limit.off_delay = 0s;
    rule.filter.limits = {limit};
    return rule;
  }
  void again() {
    clock_.advance(1s);
    pipeline_->run([] {});
  }
  // Events that the flushes hold. Each row of them is a copy on the alarm lane.
  std::vector<Told> told() {
    std::vector<Told> out;
    for (const auto& f : ring_.flushes) {
      for (const auto& d : f.dictionaries) dictionaries_[d->hash()] = d;
      for (const auto& b : f.blocks) {
        const auto block = codec::decode(b.bytes);
        EXPECT_TRUE(block);
        EXPECT_EQ(readings_carried(*block), b.readings);
        std::vector<SeriesDescription> series;
        for (const auto hash : block->dictionaries) {
          const auto& more = dictionaries_.at(hash)->series();
          series.insert(series.end(), more.begin(), more.end());
        }
        for (const auto& g : block->groups) {
          for (const auto& c : g.columns) {
            const auto& d = series.at(c.series);
            if (!is_events(d)) continue;
            EXPECT_TRUE(g.copy);
            EXPECT_TRUE(b.alarm);
            EXPECT_EQ(c.values(), g.times.size());
            EXPECT_TRUE(c.quality.empty());
            for (std::size_t i = 0; i < c.values(); ++i) {
              out.push_back({d, event_time(g.times[i]), c.text[i]});
            }
          }
        }
      }
    }
    return out;
  }
  std::vector<std::uint64_t> skips() {
    std::vector<std::uint64_t> out;
    for (const auto& t : told()) {
      if (const auto n = t.object().value("skipped", std::uint64_t{0}); n > 0) out.push_back(n);
    }
    return out;
  }
  std::map<DictionaryHash, DictionaryPtr> dictionaries_;
};

struct Way {
  std::string name;
  Forward forward;
  bool context;
  bool told;
};
void PrintTo(const Way& way, std::ostream* out) { *out << way.name; }

class ByForward : public PipelineEvents, public testing::WithParamInterface<Way> {};

TEST_P(ByForward, AnEventGoesUpWhereAnythingOfItsSeriesDoes) {
  auto rule = out_of_range(GetParam().forward);
  if (GetParam().context) rule.context = recorder::Context{500ms, 300ms};
  options_.rules = {rule};
  for (int i = 0; i < 10; ++i) {
    say(1, "line1/temp " + at(Nanoseconds(-20s) + i * 100ms) + (i == 6 ? " 9999" : " 7"));
  }
  const auto& pipeline = run();
  ASSERT_EQ(local_.events.size(), 1u);
  const auto events = told();
  EXPECT_EQ(pipeline.status().events_sent, GetParam().told ? 1u : 0u);
  EXPECT_EQ(pipeline.status().events_skipped, 0u);
  EXPECT_EQ(pipeline.status().ledger.taken, 10u);
  ASSERT_EQ(pipeline.series().size(), 1u) << "people ask about sensors";
  EXPECT_EQ(pipeline.series()[0].description.metric, "temp");
  EXPECT_EQ(pipeline.status().sources.at(0).series, 1u);
  for (const auto& f : ring_.flushes) {
    EXPECT_EQ(f.seal.sources.size(), 2u) << "a line of each source";
    EXPECT_EQ(f.seal.ledger.taken, 10u);
    std::uint64_t taken = 0;
    for (const auto& m : f.seal.sources[0].minutes) taken += m.taken;
    EXPECT_EQ(taken, 10u);
  }
  if (!GetParam().told) {
    EXPECT_THAT(events, IsEmpty());
    for (const auto& f : ring_.flushes) {
      for (const auto& d : f.dictionaries) {
        EXPECT_FALSE(std::any_of(d->series().begin(), d->series().end(), is_events));
      }
    }
    return;
  }
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].time, kNow - 20s + 600ms);
  EXPECT_EQ(events[0].text,
            R"({"v":1,"type":"event","id":1,"series":"press-07/line1/temp","time":")" +
                format_utc(kNow - 20s + 600ms) +
                R"(","cause":"range","state":"raised","value":9999,"expected":1000,)" +
                R"("score":)" + events[0].object()["score"].dump() +
                R"(,"unit":"","text":"range: 9999 is beyond 1000"})");
  SeriesDescription expected;
  expected.source = expected.device = "floor";
  expected.metric = "$events";
  expected.kind = SeriesKind::state;
  expected.type = ValueType::text;
  EXPECT_EQ(events[0].series, expected);
}

INSTANTIATE_TEST_SUITE_P(
    Forward, ByForward,
    testing::Values(Way{"raw", Forward::raw, false, true},
                    Way{"windows", Forward::windows, false, true},
                    Way{"windows_and_context", Forward::windows, true, true},
                    Way{"nothing", Forward::nothing, false, false},
                    Way{"nothing_but_context", Forward::nothing, true, true}),
    [](const auto& row) { return row.param.name; });

TEST_F(PipelineEvents, OneOfAReadingThatIsThinnedIsSentTheSame) {
  auto rule = limit();
  rule.filter.thin.deadband = 1000;
  options_.rules = {rule};
  say(1, "temp " + at(-3s) + " 50");
  say(1, "temp " + at(-2s) + " 150");
  EXPECT_EQ(run().status().ledger.thinned, 1u);
  ASSERT_EQ(told().size(), 1u);
  EXPECT_EQ(told()[0].time, kNow - 2s);
}

TEST_F(PipelineEvents, WhatADeviceHadKeptRaisesNoneAndNeitherDoesTheClock) {
  options_.rules = {out_of_range(Forward::raw)};
  say(1, "stored temp " + at(-48h) + " 9999");
  run();
  clock_.jump_wall(-1h);
  again();
  EXPECT_THAT(told(), IsEmpty());
}

// The line of the series that raises first is the line of its counts; the poll class says so.
TEST_F(PipelineEvents, EachSourceHasASeriesOfItsOwnWithTheLabelsOfIt) {
  options_.rules = {out_of_range(Forward::raw)};
  options_.labels = {{"area", "stamping"}};
  say(1, "temp " + at(-1s) + " 9999");
  say(2, "power 0 9999");
  say(2, "other 0 9999");
  run();
  const auto events = told();
  ASSERT_EQ(events.size(), 3u);
  std::map<std::string, int> rows;
  for (const auto& e : events) {
    ++rows[e.series.local_name()];
    EXPECT_EQ(e.series.poll_class, e.series.source == "floor" ? "" : "fast");
    EXPECT_EQ(e.series.labels.at("area"), "stamping");
  }
  EXPECT_EQ(rows, (std::map<std::string, int>{{"floor/$events", 1}, {"meter/$events", 2}}));
  EXPECT_EQ(ring_.flushes.back().seal.sources.size(), 2u);
}

TEST_F(PipelineEvents, WhatEndsHasTheIdOfWhatBegan) {
  local::LocalFeed feed(nullptr, nullptr, tap_);
  sink_ = &feed;
  options_.rules = {limit()};
  const auto heard = tap_.subscribe("**", {false, false, true});
  const std::vector<int> values{50, 150, 50, 160, 40};
  for (std::size_t i = 0; i < values.size(); ++i) {
    say(1, "temp " + at(-10s + i * 1s) + " " + std::to_string(values[i]));
  }
  run();
  std::vector<std::string> states;
  std::vector<std::string> texts;
  for (const auto& t : told()) {
    const auto e = t.object();
    states.push_back(e["state"].get<std::string>() + " " + e["id"].dump());
    texts.push_back(t.text);
  }
  EXPECT_THAT(states, ElementsAre("raised 1", "cleared 1", "raised 2", "cleared 2"));
  EXPECT_EQ(heard->take(0ms), texts) << "the machine and the cloud are told the same";
}

// Nothing is wrong with the readings beside it: they wait for their turn, and it does not.
TEST_F(PipelineEvents, TheEndOfAnAlarmTakesTheAlarmLaneAndItsReadingsDoNot) {
  options_.rules = {limit()};
  say(1, "temp " + at(-2s) + " 150");
  run();
  ASSERT_EQ(told().size(), 1u);
  ring_.flushes.clear();
  say(1, "temp " + at(0s) + " 50");
  again();
  ASSERT_EQ(told().size(), 1u);
  EXPECT_EQ(told()[0].object()["state"], "cleared");
  ASSERT_EQ(ring_.flushes.size(), 1u);
  const auto& out = ring_.flushes[0].blocks;
  ASSERT_EQ(out.size(), 2u);
  EXPECT_FALSE(out[0].alarm);
  EXPECT_EQ(out[0].readings, 1u);
  EXPECT_TRUE(out[1].alarm);
  EXPECT_EQ(out[1].readings, 0u);
}

TEST_F(PipelineEvents, WhereNobodyKeepsThemTheyHaveNoId) {
  sink_ = nullptr;
  options_.rules = {limit()};
  say(1, "temp " + at(-1s) + " 150");
  run();
  ASSERT_EQ(told().size(), 1u);
  EXPECT_EQ(told()[0].object()["id"], 0);
}

// The first start ends before its flush is in the ring, and the entry is read again.
TEST_F(PipelineEvents, ACrashRaisesAnEventOnceInTheRing) {
  options_.rules = {out_of_range(Forward::windows)};
  say(1, "temp " + at(-1s) + " 9999");
  ring_.failures_ = 1000;
  EXPECT_EQ(run().status().events_sent, 1u);
  ASSERT_TRUE(ring_.flushes.empty());
  ring_.failures_ = 0;
  run();
  EXPECT_EQ(told().size(), 1u);
  ring_.recovered_.journal = ring_.flushes.back().journal;
  run();
  EXPECT_EQ(told().size(), 1u);
  EXPECT_EQ(local_.events.size(), 2u) << "the machine was told by both starts";
}

TEST_F(PipelineEvents, AStormIsBoundedAndTheNextOneSaysHowManyAreMissing) {
  auto rule = out_of_range(Forward::raw);
  rule.filter.range = filter::RangeOptions{-3, -2};
  options_.rules = {rule};
  say(1, "wide 1500 " + at(-3s));  // of each of so many series the first
  auto status = run().status();
  EXPECT_EQ(local_.events.size(), 1500u);
  EXPECT_EQ(told().size(), EventPace::kAtOnceMax);
  EXPECT_EQ(status.events_sent, 1000u);
  EXPECT_EQ(status.events_skipped, 500u);
  EXPECT_THAT(skips(), IsEmpty());
  ring_.flushes.clear();
  for (int i = 0; i < 150; ++i) say(1, "late" + std::to_string(i) + " " + at(-2s) + " 5");
  again();  // a second later
  EXPECT_EQ(told().size(), 100u);
  EXPECT_EQ(told()[0].object()["skipped"], 500);
  EXPECT_THAT(skips(), ElementsAre(500));
  ring_.flushes.clear();
  say(1, "last " + at(-1s) + " 5");
  say(1, "end " + at(-1s) + " 5");
  again();
  EXPECT_THAT(skips(), ElementsAre(50));
  status = pipeline_->status();
  EXPECT_EQ(status.events_sent, 1102u);
  EXPECT_EQ(status.events_skipped, 550u);
  EXPECT_EQ(status.ledger.taken, 1652u);
}

TEST_F(PipelineEvents, ASourceCannotSpeakAsTheAgent) {
  options_.rules = {out_of_range(Forward::raw)};
  say(1, "$events " + at(-1s) + " 1");
  say(2, "floor/$events 0 1");
  run();
  ASSERT_EQ(quarantine_.items.size(), 2u);
  for (const auto& [reason, readings] : quarantine_.items) {
    EXPECT_THAT(reason, HasSubstr("series name is the agent's own: 'floor/$events' of source '"));
    EXPECT_EQ(readings, 1u);
  }
  EXPECT_TRUE(pipeline_->series().empty());
  say(1, "temp " + at(0s) + " 9999");
  again();
  EXPECT_EQ(told().size(), 1u);
}

TEST_F(PipelineEvents, AReloadKeepsTheSeries) {
  options_.rules = {out_of_range(Forward::raw)};
  say(1, "via old temp " + at(-3s) + " 9999");
  run();
  floor_.unsubscribed = "old";
  pipeline_->set_sources({{1, "floor", &floor_, {{"line", "1"}}}, {2, "meter", &meter_}});
  say(1, "via new temp2 " + at(-2s) + " 9999");
  again();
  pipeline_->set_sources({{2, "meter", &meter_}});
  say(2, "power 0 9999");
  again();
  pipeline_->set_sources({{1, "floor", &floor_}, {2, "meter", &meter_}});
  say(1, "via new temp3 " + at(0s) + " 9999");
  again();
  const auto events = told();
  ASSERT_EQ(events.size(), 4u);
  EXPECT_EQ(events[0].series.labels.size(), 0u);
  EXPECT_EQ(events[1].series.labels.at("line"), "1");
  EXPECT_EQ(events[2].series.local_name(), "meter/$events");
  EXPECT_EQ(events[3].series, events[0].series);
  EXPECT_EQ(pipeline_->status().sources.at(0).series, 3u);
  std::vector<std::string> listed;
  for (const auto& known : pipeline_->series()) listed.push_back(known.description.metric);
  EXPECT_THAT(listed, ElementsAre("temp", "temp2", "power", "temp3"));
  EXPECT_FALSE(pipeline_->release("floor/$events").ok()) << "it is nobody's";
}

// Names at their bounds, of nothing but what takes six bytes as JSON.
TEST(EventJson, FitsItsBoundWithAnyName) {
  LocalSeries series;
  series.name = std::string(64, 'e') + "/" + std::string(Dictionary::kNameBytesMax, '\x01');
  series.unit = std::string(Dictionary::kNameBytesMax, '\x01');
  filter::Event e;
  e.time = kNow + 123'456'789ns;
  e.value = e.expected = -std::numeric_limits<double>::min() / 3;
  e.score = std::numeric_limits<double>::max();
  constexpr auto kMany = std::numeric_limits<std::uint64_t>::max();
  for (const auto cause : {filter::Cause::range, filter::Cause::rate, filter::Cause::stuck,
                           filter::Cause::spike, filter::Cause::hihi}) {
    e.cause = cause;
    const auto text = event_json(series, e, kMany, kMany);
    EXPECT_LE(text.size(), kEventBytesMax);
    EXPECT_EQ(json::parse(text)["text"], e.text());
    EXPECT_EQ(json::parse(text)["skipped"], kMany);
  }
  const auto object = [&] { return json::parse(event_json(series, e, 1)); };
  while (object()["text"] == e.text()) series.unit += '\x01';
  EXPECT_EQ(object()["text"], "");
  EXPECT_EQ(object()["unit"], series.unit);
  series.unit.resize(4000, '\x01');
  const auto cut = object();
  EXPECT_EQ(cut["unit"], "");
  EXPECT_EQ(cut["series"], series.name);
  EXPECT_FALSE(cut.contains("skipped"));
}

TEST(EventPace, AThousandAtOnceAndThenAHundredASecond) {
  EventPace pace;
  const SteadyTime start{1h};
  for (std::uint64_t i = 0; i < EventPace::kAtOnceMax; ++i) EXPECT_EQ(pace.take(start), 0u);
  EXPECT_FALSE(pace.take(start));
  EXPECT_FALSE(pace.take(start + 10ms - 1ns));
  EXPECT_EQ(pace.take(start + 10ms), 2u);
  EXPECT_FALSE(pace.take(start + 10ms));
  int taken = 0;
  for (auto t = start + 10ms; t < start + 10s; t += 1ms) taken += pace.take(t) ? 1 : 0;
  EXPECT_EQ(taken, 998);
  taken = 0;
  for (int i = 0; i < 2000; ++i) taken += pace.take(start + 1h) ? 1 : 0;
  EXPECT_EQ(taken, 1000) << "what was not used does not add up";
  EXPECT_EQ(pace.sent(), 1000u + 1 + 998 + 1000);
}

}  // namespace
}  // namespace tidemark::pipeline
