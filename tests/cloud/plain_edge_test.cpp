// Plain readings as an edge's frames: into the intake, and what its answers say of them.
#include "cloud/plain/plain_edge.h"

#include <gmock/gmock.h>

#include "cloud/plain/progress.h"
#include "common/base/random.h"
#include "common/model/poll_class.h"
#include "tests/cloud/edge_double.h"
#include "tests/cloud/give_order.h"

namespace tidemark::test {
namespace {

using answers::State;
using plain::PlainEdge;
using plain::PlainReading;
using plain::Progress;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;

PlainReading reading(std::string_view device, std::int64_t time, double value,
                     std::string_view metric = "v") {
  PlainReading r;
  r.device = device;
  r.metric = metric;
  r.time = event_time(time);
  r.f64 = value;
  return r;
}

// What is there of an edge of plain readings, into a node.
class Plain {
 public:
  explicit Plain(Node& node, PlainEdge::State state = {.incarnation = {7}}, bool once = false)
      : edge({"json", "readings", once}, state), node_(node) {
    node_.intake->take("json", 1, edge.hello());
  }
  void flush(std::int64_t until) {
    for (const auto& frame : edge.flush(event_time(until))) node_.intake->take("json", 1, frame);
  }
  // One a second for two minutes.
  void take_two_minutes(std::string_view device = "press") {
    for (std::int64_t s = 0; s < 120; ++s) {
      ASSERT_TRUE(edge.take(reading(device, kStart + s * kSecond, static_cast<double>(s))));
    }
  }

  PlainEdge edge;

 private:
  Node& node_;
};

answers::View of_ten_seconds() {
  auto view = answers::built_in_view();
  view.name = "ten";
  view.window = {"tumbling", seconds(10)};
  return view;
}

TEST(PlainEdge, WindowsAreSealedAndCompleteAsIsEstimated) {
  Node node({}, {of_ten_seconds()});
  Plain plain(node);
  plain.take_two_minutes();
  plain.flush(kStart + kMinute);
  node.commit();
  node.settle();
  const auto of_minutes = node.answers("minute");
  ASSERT_EQ(of_minutes.size(), 2u);
  EXPECT_EQ(of_minutes[0].series, "json/press/v");
  EXPECT_EQ(of_minutes[0].state, State::sealed);
  EXPECT_EQ(of_minutes[0].values.at("count"), 60.0);
  EXPECT_EQ(of_minutes[1].state, State::provisional);
  EXPECT_THAT(of_minutes[1].missing.at(0).reason, HasSubstr("estimated until "));
  const auto tens = node.answers("ten");
  ASSERT_EQ(tens.size(), 12u);
  for (const auto& answers : {of_minutes, tens}) {
    for (const auto& a : answers) {
      EXPECT_EQ(a.completeness, 1.0);
      EXPECT_TRUE(a.estimated) << "nobody counted what was sent";
      EXPECT_EQ(a.lost, 0u);
      EXPECT_EQ(a.coverage, std::nullopt);
    }
  }
  EXPECT_EQ(node.intake->counters().alarms, 0u);
  EXPECT_EQ(node.intake->ledger().answered, 120u);
  EXPECT_EQ(node.intake->ledger().taken, 120u);
}

TEST(PlainEdge, GroupsSayItToo) {
  auto view = answers::built_in_view();
  view.name = "all";
  view.group_by = {"metric"};
  Node node({}, {view});
  Plain plain(node);
  plain.take_two_minutes("a");
  plain.take_two_minutes("b");
  plain.flush(kStart + 2 * kMinute);
  node.commit();
  node.settle();
  const auto answers = node.answers("all");
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0].values.at("count"), 120.0);
  EXPECT_EQ(answers[0].state, State::sealed);
  EXPECT_TRUE(answers[0].estimated);
  EXPECT_EQ(answers[0].completeness, 1.0);
}

TEST(PlainEdge, EdgesBesideItProveAsEver) {
  Node node;
  Plain plain(node);
  plain.take_two_minutes();
  plain.flush(kStart + 2 * kMinute);
  EdgeDouble edge("press-07", 11, 1);
  for (std::int64_t s = 0; s < 60; ++s) edge.take(0, kStart + s * kSecond, 1);
  edge.flush(kStart + 2 * kMinute);
  send(node, edge);
  node.commit();
  node.settle();
  for (const auto& a : node.answers("minute")) {
    EXPECT_EQ(a.estimated, a.series.starts_with("json/")) << a.series;
  }
}

TEST(PlainEdge, LateReadingsRevise) {
  Node node;
  Plain plain(node);
  plain.take_two_minutes();
  plain.flush(kStart + 2 * kMinute);
  node.commit();
  node.settle();
  ASSERT_TRUE(plain.edge.take(reading("press", kStart + 5 * kSecond, 1000)));
  plain.flush(kStart + 2 * kMinute);
  node.commit();
  node.settle();
  const auto answers = node.answers("minute");
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0].state, State::revised);
  EXPECT_EQ(answers[0].cause, "late");
  EXPECT_EQ(answers[0].values.at("count"), 61.0);
  EXPECT_EQ(answers[0].values.at("max"), 1000.0);
  EXPECT_TRUE(answers[0].estimated);
}

// Nobody counted what was sent: of how much that is, nothing is known.
TEST(PlainEdge, WhereABlockLiesAsideNobodyKnowsHowCompleteItIs) {
  auto view = answers::built_in_view();
  view.name = "all";
  view.group_by = {"metric"};
  Node node({}, {view});
  Plain plain(node);
  plain.take_two_minutes();
  plain.flush(kStart);
  ASSERT_TRUE(plain.edge.take(reading("press", kStart + kMinute, 1)));
  for (auto& frame : plain.edge.flush(event_time(kStart + 2 * kMinute))) {
    if (frame.type == wire::FrameType::block) {
      auto [lane, record] = wire::decode_block(frame.payload).value();
      record.bytes.resize(record.bytes.size() / 2);
      frame.payload = wire::encode_block(lane, record);
    }
    node.intake->take("json", 1, frame);
  }
  node.commit();
  node.settle();
  EXPECT_EQ(node.intake->ledger().quarantined, 1u);
  const auto look = [&](const std::string& why) {
    for (const auto& name : {"minute", "all"}) {
      const auto answers = node.answers(name);
      ASSERT_EQ(answers.size(), 2u) << name;
      EXPECT_EQ(answers[0].completeness, 1.0) << name;
      EXPECT_EQ(answers[1].completeness, std::nullopt) << name;
      EXPECT_TRUE(answers[1].estimated);
      ASSERT_FALSE(answers[1].missing.empty());
      EXPECT_THAT(answers[1].missing[0].reason, HasSubstr("1 blocks were kept aside or dropped"));
    }
    // What is asked for knows it as well.
    for (const auto& text : {"count json/press/v by 1min", "count json/** by 1min per metric"}) {
      auto q = query::Reader::parse(text).value();
      q.from = event_time(kStart);
      q.to = event_time(kStart + 2 * kMinute);
      const auto asked = node.ask(q);
      ASSERT_EQ(asked.size(), 2u) << text;
      EXPECT_EQ(asked[0].completeness, 1.0) << text;
      EXPECT_TRUE(asked[0].missing.empty()) << text;
      EXPECT_EQ(asked[1].completeness, std::nullopt) << text;
      EXPECT_TRUE(asked[1].estimated);
      ASSERT_EQ(asked[1].missing.size(), 2u);
      EXPECT_THAT(asked[1].missing[0].reason, HasSubstr("1 blocks were kept aside or dropped"));
      EXPECT_THAT(asked[1].missing[1].reason, HasSubstr(why));
    }
  };
  look("1 readings of about this time kept aside (dead letter 1)");
  EXPECT_THAT(order(node, "letter drop 1 ada burnt"), HasSubstr("ok: 1 dropped"));
  node.settle();
  look("1 readings of about this time dropped by operator (dead letter 1)");
}

TEST(PlainEdge, GoesOnFromWhatWasCommitted) {
  Node node;
  PlainEdge::State state;
  {
    Plain plain(node);
    plain.take_two_minutes();
    plain.flush(kStart + kMinute);
    node.commit();
    state = plain.edge.state();
    plain.take_two_minutes("lost");
    plain.flush(kStart + kMinute);
  }
  node.kill();
  node.start();
  Plain plain(node, state);
  plain.take_two_minutes("other");
  plain.flush(kStart + 2 * kMinute);
  node.commit();
  node.settle();
  EXPECT_EQ(node.answers("minute", "json/press/v").size(), 2u);
  EXPECT_EQ(node.answers("minute", "json/other/v").at(1).state, State::sealed);
  EXPECT_EQ(node.answers("minute", "json/lost/v").size(), 0u);
  EXPECT_EQ(node.intake->ledger().answered, 240u);
  EXPECT_EQ(node.intake->ledger().pending, 0u);
  EXPECT_EQ(node.intake->counters().alarms, 0u);
}

TEST(PlainEdge, RepeatsCountOnceWhereThatIsAskedFor) {
  for (const bool once : {false, true}) {
    Node node;
    Plain plain(node, {.incarnation = {7}}, once);
    for (int i = 0; i < 2; ++i) {
      plain.take_two_minutes();
      plain.flush(kStart + 2 * kMinute);
      node.commit();
    }
    EXPECT_EQ(node.intake->ledger().answered, once ? 120u : 240u);
    EXPECT_EQ(node.intake->ledger().duplicate, once ? 120u : 0u);
  }
}

// As blocks of an hour each: one of three would be compared with more than the intake allows, and
// be kept aside with what other machines have sent.
TEST(PlainEdge, HoursThatAreSentAgainAreRepeats) {
  Node node;
  Plain plain(node, {.incarnation = {7}}, true);
  constexpr int kFlushes = 9000;
  constexpr std::int64_t kEach = 1'200'000'000;
  constexpr auto kFirst = kStart - 180 * kMinute;
  const auto take = [&](int i) {
    ASSERT_TRUE(plain.edge.take(reading("press", kFirst + i * kEach, i)));
  };
  for (int i = 0; i < kFlushes; ++i) {
    take(i);
    plain.flush(kFirst);
    if (i % 1000 == 999) node.commit();
  }
  for (int i = 0; i < kFlushes; ++i) take(i);
  ASSERT_TRUE(plain.edge.take(reading("other", kStart, 1)));
  plain.flush(kStart);
  node.commit();
  EXPECT_EQ(node.intake->ledger().duplicate, std::uint64_t{kFlushes});
  EXPECT_EQ(node.intake->ledger().answered, kFlushes + 1u);
  EXPECT_EQ(node.intake->counters().dead_letters, 0u);
}

TEST(PlainEdge, TimesThatLieFarApartMakeFewBlocks) {
  Node node;
  Plain plain(node, {.incarnation = {7}}, true);
  constexpr int kTimes = 10'000;
  for (int i = 0; i < kTimes; ++i) {
    ASSERT_TRUE(plain.edge.take(reading("press", kStart - i * 60 * kMinute, i)));
  }
  plain.flush(kStart);
  node.commit();
  EXPECT_LE(node.intake->counters().blocks, PlainEdge::kHoursMax + 1);
  EXPECT_EQ(node.intake->ledger().taken, std::uint64_t{kTimes});
  EXPECT_EQ(node.intake->counters().dead_letters, 0u);
}

TEST(PlainEdge, ReadingsOfTimesToComeGoToQuarantine) {
  Node node;
  Plain plain(node);
  plain.take_two_minutes();
  const auto now = count_ns(node.clock.wall());
  ASSERT_TRUE(plain.edge.take(reading("press", now + 60 * kMinute, 1)));
  plain.flush(kStart + 2 * kMinute);
  node.commit();
  EXPECT_EQ(node.intake->ledger().answered, 120u);
  EXPECT_EQ(node.intake->ledger().quarantined, 1u);
}

TEST(PlainEdge, NamesAreAsAnEdgesAre) {
  Node node;
  Plain plain(node);
  for (const auto& [device, metric] : std::vector<std::pair<const char*, const char*>>{
           {"press-07/line1", "power"}, {"press-07-line1", "power"}, {"", "hall"}, {"a b", "*"}}) {
    ASSERT_TRUE(plain.edge.take(reading(device, kStart, 1, metric)));
  }
  plain.flush(kStart + kMinute);
  node.commit();
  node.settle();
  std::map<std::string, double> counts;
  for (const auto& a : node.answers("minute")) counts[a.series] = *a.values.at("count");
  EXPECT_EQ(counts, (std::map<std::string, double>{{"json/press-07-line1/power", 2},
                                                   {"json/readings/hall", 1},
                                                   {"json/a_b/_", 1}}));
}

// Else the first "n/a" after a start would decide what its series is.
TEST(PlainEdge, OfOneNameEachTypeIsASeries) {
  Node node;
  PlainEdge::State state{.incarnation = {7}};
  for (const bool text_first : {false, true}) {
    Plain plain(node, state);
    auto text = reading("a", kStart, 0);
    text.type = ValueType::text;
    text.text = "n/a";
    auto boolean = reading("a", kStart, 0);
    boolean.type = ValueType::boolean;
    const auto number = reading("a", kStart, 1);
    for (const auto& r : {text_first ? text : number, text_first ? number : text, boolean}) {
      ASSERT_TRUE(plain.edge.take(r));
    }
    EXPECT_EQ(plain.edge.series(), 3u);
    plain.flush(kStart + kMinute);
    node.commit();
    state = plain.edge.state();
  }
  node.settle();
  EXPECT_EQ(node.intake->ledger().answered, 6u);
  EXPECT_EQ(node.intake->counters().dead_letters, 0u);
  const auto answers = node.answers("minute", "json/a/v");
  ASSERT_EQ(answers.size(), 3u);
  for (const auto& a : answers) EXPECT_EQ(a.values.at("count"), 2.0);
}

TEST(PlainEdge, AStartThatKnowsItsSeriesMakesTheSameDictionaries) {
  const auto dictionaries = [](const std::vector<std::string>& known,
                               const std::vector<std::string>& read) {
    PlainEdge edge({"json", "readings"}, {.incarnation = {7}});
    std::vector<SeriesDescription> series;
    for (const auto& device : known) {
      auto& d = series.emplace_back();
      d.device = device;
      d.metric = "v";
      d.poll_class = kEstimatedClass;
      d.type = ValueType::f64;
    }
    edge.know(std::move(series));
    for (const auto& device : read) EXPECT_TRUE(edge.take(reading(device, kStart, 1)));
    std::vector<ByteVector> all;
    for (auto& frame : edge.flush(event_time(kStart))) {
      if (frame.type == wire::FrameType::dictionary) all.push_back(std::move(frame.payload));
    }
    EXPECT_EQ(edge.series(), 3u);
    return all;
  };
  EXPECT_EQ(dictionaries({"a", "b", "c"}, {"c"}), dictionaries({"b", "c", "a"}, {"a", "b"}));
  EXPECT_EQ(dictionaries({"a", "b", "c"}, {"c"}), dictionaries({}, {"a", "b", "c"}));
}

TEST(PlainEdge, TakesSoManySeriesAndNoMore) {
  Node node;
  Plain plain(node);
  for (std::size_t i = 0; i < PlainEdge::kSeriesMax; ++i) {
    const auto device = "d" + std::to_string(i);
    ASSERT_TRUE(plain.edge.take(reading(device, kStart, 1)));
  }
  EXPECT_THAT(plain.edge.take(reading("more", kStart, 1)).error().text(),
              HasSubstr("'more/v' would be one series more than 50000"));
  plain.flush(kStart + kMinute);
  node.commit();
  EXPECT_EQ(node.intake->ledger().answered, PlainEdge::kSeriesMax);
  EXPECT_EQ(node.intake->counters().dead_letters, 0u);
}

// Series that come one by one make a dictionary each: at some number few are made of them.
TEST(PlainEdge, DictionariesStayFew) {
  Node node;
  Plain plain(node);
  constexpr int kFlushes = 700;
  std::set<std::string> devices;
  for (int i = 0; i < kFlushes; ++i) {
    devices.insert("d" + std::to_string(i));
    for (const auto& d : devices) ASSERT_TRUE(plain.edge.take(reading(d, kStart + i, 1)));
    plain.flush(kStart);
    if (i % 100 == 99) node.commit();
  }
  node.commit();
  EXPECT_EQ(node.intake->ledger().answered, kFlushes * (kFlushes + 1) / 2u);
  EXPECT_EQ(node.intake->counters().dead_letters, 0u);
}

TEST(PlainEdge, WhatIsTooMuchForOneBlockGoesIntoSeveral) {
  SeededRandom random(3);
  Node node;
  Plain plain(node);
  auto text = reading("a", kStart, 0, "text");
  text.type = ValueType::text;
  std::string noise(1000, ' ');
  std::uint64_t texts = 0;
  while (!plain.edge.full()) {
    for (auto& c : noise) c = static_cast<char>('!' + random.below(90));
    text.text = noise;
    text.time = event_time(kStart + static_cast<std::int64_t>(texts++));
    ASSERT_TRUE(plain.edge.take(text));
  }
  constexpr int kRows = 100'000;  // more than a group takes
  for (int i = 0; i < kRows; ++i) {
    ASSERT_TRUE(plain.edge.take(reading("b", kStart + i * 1000, static_cast<double>(i))));
  }
  plain.flush(kStart + kMinute);
  node.commit();
  EXPECT_GT(node.intake->counters().blocks, 8u);
  EXPECT_EQ(node.intake->ledger().answered, texts + kRows);
  EXPECT_EQ(node.intake->counters().dead_letters, 0u);
  EXPECT_EQ(plain.edge.state().next, node.intake->counters().blocks + 1);
}

// Progress

constexpr Progress::Options kFiveSeconds{.lateness = seconds(5), .idle = {}, .ahead = minutes(10)};

EventTime at(std::int64_t s) { return event_time(kStart + s * kSecond); }

// By partitions that are read to their end.
EventTime estimate(Progress& progress, const std::vector<bool>& read, std::int64_t now,
                   std::int64_t wall) {
  return progress.estimate([&](std::size_t p) { return read[p]; }, SteadyTime(seconds(now)),
                           at(wall));
}

TEST(Progress, IsTheNewestLessTheLateness) {
  Progress progress(kFiveSeconds, kEventTimeMin, {});
  progress.partitions(2);
  progress.at(at(1000));
  EXPECT_EQ(estimate(progress, {true, true}, 0, 1000), kEventTimeMin) << "nothing is known";
  progress.take(0, at(100));
  EXPECT_EQ(estimate(progress, {true, true}, 0, 1000), at(95));
  progress.take(0, at(50));
  EXPECT_EQ(estimate(progress, {true, true}, 0, 1000), at(95)) << "it never goes back";
}

TEST(Progress, WhatIsBehindHoldsBack) {
  Progress progress(kFiveSeconds, kEventTimeMin, {});
  progress.partitions(2);
  progress.at(at(1000));
  progress.take(0, at(100));
  EXPECT_EQ(estimate(progress, {false, false}, 0, 1000), kEventTimeMin);
  EXPECT_EQ(estimate(progress, {true, false}, 0, 1000), kEventTimeMin);
  progress.take(1, at(20));
  EXPECT_EQ(estimate(progress, {true, false}, 0, 1000), at(15));
  EXPECT_EQ(estimate(progress, {false, true}, 0, 1000), at(95));
}

TEST(Progress, TimesToComeMoveNothing) {
  Progress progress(kFiveSeconds, kEventTimeMin, {});
  progress.partitions(1);
  progress.at(at(1000));
  progress.take(0, at(1000 + 601));
  EXPECT_EQ(estimate(progress, {true}, 0, 1000), kEventTimeMin);
  progress.take(0, at(1000 + 600));
  EXPECT_EQ(estimate(progress, {true}, 0, 1000), at(995)) << "not beyond now";
}

TEST(Progress, SilenceMovesItWhereThatIsSaid) {
  auto options = kFiveSeconds;
  Progress stays(options, kEventTimeMin, {});
  options.idle = seconds(30);
  Progress moves(options, kEventTimeMin, {});
  for (auto* p : {&stays, &moves}) {
    p->partitions(1);
    p->at(at(1000));
    p->take(0, at(100));
    EXPECT_EQ(estimate(*p, {true}, 10, 1000), at(95));
    EXPECT_EQ(estimate(*p, {true}, 39, 1029), at(95));
  }
  EXPECT_EQ(estimate(stays, {true}, 40, 1030), at(95));
  EXPECT_EQ(estimate(moves, {true}, 40, 1030), at(95 + 30)) << "as the clock goes";
  EXPECT_EQ(estimate(moves, {false}, 50, 1040), at(125)) << "there is something to read";
  EXPECT_EQ(estimate(moves, {true}, 60, 1050), at(125));
}

TEST(Progress, GoesOnFromWhereItWas) {
  Progress progress(kFiveSeconds, at(200), {});
  progress.partitions(1);
  progress.at(at(1000));
  EXPECT_EQ(estimate(progress, {true}, 0, 1000), at(200));
  progress.take(0, at(100));
  EXPECT_EQ(estimate(progress, {true}, 0, 1000), at(200));
}

}  // namespace
}  // namespace tidemark::test
