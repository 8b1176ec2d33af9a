// What a ring does when room gets short, and what it finds among many blocks.
#include <gtest/gtest.h>

#include <cerrno>

#include "edge/ring/ring_buffer.h"
#include "tests/edge/ring_fixture.h"
#include "tests/edge/ring_model.h"
#include "tests/edge/temporary_folder.h"

namespace tidemark::ring {
namespace {

using test::RingModel;
using test::RingWriter;

class RingPressure : public testing::Test {
 protected:
  std::unique_ptr<RingBuffer> open(std::uint64_t incarnation) {
    auto ring = RingBuffer::open({folder.path(), capacity, {incarnation},
                                  event_time(test::kStart)}, disk);
    EXPECT_TRUE(ring.ok()) << (ring.ok() ? "" : ring.error().text());
    return ring.ok() ? std::move(ring).value() : nullptr;
  }
  void remove_catalogue() {
    for (const auto* name : {"ring.db", "ring.db-wal", "ring.db-shm"}) {
      std::filesystem::remove(folder / name);
    }
  }
  test::TemporaryFolder folder;
  SystemDisk disk;
  SeededRandom random{42};
  Bytes capacity{1 << 20};
};

// Fills the ring until there are blocks that should give way, and reads those.
std::vector<BlockRecord> next_to_go(RingBuffer& ring, RingWriter& writer, RingModel& model,
                                    std::size_t bytes = 3'000) {
  std::vector<Stored> ahead;
  for (int n = 0; n < 1'000 && ahead.empty(); ++n) {
    const auto flush = writer.make({bytes});
    EXPECT_TRUE(ring.append(flush).ok() && ring.sync().ok());
    model.appended(flush);
    ahead = ring.next_to_go({});
  }
  std::vector<BlockRecord> blocks;
  for (const auto& s : ahead) blocks.push_back(ring.read(s.name).value());
  return blocks;
}

TEST_F(RingPressure, BlocksThatWereNeverOfferedGiveWayToOneThatCarriesThem) {
  RingModel model;
  auto ring = open(1);
  model.begin({1});
  RingWriter writer(*ring, {1}, random);
  const auto blocks = next_to_go(*ring, writer, model);
  ASSERT_GT(blocks.size(), 10u);
  EXPECT_EQ(blocks.front().name.sequence, Sequence{1}) << "the oldest go first";
  EXPECT_EQ(ring->usage().blocks_evicted, 0u) << "asked in time";
  const auto before = ring->usage();
  const auto flush = writer.make_replacing(blocks, 5'000);
  ASSERT_TRUE(ring->append(flush).ok());
  model.appended(flush);
  const auto after = ring->usage();
  EXPECT_EQ(after.readings_unreleased, before.readings_unreleased) << "no reading comes or goes";
  EXPECT_EQ(after.blocks_unreleased, before.blocks_unreleased + 1 - blocks.size());
  EXPECT_EQ(ring->offer(blocks.front().name.sequence).error().fault(), Fault::denied);
  ASSERT_TRUE(ring->close().ok());
  for (const bool catalogue : {true, false}) {
    ring.reset();
    if (!catalogue) remove_catalogue();
    ring = open(catalogue ? 2 : 3);
    model.check_recovered(*ring, true);
    model.check_blocks(*ring);
    model.begin({catalogue ? 2U : 3U});
  }
}

TEST_F(RingPressure, WhatWasOfferedNeverGivesWay) {
  RingModel model;
  auto ring = open(1);
  model.begin({1});
  RingWriter writer(*ring, {1}, random);
  const auto blocks = next_to_go(*ring, writer, model);
  ASSERT_TRUE(ring->offer(blocks[3].name.sequence).ok());
  EXPECT_EQ(ring->append(writer.make_replacing(blocks, 5'000)).error().fault(), Fault::denied);
  writer.forget_last();
  for (const auto& s : ring->next_to_go({})) EXPECT_NE(s.name, blocks[3].name);
  const auto rest = ring->next_to_go({{blocks[0].name.sequence.count, 2}});
  EXPECT_EQ(rest.front().name.sequence, Sequence{3}) << "without those that are to be skipped";
}

TEST_F(RingPressure, WithABlockGoesWhatItCarried) {
  RingModel model;
  auto ring = open(1);
  model.begin({1});
  RingWriter writer(*ring, {1}, random);
  const auto blocks = next_to_go(*ring, writer, model);
  const auto flush = writer.make_replacing(blocks, 5'000);
  ASSERT_TRUE(ring->append(flush).ok());
  model.appended(flush);
  SequenceRanges evicted;
  std::uint64_t readings = 0;
  for (int n = 0; n < 400; ++n) {
    const auto f = writer.make({3'000});
    ASSERT_TRUE(ring->append(f).ok());
    model.appended(f);
    evicted = f.seal.evicted;
    readings = f.seal.ledger.evicted;
  }
  const auto& carrier = flush.blocks[0];
  ASSERT_TRUE(evicted.contains(carrier.name.sequence));
  for (const auto& r : carrier.replaces.ranges()) EXPECT_TRUE(evicted.covers(r));
  std::uint64_t expected = 0;
  for (const auto& b : model.now().blocks) {
    const bool carried = carrier.replaces.contains(b.name.sequence);
    if (evicted.contains(b.name.sequence) && !carried) expected += b.readings;
  }
  EXPECT_EQ(readings, expected) << "what a block carried is not counted twice";
  ASSERT_TRUE(ring->close().ok());
  ring.reset();
  remove_catalogue();
  ring = open(2);
  model.check_recovered(*ring, true);
}

TEST_F(RingPressure, AlarmsAreFoundAmongAnyNumberOfBlocks) {
  auto ring = open(1);
  RingWriter writer(*ring, {1}, random);
  Flush f = writer.make(std::vector<std::size_t>(900, 10));
  for (auto& b : f.blocks) b.alarm = b.name.sequence.count == 450 || b.name.sequence.count == 460;
  ASSERT_TRUE(ring->append(f).ok());
  const auto found = ring->alarms(10, {});
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].name.sequence, Sequence{450});
  ASSERT_EQ(ring->alarms(10, {{{1}, {{450, 450}}}}).size(), 1u);
  ASSERT_TRUE(ring->release({1}, {{460, 460}}).ok());
  EXPECT_TRUE(ring->alarms(10, {{{1}, {{450, 450}}}}).empty());
}

// A card that cannot read a sector says EIO; other devices say other things.
class UnreadableDisk final : public Disk {
 public:
  Result<std::unique_ptr<File>> open(const std::filesystem::path& path) override {
    TIDE_ASSIGN(auto file, system_.open(path));
    return std::unique_ptr<File>(std::make_unique<Bad>(*this, std::move(file)));
  }
  Result<> sync_folder(const std::filesystem::path& folder) override {
    return system_.sync_folder(folder);
  }
  int fails = 0;   // of the reads to come
  int error = EIO;

 private:
  struct Bad final : File {
    Bad(UnreadableDisk& d, std::unique_ptr<File> f) : disk(d), file(std::move(f)) {}
    Result<> read_at(std::uint64_t offset, std::span<std::uint8_t> out) override {
      if (disk.fails > 0 && disk.fails-- > 0) return system_error("read ring.dat", disk.error);
      return file->read_at(offset, out);
    }
    Result<> write_at(std::uint64_t offset, ByteSpan bytes) override {
      return file->write_at(offset, bytes);
    }
    Result<> sync() override { return file->sync(); }
    Result<std::uint64_t> size() override { return file->size(); }
    Result<> resize(std::uint64_t bytes) override { return file->resize(bytes); }
    Result<> allocate(std::uint64_t bytes) override { return file->allocate(bytes); }
    UnreadableDisk& disk;
    std::unique_ptr<File> file;
  };
  SystemDisk system_;
};

TEST_F(RingPressure, ABlockThatCannotBeReadIsEvictedWithItsReadings) {
  for (const int error : {EIO, ENODATA, ETIMEDOUT}) {
    SCOPED_TRACE(error);
    test::TemporaryFolder place;
    UnreadableDisk bad;
    auto ring = RingBuffer::open({place.path(), capacity, {1}, event_time(test::kStart)},
                                 bad).value();
    RingWriter writer(*ring, {1}, random);
    const auto f = writer.make({3'000, 3'000});
    ASSERT_TRUE(ring->append(f).ok());
    bad.error = error;
    bad.fails = 1;
    EXPECT_TRUE(ring->read({{1}, {1}}).ok()) << "one failure passes";
    bad.fails = 1'000;
    EXPECT_EQ(ring->read({{1}, {1}}).error().fault(), Fault::corrupt);
    bad.fails = 0;
    EXPECT_EQ(ring->take_evicted().readings_current, f.blocks[0].readings);
    EXPECT_EQ(ring->usage().blocks_unreleased, 1u);
    EXPECT_TRUE(ring->read({{1}, {2}}).ok());
  }
}

}  // namespace
}  // namespace tidemark::ring
