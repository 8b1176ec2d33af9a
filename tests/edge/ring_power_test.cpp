// Power cuts at random moments, on a simulated disk that loses, keeps and tears what was not
// synced, with a catalogue that is kept, lost or of another day.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/edge/ring_model.h"
#include "tests/edge/sim_disk.h"
#include "tests/edge/temporary_folder.h"

namespace tidemark::ring {
namespace {

using test::RingModel;
using test::RingWriter;
using test::SimDisk;

class Lives {
 public:
  explicit Lives(std::uint64_t seed) : seed_(seed), random_(seed), disk_(seed * 31 + 7) {}

  void run(int lives) {
    for (int n = 0; n < lives; ++n) {
      SCOPED_TRACE("seed " + std::to_string(seed_) + " life " + std::to_string(n));
      one_life();
      if (testing::Test::HasFatalFailure()) return;
    }
  }
  // Much is written between syncs, in pieces up to the largest, and lives are long.
  bool bursts = false;
  int faults_seen = 0;
  // The n-th operation on ring.dat of each life fails.
  std::uint64_t fail_at = 0;
  SimDisk::Fail fail = SimDisk::Fail::never;

 private:
  std::unique_ptr<RingBuffer> open(Incarnation incarnation) {
    auto ring = RingBuffer::open({folder_.path(), Bytes{1 << 20}, incarnation,
                                  event_time(test::kStart)}, disk_);
    EXPECT_TRUE(ring.ok()) << ring.error().text();
    return ring.ok() ? std::move(ring).value() : nullptr;
  }

  void one_life() {
    const Incarnation incarnation{random_.next()};
    auto ring = open(incarnation);
    ASSERT_TRUE(ring);
    model_.check_recovered(*ring, false);
    if (testing::Test::HasFatalFailure()) return;
    model_.check_blocks(*ring);
    if (testing::Test::HasFatalFailure()) return;
    model_.begin(incarnation);
    disk_.fail_at(fail_at, fail);
    RingWriter writer(*ring, incarnation, random_);
    writer.set_offset(offset_);
    dead_ = false;
    for (auto steps = random_.below(bursts ? 80 : 24); steps > 0 && !dead_; --steps) {
      step(*ring, writer);
      if (testing::Test::HasFatalFailure()) return;
    }
    offset_ = writer.offset();
    const bool whole = !dead_ && random_.below(8) == 0 && ring->close().ok();
    if (whole) model_.synced();
    disk_.fail_at(0, SimDisk::Fail::never);
    disk_.cut_power();
    ring.reset();
    lose_catalogue();
  }

  void step(RingBuffer& ring, RingWriter& writer) {
    switch (bursts && random_.below(2) == 0 ? 0 : random_.below(10)) {
      case 0:
      case 1:
      case 2:
      case 3:
        append(ring, writer);
        break;
      case 4:
      case 5:
      case 6:
        if (ring.sync().ok()) {
          model_.synced();
          if (!model_.now().flushes.empty()) {
            ASSERT_EQ(ring.durable_position(), model_.now().flushes.back().journal);
          }
        } else {
          ++faults_seen;
        }
        break;
      case 7:
        release(ring);
        break;
      case 8: {
        const Sequence through{model_.now().blocks.size()};
        if (ring.offer(through).ok()) model_.now().offered = through.count;
        break;
      }
      default:
        for (const auto& seal : ring.past_seals()) {
          if (random_.below(3) != 0) continue;
          ASSERT_TRUE(ring.seals_acknowledged(seal.incarnation, seal.number).ok());
        }
    }
  }

  void append(RingBuffer& ring, RingWriter& writer) {
    std::vector<std::size_t> sizes;
    if (bursts && random_.below(6) == 0) sizes.push_back(1 + random_.below(200'000));
    for (auto n = random_.below(8) == 0 ? random_.below(4) : 1; n > 0 && sizes.empty(); --n) {
      sizes.push_back(1 + random_.below(random_.below(12) == 0 ? 60'000 : 9'000));
    }
    const auto flush = writer.make(sizes);
    for (int attempt = 0; attempt < 2; ++attempt) {  // as the pipeline does: the same flush again
      const auto done = ring.append(flush);
      if (done.ok()) {
        model_.appended(flush);
        return;
      }
      ++faults_seen;
      ASSERT_NE(fail, SimDisk::Fail::never) << done.error().text();
    }
    // Given up, and the edge stops here. The flush may be on the disk for all that: a fault does
    // not say what it left.
    model_.appended(flush);
    dead_ = true;
  }

  void release(RingBuffer& ring) {
    const auto all = ring.unreleased(random_.below(2) == 0 ? Order::oldest_first
                                                           : Order::newest_first,
                                     1 + random_.below(20), {});
    for (const auto& stored : all) {
      if (random_.below(4) == 0) continue;
      for (auto& life : model_.lives) {
        if (life.incarnation == stored.name.incarnation) life.released.add(stored.name.sequence);
      }
      SequenceRanges one;
      one.add(stored.name.sequence);
      ASSERT_TRUE(ring.release(stored.name.incarnation, one).ok());
    }
  }

  void lose_catalogue() {
    const auto old = folder_.path() / "old";
    const auto each = [&](const std::filesystem::path& from, const std::filesystem::path& to) {
      std::filesystem::create_directories(to);
      for (const auto* name : {"ring.db", "ring.db-wal"}) {
        std::error_code missing;
        std::filesystem::remove(to / name, missing);
        std::filesystem::copy_file(from / name, to / name, missing);
      }
    };
    std::error_code ignored;
    switch (random_.below(6)) {
      case 0:
        for (const auto* name : {"ring.db", "ring.db-wal", "ring.db-shm"}) {
          std::filesystem::remove(folder_.path() / name, ignored);
        }
        break;
      case 1:
        each(folder_.path(), old);
        break;
      case 2:
        std::filesystem::remove(folder_.path() / "ring.db-shm", ignored);
        if (std::filesystem::exists(old)) each(old, folder_.path());
        break;
      default:
        break;
    }
  }

  std::uint64_t seed_;
  SeededRandom random_;
  SimDisk disk_;
  test::TemporaryFolder folder_;
  RingModel model_;
  std::uint64_t offset_ = 0;
  bool dead_ = false;
};

TEST(RingPower, ThousandsOfCutsLoseNothingThatWasSynced) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Lives lives(seed);
    lives.run(50);
    ASSERT_FALSE(HasFatalFailure()) << "seed " << seed;
  }
}

TEST(RingPower, CutsInBurstsThatFillTheRing) {
  for (std::uint64_t seed = 1; seed <= 25; ++seed) {
    Lives lives(500 + seed);
    lives.bursts = true;
    lives.run(20);
    ASSERT_FALSE(HasFatalFailure()) << "seed " << seed;
  }
}

TEST(RingPower, AnyOperationMayFailOnce) {
  int seen = 0;
  for (std::uint64_t n = 1; n <= 60; ++n) {
    Lives lives(1000 + n);
    lives.fail_at = n;
    lives.fail = SimDisk::Fail::once;
    lives.run(12);
    ASSERT_FALSE(HasFatalFailure()) << "operation " << n;
    seen += lives.faults_seen;
  }
  EXPECT_LT(seen, 60 * 12) << "one fault is mostly mended by writing elsewhere";
}

TEST(RingPower, AnyOperationMayFailForEver) {
  int seen = 0;
  for (std::uint64_t n = 1; n <= 60; ++n) {
    Lives lives(2000 + n);
    lives.fail_at = n;
    lives.fail = SimDisk::Fail::for_ever;
    lives.run(12);
    ASSERT_FALSE(HasFatalFailure()) << "operation " << n;
    seen += lives.faults_seen;
  }
  EXPECT_GT(seen, 100);
}

}  // namespace
}  // namespace tidemark::ring
