// ring.write = "unacked" through power cuts and kills: what counts as durable is on the medium or
// at the cloud, and a kill takes nothing at all.
#include <gtest/gtest.h>

#include <set>

#include "edge/ring/staged_ring.h"
#include "tests/edge/ring_fixture.h"
#include "tests/edge/sim_disk.h"
#include "tests/edge/temporary_folder.h"

namespace tidemark::ring {
namespace {

using namespace std::chrono_literals;
using test::RingWriter;
using test::SimDisk;

class Lives {
 public:
  explicit Lives(std::uint64_t seed) : random_(seed), disk_(seed * 31 + 7) {}

  void run(int lives) {
    for (int n = 0; n < lives && !testing::Test::HasFatalFailure(); ++n) one_life();
  }
  int cuts = 0;
  int kills = 0;
  std::uint64_t spared = 0;
  std::uint64_t faults = 0;
  std::uint64_t fail_within = 0;  // operations of the disk; 0: none fails

 private:
  struct Sent {
    BlockName name;
    journal::Position journal;
  };

  void one_life() {
    const Incarnation incarnation{random_.next()};
    current_ = incarnation;
    auto opened = open_staged({folder_.path(), Bytes{1 << 20}, incarnation,
                               event_time(test::kStart), {}},
                              {folder_ / "ring.stage", 500ms}, disk_, tmpfs_, clock_);
    ASSERT_TRUE(opened.ok()) << opened.error().text();
    auto ring = std::move(opened).value();
    check(*ring);
    if (testing::Test::HasFatalFailure()) return;
    if (fail_within > 0) disk_.fail_at(1 + random_.below(fail_within), SimDisk::Fail::for_ever);
    RingWriter writer(*ring, incarnation, random_);
    writer.set_offset(offset_);
    journal::Position durable{};
    for (auto steps = random_.below(60); steps > 0; --steps) {
      if (!step(*ring, writer)) break;
      durable = ring->durable_position();
    }
    offset_ = writer.offset();
    spared += ring->usage().bytes_spared;
    const bool power = fail_within > 0 || random_.below(2) == 0;
    disk_.fail_at(0, SimDisk::Fail::never);
    if (power) {
      ++cuts;
      disk_.cut_power();
      std::filesystem::remove(folder_ / "ring.stage");
      // The journal is gone too; what did not count as durable may be.
      std::erase_if(sent_, [&](const Sent& s) {
        return s.name.incarnation == incarnation && s.journal.offset > durable.offset;
      });
    } else {
      ++kills;
    }
    ring.reset();
  }

  // False: the disk fails, and the edge stops here.
  bool step(RingBuffer& ring, RingWriter& writer) {
    switch (random_.below(8)) {
      case 0:
      case 1:
      case 2: {
        std::vector<std::size_t> sizes(1 + random_.below(3));
        for (auto& s : sizes) s = 1 + random_.below(9'000);
        const auto flush = writer.make(sizes);
        if (!ring.append(flush).ok()) {
          ++faults;
          return false;
        }
        for (const auto& b : flush.blocks) {
          sent_.push_back({b.name, flush.journal});
          content_[b.name] = b.bytes;
        }
        return sync(ring);
      }
      case 3:
      case 4:
        return sync(ring);
      case 5:
        clock_.advance(std::chrono::milliseconds(random_.below(400)));
        return true;
      default: {
        const auto all = ring.unreleased(random_.below(3) == 0 ? Order::oldest_first
                                                               : Order::newest_first,
                                         1 + random_.below(6), {});
        for (const auto& s : all) {
          const bool ours = s.name.incarnation == current_;
          if (ours && !ring.offer(s.name.sequence).ok()) return false;
          if (random_.below(5) == 0) continue;
          SequenceRanges one;
          one.add(s.name.sequence);
          EXPECT_TRUE(ring.release(s.name.incarnation, one).ok());
          acknowledged_.insert(s.name);
        }
        return true;
      }
    }
  }
  bool sync(RingBuffer& ring) {
    const bool good = ring.sync().ok();
    faults += good ? 0 : 1;
    return good;
  }

  // Each block that has to be somewhere is at the cloud, waits, or was evicted and is stated so.
  void check(RingBuffer& ring) {
    std::map<Incarnation, SequenceRanges> here, evicted;
    for (const auto& past : ring.recovered().past) {
      here[past.closing.incarnation] = past.unreleased;
      evicted[past.closing.incarnation] = past.evicted;
    }
    for (const auto& s : sent_) {
      if (acknowledged_.contains(s.name)) continue;
      const bool gone = evicted[s.name.incarnation].contains(s.name.sequence);
      const bool waits = here[s.name.incarnation].contains(s.name.sequence);
      if (gone) evicted_.insert(s.name);
      ASSERT_TRUE(waits || evicted_.contains(s.name))
          << "a durable block is lost: " << s.name.sequence.count;
      if (!waits) continue;
      const auto block = ring.read(s.name);
      ASSERT_TRUE(block.ok()) << block.error().text();
      ASSERT_EQ(block->bytes, content_[s.name]);
    }
  }

  SeededRandom random_;
  SimDisk disk_;
  SystemDisk tmpfs_;
  ManualClock clock_{event_time(test::kStart)};
  test::TemporaryFolder folder_;
  std::vector<Sent> sent_;  // that have to be somewhere
  std::map<BlockName, ByteVector> content_;
  std::set<BlockName> acknowledged_;
  std::set<BlockName> evicted_;
  std::uint64_t offset_ = 0;
  Incarnation current_;
};

TEST(PowerCutStaged, LosesNothingThatCountsAsDurable) {
  int cuts = 0, kills = 0;
  std::uint64_t spared = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Lives lives(seed);
    lives.run(20);
    ASSERT_FALSE(HasFatalFailure()) << "seed " << seed;
    cuts += lives.cuts;
    kills += lives.kills;
    spared += lives.spared;
  }
  EXPECT_GT(cuts, 400);
  EXPECT_GT(kills, 400);
  EXPECT_GT(spared, 1u << 20);
}

TEST(PowerCutStaged, NorOnADiskThatFails) {
  std::uint64_t faults = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Lives lives(1000 + seed);
    lives.fail_within = 10 + seed;
    lives.run(12);
    ASSERT_FALSE(HasFatalFailure()) << "seed " << seed;
    faults += lives.faults;
  }
  EXPECT_GT(faults, 100u);
}

}  // namespace
}  // namespace tidemark::ring
