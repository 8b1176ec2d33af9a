#include <gtest/gtest.h>

#include "gateway/deadletter/store.h"
#include "tests/support/folder.h"
#include "tests/gateway/format_tables.h"

namespace tidemark::gateway {
namespace {

class Letters : public testing::Test {
 protected:
  std::unique_ptr<DeadLetters> open(std::uint64_t bytes_max = 1 << 20) {
    return DeadLetters::open(folder.path / "letters.db", {Bytes{bytes_max}}, clock).value();
  }
  test::Folder folder;
  ManualClock clock{event_time(1'000'000'000)};
};

TEST_F(Letters, AreThereAfterARestart) {
  ASSERT_TRUE(open()->add("press-07", "wrong checksum", wire::FrameType::block, ByteVector{1, 2}));
  const auto store = open();
  const auto all = store->list(10).value();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].edge, "press-07");
  EXPECT_EQ(all[0].reason, "wrong checksum");
  EXPECT_EQ(all[0].at, clock.wall());
  EXPECT_EQ(all[0].size, 2u);
  EXPECT_TRUE(all[0].payload.empty());
  EXPECT_EQ(store->get(all[0].id).value()->payload, (ByteVector{1, 2}));
  EXPECT_FALSE(store->get(99).value());
}

TEST_F(Letters, TheOldestGoWhenThereAreTooMany) {
  const auto store = open(1000);
  for (int i = 0; i < 25; ++i) {
    ASSERT_TRUE(store->add("e" + std::to_string(i), "r", wire::FrameType::block,
                           ByteVector(100, 0)));
  }
  const auto totals = store->totals().value();
  EXPECT_EQ(totals.letters, 10u);
  EXPECT_EQ(totals.bytes, 1000u);
  EXPECT_EQ(totals.discarded, 15u);
  EXPECT_EQ(store->list(100).value().back().edge, "e15");
}

TEST_F(Letters, AreDroppedAndTriedAgainWhenAPersonSaysSo) {
  const auto store = open();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(store->add("e", "r", wire::FrameType::block, ByteVector(1, 0)));
  }
  EXPECT_TRUE(store->drop(1).value());
  EXPECT_FALSE(store->drop(1).value());
  EXPECT_TRUE(store->retry(2).value());
  EXPECT_FALSE(store->retry(1).value());
  ASSERT_EQ(store->to_retry(10).value().size(), 1u);
  ASSERT_TRUE(store->retry_failed(2, "still wrong"));
  EXPECT_TRUE(store->to_retry(10).value().empty());
  EXPECT_EQ(store->get(2).value()->reason, "still wrong");
  EXPECT_EQ(store->totals()->letters, 2u);
}

TEST_F(Letters, LieInTheTablesThatTheFormatDescribes) {
  open();
  EXPECT_EQ(test::tables_of(folder.path / "letters.db", 1),
            test::described_tables(TIDEMARK_LETTERS_FORMAT));
}

}  // namespace
}  // namespace tidemark::gateway
