#include "edge/quarantine/quarantine.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <fstream>
#include <thread>

#include "tests/support/eventually.h"

namespace tidemark::quarantine {
namespace {

using testing::HasSubstr;

class QuarantineTest : public testing::Test {
 protected:
  QuarantineTest() {
    std::string name = (std::filesystem::temp_directory_path() / "tidemark-q-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~QuarantineTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<Quarantine> open() {
    auto opened = Quarantine::open(folder_);
    EXPECT_TRUE(opened.ok()) << (opened.ok() ? "" : opened.error().text());
    return std::move(opened).value();
  }
  static void add(Quarantine& q, std::string_view reason, std::string_view payload = "{",
                  std::uint64_t readings = 1) {
    q.add(reason, "floor", as_bytes("plant/p1"), as_bytes(payload), readings, event_time(7));
  }
  std::filesystem::path folder_;
};

TEST_F(QuarantineTest, KeepsWhatItWasGivenAcrossARestart) {
  {
    const auto q = open();
    q->add("JSON is malformed: at byte 3", "floor", as_bytes("plant/p1"),
           as_bytes(std::string_view("{\0\xff", 3)), 2, event_time(1234));
  }
  const auto q = open();
  const auto items = q->newest(10);
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0].time, event_time(1234));
  EXPECT_EQ(items[0].reason, "JSON is malformed: at byte 3");
  EXPECT_EQ(items[0].source, "floor");
  EXPECT_EQ(items[0].topic, "plant/p1");
  EXPECT_EQ(items[0].excerpt, std::string("{\0\xff", 3));
  EXPECT_EQ(items[0].readings, 2u);
  ASSERT_EQ(q->counts().size(), 1u);
  EXPECT_EQ(q->counts()[0].reason, "JSON is malformed");
  EXPECT_EQ(q->counts()[0].readings, 2u);
}

TEST_F(QuarantineTest, ANewestItemIsSeenAtOnce) {
  const auto q = open();
  for (int i = 0; i < 5; ++i) add(*q, fmt::format("reason: {}", i));
  const auto items = q->newest(2);
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[0].reason, "reason: 4");
  EXPECT_EQ(items[1].reason, "reason: 3");
  EXPECT_TRUE(q->newest(0).empty());
}

TEST_F(QuarantineTest, WhatWaitsIsInTheFileSoonThoughNothingFollowsIt) {
  const auto q = open();
  for (int i = 0; i < 8; ++i) add(*q, fmt::format("reason: {}", i));  // one burst, and then a kill
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open((folder_ / "quarantine.db").c_str(), &db), SQLITE_OK);
  sqlite3_stmt* count = nullptr;
  sqlite3_prepare_v2(db, "SELECT count(*) FROM items", -1, &count, nullptr);
  EXPECT_TRUE(test::eventually([&] {
    q->look();
    sqlite3_reset(count);
    return sqlite3_step(count) == SQLITE_ROW && sqlite3_column_int(count, 0) == 8;
  }));
  sqlite3_finalize(count);
  sqlite3_close(db);
}

TEST_F(QuarantineTest, OldItemsGoAndCountsStay) {
  const auto q = open();
  const auto n = Quarantine::kItemsMax + 70;
  for (std::size_t i = 0; i < n; ++i) add(*q, fmt::format("reason: {}", i));
  const auto items = q->newest(n);
  ASSERT_EQ(items.size(), Quarantine::kItemsMax);
  EXPECT_EQ(items.back().reason, "reason: 70");
  EXPECT_EQ(q->counts()[0].items, n);
}

TEST_F(QuarantineTest, LongPayloadsAreCut) {
  const auto q = open();
  add(*q, std::string(5000, 'r'), std::string(64 * 1024, 'x'));
  const auto items = q->newest(1);
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0].excerpt.size(), Quarantine::kExcerptBytes);
  EXPECT_EQ(items[0].reason.size(), 1024u);
}

TEST_F(QuarantineTest, ReasonsAreBounded) {
  const auto q = open();
  for (std::size_t i = 0; i < Quarantine::kReasonsMax + 9; ++i) add(*q, fmt::format("r{}", i));
  const auto counts = q->counts();
  EXPECT_EQ(counts.size(), Quarantine::kReasonsMax + 1);
  EXPECT_EQ(counts[0].reason, "other");
  EXPECT_EQ(counts[0].items, 9u);
}

TEST_F(QuarantineTest, ADamagedFileIsKeptAside) {
  std::ofstream(folder_ / "quarantine.db") << std::string(8192, 'x');
  const auto q = open();
  add(*q, "reason");
  EXPECT_EQ(q->newest(9).size(), 1u);
  EXPECT_TRUE(std::filesystem::exists(folder_ / "quarantine.db.damaged"));
}

TEST_F(QuarantineTest, ANewerFormatIsRefused) {
  open();
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open((folder_ / "quarantine.db").c_str(), &db), SQLITE_OK);
  sqlite3_exec(db, "PRAGMA user_version=2", nullptr, nullptr, nullptr);
  sqlite3_close(db);
  const auto opened = Quarantine::open(folder_);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().fault(), Fault::unsupported);
  EXPECT_THAT(opened.error().text(), HasSubstr("format 2 is newer"));
}

TEST_F(QuarantineTest, WhenTheStoreCannotBeWrittenTheCountIsKept) {
  const auto q = open();
  add(*q, "first");
  (void)q->newest(1);
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open((folder_ / "quarantine.db").c_str(), &db), SQLITE_OK);
  sqlite3_exec(db, "DROP TABLE items", nullptr, nullptr, nullptr);
  for (std::size_t i = 0; i < 2 * Quarantine::kItemsMax; ++i) add(*q, "second");
  sqlite3_close(db);
  EXPECT_EQ(q->counts()[0].items, 2 * Quarantine::kItemsMax);
  EXPECT_EQ(q->newest(5).size(), 5u);
}

TEST_F(QuarantineTest, PipelineAndControlUseItTogether) {
  const auto q = open();
  std::thread writer([&] {
    for (int i = 0; i < 500; ++i) add(*q, "reason");
  });
  for (int i = 0; i < 50; ++i) (void)q->newest(10);
  writer.join();
  EXPECT_EQ(q->counts()[0].items, 500u);
}

}  // namespace
}  // namespace tidemark::quarantine
