// What the cloud says it knows: estimated completeness, switched-off time, and descriptions and
// sources that do not depend on the order of arrival.
#include <gmock/gmock.h>

#include "cloud/store/schema.h"
#include "cloud/store/store.h"
#include "common/sqlite/database.h"
#include "tests/cloud/give_order.h"

namespace tidemark::test {
namespace {

using testing::HasSubstr;

// One reading and one good poll a second.
void measure(EdgeDouble& edge, std::int64_t from, std::int64_t until) {
  for (auto t = from; t < until; t += kSecond) {
    edge.take(0, t, static_cast<double>(t / kSecond % 100));
    edge.poll(t, true);
  }
  edge.flush(until);
}

TEST(Knowledge, CompletenessIsEstimatedUntilTheWindowIsSealed) {
  Node node;
  EdgeDouble edge("press-07", 11, 1);
  measure(edge, kStart, kStart + 30 * kSecond);
  send(node, edge);
  node.commit();
  node.settle();
  const auto query = query::Reader::parse("max press-07/line1/m0 by 2min").value();
  for (const auto& a : {node.answers("minute").at(0), node.ask(query).at(0)}) {
    EXPECT_EQ(a.state, answers::State::provisional);
    EXPECT_EQ(a.completeness, 1.0);
    EXPECT_TRUE(a.estimated);
  }
  measure(edge, kStart + 30 * kSecond, kStart + 2 * kMinute);
  send(node, edge);
  node.commit();
  for (const auto& a : {node.answers("minute").at(0), node.ask(query).at(0)}) {
    EXPECT_EQ(a.state, answers::State::sealed);
    EXPECT_EQ(a.completeness, 1.0);
    EXPECT_FALSE(a.estimated);
  }
}

TEST(Knowledge, SwitchedOffTimeIsNotCoveredAndSaysWhy) {
  Node node;
  EdgeDouble first("press-07", 1, 1);
  measure(first, kStart, kStart + 30 * kSecond);
  send(node, first);
  first.off_from = event_time(kStart + 30 * kSecond);
  first.off_until = event_time(kStart + 2 * kMinute + 30 * kSecond);
  EdgeDouble next("press-07", 2, 2);
  measure(next, kStart + 2 * kMinute + 30 * kSecond, kStart + 4 * kMinute);
  send(node, next, {first.closing(1)});
  node.commit();
  node.settle();
  for (int restart = 0; restart < 2; ++restart) {
    const auto query = query::Reader::parse("count press-07/line1/m0 by 2min").value();
    for (const auto& [all, widths] :
         {std::pair{node.answers("minute"), 1}, std::pair{node.ask(query), 2}}) {
      ASSERT_EQ(all.size(), 4u / static_cast<unsigned>(widths));
      EXPECT_DOUBLE_EQ(all[0].coverage.value(), widths == 1 ? 0.5 : 0.25);
      EXPECT_DOUBLE_EQ(all[1].coverage.value(), widths == 1 ? 0.0 : 0.75);
      ASSERT_FALSE(all[0].missing.empty());
      EXPECT_EQ(all[0].missing[0].source, "press-07/line1");
      EXPECT_THAT(all[0].missing[0].reason, HasSubstr("edge was off from "));
      EXPECT_TRUE(all.back().missing.empty() || widths == 2);
    }
    node.kill();
    node.start();
  }
}

TEST(OffTimes, OverlappingSpansCountOnce) {
  reconcile::OffTimes off;
  const auto at = [](std::int64_t s) { return event_time(kStart + s * kSecond); };
  EXPECT_TRUE(off.add({at(10), at(30)}));
  EXPECT_TRUE(off.add({at(20), at(40)}));
  EXPECT_FALSE(off.add({at(20), at(40)}));
  EXPECT_FALSE(off.add({at(50), at(50)}));
  EXPECT_FALSE(off.add({kEventTimeMin, at(50)}));
  EXPECT_EQ(reconcile::covered(off.meeting(at(0), at(60)), at(0), at(60)),
            std::chrono::seconds(30));
  EXPECT_EQ(reconcile::covered(off.meeting(at(15), at(25)), at(15), at(25)),
            std::chrono::seconds(10));
  EXPECT_TRUE(off.meeting(at(40), at(60)).empty());
}

// The edge left readings out for a while: what is made of their number is not what it was measured.
TEST(Description, WhatWasThinnedIsApproximateAndSaysHowFar) {
  auto peaks = answers::built_in_view();
  peaks.name = "peaks";
  peaks.aggregates = {"min", "max", "last"};
  Node node({}, {peaks});
  node.clock.jump_wall(std::chrono::hours(24));
  EdgeDouble thinned("press-07", 1, 1);
  thinned.describe(0, [](SeriesDescription& d) { d.deadband = 0.5; });
  measure(thinned, kStart, kStart + kMinute);
  send(node, thinned);
  constexpr auto kLater = kStart + 180 * kMinute;
  EdgeDouble whole("press-07", 2, 2);
  measure(whole, kLater, kLater + kMinute);
  send(node, whole, {thinned.closing(1)});
  node.settle();
  for (int restart = 0; restart < 2; ++restart) {
    const auto query = query::Reader::parse("mean press-07/line1/m0 by 1min").value();
    for (const auto& all : {node.answers("minute"), node.ask(query), node.answers("peaks")}) {
      ASSERT_GE(all.size(), 2u);
      const auto& last = all.back();
      EXPECT_EQ(all[0].approximate, all[0].values.contains("mean"));
      ASSERT_EQ(all[0].notes.size(), 1u);
      EXPECT_THAT(all[0].notes[0], HasSubstr("within 0.5 of the last one sent"));
      EXPECT_EQ(all[0].completeness, 1.0) << "nothing that was sent is missing";
      EXPECT_EQ(last.start, event_time(kLater));
      EXPECT_FALSE(last.approximate);
      EXPECT_THAT(last.notes, testing::IsEmpty());
    }
    node.kill();
    node.start();
  }
}

// A device that got its clock late: readings with times of their own may be repeats, whatever the
// newest start says about the series.
TEST(Description, ATimeOfItsOwnIsNotForgotten) {
  Node node;
  EdgeDouble first("press-07", 1, 1, true);
  EdgeDouble next("press-07", 2, 2, true);
  next.describe(0, [](SeriesDescription& d) { d.device_stamped = false; });
  for (const int block : {1, 2}) {
    first.take(0, kStart + 5 * kSecond, 7);
    EXPECT_EQ(first.flush(kStart + block * 10 * kSecond), static_cast<std::uint64_t>(block));
  }
  next.take(0, kStart + 65 * kSecond, 8);
  next.flush(kStart + 70 * kSecond);
  node.take(next, next.hello({first.closing(2)}));
  for (const auto* edge : {&first, &next}) node.take(*edge, edge->dictionary());
  node.take(first, first.block(1));
  node.take(next, next.block(1));
  node.commit();
  node.take(first, first.block(2));
  node.commit();
  EXPECT_EQ(node.intake->ledger().duplicate, 1u);
  EXPECT_EQ(node.intake->ledger().answered, 2u);
}

// Two starts say different words about one series: whatever comes first, those of the later start.
TEST(Description, IsThatOfTheLastStartWhateverTheOrder) {
  for (const bool turned : {false, true}) {
    Node node;
    EdgeDouble first("press-07", 1, 1);
    EdgeDouble next("press-07", 2, 2, false, 2, "fast");
    next.describe(0, [](SeriesDescription& d) { d.unit = "mV"; });
    measure(first, kStart, kStart + 30 * kSecond);
    measure(next, kStart + kMinute, kStart + 2 * kMinute);
    node.take(next, next.hello({first.closing(1)}));
    for (const auto* edge : {&first, &next}) node.take(*edge, edge->dictionary());
    for (const auto* edge : turned ? std::vector{&next, &first} : std::vector{&first, &next}) {
      node.take(*edge, edge->block(1));
      node.commit();
      node.kill();
      node.start();
      node.take(next, next.hello({first.closing(1)}));
    }
    node.commit();
    auto reader = query::Reader::open(node.folder.path).value();
    EXPECT_EQ(reader->series("press-07/line1/m0").value().at(0).description.unit, "mV") << turned;
  }
}

// An older dictionary changes what is known of a series and not who described it last.
TEST(Description, ThatChangesIsSeenByAReaderThatIsOpen) {
  Node node;
  EdgeDouble first("press-07", 1, 1, true);
  EdgeDouble next("press-07", 2, 2);
  next.take(0, kStart + 65 * kSecond, 8);
  next.flush(kStart + 70 * kSecond);
  first.take(0, kStart + 5 * kSecond, 7);
  first.flush(kStart + 10 * kSecond);
  greet(node, next, {first.closing(1)});
  node.take(next, next.block(1));
  node.commit();
  auto reader = query::Reader::open(node.folder.path).value();
  EXPECT_FALSE(reader->series("**/m0").value().at(0).description.device_stamped);
  node.take(first, first.dictionary());
  node.take(first, first.block(1));
  node.commit();
  EXPECT_TRUE(reader->series("**/m0").value().at(0).description.device_stamped);
}

// A reading of a device that was sent again under another name of its source counts once.
TEST(Repeats, AreFoundUnderTheEarlierNameOfTheSource) {
  Node node;
  EdgeDouble first("press-07", 1, 1, true);
  EdgeDouble next("press-07", 2, 2, true);
  next.describe(0, [](SeriesDescription& d) { d.source = "line1-renamed"; });
  for (auto* edge : {&first, &next}) {
    for (std::int64_t s = 0; s < 30; ++s) edge->take(0, kStart + s * kSecond, 100.0);
  }
  next.take(0, kStart + 30 * kSecond, 7.0);
  first.flush(kStart + 30 * kSecond);
  next.flush(kStart + 40 * kSecond);
  send(node, first);
  node.commit();
  greet(node, next, {first.closing(1)});
  node.take(next, next.block(1));
  node.commit();
  EXPECT_EQ(node.intake->ledger().answered, 31u);
  EXPECT_EQ(node.intake->ledger().duplicate, 30u);
  node.settle();
  EXPECT_EQ(node.answers("minute", "**/m0").at(0).values.at("count"), 31.0);
  // What is read from the archive counts it once, too.
  const auto finer = node.ask(query::Reader::parse("count press-07/line1/m0 by 40s").value());
  EXPECT_EQ(finer.at(0).values.at("count"), 31.0);
}

TEST(Store, AFileOfVersion6LacksInItsQuartersWhatTheirMinutesLackedTogether) {
  Node node;
  EdgeDouble edge("press-07", 1, 1);
  measure(edge, kStart, kStart + kMinute);
  send(node, edge);
  node.commit();
  node.kill();
  const auto open = [&] {
    return sqlite::Database::open(store::database_path(node.folder.path),
                                  {.version = store::kSchemaVersion}).value();
  };
  ASSERT_TRUE(open()->execute(
      "INSERT INTO folded VALUES(7,0,900,1,1,9,9,4,0),(7,900,900,1,1,4,4,9,0);"
      "ALTER TABLE folded DROP COLUMN lacking; DROP TABLE dropped; PRAGMA user_version=6").ok());
  node.start();
  node.kill();
  const auto database = open();
  auto rows = database->prepare("SELECT sent,received,lacking FROM folded ORDER BY start");
  rows->start();
  for (const auto lacking : {5, 0}) {
    ASSERT_TRUE(rows->next());
    EXPECT_EQ(rows->integer(0) + rows->integer(1), 13);
    EXPECT_EQ(rows->integer(2), lacking);
  }
}

TEST(Store, AFileOfVersion8ReadsAgainWhatOthersPublished) {
  Folder folder;
  SystemDisk disk;
  { ASSERT_TRUE(store::Store::open(disk, folder.path).ok()); }
  {
    const auto db = sqlite::Database::open(store::database_path(folder.path),
                                           {.version = store::kSchemaVersion}).value();
    ASSERT_TRUE(db->execute(
        "DROP TABLE published; CREATE TABLE published(view TEXT, subject TEXT, start INTEGER,"
        " position INTEGER, known_at INTEGER, body BLOB);"
        "INSERT INTO published VALUES('minute','a/b/c',0,1,0,x'00');"
        "INSERT INTO meta VALUES('kafka 5f answers offset',7),('kafka 5f answers',3);"
        "PRAGMA user_version=8").ok());
  }
  const auto store = store::Store::open(disk, folder.path).value();
  auto& db = store->database();
  sqlite::Statement rows(db, "SELECT COUNT(definition) FROM published");
  ASSERT_TRUE(rows.start().next());
  EXPECT_EQ(rows.count(0), 0u);
  sqlite::Statement notes(db, "SELECT key FROM meta WHERE key LIKE 'kafka 5f %'");
  ASSERT_TRUE(notes.start().next());
  EXPECT_EQ(notes.text(0), "kafka 5f answers");
  EXPECT_FALSE(notes.next()) << "the tail of the topic is read anew";
}

// Groups over partitions went to other partitions: each says all again, and forgets what was put
// together here.
TEST(Store, AFileOfVersion9SaysAllOfItsGroupsAgain) {
  Folder folder;
  SystemDisk disk;
  { ASSERT_TRUE(store::Store::open(disk, folder.path).ok()); }
  {
    const auto db = sqlite::Database::open(store::database_path(folder.path),
                                           {.version = store::kSchemaVersion}).value();
    ASSERT_TRUE(db->execute(
        "DROP TABLE given_orders; INSERT INTO reaches VALUES(5,-1,2,77,x'00');"
        "INSERT INTO speakers VALUES(2,77,x'00');"
        "INSERT INTO history VALUES(1,5,-1,0,0,x'00'),(2,-5,-1,0,0,x'00'),(3,5,7,0,0,x'00'),"
        "(4,6,-2,0,0,x'00');"
        "INSERT INTO answers VALUES(5,-1,0,1),(5,7,0,3),(6,-2,0,4);"
        "INSERT INTO meta VALUES('kafka 5f partials said',7),('kafka 5f answers',3);"
        "PRAGMA user_version=9").ok());
  }
  const auto store = store::Store::open(disk, folder.path).value();
  auto& db = store->database();
  const auto text = [&](const char* sql) {
    std::string all;
    sqlite::Statement rows(db, sql);
    for (rows.start(); rows.next();) all += rows.text(0) + " ";
    return all;
  };
  EXPECT_EQ(text("SELECT position FROM history ORDER BY position"), "2 3 4 ")
      << "what it says of groups, of series, and of a view that one store answers";
  EXPECT_EQ(text("SELECT position FROM answers ORDER BY position"), "3 4 ");
  EXPECT_EQ(text("SELECT key FROM meta WHERE key LIKE 'kafka 5f %'"), "kafka 5f answers ");
  EXPECT_EQ(text("SELECT COUNT(*) FROM reaches UNION ALL SELECT COUNT(*) FROM speakers"), "0 0 ");
}

TEST(Store, AFileOfVersion1IsLifted) {
  Node node;
  EdgeDouble edge("press-07", 1, 1);
  measure(edge, kStart, kStart + kMinute);
  send(node, edge);
  node.commit();
  const auto before = node.answers("minute").at(0);
  node.kill();
  {
    auto database = sqlite::Database::open(store::database_path(node.folder.path),
                                           {.version = store::kSchemaVersion}).value();
    ASSERT_TRUE(database->execute(
        "ALTER TABLE series DROP COLUMN said_in; ALTER TABLE series DROP COLUMN widest_sum;"
        "DROP TABLE forgotten; DROP TABLE accepted; DROP TABLE minutes_due;"
        "CREATE TABLE d(hash INTEGER PRIMARY KEY, bytes BLOB);"
        "INSERT INTO d SELECT hash,bytes FROM dictionaries; DROP TABLE dictionaries;"
        "ALTER TABLE d RENAME TO dictionaries; DROP TABLE series_sources; DROP TABLE off_times;"
        "DROP TABLE refused; DROP TABLE alarms; DROP TABLE orders;"
        "DROP TABLE panes_unordered; DROP TABLE series_ordered; DROP TABLE meter_swaps;"
        "DROP TABLE pairs; DROP TABLE view_log; DROP TABLE waivers;"
        "DROP TABLE windows_due; DROP TABLE dictionary_uses; DROP TABLE uncounted;"
        "DROP TABLE starts_gone; DROP TABLE folded; DROP TABLE partials;"
        "ALTER TABLE series DROP COLUMN thinned_from;"
        "ALTER TABLE series DROP COLUMN thinned_until;"
        "ALTER TABLE edges DROP COLUMN away; DROP TABLE deadletters;"
        "CREATE TABLE deadletters(id INTEGER PRIMARY KEY AUTOINCREMENT, edge TEXT, reason TEXT,"
        " at INTEGER, bytes BLOB, readings INTEGER);"
        "INSERT INTO deadletters VALUES(9,'press-07','block: wrong checksum',5,x'0102',3);"
        "PRAGMA user_version=1").ok());
  }
  node.start();
  measure(edge, kStart + kMinute, kStart + 2 * kMinute);
  send(node, edge);
  node.commit();
  const auto after = node.answers("minute");
  ASSERT_EQ(after.size(), 2u);
  EXPECT_EQ(after[0].values, before.values);
  EXPECT_EQ(node.intake->ledger().answered, 120u);
  EXPECT_EQ(node.intake->counters().parked, 0u);  // its dictionary is known
  const auto letter = query::Reader::open(node.folder.path).value()->dead_letter(9, {}).value();
  EXPECT_EQ(letter->size, 2u);
  EXPECT_EQ(letter->readings, 3u);
  EXPECT_EQ(order(node, "letter retry 9 ada"),
            "error: an earlier version kept it without its name");
}

}  // namespace
}  // namespace tidemark::test
