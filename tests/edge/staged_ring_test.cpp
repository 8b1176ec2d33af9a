// ring.write = "unacked": what the cloud has in time is never written.
#include "edge/ring/staged_ring.h"

#include <gtest/gtest.h>

#include "tests/edge/ring_fixture.h"
#include "tests/edge/temporary_folder.h"

namespace tidemark::ring {
namespace {

using namespace std::chrono_literals;
using test::RingWriter;

class StagedRingTest : public testing::Test {
 protected:
  std::unique_ptr<RingBuffer> open(std::uint64_t incarnation) {
    auto ring = open_staged({folder.path(), Bytes{1 << 20}, {incarnation},
                             event_time(test::kStart), {}},
                            {folder / "ring.stage", 500ms}, disk, disk, clock);
    EXPECT_TRUE(ring.ok()) << (ring.ok() ? "" : ring.error().text());
    return ring.ok() ? std::move(ring).value() : nullptr;
  }
  static Flush append(RingBuffer& ring, RingWriter& writer, std::size_t bytes = 3'000) {
    const auto flush = writer.make({bytes});
    EXPECT_TRUE(ring.append(flush).ok());
    EXPECT_TRUE(ring.sync().ok());
    return flush;
  }
  static void acknowledge(RingBuffer& ring, const Flush& flush) {
    SequenceRanges all;
    for (const auto& b : flush.blocks) all.add(b.name.sequence);
    EXPECT_TRUE(ring.release(flush.blocks[0].name.incarnation, all).ok());
  }
  static SequenceRanges waiting(RingBuffer& ring) {
    SequenceRanges all;
    for (const auto& s : ring.unreleased(Order::oldest_first, 1000, {})) {
      all.add(s.name.sequence);
    }
    return all;
  }
  void remove_catalogue() {
    for (const auto* name : {"ring.db", "ring.db-wal", "ring.db-shm"}) {
      std::filesystem::remove(folder / name);
    }
  }

  test::TemporaryFolder folder;
  SystemDisk disk;
  ManualClock clock{event_time(test::kStart)};
  SeededRandom random{7};
};

TEST_F(StagedRingTest, WhatIsAcknowledgedInTimeIsNeverWritten) {
  auto ring = open(1);
  RingWriter writer(*ring, {1}, random);
  // Until the first acknowledgement nobody knows that there is a link.
  acknowledge(*ring, append(*ring, writer));
  const auto before = ring->usage();
  Flush last;
  for (int n = 0; n < 400; ++n) {
    last = append(*ring, writer);
    EXPECT_NE(ring->durable_position(), last.journal) << "neither written nor acknowledged";
    clock.advance(100ms);
    acknowledge(*ring, last);
    EXPECT_EQ(ring->durable_position(), last.journal);
    ASSERT_TRUE(ring->sync().ok());
  }
  const auto after = ring->usage();
  EXPECT_EQ(after.bytes_written, before.bytes_written);
  EXPECT_EQ(after.syncs, before.syncs);
  EXPECT_GT(after.bytes_spared, 400u * 3'000);
  EXPECT_EQ(after.blocks_unreleased, 0u);
  EXPECT_LT(std::filesystem::file_size(folder / "ring.stage"), 2u << 20) << "it is bounded";
  ASSERT_TRUE(ring->close().ok());
  EXPECT_FALSE(std::filesystem::exists(folder / "ring.stage"));
  ring.reset();
  ring = open(2);
  EXPECT_EQ(ring->recovered().ledger.taken, last.seal.ledger.taken) << "the last seal is there";
  EXPECT_EQ(ring->recovered().journal, last.journal);
  EXPECT_TRUE(waiting(*ring).empty());
}

TEST_F(StagedRingTest, WhatIsNotAcknowledgedInTimeIsWrittenBehindAGapThatIsNoDamage) {
  auto ring = open(1);
  RingWriter writer(*ring, {1}, random);
  acknowledge(*ring, append(*ring, writer));
  for (int n = 0; n < 5; ++n) acknowledge(*ring, append(*ring, writer));  // 2 to 6
  const auto first = append(*ring, writer);                              // 7
  const auto second = append(*ring, writer);                             // 8
  acknowledge(*ring, second);
  EXPECT_EQ(waiting(*ring), (SequenceRanges{{7, 7}}));
  const auto before = ring->usage().bytes_written;
  clock.advance(499ms);
  ASSERT_TRUE(ring->sync().ok());
  EXPECT_EQ(ring->usage().bytes_written, before);
  clock.advance(1ms);
  ASSERT_TRUE(ring->sync().ok());
  EXPECT_GT(ring->usage().bytes_written, before);
  EXPECT_EQ(ring->durable_position(), second.journal);
  // The link is down, so far as we know: what comes now is written at once.
  const auto third = append(*ring, writer);
  EXPECT_EQ(ring->durable_position(), third.journal);
  EXPECT_EQ(waiting(*ring), (SequenceRanges{{7, 7}, {9, 9}}));
  std::filesystem::remove(folder / "ring.stage");  // the power goes
  ring.reset();
  for (const bool catalogue : {true, false}) {
    if (!catalogue) remove_catalogue();
    ring = open(catalogue ? 2 : 3);
    ASSERT_FALSE(ring->recovered().past.empty());
    const auto& past = ring->recovered().past[0];
    EXPECT_EQ(past.unreleased, (SequenceRanges{{7, 7}, {9, 9}}));
    EXPECT_TRUE(past.evicted.empty()) << "the gap is no damage";
    EXPECT_EQ(past.closing.durable_through, Sequence{9});
    EXPECT_EQ(ring->read({{1}, {7}}).value(), first.blocks[0]);
    EXPECT_EQ(ring->past_seals().at(0).ledger.taken, third.seal.ledger.taken);
    EXPECT_EQ(ring->past_seals().at(0).sources.at(0).minutes.size(), 4u) << "minutes of all seals";
    ring.reset();
  }
}

TEST_F(StagedRingTest, AKillTakesNothing) {
  auto ring = open(1);
  RingWriter writer(*ring, {1}, random);
  acknowledge(*ring, append(*ring, writer));
  acknowledge(*ring, append(*ring, writer));
  ASSERT_TRUE(ring->offer({3}).ok());
  const auto last = append(*ring, writer);
  ring.reset();  // without close()
  ring = open(2);
  const auto& past = ring->recovered().past.at(0);
  EXPECT_EQ(past.unreleased, (SequenceRanges{{2, 3}})) << "acknowledged or not it may come again";
  EXPECT_TRUE(past.evicted.empty());
  EXPECT_EQ(past.last_seal, 3u);
  EXPECT_EQ(ring->recovered().journal, last.journal);
  EXPECT_EQ(ring->read({{1}, {3}}).value(), last.blocks[0]);
  ring.reset();
  ring = open(3);
  EXPECT_EQ(ring->recovered().past.at(0).unreleased, (SequenceRanges{{2, 3}})) << "once";
}

TEST_F(StagedRingTest, AStageOlderThanTheRingSetsNothingBack) {
  auto ring = open(1);
  RingWriter writer(*ring, {1}, random);
  acknowledge(*ring, append(*ring, writer));
  auto seal_only = writer.make({});
  ASSERT_TRUE(ring->append(seal_only).ok());
  ASSERT_TRUE(ring->sync().ok());
  auto flush = writer.make({100});
  flush.dictionaries = {test::make_dictionary("force")};  // written at once, behind it
  ASSERT_TRUE(ring->append(flush).ok());
  ASSERT_TRUE(ring->sync().ok());
  ring.reset();
  ring = open(2);
  EXPECT_EQ(ring->recovered().journal, flush.journal);
  EXPECT_EQ(ring->recovered().past.at(0).last_seal, flush.seal.number);
}

TEST_F(StagedRingTest, ALinkSlowerThanItsPatienceLeavesNoLongFile) {
  auto ring = open(1);
  RingWriter writer(*ring, {1}, random);
  acknowledge(*ring, append(*ring, writer));
  for (int n = 0; n < 600; ++n) {
    const auto late = append(*ring, writer);
    clock.advance(600ms);
    ASSERT_TRUE(ring->sync().ok());  // written
    acknowledge(*ring, late);        // and then acknowledged all the same
  }
  EXPECT_LT(std::filesystem::file_size(folder / "ring.stage"), 64u << 10);
}

TEST_F(StagedRingTest, DictionariesAndBlocksThatReplaceAreWrittenAtOnce) {
  auto ring = open(1);
  RingWriter writer(*ring, {1}, random);
  acknowledge(*ring, append(*ring, writer));
  append(*ring, writer);
  auto flush = writer.make({100});
  flush.dictionaries = {test::make_dictionary("force")};
  ASSERT_TRUE(ring->append(flush).ok());
  ASSERT_TRUE(ring->sync().ok());
  EXPECT_EQ(ring->durable_position(), flush.journal) << "and what was staged before it";
  EXPECT_EQ(ring->usage().bytes_staged, 0u);
  EXPECT_EQ(waiting(*ring), (SequenceRanges{{2, 3}}));
}

TEST_F(StagedRingTest, TheStageIsBounded) {
  auto ring = open(1);
  RingWriter writer(*ring, {1}, random);
  acknowledge(*ring, append(*ring, writer));
  for (int n = 0; n < 40; ++n) {
    append(*ring, writer, 60'000);
    ASSERT_LE(ring->usage().bytes_staged, kStageMax);
  }
}

TEST_F(StagedRingTest, WithoutTheStageAnotherStartFindsItAllTheSame) {
  auto ring = open(1);
  RingWriter writer(*ring, {1}, random);
  acknowledge(*ring, append(*ring, writer));
  append(*ring, writer);
  ring.reset();
  auto plain = open_unstaged({folder.path(), Bytes{1 << 20}, {2}, event_time(test::kStart), {}},
                             folder / "ring.stage", disk, disk);
  ASSERT_TRUE(plain.ok());
  // 1 was acknowledged, but no segment said so before the kill: it may come again.
  EXPECT_EQ((*plain)->recovered().past.at(0).unreleased, (SequenceRanges{{1, 2}}));
  EXPECT_FALSE(std::filesystem::exists(folder / "ring.stage"));
}

}  // namespace
}  // namespace tidemark::ring
