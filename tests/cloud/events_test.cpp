// What anomaly filters of an edge raised comes with its blocks: once each, and counted nowhere.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "cloud/cluster/outbox.h"
#include "cloud/intake/event_text.h"
#include "cloud/store/schema.h"
#include "cloud/store/store.h"
#include "common/kafka/settings.h"
#include "common/model/events.h"
#include "tests/cloud/alarms_of.h"

namespace tidemark::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::uint32_t kEvents = 2;  // index of the series

EdgeDouble edge_with_events(const std::string& name = "press-07") {
  EdgeDouble edge(name, 11, 1, false, 3);
  edge.describe(kEvents, [](SeriesDescription& d) {
    d.metric = kEventsMetric;
    d.type = ValueType::text;
    d.kind = SeriesKind::state;
    d.exponent = 0;
  });
  edge.describe(0, [](SeriesDescription& d) { d.labels["hall"] = "4"; });
  return edge;
}

std::string text_of(const std::string& series, const std::string& cause = "spike",
                    const std::string& state = "raised", int id = 1) {
  return nlohmann::ordered_json{{"v", 1},         {"type", "event"},  {"id", id},
                                {"series", series}, {"time", "the edge's"}, {"cause", cause},
                                {"state", state}, {"value", 98.2},    {"expected", 21.4},
                                {"score", 3.1},   {"unit", "V"},      {"text", "spike: 98.2"}}
      .dump();
}

struct Told {
  std::int64_t time;
  std::string text;
};

// One block of events, and of those readings that the edge has taken since the last one.
std::uint64_t tell(EdgeDouble& edge, const std::vector<Told>& events, std::int64_t sealed_until,
                   const std::vector<std::int64_t>& readings = {}) {
  Block block;
  block.dictionaries = {edge.dictionary_hash()};
  Group copies;
  copies.copy = true;
  Column column;
  column.series = kEvents;
  column.type = ValueType::text;
  for (const auto& e : events) {
    copies.times.push_back(e.time);
    column.text.push_back(e.text);
  }
  copies.columns.push_back(std::move(column));
  block.groups.push_back(std::move(copies));
  if (!readings.empty()) {
    Group group;
    Column values;
    values.type = ValueType::i64;
    for (const auto t : readings) {
      edge.count(t);
      group.times.push_back(t);
      values.i64.push_back(7);
    }
    group.columns.push_back(std::move(values));
    block.groups.push_back(std::move(group));
  }
  return edge.flush(std::move(block), sealed_until);
}

std::vector<store::Event> events(const Node& node, const query::EventQuery& query = {}) {
  return query::Reader::open(node.folder.path).value()->events(query).value();
}
std::vector<std::string> series_of(const std::vector<store::Event>& all) {
  std::vector<std::string> names;
  for (const auto& e : all) names.push_back(e.series);
  return names;
}

TEST(Events, ComeOnceAndSayWhatTheEdgeSaid) {
  Node node;
  auto edge = edge_with_events();
  const auto block = tell(edge, {{kStart + kSecond, text_of("press-07/line1/m0")}},
                          kStart + kMinute, {kStart + kSecond});
  send(node, edge);
  node.kill();
  node.start();
  EXPECT_TRUE(events(node).empty());
  send(node, edge);
  node.commit();
  node.take(edge, edge.block(block, Lane::backlog));
  node.commit();
  const auto all = events(node);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(node.intake->counters().events, 1u);
  const auto said = nlohmann::json::parse(all[0].json);
  EXPECT_EQ(said["time"], "2025-11-20T01:00:01Z");
  EXPECT_EQ(said["edge"], "press-07");
  EXPECT_EQ(said["site"], "plant7");
  EXPECT_EQ(said["known_at"], "2025-11-20T02:00:00Z");
  EXPECT_EQ(said["score"], 3.1);
  EXPECT_EQ(said["id"], 1);
}

TEST(Events, AreNoReadingsAndOfNoWindow) {
  auto devices = answers::built_in_view();
  devices.name = "devices";
  devices.group_by = {"device"};
  Node node({}, {devices});
  auto edge = edge_with_events();
  tell(edge, {{kStart + kSecond, text_of("press-07/line1/m0")},
              {kStart + 2 * kSecond, text_of("press-07/line1/m0", "hi")}},
       kStart + 2 * kMinute, {kStart + kSecond, kStart + 2 * kSecond, kStart + kMinute});
  send(node, edge);
  node.settle();
  EXPECT_EQ(node.intake->ledger().answered, 3u);
  EXPECT_EQ(node.intake->ledger().taken, 3u);
  const auto reader = query::Reader::open(node.folder.path).value();
  const auto emitted = reader->since(0, 100).value();
  EXPECT_EQ(emitted.size(), 4u);  // two minutes of the series, and of its group
  for (const auto& a : emitted) {
    if (a.series.empty()) {
      EXPECT_EQ(a.labels.at("device"), "line1");
    } else {
      EXPECT_EQ(a.series, "press-07/line1/m0");
    }
    EXPECT_EQ(a.completeness, 1.0);
  }
  const auto database = store::open_reader(store::database_path(node.folder.path)).value();
  sqlite::Statement groups(*database, "SELECT COUNT(*) FROM groups");
  ASSERT_TRUE(groups.start().next());
  EXPECT_EQ(groups.integer(0), 1);
  const auto series = reader->series({"**"}).value();
  ASSERT_EQ(series.size(), 2u);
  for (const auto& s : series) EXPECT_THAT(s.name, testing::Not(HasSubstr("$events")));
  EXPECT_EQ(events(node).size(), 2u);
}

TEST(Events, AreFoundBySeriesLabelTimeCauseAndState) {
  Node node;
  auto edge = edge_with_events();
  tell(edge, {{kStart, text_of("press-07/line1/m0")},
              {kStart + kSecond, text_of("press-07/line1/m1", "hi")},
              {kStart + 3 * kSecond, text_of("press-07/line1/m0", "hi", "cleared")},
              {kStart + 2 * kSecond, text_of("press-07/line1/m1", "hihi")}},
       kStart + kMinute);
  send(node, edge);
  node.commit();
  EXPECT_THAT(series_of(events(node)),
              ElementsAre("press-07/line1/m0", "press-07/line1/m1", "press-07/line1/m1",
                          "press-07/line1/m0"));
  const auto ask = [&](auto change) {
    query::EventQuery q;
    change(q);
    std::vector<std::string> found;
    for (const auto& e : events(node, q)) found.push_back(e.cause);
    return found;
  };
  using Query = query::EventQuery;
  EXPECT_THAT(ask([](Query& q) { q.select = "line1/m1"; }), ElementsAre("hihi", "hi"));
  EXPECT_THAT(ask([](Query& q) { q.select.labels["hall"] = {"4"}; }),
              ElementsAre("hi", "spike"));
  EXPECT_THAT(ask([](Query& q) { q.from = event_time(kStart + 2 * kSecond); }),
              ElementsAre("hi", "hihi"));
  EXPECT_THAT(ask([](Query& q) { q.to = event_time(kStart + kSecond); }), ElementsAre("spike"));
  EXPECT_THAT(ask([](Query& q) { q.cause = "hi"; }), ElementsAre("hi", "hi"));
  EXPECT_THAT(ask([](Query& q) { q.state = "cleared"; }), ElementsAre("hi"));
  EXPECT_THAT(ask([](Query& q) { q.limit = 2; }), ElementsAre("hi", "hihi"));
}

// Every reading of the block counts, and so does every event that can be read.
TEST(Events, ThatCannotBeReadAreAlarmedAndHoldNothingUp) {
  Node node;
  auto edge = edge_with_events();
  const auto good = text_of("press-07/line1/m0");
  tell(edge, {{kStart, "{"},
              {kStart, "[]"},
              {kStart, text_of("press-08/line1/m0")},
              {kStart, text_of("press-07")},
              {kStart, text_of("press-07/line1/m0", "")},
              {kStart, text_of("press-07/line1/m0", "spike", std::string(33, 'x'))},
              {kStart, R"({"series":"press-07/line1/m0","cause":7,"state":"raised"})"},
              {kStart, text_of("press-07/" + std::string(kEventBytesMax, 'x'))},
              {kStart, text_of("press-07/line1/m0", "spike", "open")},
              {kStart + kSecond, good}},
       kStart + kMinute, {kStart});
  send(node, edge);
  node.settle();
  EXPECT_EQ(node.intake->ledger().answered, 1u);
  ASSERT_EQ(events(node).size(), 1u);
  EXPECT_EQ(events(node)[0].time, event_time(kStart + kSecond));
  const auto alarms = alarms_of(node, "press-07");
  ASSERT_EQ(alarms.size(), 1u);
  EXPECT_EQ(alarms[0].kind, "event");
  EXPECT_THAT(alarms[0].text, HasSubstr("9 of the events in a block are not taken, the last one "
                                        "since 'state' is neither raised nor cleared"));
}

TEST(Events, OfADeadLetterComeWhenItIsTaken) {
  Node node;
  auto edge = edge_with_events();
  tell(edge, {{kStart, text_of("press-07/line1/m0")}}, kStart + kMinute, {kStart});
  node.take(edge, edge.hello());
  node.take(edge, edge.block(1));
  node.take(edge, edge.last_seal());
  for (unsigned m = 0; m < 2 * intake::kAsksMax; ++m) {
    node.clock.advance(std::chrono::seconds(61));
    node.commit();
  }
  ASSERT_EQ(node.intake->ledger().quarantined, 1u);
  EXPECT_TRUE(events(node).empty());
  node.take(edge, edge.dictionary());
  node.settle();
  EXPECT_EQ(node.intake->ledger().answered, 1u);
  EXPECT_EQ(events(node).size(), 1u);
}

// Whoever has many loses the oldest, and whoever has few none.
TEST(Events, OfThoseWithMostTheNewestAreKept) {
  constexpr std::uint64_t kOthers = 50, kStorm = store::kEventsMax + store::kEventsMax / 5;
  Folder folder;
  SystemDisk disk;
  auto store = store::Store::open(disk, folder.path).value();
  store->begin();
  store::Event e;
  e.edge = "press-08";
  for (std::uint64_t i = 0; i < kOthers; ++i) store->events().add(e);
  e.edge = "press-07";
  for (std::uint64_t i = 0; i < kStorm; ++i) {
    e.time = event_time(static_cast<std::int64_t>(i));
    store->events().add(e);
  }
  ASSERT_TRUE(store->commit().ok());
  const auto reader = query::Reader::open(folder.path).value();
  const auto all = reader->events_since(0, kStorm).value();
  std::vector<std::int64_t> of_the_storm;
  for (const auto& event : all) {
    if (event.edge == "press-07") of_the_storm.push_back(count_ns(event.time));
  }
  EXPECT_EQ(all.size() - of_the_storm.size(), kOthers);
  EXPECT_GE(all.size(), store::kEventsMax);
  EXPECT_LE(all.size(), store::kEventsMax + store::kEventsMax / 10);
  EXPECT_EQ(of_the_storm.back() - of_the_storm.front() + 1,
            static_cast<std::int64_t>(of_the_storm.size()));
  EXPECT_EQ(of_the_storm.back(), static_cast<std::int64_t>(kStorm) - 1);
}

TEST(Events, OfABlockBeyondAllReasonAreNotTaken) {
  Node node;
  auto edge = edge_with_events();
  tell(edge, std::vector<Told>(10'003, {kStart, text_of("press-07/line1/m0")}), kStart + kMinute);
  send(node, edge);
  node.commit();
  EXPECT_EQ(node.intake->counters().events, 10'000u);
  EXPECT_THAT(alarms_of(node, "press-07").at(0).text, HasSubstr("3 of the events in a block"));
}

// A hello may say any bytes.
TEST(Events, OfASiteThatIsNoTextAreTaken) {
  const auto text = text_of("press-07/line1/m0");
  const auto event = intake::event_of(text, {"press-07", "hall \xff", {}, {}});
  ASSERT_TRUE(event.ok());
  EXPECT_EQ(nlohmann::json::parse(event->json)["site"], "hall \uFFFD");
  EXPECT_EQ(event->number, 1u);
}

TEST(Events, AreInAStoreOfAnEarlierVersionFromItsUpgradeOn) {
  Folder folder;
  SystemDisk disk;
  { ASSERT_TRUE(store::Store::open(disk, folder.path).ok()); }
  {
    const auto db = store::open_writer(store::database_path(folder.path)).value();
    ASSERT_TRUE(db->execute("DROP TABLE events; PRAGMA user_version=11").ok());
  }
  auto store = store::Store::open(disk, folder.path).value();
  store->begin();
  store->events().add({.edge = "press-07"});
  ASSERT_TRUE(store->commit().ok());
  EXPECT_EQ(query::Reader::open(folder.path).value()->events_since(0, 9).value().size(), 1u);
}

TEST(Events, GoIntoTheirTopicInTheirOrder) {
  Node node;
  auto edge = edge_with_events();
  tell(edge, {{kStart + kSecond, text_of("press-07/line1/m0")},
              {kStart, text_of("press-07/line1/m1", "hi", "cleared")}},
       kStart + kMinute);
  send(node, edge);
  node.commit();
  kafka::Settings settings;
  settings.prefix = "plant";
  const auto feed = cluster::events_feed(settings, 12, nullptr);
  const auto reader = query::Reader::open(node.folder.path).value();
  EXPECT_EQ(feed.name, "events");
  const auto batch = feed.next(*reader, 0).value();
  ASSERT_EQ(batch.records.size(), 2u);
  const auto& first = batch.records[0];
  EXPECT_EQ(first.topic, "plant.events");
  EXPECT_EQ(first.partition, kafka::partition_of("press-07", 12));
  EXPECT_EQ(first.key, "press-07/line1/m0\t2025-11-20T01:00:01Z\tspike\traised\t1");
  EXPECT_EQ(batch.records[1].key, "press-07/line1/m1\t2025-11-20T01:00:00Z\thi\tcleared\t1");
  EXPECT_EQ(std::string(as_text(first.value)), events(node)[0].json);
  EXPECT_EQ(batch.to, 2u);
  EXPECT_EQ(feed.next(*reader, 1).value().records.size(), 1u);
  EXPECT_EQ(feed.next(*reader, 2).value().to, 0u);
}

}  // namespace
}  // namespace tidemark::test
