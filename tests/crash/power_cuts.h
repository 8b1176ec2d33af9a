// One edge's ring through many power cuts: at random moments or in the middle of the n-th operation
// on the disk, with a catalogue that is kept, lost or of another day. After each cut the ring must
// open by itself and know all that it has to know (tests/edge/ring_model.h).
#pragma once

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/edge/ring_model.h"
#include "tests/edge/sim_disk.h"
#include "tests/edge/temporary_folder.h"

namespace tidemark::test {

class PowerCuts {
 public:
  explicit PowerCuts(std::uint64_t seed) : seed_(seed), random_(seed), disk_(seed * 31 + 7) {}

  void run(int lives) {
    for (int n = 0; n < lives; ++n) {
      SCOPED_TRACE("seed " + std::to_string(seed_) + " life " + std::to_string(n));
      one_life();
      if (testing::Test::HasFatalFailure()) return;
    }
  }
  // Much is written between syncs, in pieces up to the largest, and lives are long.
  bool bursts = false;
  std::uint64_t steps_max = 0;  // of a life; 0: 24, in bursts 80
  // The n-th operation on ring.dat of each life fails; 0: none does.
  std::uint64_t fail_at = 0;
  SimDisk::Fail fail = SimDisk::Fail::never;
  // The power goes in the middle of an operation of each second life, be it one of opening.
  std::uint64_t cut_within = 0;  // operations

  int cuts = 0;
  int cuts_in_open = 0;
  int faults_seen = 0;
  int replacements = 0;

 private:
  Result<std::unique_ptr<ring::RingBuffer>> open(Incarnation incarnation) {
    return ring::RingBuffer::open({folder_.path(), Bytes{1 << 20}, incarnation,
                                   event_time(kStart)}, disk_);
  }
  void cut_power() {
    disk_.fail_at(0, SimDisk::Fail::never);
    disk_.cut_power();
    ++cuts;
  }

  void one_life() {
    const Incarnation incarnation{random_.next()};
    const bool armed = cut_within > 0 && random_.below(2) == 0;
    if (armed) disk_.fail_at(1 + random_.below(cut_within), SimDisk::Fail::for_ever);
    auto opened = open(incarnation);
    if (!opened.ok()) {
      ASSERT_TRUE(armed) << opened.error().text();
      cut_power();
      ++cuts_in_open;
      return;
    }
    auto ring = std::move(opened).value();
    if (!armed) {
      model_.check_recovered(*ring, false);
      if (testing::Test::HasFatalFailure()) return;
      model_.check_blocks(*ring);
      if (testing::Test::HasFatalFailure()) return;
      disk_.fail_at(fail_at, fail);
    }
    model_.begin(incarnation);
    faults_expected_ = armed || fail != SimDisk::Fail::never;
    RingWriter writer(*ring, incarnation, random_);
    writer.set_offset(offset_);
    dead_ = false;
    const std::uint64_t most = steps_max > 0 ? steps_max : bursts ? 80 : 24;
    for (auto steps = random_.below(most); steps > 0 && !dead_; --steps) {
      step(*ring, writer);
      if (testing::Test::HasFatalFailure()) return;
    }
    offset_ = writer.offset();
    const bool whole = !dead_ && random_.below(8) == 0 && ring->close().ok();
    if (whole) model_.synced();
    cut_power();
    ring.reset();
    lose_catalogue();
  }

  void step(ring::RingBuffer& ring, RingWriter& writer) {
    switch (bursts && random_.below(2) == 0 ? 0 : random_.below(12)) {
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
      case 9:
      case 10:
        replace(ring, writer);
        break;
      case 8: {
        const Sequence through{model_.now().blocks.size()};
        if (through.count > 0 && ring.offer(through).ok()) model_.now().offered = through.count;
        break;
      }
      default:
        for (const auto& seal : ring.past_seals()) {
          if (random_.below(3) != 0) continue;
          ASSERT_TRUE(ring.seals_acknowledged(seal.incarnation, seal.number).ok());
        }
    }
  }

  void append(ring::RingBuffer& ring, RingWriter& writer) {
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
      ASSERT_TRUE(faults_expected_) << done.error().text();
    }
    // Given up, and the edge stops here. The flush may be on the disk for all that: a fault does
    // not say what it left.
    model_.appended(flush);
    dead_ = true;
  }

  // What was never offered gives way to less.
  void replace(ring::RingBuffer& ring, RingWriter& writer) {
    std::vector<BlockRecord> blocks;
    const auto wanted = 1 + random_.below(8);
    for (const auto& stored : ring.next_to_go({})) {
      if (blocks.size() == wanted) break;
      auto block = ring.read(stored.name);
      if (!block.ok()) return;  // a fault
      blocks.push_back(std::move(block).value());
    }
    if (blocks.empty()) return;
    const auto flush = writer.make_replacing(blocks, 1 + random_.below(9'000));
    for (int attempt = 0; attempt < 2; ++attempt) {
      const auto done = ring.append(flush);
      if (done.ok()) {
        model_.appended(flush);
        ++replacements;
        return;
      }
      if (done.error().fault() == Fault::denied && attempt == 0) {
        writer.forget_last();
        return;
      }
      ++faults_seen;
      ASSERT_TRUE(faults_expected_) << done.error().text();
    }
    model_.appended(flush);
    dead_ = true;
  }

  void release(ring::RingBuffer& ring) {
    const auto all = ring.unreleased(random_.below(2) == 0 ? ring::Order::oldest_first
                                                           : ring::Order::newest_first,
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
  TemporaryFolder folder_;
  RingModel model_;
  std::uint64_t offset_ = 0;
  bool dead_ = false;
  bool faults_expected_ = false;
};

}  // namespace tidemark::test
