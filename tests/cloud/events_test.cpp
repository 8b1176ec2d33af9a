// What anomaly filters of an edge raised comes with its blocks: once each, and counted nowhere.
#include <gmock/gmock.h>

#include <map>
#include <nlohmann/json.hpp>

#include "cloud/cluster/outbox.h"
#include "cloud/intake/event_text.h"
#include "cloud/query/parts.h"
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

std::string repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
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
              {kStart, R"({"series":"press-07/a","cause":"hi","state":"raised","x":[)" +
                           std::string(999, ' ') + "1e14" + repeated(",1e14", 600) + "]}"},
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
  EXPECT_THAT(alarms[0].text, HasSubstr("10 of the events in a block are not taken, the last one "
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

// Whoever has many loses the oldest, and whoever has few none. Also of a store that is opened with
// too many.
TEST(Events, OfThoseWithMostTheNewestAreKept) {
  constexpr std::uint64_t kFew = 50, kSome = 9'000, kStorm = 2 * store::kEventsMax;
  Folder folder;
  SystemDisk disk;
  const auto add = [](store::Store& store, const std::string& edge, std::uint64_t events) {
    for (std::uint64_t i = 0; i < events; ++i) {
      store.events().add({.edge = edge, .time = event_time(static_cast<std::int64_t>(i))});
    }
  };
  {
    auto store = store::Store::open(disk, folder.path).value();
    store->begin();
    add(*store, "few", kFew);
    add(*store, "some", kSome);
    add(*store, "storm", kStorm);
    ASSERT_TRUE(store->commit().ok());
  }
  auto store = store::Store::open(disk, folder.path).value();
  store->begin();
  add(*store, "few", 1);  // the first one of a start bounds what is there
  ASSERT_TRUE(store->commit().ok());
  std::map<std::string, std::vector<std::int64_t>> times;
  const auto reader = query::Reader::open(folder.path).value();
  const auto kept = reader->events_since(0, kStorm).value();
  for (const auto& e : kept) times[e.edge].push_back(count_ns(e.time));
  EXPECT_EQ(times["few"].size(), kFew + 1);
  EXPECT_EQ(times["some"].size(), kSome);
  EXPECT_EQ(times["storm"].size(), store::kEventsMax - kSome - kFew - 1);
  EXPECT_EQ(times["storm"].back(), static_cast<std::int64_t>(kStorm) - 1);
  EXPECT_EQ(times["storm"].front(),
            static_cast<std::int64_t>(kStorm - times["storm"].size()));
}

// By which the edge knows it, if it says a number.
TEST(Events, HaveTheNumberThatTheEdgeGaveThem) {
  for (const auto& [id, number] : std::map<std::string, std::uint64_t>{
           {"7", 7}, {"\"7\"", 0}, {"-1", 0}, {"1.5", 0}, {"null", 0}, {"[]", 0},
           {"18446744073709551615", 18'446'744'073'709'551'615u}}) {
    const auto text = R"({"series":"a/b/c","cause":"hi","state":"raised","partition":3,"id":)" + id;
    const auto event = intake::event_of(text + "}", {"a", "", {}, {}});
    ASSERT_TRUE(event.ok()) << id;
    EXPECT_EQ(event->number, number) << id;
    const auto said = nlohmann::json::parse(event->json);
    EXPECT_EQ(said.contains("id"), number != 0) << id;
    EXPECT_FALSE(said.contains("partition"));
  }
}

TEST(Events, OfAllPartitionsAreTheNewest) {
  Folder folder;
  SystemDisk disk;
  const auto parts = query::Parts::make(0);
  for (const int p : {3, 7}) {
    const auto path = folder.path / std::to_string(p);
    auto store = store::Store::open(disk, path).value();
    store->begin();
    for (const int second : {10 + p, 20 + p}) {
      store->events().add({.edge = "e", .series = "e/d/m", .time = event_time(second)});
    }
    ASSERT_TRUE(store->commit().ok());
    ASSERT_TRUE(parts->open(p, [path] { return query::Reader::open(path); }).ok());
  }
  query::EventQuery query;
  query.limit = 3;
  const auto found = parts->reader()->events(query).value();
  std::vector<std::pair<std::int64_t, int>> of;
  for (const auto& e : found) of.emplace_back(count_ns(e.time), e.partition.value_or(-1));
  EXPECT_THAT(of, ElementsAre(std::pair(27, 7), std::pair(23, 3), std::pair(17, 7)));
}

TEST(Events, OfABlockBeyondAllReasonAreNotTaken) {
  Node node;
  auto edge = edge_with_events();
  tell(edge, std::vector<Told>(4'003, {kStart, text_of("press-07/line1/m0")}), kStart + kMinute);
  send(node, edge);
  node.commit();
  EXPECT_EQ(node.intake->counters().events, 4'000u);
  EXPECT_THAT(alarms_of(node, "press-07").at(0).text, HasSubstr("3 of the events in a block are "
                                                            "not taken: it has more than 4000"));
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
