#include <gtest/gtest.h>

#include "common/codec/codec.h"
#include "edge/clock/event_clock.h"
#include "edge/pipeline/collector.h"
#include "edge/pipeline/manifest.h"
#include "edge/pipeline/progress.h"
#include "edge/pipeline/recent_readings.h"
#include "edge/pipeline/rule_window.h"
#include "edge/pipeline/tap_hub.h"

namespace tidemark::pipeline {
namespace {

using namespace std::chrono_literals;

constexpr EventTime kNoon = event_time(1'790'000'000'000'000'000);
constexpr std::int64_t kMinute = 60'000'000'000;

SteadyTime steady(Nanoseconds t) { return SteadyTime(t); }

TEST(EventStamper, WaitsForAPlausibleClock) {
  clock::EventStamper stamper(kNoon);
  stamper.observe(event_time(5), steady(10s));
  EXPECT_EQ(stamper.state(), ClockState::unknown);
  stamper.observe(kNoon + 1s, steady(11s));
  EXPECT_EQ(stamper.state(), ClockState::set);
  EXPECT_EQ(stamper.stamp(kNoon, count_ns(event_time(0)) + 12'000'000'000), kNoon + 2s);
}

TEST(EventStamper, FollowsAStepAndSlewsADrift) {
  clock::EventStamper stamper(kNoon);
  stamper.observe(kNoon, steady(0s));
  stamper.observe(kNoon + 1s + 10ms, steady(1s));  // slewed, half a millisecond a second
  EXPECT_EQ(stamper.now(steady(1s)), kNoon + 1s + 500us);
  EXPECT_EQ(stamper.steps(), 0u);
  stamper.observe(kNoon + 1h, steady(2s));
  EXPECT_EQ(stamper.now(steady(2s)), kNoon + 1h);
  EXPECT_EQ(stamper.steps(), 1u);
}

TEST(EventStamper, KeepsTheWallTimeOfAnEntryFromAnotherBoot) {
  clock::EventStamper stamper(kNoon);
  stamper.observe(kNoon, steady(5s));
  EXPECT_EQ(stamper.stamp(kNoon - 1min, 90'000'000'000'000), kNoon - 1min);
}

TEST(RecentReadings, KnowsARepeatAmongTheRemembered) {
  RecentReadings recent;
  EXPECT_FALSE(recent.repeated(100, 7));
  EXPECT_TRUE(recent.repeated(100, 7));
  EXPECT_FALSE(recent.repeated(100, 8));  // another value at the same time is another reading
  EXPECT_FALSE(recent.repeated(90, 7));
  EXPECT_TRUE(recent.repeated(90, 7));
  for (std::size_t i = 0; i < RecentReadings::kRemembered; ++i) {
    EXPECT_FALSE(recent.repeated(200 + static_cast<std::int64_t>(i), 1));
  }
  EXPECT_FALSE(recent.repeated(100, 7));  // forgotten: the cloud knows it
}

TEST(RecentReadings, WhereWindowsCarryTheyShareABoundedMemory) {
  std::size_t shared = 500;
  RecentReadings first(&shared), second(&shared);
  for (std::int64_t t = 0; t < 1000; ++t) EXPECT_FALSE(first.repeated(t, 1));
  for (std::int64_t t = 0; t < 1000; ++t) EXPECT_FALSE(second.repeated(t, 1));
  EXPECT_EQ(shared, 500u - 128 - 256);  // 512 and 128 remembered
  EXPECT_TRUE(first.repeated(500, 1));
  EXPECT_EQ(first.unsure(), 0u);
  EXPECT_FALSE(second.repeated(500, 1));
  EXPECT_EQ(second.unsure(), 1u);
  EXPECT_TRUE(second.repeated(900, 1));
}

TEST(RecentReadings, OfWhatEarlierStartsTookNothingIsKnown) {
  RecentReadings recent(nullptr, 100);
  EXPECT_FALSE(recent.repeated(101, 1));
  EXPECT_EQ(recent.unsure(), 0u);
  EXPECT_FALSE(recent.repeated(100, 1));
  EXPECT_EQ(recent.unsure(), 1u);
  EXPECT_TRUE(recent.repeated(100, 1));
  recent.set_back(50);
  EXPECT_FALSE(recent.repeated(60, 1));
  EXPECT_EQ(recent.unsure(), 1u) << "nothing was taken of that time";
  EXPECT_FALSE(recent.repeated(50, 1));
  EXPECT_EQ(recent.unsure(), 2u);
}

TEST(Progress, EdgeStampsAreSealedUpToWhatWasHeard) {
  const Progress p(false, 0ns);
  EXPECT_EQ(p.sealed_until(kNoon), kNoon);
}

TEST(Progress, DeviceStampsWaitForTheirLateness) {
  Progress p(true, 5s);
  EXPECT_EQ(p.sealed_until(kNoon), kEventTimeMin);  // whose clock it is, nobody knows yet
  p.reading(kNoon - 1s, kNoon);
  EXPECT_EQ(p.sealed_until(kNoon + 1s), kNoon - 4s);
}

TEST(Progress, ADeviceOnAClockOfItsOwnIsMeasuredOnIt) {
  Progress p(true, 5s);
  const auto old = kNoon - 24h * 3650;
  p.reading(old, kNoon);
  EXPECT_EQ(p.sealed_until(kNoon + 1s), old - 5s);
  EXPECT_EQ(p.sealed_until(kNoon + 60s), old + 1ns);  // quiet for long: all that came is sealed
}

TEST(Progress, ADeviceOnItsOwnClockGoesQuietAfterOursWentBackToo) {
  Progress p(true, 5s);
  const auto old = kNoon - 24h;
  p.reading(old, kNoon + 24h * 3652);  // we were ten years ahead
  p.set_back(kNoon);
  EXPECT_EQ(p.sealed_until(kNoon + 60s), old + 1ns);
}

TEST(Manifest, AStatementHoldsWhatChangedSinceTheLast) {
  Manifest m({7});
  const auto line = m.line("meter", "fast", false);
  m.expected(line, kNoon, 1, 1);
  m.taken(line, kNoon, 3);
  m.sent(line, kNoon, 2);
  m.ledger().thinned += 1;
  const auto first = m.state({2}, {kNoon}, ClockState::set, {});
  ASSERT_EQ(first.sources.size(), 1u);
  ASSERT_EQ(first.sources[0].minutes.size(), 1u);
  EXPECT_EQ(first.sources[0].minutes[0].taken, 3u);
  EXPECT_EQ(first.sources[0].minutes[0].sent, 2u);
  EXPECT_EQ(first.sources[0].sealed_until, kNoon);
  EXPECT_EQ(first.number, 1u);
  EXPECT_EQ(first.ledger.taken, 3u);

  m.taken(line, kNoon + 1min, 1);
  // What is counted but not stated yet stays out of what is sent.
  EXPECT_EQ(m.since(0, true).sources[0].minutes.size(), 1u);
  EXPECT_EQ(m.since(0, true).ledger.taken, 3u);
  const auto second = m.state({3}, {kNoon - 1s}, ClockState::set, {});
  EXPECT_EQ(second.sources[0].minutes.size(), 1u);
  EXPECT_EQ(second.sources[0].sealed_until, kNoon);  // never goes back
  EXPECT_EQ(m.since(0, true).sources[0].minutes.size(), 2u);
  EXPECT_EQ(m.since(1, true).sources[0].minutes.size(), 1u);
  EXPECT_TRUE(m.since(2, true).sources.empty());
  EXPECT_EQ(m.since(2, true).rest, kNoon);
}

TEST(Manifest, LinesOfWhichOnlyTheTimeIsNewShareOne) {
  Manifest m({7});
  for (const auto* name : {"a", "b", "c", "slow"}) static_cast<void>(m.line(name, "", true));
  const auto stated = [&](std::vector<EventTime> until) {
    return m.state({1}, until, ClockState::set, {});
  };
  EXPECT_EQ(stated({kNoon, kNoon, kNoon, kNoon - 1min}).sources.size(), 4u);
  EXPECT_FALSE(m.since(0, true).rest) << "the cloud knows no name yet";
  static_cast<void>(stated({kNoon + 5s, kNoon + 5s, kNoon + 5s, kNoon - 1min}));
  m.taken(m.line("b", "", true), kNoon, 1);
  m.line("late", "", true);
  static_cast<void>(stated({kNoon + 9s, kNoon + 9s, kNoon + 9s, kNoon - 1min, kNoon + 9s}));
  EXPECT_EQ(m.since(2, false).sources.size(), 5u) << "for a cloud that does not read it";
  const auto seal = m.since(2, true);
  EXPECT_EQ(seal.rest, kNoon + 9s);
  std::vector<std::string> named;
  for (const auto& s : seal.sources) named.push_back(s.source);
  EXPECT_EQ(named, (std::vector<std::string>{"b", "slow", "late"}))
      << "one with a count, one with another time, one that is new";
}

constexpr auto kHour = 60 * kMinute;
constexpr std::int64_t kKept = Minutes::kHoursKept;

EventTime hours_from_noon(std::int64_t n) { return kNoon + Nanoseconds(n * kHour); }

// One reading an hour, each in a statement of its own.
void take_hours(Manifest& m, std::size_t line, std::int64_t from, std::int64_t to) {
  for (auto hour = from; hour < to; ++hour) {
    m.taken(line, hours_from_noon(hour), 1);
    static_cast<void>(m.state({2}, {}, ClockState::set, {}));
  }
}

TEST(Manifest, StatesNoMoreWhatIsOlderThanItKeeps) {
  Manifest m({7});
  const auto line = m.line("meter", "", true);
  take_hours(m, line, 0, kKept + 1);
  m.taken(line, kNoon, 1);
  const auto seal = m.state({3}, {}, ClockState::set, {});
  EXPECT_TRUE(seal.sources[0].minutes.empty()) << "it would say 1, of an hour that had 2";
  const auto noon = count_ns(floor_to(kNoon, 1h)) / kMinute;
  const auto late = static_cast<std::uint64_t>(kKept) + 2;  // the seal that would have said it
  EXPECT_EQ(seal.sources[0].dropped,
            (std::vector<DroppedCounts>{{noon, noon + 59, late, 0, DroppedCounts::Why::bound}}));
  EXPECT_EQ(seal.ledger.taken, static_cast<std::uint64_t>(kKept) + 2);
  EXPECT_EQ(m.totals("meter").taken, static_cast<std::uint64_t>(kKept) + 2);
  EXPECT_EQ(m.since(0, true).sources[0].minutes.size(), Minutes::kHoursKept);
}

// An edge that was away for longer than it keeps counts: what the cloud never hears of them.
TEST(Manifest, SaysOfWhichMinutesItHasNoCountsToWhoDoesNotHaveThem) {
  Manifest m({7});
  const auto line = m.line("meter", "", true);
  constexpr std::int64_t kGone = 400;
  for (std::int64_t hour = 0; hour < kKept + kGone; ++hour) {
    m.sent(line, hours_from_noon(hour), 2);
    static_cast<void>(m.state({2}, {}, ClockState::set, {}));
  }
  const auto noon = count_ns(floor_to(kNoon, 1h)) / kMinute;
  // Hour h was said by seal h + 1.
  const auto dropped = [&](std::uint64_t acknowledged) {
    return m.since(acknowledged, true).sources.at(0).dropped;
  };
  EXPECT_EQ(dropped(0), (std::vector<DroppedCounts>{
                            {noon, noon + 60 * kGone - 1, kGone, 2 * kGone,
                             DroppedCounts::Why::bound}}));
  EXPECT_TRUE(dropped(kGone).empty()) << "who took that one has them all";
  // A bound: of hours long gone it knows by and by less exactly when they were said.
  const auto some = dropped(kGone - 1);
  ASSERT_EQ(some.size(), 1u);
  EXPECT_LE(some[0].first, noon + 60 * (kGone - 1));
  EXPECT_EQ(some[0].last, noon + 60 * kGone - 1);
  EXPECT_GT(some[0].first, noon + 60 * (kGone - 100)) << "but not of the newest";

  // Afterwards something comes that is older, and goes into a block.
  m.sent(line, kNoon, 3);
  const auto seal = m.state({3}, {}, ClockState::set, {});
  EXPECT_EQ(dropped(kGone), seal.sources[0].dropped);
  EXPECT_EQ(seal.sources[0].dropped,
            (std::vector<DroppedCounts>{
                {noon, noon + 59, seal.number, 3, DroppedCounts::Why::bound}}));
  EXPECT_EQ(m.since(seal.number, true).sources.size(), 0u) << "only the time is new";
}

TEST(Manifest, WhatIsNotInUseIsStatedAsItWasAndGoesOn) {
  Manifest m({7});
  const auto line = m.line("meter", "", true);
  m.expected(line, kNoon + 1min, 60, 59);
  m.taken(line, kNoon + 1min, 1'000'000'000'000);
  m.sent(line, kNoon + 1min, 7);
  const auto first = m.state({2}, {}, ClockState::set, {}).sources[0].minutes;
  take_hours(m, line, 5, 8);
  EXPECT_EQ(m.since(0, true).sources[0].minutes.front(), first.front());
  EXPECT_EQ(m.since(1, true).sources[0].minutes.size(), 3u);
  m.taken(line, kNoon + 1min, 1);
  m.taken(line, kNoon + 2min, 1);
  const auto late = m.state({3}, {}, ClockState::set, {}).sources[0].minutes;
  ASSERT_EQ(late.size(), 2u);
  EXPECT_EQ(late[0].taken, 1'000'000'000'001u);
  EXPECT_EQ(late[0].good, 59u);
  EXPECT_EQ(late[1].taken, 1u);
}

// Ten years ahead for some seconds: all that came after it was stated no more.
TEST(Manifest, AClockThatJumpedAheadAndBackCostsNothing) {
  for (const auto jump : {24 * 3652, -24 * 3652}) {
    Manifest m({7});
    const auto line = m.line("meter", "fast", false);
    take_hours(m, line, 0, 100);
    take_hours(m, line, 100 + jump, 102 + jump);
    take_hours(m, line, 99, 160);
    const auto stated = m.since(0, true).sources[0].minutes;
    std::uint64_t taken = 0;
    for (const auto& minute : stated) taken += minute.taken;
    EXPECT_EQ(stated.size(), 162u);
    EXPECT_EQ(taken, 163u);
  }
}

// As long as nothing else is kept, and beyond.
TEST(Manifest, AClockThatWasWrongForLongCostsWhatItPushedOut) {
  for (const auto jump : {24 * 3652, -24 * 3652}) {
    Manifest m({7});
    const auto line = m.line("meter", "fast", false);
    take_hours(m, line, 0, 100);
    take_hours(m, line, 100 + jump, 100 + jump + 2 * kKept);
    take_hours(m, line, 100 + 2 * kKept, 110 + 2 * kKept);
    const auto stated = m.since(0, true).sources[0].minutes;
    EXPECT_EQ(stated.size(), Minutes::kHoursKept);
    const auto noon = count_ns(kNoon) / kMinute;
    EXPECT_EQ(std::ranges::count_if(stated, [&](const MinuteCounts& c) {
                return c.minute >= noon + 60 * (100 + 2 * kKept) &&
                       c.minute < noon + 60 * (110 + 2 * kKept);
              }), 10);
  }
}

Group one_row(std::vector<std::uint32_t> series) {
  Group g;
  g.times = {1};
  for (const auto s : series) {
    Column c;
    c.series = s;
    c.f64 = {static_cast<double>(s)};
    g.columns.push_back(std::move(c));
  }
  return g;
}

TEST(Collector, RowsOfTheSameSeriesShareAGroup) {
  Collector collector;
  const auto row = one_row({1, 2});
  collector.add_row(row, 0, 10, {0, 0}, {true, true}, {Quality::good, Quality::good});
  collector.add_row(row, 0, 20, {0, 0}, {true, false}, {Quality::good, Quality::good});
  collector.add_row(row, 0, 30, {0, 0}, {true, true}, {Quality::uncertain, Quality::good});
  collector.add_row(one_row({1}), 0, 40, {0}, {true}, {Quality::good});
  const auto blocks = collector.take();
  ASSERT_EQ(blocks.size(), 1u);
  const auto& block = blocks[0];
  ASSERT_EQ(block.groups.size(), 2u);
  const auto& g = block.groups[0];
  EXPECT_EQ(g.times, (std::vector<std::int64_t>{10, 20, 30}));
  EXPECT_TRUE(g.columns[0].present.empty());
  EXPECT_EQ(g.columns[0].quality,
            (std::vector<Quality>{Quality::good, Quality::good, Quality::uncertain}));
  EXPECT_EQ(g.columns[1].present, (std::vector<bool>{true, false, true}));
  EXPECT_EQ(g.columns[1].f64.size(), 2u);
  EXPECT_TRUE(collector.empty());
}

TEST(DictionaryBook, SeriesThatBecameKnownOneByOneFitOneBlock) {
  source::SeriesTable table;
  DictionaryBook book;
  std::vector<std::uint32_t> all;
  std::size_t dictionaries = 0;
  for (int i = 0; i < 1500; ++i) {
    SeriesDescription d;
    d.source = d.device = "a";
    d.metric = "m" + std::to_string(i);
    all.push_back(*table.intern(d));
    Block one;
    one.groups.push_back(one_row({all.back()}));
    book.translate(one, table);
    dictionaries += book.take_new().size();
  }
  EXPECT_EQ(dictionaries, 1500u);
  for (int i = 0; i < 2; ++i) {
    Block block;
    block.groups.push_back(one_row(all));
    book.translate(block, table);
    EXPECT_EQ(book.take_new().size(), i == 0 ? 2u : 0u);
    EXPECT_LE(block.dictionaries.size(), DictionaryBook::kNamedMax);
    EXPECT_TRUE(codec::encode(block, codec::Tier::standard));
  }
}

TEST(DictionaryBook, PlacesSeriesOnceAndNamesWhatABlockUses) {
  source::SeriesTable table;
  SeriesDescription d;
  d.source = d.device = "a";
  d.metric = "x";
  ASSERT_EQ(*table.intern(d), 0u);
  DictionaryBook book;
  Block first;
  first.groups.push_back(one_row({0}));
  book.translate(first, table);
  ASSERT_EQ(book.take_new().size(), 1u);
  d.metric = "y";
  ASSERT_EQ(*table.intern(d), 1u);
  Block second;
  second.groups.push_back(one_row({1, 0}));
  book.translate(second, table);
  const auto fresh = book.take_new();
  ASSERT_EQ(fresh.size(), 1u);
  ASSERT_EQ(second.dictionaries.size(), 2u);
  EXPECT_EQ(second.dictionaries[0], fresh[0]->hash());
  EXPECT_EQ(second.dictionaries[1], first.dictionaries[0]);
  EXPECT_EQ(second.groups[0].columns[0].series, 0u);
  EXPECT_EQ(second.groups[0].columns[1].series, 1u);
}

TEST(DictionaryBook, DescribesAnewWhatAReloadChanged) {
  source::SeriesTable table;
  SeriesDescription d;
  d.source = d.device = "a";
  for (const auto* metric : {"x", "y"}) {
    d.metric = metric;
    ASSERT_TRUE(table.intern(d).ok());
  }
  DictionaryBook book;
  book.label("a", {{"hall", "1"}});
  const auto translated = [&] {
    Block block;
    block.groups.push_back(one_row({0, 1}));
    book.translate(block, table);
    return book.take_new();
  };
  ASSERT_EQ(translated().size(), 1u);
  book.label("a", {{"hall", "1"}});  // a reload that changes nothing of it
  EXPECT_TRUE(translated().empty());
  d.unit = "kW";  // of y alone
  ASSERT_EQ(*table.intern(d), 1u);
  auto fresh = translated();
  ASSERT_EQ(fresh.size(), 1u);
  ASSERT_EQ(fresh[0]->series().size(), 1u);
  EXPECT_EQ(fresh[0]->series()[0].unit, "kW");
  book.label("a", {{"hall", "2"}});
  fresh = translated();
  ASSERT_EQ(fresh.size(), 1u);
  ASSERT_EQ(fresh[0]->series().size(), 2u);
  EXPECT_EQ(fresh[0]->series()[0].labels.at("hall"), "2");
  EXPECT_TRUE(translated().empty());
}

TEST(TapHub, ASlowListenerLosesItsOwnLinesOnly) {
  TapHub hub;
  EXPECT_FALSE(hub.listening(TapKind::readings));
  const auto slow = hub.subscribe("line1/*", {true, false, false});
  const auto other = hub.subscribe("**", {true, false, true});
  for (std::size_t i = 0; i < TapHub::kLinesMax + 5; ++i)
    hub.publish(TapKind::readings, "line1/power", "x");
  hub.publish(TapKind::readings, "line2/power", "y");
  EXPECT_EQ(slow->lost(), 5u);
  EXPECT_EQ(slow->take(0ms).size(), TapHub::kLinesMax);
  hub.publish(TapKind::readings, "line1/power", "z");
  EXPECT_EQ(slow->take(0ms), std::vector<std::string>{"z"});
  hub.unsubscribe(slow);
  hub.unsubscribe(other);
  EXPECT_FALSE(hub.listening(TapKind::readings));
}

// Arrival rises, so that a few panes are enough; where devices stamp, as many as the rule says.
TEST(RuleWindow, KeepsPanesForReadingsThatComeLateOnlyWhereTheyMay) {
  for (const bool late : {false, true}) {
    RuleWindow window({.size = 1s, .hop = 1s}, ValueType::f64, 0, window::Upstream::carrier);
    if (late) window.expect_late();
    std::vector<PartialRow> rows;
    std::vector<window::LocalResult> results;
    Column one;
    one.f64 = {21.5};
    const auto flush = [&](Nanoseconds until) { window.flush(kNoon + until, 7, rows, results); };
    for (int s = 0; s < 20; ++s) {
      EXPECT_TRUE(window.add(kNoon + s * 1s, one, 0));
      flush(s * 1s);
    }
    EXPECT_TRUE(window.add(kNoon + 18s, one, 0)) << "what waited for a flush";
    EXPECT_EQ(window.add(kNoon + 14s, one, 0), late) << "else it travels as a raw row";
    flush(20s);
    std::uint64_t readings = 0;
    for (const auto& row : rows) readings += row.readings;
    EXPECT_EQ(readings, late ? 22u : 21u);
  }
}

}  // namespace
}  // namespace tidemark::pipeline
