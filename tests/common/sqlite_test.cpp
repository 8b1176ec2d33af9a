#include "common/sqlite/database.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <limits>
#include <thread>

namespace tidemark::sqlite {
namespace {

using testing::HasSubstr;

class Sqlite : public testing::Test {
 protected:
  Sqlite() {
    std::string name = (std::filesystem::temp_directory_path() / "tidemark-s-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    file_ = folder_ / "t.db";
  }
  ~Sqlite() override { std::filesystem::remove_all(folder_); }

  static Options options() { return {.schema = "CREATE TABLE t(k INTEGER PRIMARY KEY, v)"}; }
  static Options impatient() {
    auto o = options();
    o.busy_wait = {};
    return o;
  }
  std::unique_ptr<Database> open(const Options& o = options()) {
    auto opened = Database::open(file_, o);
    EXPECT_TRUE(opened.ok()) << (opened.ok() ? "" : opened.error().text());
    return std::move(opened).value();
  }
  Error refused(const Options& o = options()) {
    auto opened = Database::open(file_, o);
    EXPECT_FALSE(opened.ok());
    return opened.ok() ? Error{Fault::bad_input, ""} : std::move(opened).error();
  }
  static std::int64_t ask(Database& db, const std::string& sql) {
    auto query = db.prepare(sql).value();
    EXPECT_TRUE(query.step().value()) << sql;
    return query.integer(0);
  }
  static std::int64_t rows(Database& db) { return ask(db, "SELECT count(*) FROM t"); }

  std::filesystem::path folder_, file_;
};

TEST_F(Sqlite, OpensAgainWhatItMade) {
  {
    const auto db = open();
    ASSERT_TRUE(db->execute("INSERT INTO t VALUES(1, 2)"));
  }
  const auto db = open();
  EXPECT_EQ(rows(*db), 1);
  EXPECT_EQ(ask(*db, "PRAGMA user_version"), 1);
}

TEST_F(Sqlite, CommitsAreDurableUnlessPragmasSayOtherwise) {
  const auto db = open();
  auto mode = db->prepare("PRAGMA journal_mode").value();
  ASSERT_TRUE(mode.step().value());
  EXPECT_EQ(mode.text(0), "wal");
  EXPECT_EQ(ask(*db, "PRAGMA synchronous"), 2) << "FULL";
  EXPECT_EQ(ask(*db, "PRAGMA secure_delete"), 0);
  auto o = options();
  o.pragmas = "PRAGMA synchronous=NORMAL; PRAGMA cache_size=-77";
  const auto other = open(o);
  EXPECT_EQ(ask(*other, "PRAGMA synchronous"), 1);
  EXPECT_EQ(ask(*other, "PRAGMA cache_size"), -77);
}

TEST_F(Sqlite, ASchemaIsMadeWholeOrNotAtAll) {
  auto o = options();
  o.schema += "; CREATE TABLE broken(";
  EXPECT_EQ(refused(o).fault(), Fault::unavailable);
  EXPECT_EQ(rows(*open()), 0) << "the first attempt left no table behind";
}

TEST_F(Sqlite, OfTwoThatCreateOneMakesTheTables) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { EXPECT_EQ(rows(*open()), 0); });
  }
  for (auto& t : threads) t.join();
}

TEST_F(Sqlite, AnotherVersionsFileIsRefused) {
  ASSERT_TRUE(open()->execute("PRAGMA user_version=3"));
  auto o = options();
  for (const int version : {1, 2}) {
    o.version = version;
    const auto error = refused(o);
    EXPECT_EQ(error.fault(), Fault::unsupported);
    EXPECT_THAT(error.text(), HasSubstr(file_.string() + ": its format 3 is newer than"));
  }
  o.version = 4;
  EXPECT_EQ(refused(o).fault(), Fault::unsupported);
  EXPECT_THAT(refused(o).text(), HasSubstr("format 3 is older than 4"));
  o.version = 3;
  EXPECT_EQ(rows(*open(o)), 0);
}

TEST_F(Sqlite, WhatIsNoDatabaseIsCorrupt) {
  std::ofstream(file_) << std::string(8192, 'x');
  EXPECT_EQ(refused().fault(), Fault::corrupt);
  EXPECT_EQ(refused({.reader = true}).fault(), Fault::corrupt);
}

TEST_F(Sqlite, QuickCheckFindsADamagedPage) {
  {
    const auto db = open();
    ASSERT_TRUE(db->execute("INSERT INTO t(v) VALUES(zeroblob(20000))"));
    ASSERT_TRUE(db->execute("PRAGMA wal_checkpoint(TRUNCATE)"));
  }
  std::fstream bytes(file_, std::ios::in | std::ios::out | std::ios::binary);
  bytes.seekp(2 * 4096);
  bytes << std::string(4096, '\xee');
  bytes.close();
  open();  // nothing has looked at the page yet
  auto o = options();
  o.quick_check = true;
  EXPECT_EQ(refused(o).fault(), Fault::corrupt);
}

TEST_F(Sqlite, AFileThatCannotBeOpenedIsUnavailable) {
  file_ = folder_ / "no folder" / "t.db";
  const auto error = refused();
  EXPECT_EQ(error.fault(), Fault::unavailable);
  EXPECT_THAT(error.text(), HasSubstr(file_.string() + ": unable to open"));
}

TEST_F(Sqlite, AReaderNeverWritesAndNeverCreates) {
  EXPECT_EQ(refused({.reader = true}).fault(), Fault::unavailable);
  EXPECT_FALSE(std::filesystem::exists(file_));
  const auto writer = open();
  const auto reader = open({.pragmas = "", .reader = true});
  EXPECT_EQ(reader->execute("INSERT INTO t VALUES(1, 1)").error().fault(), Fault::denied);
  ASSERT_TRUE(writer->execute("INSERT INTO t VALUES(1, 1)"));
  EXPECT_EQ(rows(*reader), 1);
  EXPECT_TRUE(reader->fault().ok()) << "execute() keeps nothing";
}

TEST_F(Sqlite, AReaderSeesOneStateDuringItsTransaction) {
  const auto writer = open();
  const auto reader = open({.pragmas = "", .reader = true});
  reader->run("BEGIN");
  EXPECT_EQ(rows(*reader), 0);
  ASSERT_TRUE(writer->execute("INSERT INTO t VALUES(1, 1)"));
  EXPECT_EQ(rows(*reader), 0);
  reader->run("COMMIT");
  EXPECT_EQ(rows(*reader), 1);
}

TEST_F(Sqlite, ATransactionIsRolledBackUnlessItCommits) {
  const auto db = open();
  {
    auto transaction = Transaction::begin(*db).value();
    ASSERT_TRUE(db->execute("INSERT INTO t VALUES(1, 1)"));
  }
  EXPECT_EQ(rows(*db), 0);
  {
    auto transaction = Transaction::begin(*db).value();
    ASSERT_TRUE(db->execute("INSERT INTO t VALUES(1, 1)"));
    auto moved = std::move(transaction);
    ASSERT_TRUE(moved.commit());
  }
  EXPECT_EQ(rows(*db), 1);
}

TEST_F(Sqlite, ValuesComeBackAsTheyWere) {
  const auto db = open();
  auto put = db->prepare("INSERT INTO t VALUES(?, ?)").value();
  const std::string text("\0\xc3\xbc\n", 4);
  const ByteVector blob{0, 1, 0xff};
  ASSERT_TRUE(put.execute(1, std::numeric_limits<std::uint64_t>::max()));
  ASSERT_TRUE(put.execute(2, text));
  ASSERT_TRUE(put.execute(3, blob));
  ASSERT_TRUE(put.execute(4, true));
  auto get = db->prepare("SELECT v FROM t WHERE k=?").value();
  ASSERT_TRUE(get.start(1).step().value());
  EXPECT_EQ(get.integer(0), -1);
  EXPECT_EQ(get.count(0), std::numeric_limits<std::uint64_t>::max());
  ASSERT_TRUE(get.start(2).step().value());
  EXPECT_EQ(get.text(0), text);
  ASSERT_TRUE(get.start(3).step().value());
  EXPECT_EQ(ByteVector(get.blob(0).begin(), get.blob(0).end()), blob);
  ASSERT_TRUE(get.start(4).step().value());
  EXPECT_EQ(get.integer(0), 1);
  EXPECT_FALSE(get.start(9).step().value());
}

TEST_F(Sqlite, AnEmptyValueIsNotNull) {
  const auto db = open();
  auto put = db->prepare("INSERT INTO t VALUES(?, ?)").value();
  ASSERT_TRUE(put.execute(1, ByteSpan{}));
  ASSERT_TRUE(put.execute(2, std::string_view{}));
  ASSERT_TRUE(db->execute("INSERT INTO t VALUES(3, NULL)"));
  Statement get(*db, "SELECT v, typeof(v) FROM t ORDER BY k");
  for (const auto* type : {"blob", "text", "null"}) {
    ASSERT_TRUE(get.next());
    EXPECT_EQ(get.text(1), type);
    EXPECT_EQ(get.is_null(0), get.text(1) == "null");
    EXPECT_TRUE(get.blob(0).empty());
    EXPECT_EQ(get.text(0), "");
  }
  EXPECT_FALSE(get.next());
}

TEST_F(Sqlite, ValuesThatDoNotFitAreAFaultAndNothingIsWritten) {
  const auto db = open();
  auto put = db->prepare("INSERT INTO t(v) VALUES(?)").value();
  ASSERT_TRUE(put.execute(1));
  EXPECT_FALSE(put.execute()) << "one too few";
  EXPECT_FALSE(put.execute(1, 2)) << "one too many";
  const std::uint8_t one = 1;
  EXPECT_FALSE(put.execute(ByteSpan(&one, std::size_t{1} << 40))) << "refused unread, by its size";
  EXPECT_EQ(rows(*db), 1);
  ASSERT_TRUE(put.execute(2)) << "the statement is good for the next";
}

TEST_F(Sqlite, StatementsMoveAndStayPrepared) {
  const auto db = open();
  Statement put;
  put = {*db, "INSERT INTO t VALUES(?, ?)"};
  put.run(1, 10);
  auto moved = std::move(put);
  moved.run(2, 20);
  EXPECT_EQ(db->last_row_id(), 2);
  ASSERT_TRUE(db->execute("UPDATE t SET v=0"));
  EXPECT_EQ(db->rows_changed(), 2);
  EXPECT_TRUE(db->fault().ok());
}

TEST_F(Sqlite, AFaultThatIsToldAtOnceIsNotKept) {
  const auto db = open();
  auto put = db->prepare("INSERT INTO t VALUES(?, ?)").value();
  ASSERT_TRUE(put.execute(1, 1));
  EXPECT_FALSE(put.execute(1, 1)) << "the key is there already";
  EXPECT_FALSE(db->prepare("no SQL"));
  EXPECT_FALSE(db->execute("no SQL"));
  EXPECT_TRUE(db->fault().ok());
  EXPECT_TRUE(put.execute(2, 2));
}

// Each keeps a fault; what comes after must not reach the file.
struct Keeper {
  const char* name;
  std::function<void(Database&)> fail;
};
class KeptFault : public Sqlite, public testing::WithParamInterface<Keeper> {};

TEST_P(KeptFault, StopsAllThatFollowsTheCommitIncluded) {
  {
    const auto db = open();
    Statement put(*db, "INSERT INTO t VALUES(?, ?)");
    db->run("BEGIN IMMEDIATE");
    put.run(1, 1);
    ASSERT_TRUE(db->fault().ok());
    GetParam().fail(*db);
    const auto first = db->fault();
    ASSERT_FALSE(first.ok());
    put.run(2, 2);
    EXPECT_FALSE(put.next());
    EXPECT_EQ(put.step().error().text(), first.error().text());
    EXPECT_FALSE(put.execute(3, 3));
    db->run("COMMIT");
    EXPECT_EQ(db->execute("COMMIT").error().text(), first.error().text());
    EXPECT_EQ(db->fault().error().text(), first.error().text()) << "the first stays";
  }
  EXPECT_EQ(rows(*open()), 0);
}

INSTANTIATE_TEST_SUITE_P(
    Sqlite, KeptFault,
    testing::Values(Keeper{"run", [](Database& db) { db.run("no SQL"); }},
                    Keeper{"prepare", [](Database& db) { const Statement s(db, "no SQL"); }},
                    Keeper{"insert", [](Database& db) {
                             Statement(db, "INSERT INTO t VALUES(1, 1)").run();
                           }},
                    Keeper{"values", [](Database& db) {
                             Statement(db, "INSERT INTO t VALUES(?, ?)").run(7);
                           }}),
    [](const auto& keeper) { return keeper.param.name; });

TEST_F(Sqlite, AKeptFaultDoesNotKeepATransactionOpen) {
  const auto db = open();
  {
    auto transaction = Transaction::begin(*db).value();
    Statement(*db, "INSERT INTO t VALUES(1, 1)").run();
    db->run("no SQL");
    EXPECT_FALSE(transaction.commit());
  }
  const auto other = open(impatient());
  EXPECT_TRUE(other->execute("INSERT INTO t VALUES(2, 2)")) << "the lock is free";
  EXPECT_EQ(rows(*other), 1);
}

TEST_F(Sqlite, AnothersLockIsWaitedForAndThenUnavailable) {
  const auto holder = open();
  const auto other = open(impatient());
  auto held = std::make_optional(Transaction::begin(*holder).value());
  const auto busy = Transaction::begin(*other);
  ASSERT_FALSE(busy.ok());
  EXPECT_EQ(busy.error().fault(), Fault::unavailable);
  EXPECT_THAT(busy.error().text(), HasSubstr("locked: another process has it open"));
  EXPECT_EQ(refused(impatient()).fault(), Fault::unavailable) << "an opening is a writer too";

  const auto patient = open({.reader = true});  // a reader waits for nobody
  EXPECT_EQ(rows(*patient), 0);
  std::thread release([&] { held.reset(); });
  EXPECT_TRUE(open()->execute("INSERT INTO t VALUES(1, 1)")) << "waits until the lock is free";
  release.join();
}

TEST_F(Sqlite, DataVersionTellsOfOthersChangesOnly) {
  const auto db = open();
  const auto other = open();
  const auto before = db->data_version().value();
  ASSERT_TRUE(db->execute("INSERT INTO t VALUES(1, 1)"));
  EXPECT_EQ(db->data_version().value(), before);
  ASSERT_TRUE(other->execute("INSERT INTO t VALUES(2, 2)"));
  EXPECT_NE(db->data_version().value(), before);
}

TEST_F(Sqlite, AFullFileIsFull) {
  const auto db = open();
  ASSERT_TRUE(db->execute("PRAGMA max_page_count=4"));
  auto put = db->prepare("INSERT INTO t(v) VALUES(?)").value();
  auto done = put.execute(ByteVector(100'000, 1));
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().fault(), Fault::full);
  EXPECT_TRUE(put.execute(1)) << "a smaller one still goes in";
}

}  // namespace
}  // namespace tidemark::sqlite
