#include "edge/mqtt/seen_table.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edge/mqtt/decoder.h"

namespace tidemark::mqtt {
namespace {

class SeenTest : public testing::Test {
 protected:
  SeenTest() {
    std::string name = (std::filesystem::temp_directory_path() / "tidemark-seen-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~SeenTest() override { std::filesystem::remove_all(folder_); }
  std::unique_ptr<SeenTable> open(std::string_view boot = "boot", std::uint64_t journal = 1) {
    auto table = SeenTable::open(folder_ / "seen", boot, journal);
    EXPECT_TRUE(table.ok());
    return std::move(table).value();
  }
  std::filesystem::path folder_;
};

TEST_F(SeenTest, KnowsOnlyEarlierMessages) {
  const auto table = open();
  EXPECT_FALSE(table->saw_before(7, 100));
  table->remember(7, 100);
  EXPECT_FALSE(table->saw_before(7, 100)) << "an entry that is decoded again is not its own copy";
  EXPECT_FALSE(table->saw_before(7, 99));
  EXPECT_TRUE(table->saw_before(7, 101));
  EXPECT_FALSE(table->saw_before(8, 101));
}

TEST_F(SeenTest, HoldsTheLastOnes) {
  const auto table = open();
  for (std::uint64_t i = 1; i <= SeenTable::kRecords + 1; ++i) {
    table->remember(i, static_cast<std::int64_t>(i));
  }
  EXPECT_FALSE(table->saw_before(1, 9999));
  EXPECT_TRUE(table->saw_before(2, 9999));
  table->clear();
  EXPECT_FALSE(table->saw_before(2, 9999));
}

TEST_F(SeenTest, SurvivesKillNineAndGoesOnWhereItWas) {
  const pid_t child = ::fork();
  if (child == 0) {
    const auto table = open();
    for (std::uint64_t i = 1; i <= 1500; ++i) table->remember(i, static_cast<std::int64_t>(i));
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  const auto table = open();
  EXPECT_TRUE(table->saw_before(1500, 9999));
  EXPECT_FALSE(table->saw_before(1500 - SeenTable::kRecords, 9999));
  table->remember(1500, 1500);  // decoded again
  table->remember(1501, 1501);
  EXPECT_TRUE(table->saw_before(1500 - SeenTable::kRecords + 2, 9999));
  EXPECT_FALSE(table->saw_before(1500 - SeenTable::kRecords + 1, 9999));
}

TEST_F(SeenTest, BeginsAnewWithAnotherBootJournalOrDamage) {
  open()->remember(7, 100);
  EXPECT_TRUE(open()->saw_before(7, 101));
  EXPECT_FALSE(open("another")->saw_before(7, 101));
  open()->remember(7, 100);
  EXPECT_FALSE(open("boot", 2)->saw_before(7, 101));
  std::filesystem::resize_file(folder_ / "seen", 100);
  EXPECT_FALSE(open()->saw_before(7, 101));
}

// The decoder with the table, as messages come and are decoded again after a restart.
TEST_F(SeenTest, ARepetitionIsDroppedAndNothingElse) {
  Options options;
  options.name = "floor";
  options.topics = {"#"};
  auto table = open();
  auto decoder = std::make_unique<MessageDecoder>(options, table.get());
  source::SeriesTable series;
  const auto taken = [&](std::int64_t steady, std::uint16_t flags, std::uint16_t packet,
                         std::string_view payload) {
    ByteVector buffer;
    journal::Entry entry;
    to_entry({.flags = flags, .packet_id = packet, .size = payload.size(),
              .topic = as_bytes("a/b"), .payload = as_bytes(payload)}, buffer, entry);
    entry.steady = steady;
    source::Decoded out;
    decoder->decode(entry, series, out);
    return !out.groups.empty();
  };
  const auto everything = [&] {
    EXPECT_TRUE(taken(10, 0, 1, "1"));
    EXPECT_FALSE(taken(11, kDuplicate, 1, "1"));
    EXPECT_TRUE(taken(12, 0, 1, "1"));            // the device sent it twice
    EXPECT_TRUE(taken(13, kDuplicate, 1, "2"));   // its first delivery got lost
    EXPECT_FALSE(taken(14, kDuplicate, 1, "2"));
    EXPECT_TRUE(taken(15, kDuplicate, 2, "1"));   // another packet
    EXPECT_TRUE(taken(16, kDuplicate, 0, "1"));   // QoS 0 has no packet ids
  };
  everything();
  decoder.reset();
  table.reset();
  table = open();
  decoder = std::make_unique<MessageDecoder>(options, table.get());
  everything();  // the same entries, decoded again
  EXPECT_FALSE(taken(20, kDuplicate, 1, "2"));  // entries that are gone from the journal are known

  journal::Entry session;
  session.kind = kNewSession;
  source::Decoded out;
  decoder->decode(session, series, out);
  EXPECT_TRUE(taken(21, kDuplicate, 1, "2"));  // packet ids of another session
}

}  // namespace
}  // namespace tidemark::mqtt
