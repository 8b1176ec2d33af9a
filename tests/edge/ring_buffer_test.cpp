#include "edge/ring/ring_buffer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "edge/ring/catalogue.h"
#include "tests/edge/ring_fixture.h"
#include "tests/edge/ring_model.h"
#include "tests/edge/sim_disk.h"
#include "tests/edge/temporary_folder.h"

namespace tidemark::ring {
namespace {

using test::make_block;
using test::make_dictionary;
using test::RingModel;
using test::RingWriter;

class RingTest : public testing::Test {
 protected:
  Result<std::unique_ptr<RingBuffer>> try_open(std::uint64_t incarnation,
                                               std::int64_t now = test::kStart) {
    return RingBuffer::open({folder.path(), capacity, {incarnation}, event_time(now)}, disk);
  }
  std::unique_ptr<RingBuffer> open(std::uint64_t incarnation, std::int64_t now = test::kStart) {
    auto ring = try_open(incarnation, now);
    EXPECT_TRUE(ring.ok()) << (ring.ok() ? "" : ring.error().text());
    return ring.ok() ? std::move(ring).value() : nullptr;
  }
  void remove_catalogue() {
    for (const auto* name : {"ring.db", "ring.db-wal", "ring.db-shm"}) {
      std::filesystem::remove(folder / name);
    }
  }
  // Changes one byte of a block's stored bytes, wherever it lies.
  void damage(const BlockRecord& block) {
    const auto path = folder / "ring.dat";
    std::ifstream in(path, std::ios::binary);
    const std::string all((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    const auto at = all.find(std::string(as_text(block.bytes)));
    ASSERT_NE(at, std::string::npos);
    std::fstream out(path, std::ios::in | std::ios::out | std::ios::binary);
    out.seekp(static_cast<std::streamoff>(at));
    out.put(static_cast<char>(~all[at]));
  }
  test::TemporaryFolder folder;
  SystemDisk disk;
  SeededRandom random{42};
  Bytes capacity{1 << 20};
};

TEST_F(RingTest, GivesBackBlocksByteForByteInBothOrders) {
  auto ring = open(1);
  EXPECT_EQ(ring->recovered().start_ordinal, 1u);
  EXPECT_TRUE(ring->recovered().past.empty());
  EXPECT_FALSE(ring->recovered().journal);
  RingWriter writer(*ring, {1}, random);
  const auto one = writer.make({100});
  ASSERT_TRUE(ring->append(one).ok());
  const auto two = writer.make({5000, 1});
  ASSERT_TRUE(ring->append(two).ok());
  EXPECT_EQ(ring->next_sequence().count, 4u);
  EXPECT_EQ(ring->durable_position(), journal::Position{}) << "not synced yet";
  EXPECT_EQ(*ring->read({{1}, {1}}), one.blocks[0]) << "may be offered at once";
  ASSERT_TRUE(ring->sync().ok());
  EXPECT_EQ(ring->durable_position(), two.journal);
  EXPECT_EQ(*ring->read({{1}, {3}}), two.blocks[1]);
  const auto oldest = ring->unreleased(Order::oldest_first, 2, {});
  ASSERT_EQ(oldest.size(), 2u);
  EXPECT_EQ(oldest[0].name.sequence.count, 1u);
  EXPECT_EQ(oldest[1].bytes, 5000u);
  const auto newest = ring->unreleased(Order::newest_first, 10, {{{1}, {{2, 2}}}});
  ASSERT_EQ(newest.size(), 2u);
  EXPECT_EQ(newest[0].name.sequence.count, 3u);
  EXPECT_EQ(newest[1].name.sequence.count, 1u) << "2 is skipped";
  const auto usage = ring->usage();
  EXPECT_EQ(usage.blocks_unreleased, 3u);
  EXPECT_EQ(usage.oldest_time, one.blocks[0].time_min);
  EXPECT_EQ(usage.capacity.count, 1u << 20);
  EXPECT_EQ(ring->read({{1}, {4}}).error().fault(), Fault::unavailable);
  EXPECT_EQ(ring->read({{9}, {1}}).error().fault(), Fault::unavailable);
}

TEST_F(RingTest, ReleasedBlocksCanBeReadUntilTheirSpaceIsNeeded) {
  auto ring = open(1);
  RingWriter writer(*ring, {1}, random);
  for (int n = 0; n < 10; ++n) ASSERT_TRUE(ring->append(writer.make({20'000})).ok());
  ASSERT_TRUE(ring->sync().ok());
  ASSERT_TRUE(ring->release({1}, {{1, 4}, {6, 6}}).ok());
  ASSERT_TRUE(ring->release({1}, {{3, 4}}).ok()) << "idempotent";
  EXPECT_EQ(ring->usage().blocks_unreleased, 5u);
  EXPECT_EQ(ring->unreleased(Order::oldest_first, 1, {})[0].name.sequence.count, 5u);
  EXPECT_TRUE(ring->read({{1}, {2}}).ok());
  for (int n = 0; n < 80; ++n) {
    ASSERT_TRUE(ring->append(writer.make({20'000})).ok());
    ASSERT_TRUE(ring->sync().ok());
  }
  EXPECT_EQ(ring->read({{1}, {2}}).error().fault(), Fault::unavailable);
}

TEST_F(RingTest, ManyLapsLikeAQueueThatForgetsItsOldest) {
  RingModel model;
  auto ring = open(1);
  model.begin({1});
  RingWriter writer(*ring, {1}, random);
  std::uint64_t readings = 0;
  std::uint64_t released_readings = 0;
  std::uint64_t evicted_readings = 0;
  SequenceRanges evicted;
  for (int n = 0; n < 3000; ++n) {
    const auto f = writer.make({1 + random.below(12'000)});
    readings += f.blocks[0].readings;
    ASSERT_TRUE(ring->append(f).ok());
    model.appended(f);
    if (random.below(3) == 0) {
      ASSERT_TRUE(ring->sync().ok());
    }
    if (random.below(4) == 0) {
      for (const auto& s : ring->unreleased(Order::newest_first, 3, {})) {
        ASSERT_TRUE(ring->release({1}, {{s.name.sequence.count, s.name.sequence.count}}).ok());
        model.now().released.add(s.name.sequence);
        released_readings += s.readings;
      }
    }
    const auto usage = ring->usage();
    ASSERT_EQ(usage.readings_unreleased + usage.readings_evicted + released_readings, readings);
    evicted_readings = usage.readings_evicted;
    evicted = f.seal.evicted;
  }
  EXPECT_GT(ring->usage().bytes_written, 15u << 20);
  EXPECT_GT(evicted_readings, 0u);
  // What seals were told of is what was evicted.
  const auto rest = ring->take_evicted();
  evicted.add(rest.current);
  std::uint64_t told = 0;
  for (const auto& r : evicted.ranges()) {
    for (auto s = r.first; s <= r.last; ++s) told += model.now().blocks[s - 1].readings;
  }
  EXPECT_EQ(told, evicted_readings);
  EXPECT_EQ(rest.readings_past, 0u);
  model.check_blocks(*ring);
  ASSERT_TRUE(ring->close().ok());
  ring.reset();
  remove_catalogue();
  ring = open(2);
  EXPECT_TRUE(ring->recovered().catalogue_rebuilt);
  model.check_recovered(*ring, true);
  model.check_blocks(*ring);
  // Closing and opening took room too.
  evicted.add(ring->recovered().past.at(0).evicted);
  EXPECT_EQ(ring->recovered().past.at(0).evicted, evicted);
  EXPECT_EQ(ring->usage().readings_unreleased + ring->recovered().ledger.evicted +
                released_readings, readings);
}

TEST_F(RingTest, RestartsInTheMiddleWithAnyCatalogue) {
  RingModel model;
  std::uint64_t offset = 0;
  for (std::uint64_t life = 1; life <= 60; ++life) {
    auto ring = open(life);
    model.check_recovered(*ring, true);
    ASSERT_FALSE(HasFatalFailure()) << "life " << life;
    model.check_blocks(*ring);
    ASSERT_FALSE(HasFatalFailure()) << "life " << life;
    EXPECT_EQ(ring->recovered().start_ordinal, life);
    model.begin({life});
    RingWriter writer(*ring, {life}, random);
    writer.set_offset(offset);
    for (auto n = random.below(60); n > 0; --n) {
      const auto f = writer.make({1 + random.below(9'000)});
      ASSERT_TRUE(ring->append(f).ok());
      model.appended(f);
      if (random.below(2) == 0) {
        ASSERT_TRUE(ring->sync().ok());
      }
    }
    offset = writer.offset();
    if (life % 3 == 0) {
      ASSERT_TRUE(ring->close().ok());
    }
    ring.reset();  // without close(): the page cache survives, the catalogue is behind
    if (life % 4 == 0) remove_catalogue();
  }
}

TEST_F(RingTest, ACatalogueOfAnEarlierLapIsNotBelieved) {
  RingModel model;
  auto ring = open(1);
  model.begin({1});
  RingWriter writer(*ring, {1}, random);
  const auto fill = [&](int flushes) {
    for (int n = 0; n < flushes; ++n) {
      const auto f = writer.make({8'000});
      ASSERT_TRUE(ring->append(f).ok());
      model.appended(f);
    }
    ASSERT_TRUE(ring->sync().ok());
  };
  fill(20);
  ASSERT_TRUE(ring->close().ok());
  const auto old = folder / "ring.db.old";
  std::filesystem::copy_file(folder / "ring.db", old);
  fill(700);
  ASSERT_TRUE(ring->close().ok());
  ring.reset();
  remove_catalogue();
  std::filesystem::rename(old, folder / "ring.db");
  ring = open(2);
  model.check_recovered(*ring, true);
  model.check_blocks(*ring);
}

TEST_F(RingTest, ADamagedCatalogueIsRebuilt) {
  RingModel model;
  auto ring = open(1);
  model.begin({1});
  RingWriter writer(*ring, {1}, random);
  for (int n = 0; n < 50; ++n) {
    const auto f = writer.make({3'000});
    ASSERT_TRUE(ring->append(f).ok());
    model.appended(f);
  }
  ASSERT_TRUE(ring->close().ok());
  ring.reset();
  std::ofstream(folder / "ring.db", std::ios::binary | std::ios::trunc) << "not a database at all";
  ring = open(2);
  EXPECT_TRUE(ring->recovered().catalogue_rebuilt);
  model.check_recovered(*ring, true);
  model.check_blocks(*ring);
}

TEST_F(RingTest, ACatalogueOfAnotherVersionIsRebuilt) {
  RingModel model;
  auto ring = open(1);
  model.begin({1});
  RingWriter writer(*ring, {1}, random);
  const auto f = writer.make({3'000});
  ASSERT_TRUE(ring->append(f).ok());
  model.appended(f);
  ASSERT_TRUE(ring->close().ok());
  ring.reset();
  auto catalogue = sqlite::Database::open(folder / "ring.db", {.version = 2});
  ASSERT_TRUE(catalogue.value()->execute("PRAGMA user_version=99"));
  catalogue.value().reset();
  ring = open(2);
  EXPECT_TRUE(ring->recovered().catalogue_rebuilt);
  model.check_recovered(*ring, true);
  model.check_blocks(*ring);
}

TEST_F(RingTest, ASecondAgentOnTheRingIsRefused) {
  const auto ring = open(1);
  const auto second = Catalogue::open(folder / "ring.db", 1);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().fault(), Fault::unavailable);
}

// Of a machine all of whose readings devices stamp, nothing else says how long it listened.
TEST_F(RingTest, ADevicesTimeIsASignOfLifeUnlessItIsToCome) {
  const auto start_with = [&](std::uint64_t incarnation, std::int64_t now, std::int64_t sealed) {
    auto ring = open(incarnation, now);
    RingWriter writer(*ring, {incarnation}, random);
    auto f = writer.make({1000});
    f.seal.sources[0].device_stamped = true;
    f.seal.sources[0].sealed_until = event_time(sealed);
    EXPECT_TRUE(ring->append(f).ok());
  };
  const auto second = [](int n) { return test::kStart + n * test::kSecond; };
  start_with(1, second(0), second(90));
  start_with(2, second(100), second(1'000'000));
  const auto ring = open(3, second(200));
  const auto& past = ring->recovered().past;
  ASSERT_EQ(past.size(), 2u);
  EXPECT_EQ(count_ns(past[0].closing.off_from), second(90));
  EXPECT_EQ(count_ns(past[0].closing.off_until), second(100));
  EXPECT_EQ(count_ns(past[1].closing.off_from), second(100));
  EXPECT_EQ(count_ns(past[1].closing.off_until), second(200));
}

TEST_F(RingTest, PastSaysWhatAStartLeft) {
  auto ring = open(1, test::kStart);
  RingWriter writer(*ring, {1}, random);
  auto dictionary = make_dictionary("force");
  for (int n = 0; n < 6; ++n) {
    auto f = writer.make({1000});
    if (n == 0) f.dictionaries.push_back(dictionary);
    ASSERT_TRUE(ring->append(f).ok());
  }
  ASSERT_TRUE(ring->release({1}, {{2, 3}}).ok());
  ASSERT_TRUE(ring->seals_acknowledged({1}, 3).ok());
  ASSERT_TRUE(ring->close().ok());
  ring.reset();
  remove_catalogue();  // all of it is in ring.dat
  ring = open(2, test::kStart + 100 * test::kSecond);
  const auto& r = ring->recovered();
  ASSERT_EQ(r.past.size(), 1u);
  const auto& past = r.past[0];
  EXPECT_EQ(past.closing.incarnation.count, 1u);
  EXPECT_EQ(past.closing.start_ordinal, 1u);
  EXPECT_EQ(past.closing.durable_through.count, 6u);
  EXPECT_EQ(count_ns(past.closing.off_from), test::kStart + 6 * test::kSecond) << "the last seal";
  EXPECT_EQ(count_ns(past.closing.off_until), test::kStart + 100 * test::kSecond);
  EXPECT_EQ(past.unreleased, (SequenceRanges{{1, 1}, {4, 6}}));
  EXPECT_TRUE(past.evicted.empty());
  const auto seals = ring->past_seals();
  ASSERT_EQ(seals.size(), 1u);
  EXPECT_EQ(seals[0].number, 6u);
  EXPECT_EQ(seals[0].next.count, 7u);
  ASSERT_EQ(seals[0].sources.size(), 1u);
  // Seal n speaks of minute n / 3; up to seal 3 all is acknowledged, and of minute 1 seal 5 spoke
  // last.
  const auto& minutes = seals[0].sources[0].minutes;
  ASSERT_EQ(minutes.size(), 2u);
  EXPECT_EQ(minutes[0], (MinuteCounts{1, 5, 5, 5, 5}));
  EXPECT_EQ(minutes[1], (MinuteCounts{2, 6, 6, 6, 6}));
  EXPECT_EQ(r.ledger, seals[0].ledger);
  ASSERT_EQ(r.dictionaries.size(), 1u);
  EXPECT_EQ(r.dictionaries[0]->hash(), dictionary->hash());
  EXPECT_EQ(ring->dictionary(dictionary->hash())->series(), dictionary->series());
  EXPECT_EQ(ring->dictionary({1}), nullptr);
}

TEST_F(RingTest, AReleasedPastDisappearsOnceItsEndIsTold) {
  auto ring = open(1);
  RingWriter writer(*ring, {1}, random);
  const auto f = writer.make({1000});
  ASSERT_TRUE(ring->append(f).ok());
  ASSERT_TRUE(ring->sync().ok());
  ASSERT_TRUE(ring->release({1}, {{1, 1}}).ok());
  ASSERT_TRUE(ring->seals_acknowledged({1}, 1).ok());
  ASSERT_TRUE(ring->close().ok());
  ring = nullptr;
  ring = open(2);
  ASSERT_EQ(ring->recovered().past.size(), 1u) << "nobody was told when it ended";
  EXPECT_TRUE(ring->recovered().past[0].unreleased.empty());
  ASSERT_TRUE(ring->seals_acknowledged({1}, 1).ok());
  ASSERT_TRUE(ring->seals_acknowledged({2}, 0).ok());
  ASSERT_TRUE(ring->close().ok());
  ring = nullptr;
  ring = open(3);
  ASSERT_EQ(ring->recovered().past.size(), 1u);
  EXPECT_EQ(ring->recovered().past[0].closing.incarnation.count, 2u);
  EXPECT_EQ(ring->recovered().ledger.taken, f.seal.ledger.taken) << "its readings stay counted";
  EXPECT_EQ(ring->recovered().start_ordinal, 3u);
}

TEST_F(RingTest, EvictionOfAnEarlierStartIsToldApart) {
  auto ring = open(1);
  RingWriter first(*ring, {1}, random);
  std::uint64_t readings = 0;
  for (int n = 0; n < 20; ++n) {
    const auto f = first.make({10'000});
    readings += f.blocks[0].readings;
    ASSERT_TRUE(ring->append(f).ok());
    ASSERT_TRUE(ring->sync().ok());
  }
  ring.reset();
  ring = open(2);
  RingWriter second(*ring, {2}, random);
  ASSERT_EQ(ring->past_seals().size(), 1u);
  EXPECT_EQ(ring->past_seals()[0].number, 20u);
  // Others of its seals only moved a frontier: the cloud has them, the ring never did.
  ASSERT_TRUE(ring->seals_acknowledged({1}, 45).ok());
  EXPECT_TRUE(ring->past_seals().empty()) << "all is said";
  for (int n = 0; n < 100; ++n) {
    ASSERT_TRUE(ring->append(second.make({10'000})).ok());
    ASSERT_TRUE(ring->sync().ok());
  }
  // What is evicted now is news, under numbers that no seal had.
  const auto said = ring->past_seals();
  ASSERT_EQ(said.size(), 1u);
  EXPECT_GT(said[0].number, 45u);
  EXPECT_EQ(said[0].evicted, (SequenceRanges{{1, 20}}));
  EXPECT_EQ(said[0].ledger.evicted, readings);
  EXPECT_TRUE(said[0].ledger.adds_up());
  ring.reset();
  ring = open(3);
  const auto& r = ring->recovered();
  ASSERT_EQ(r.past.size(), 2u);
  EXPECT_EQ(r.past[0].evicted, (SequenceRanges{{1, 20}}));
  EXPECT_TRUE(r.past[0].unreleased.empty());
  EXPECT_GE(r.ledger.evicted, readings);
  EXPECT_TRUE(r.ledger.adds_up());
}

TEST_F(RingTest, ADamagedBlockIsCountedAsEvicted) {
  auto ring = open(1);
  RingWriter writer(*ring, {1}, random);
  const auto f = writer.make({4'000});
  ASSERT_TRUE(ring->append(f).ok());
  ASSERT_TRUE(ring->append(writer.make({4'000})).ok());
  ASSERT_TRUE(ring->sync().ok());
  damage(f.blocks[0]);
  EXPECT_EQ(ring->read({{1}, {1}}).error().fault(), Fault::corrupt);
  EXPECT_EQ(ring->read({{1}, {1}}).error().fault(), Fault::unavailable);
  const auto evicted = ring->take_evicted();
  EXPECT_EQ(evicted.current, (SequenceRanges{{1, 1}}));
  EXPECT_EQ(evicted.readings_current, f.blocks[0].readings);
  EXPECT_EQ(ring->usage().blocks_unreleased, 1u);
}

TEST_F(RingTest, ACatalogueIsNeverAheadOfAnEviction) {
  auto ring = open(1);
  RingWriter writer(*ring, {1}, random);
  const auto f = writer.make({4'000});
  ASSERT_TRUE(ring->append(f).ok());
  for (int n = 0; n < 40; ++n) ASSERT_TRUE(ring->append(writer.make({100})).ok());
  ASSERT_TRUE(ring->sync().ok());
  damage(f.blocks[0]);
  EXPECT_EQ(ring->read({{1}, {1}}).error().fault(), Fault::corrupt);
  for (std::uint64_t s = 2; s <= 40; ++s) ASSERT_TRUE(ring->release({1}, {{s, s}}).ok());
  ring.reset();  // no segment says that block 1 was evicted
  ring = open(2);
  auto ranges = ring->recovered().past.at(0).unreleased;
  ranges.add(ring->recovered().past.at(0).evicted);
  EXPECT_TRUE(ranges.contains({1}));
}

TEST_F(RingTest, OfferingCostsASyncOnlyEveryChunk) {
  auto ring = open(1);
  RingWriter writer(*ring, {1}, random);
  const auto before = ring->usage().syncs;
  for (int n = 0; n < 600; ++n) {
    ASSERT_TRUE(ring->append(writer.make({10})).ok());
    ASSERT_TRUE(ring->sync().ok());
    ASSERT_TRUE(ring->offer({static_cast<std::uint64_t>(n) + 1}).ok());
  }
  EXPECT_EQ(ring->usage().syncs - before, 601u) << "after the first, marks ride with flushes";
  ASSERT_TRUE(ring->offer({600 + 2 * RingBuffer::kOfferChunk}).ok());
  EXPECT_EQ(ring->usage().syncs - before, 602u);
}

TEST_F(RingTest, AFlushThatIsTooLargeIsRefusedAndTheNextGoesOn) {
  auto ring = open(1);
  RingWriter writer(*ring, {1}, random);
  EXPECT_EQ(ring->append(writer.make({400'000})).error().fault(), Fault::full);
  SeededRandom other(1);
  ASSERT_TRUE(ring->append(writer.make({200'000})).ok()) << "a quarter of the ring";
  for (int n = 0; n < 20; ++n) ASSERT_TRUE(ring->append(writer.make({200'000})).ok());
  ASSERT_TRUE(ring->sync().ok());
  EXPECT_TRUE(ring->read({{1}, {21}}).ok());
}

TEST_F(RingTest, TheLargestBlockFitsAnOrdinaryRing) {
  capacity = Bytes{8 << 20};
  auto ring = open(1);
  RingWriter writer(*ring, {1}, random);
  for (int n = 0; n < 30; ++n) ASSERT_TRUE(ring->append(writer.make({kBlockBytesMax})).ok());
  ASSERT_TRUE(ring->sync().ok());
  EXPECT_GE(ring->usage().blocks_unreleased, 4u);
}

// Each start orders its series anew, so that its dictionaries are others than those before. All of
// them are in each checkpoint, and without a checkpoint a ring does not open.
TEST_F(RingTest, DictionariesOfManyStartsDoNotOutgrowIt) {
  for (std::uint64_t start = 1; start <= 40; ++start) {
    auto ring = open(start);
    ASSERT_TRUE(ring) << "start " << start;
    RingWriter writer(*ring, {start}, random);
    auto flush = writer.make({100});
    std::vector<SeriesDescription> series(100);
    for (std::size_t i = 0; i < series.size(); ++i) {
      series[i].source = series[i].device = "press";
      series[i].metric = std::string(80, 'm') + std::to_string(start * 1000 + i);
    }
    flush.dictionaries = {std::make_shared<const Dictionary>(std::move(series))};
    ASSERT_TRUE(ring->append(flush).ok());
    ASSERT_TRUE(ring->close().ok());
    EXPECT_TRUE(ring->dictionary(flush.dictionaries[0]->hash()));
  }
}

// The preset is 256 MiB: its size is the first thing that is changed. The agent did not start then.
TEST_F(RingTest, AnotherSizeIsTakenWhenNothingWaits) {
  auto ring = open(1);
  RingWriter writer(*ring, {1}, random);
  auto flush = writer.make({100, 200});
  flush.dictionaries = {make_dictionary("speed")};
  ASSERT_TRUE(ring->append(flush).ok());
  ASSERT_TRUE(ring->close().ok());
  ring.reset();

  capacity = Bytes{2 << 20};
  ring = open(2, test::kStart + test::kSecond);
  ASSERT_TRUE(ring);
  EXPECT_EQ(ring->usage().capacity.count, 1u << 20) << "two blocks wait";
  EXPECT_EQ(ring->usage().configured, capacity);
  SequenceRanges both;
  both.add(SequenceRange{1, 2});
  ASSERT_TRUE(ring->release({1}, both).ok());
  ASSERT_TRUE(ring->close().ok());
  ring.reset();

  auto taken = flush.seal.ledger.taken;
  for (const std::uint64_t start : {3, 4}) {  // larger, then as before
    ring = open(start, test::kStart + 2 * test::kSecond);
    ASSERT_TRUE(ring);
    EXPECT_EQ(ring->usage().capacity, capacity);
    const auto& found = ring->recovered();
    EXPECT_EQ(found.start_ordinal, start);
    EXPECT_EQ(found.journal, flush.journal);
    ASSERT_FALSE(found.past.empty());
    EXPECT_EQ(found.past[0].closing.incarnation, Incarnation{1});
    EXPECT_EQ(found.past[0].closing.durable_through, Sequence{2});
    EXPECT_EQ(found.past[0].last_seal, flush.seal.number);
    EXPECT_EQ(found.ledger.taken, taken);
    EXPECT_TRUE(ring->dictionary(flush.dictionaries[0]->hash()));
    RingWriter next(*ring, {start}, random);
    next.set_offset(writer.offset());
    const auto block = next.make({900});
    ASSERT_TRUE(ring->append(block).ok());
    ASSERT_TRUE(ring->sync().ok());
    EXPECT_EQ(*ring->read(block.blocks[0].name), block.blocks[0]);
    both = {};
    both.add(SequenceRange{1, 1});
    ASSERT_TRUE(ring->release({start}, both).ok());
    flush.journal = block.journal;
    taken += block.blocks[0].readings;
    writer.set_offset(next.offset());
    ASSERT_TRUE(ring->close().ok());
    ring.reset();
    capacity = Bytes{1 << 20};
  }
}

TEST_F(RingTest, FaultsAtOpen) {
  auto first = open(1);
  EXPECT_EQ(try_open(2).error().fault(), Fault::unavailable) << "a second agent";
  EXPECT_TRUE(first->close().ok()) << "the first goes on";
  first.reset();
  capacity = Bytes{1000};
  EXPECT_EQ(try_open(2).error().fault(), Fault::bad_input);
  capacity = Bytes{1 << 20};
  {
    std::fstream f(folder / "ring.dat", std::ios::in | std::ios::out | std::ios::binary);
    f.seekp(20);
    f.put('x');
  }
  EXPECT_EQ(try_open(2).error().fault(), Fault::corrupt);
  EXPECT_TRUE(std::filesystem::exists(folder / "ring.dat.damaged")) << "kept aside";
  EXPECT_TRUE(open(2)) << "and a new one is made";
}

TEST_F(RingTest, AReaderBesideTheWriterNeverSeesOtherBytes) {
  auto ring = open(1);
  RingWriter writer(*ring, {1}, random);
  std::atomic<bool> done = false;
  std::atomic<std::uint64_t> read = 0;
  std::thread reader([&] {
    while (!done) {
      for (const auto& s : ring->unreleased(Order::oldest_first, 5, {})) {
        const auto block = ring->read(s.name);
        if (!block.ok()) {
          ASSERT_EQ(block.error().fault(), Fault::unavailable);
          continue;
        }
        ASSERT_EQ(block->name, s.name);
        ASSERT_EQ(block->readings, s.readings);
        ASSERT_TRUE(ring->offer(s.name.sequence).ok());
        if (s.name.sequence.count % 7 == 0) {
          ASSERT_TRUE(
              ring->release({1}, {{s.name.sequence.count, s.name.sequence.count}}).ok());
        }
        ++read;
      }
    }
  });
  std::thread syncer([&] {
    while (!done) ASSERT_TRUE(ring->sync().ok());
  });
  for (int n = 0; n < 1500; ++n) {
    ASSERT_TRUE(ring->append(writer.make({1 + random.below(20'000)})).ok());
    if (n % 3 == 0) static_cast<void>(ring->usage());
  }
  while (read < 100) std::this_thread::yield();
  done = true;
  reader.join();
  syncer.join();
}

}  // namespace
}  // namespace tidemark::ring
