// What a ring was told, over all its lives, and what it must therefore know after a restart.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "tests/edge/ring_fixture.h"

namespace tidemark::test {

class RingModel {
 public:
  struct Life {
    Incarnation incarnation;
    std::vector<BlockRecord> blocks;  // by sequence, from 1
    struct Flushed {
      std::uint64_t last;             // sequence, with this flush
      Seal seal;
      journal::Position journal;
    };
    std::vector<Flushed> flushes;
    std::size_t flushes_synced = 0;
    std::uint64_t offered = 0;
    SequenceRanges released;
    SequenceRanges evicted;           // as the ring said last
    std::uint64_t durable_through = 0;

    // By blocks that are durable.
    [[nodiscard]] SequenceRanges replaced() const {
      SequenceRanges all;
      for (std::uint64_t s = 1; s <= durable_through; ++s) all.add(blocks[s - 1].replaces);
      return all;
    }
  };
  std::vector<Life> lives;

  Life& begin(Incarnation incarnation) {
    lives.push_back({});
    lives.back().incarnation = incarnation;
    return lives.back();
  }
  Life& now() { return lives.back(); }
  void appended(const ring::Flush& f) {
    for (const auto& b : f.blocks) now().blocks.push_back(b);
    now().flushes.push_back({now().blocks.size(), f.seal, f.journal});
  }
  void synced() { now().flushes_synced = now().flushes.size(); }

  // `ring` was just opened, and begin() not yet called for it. `complete`: no power was cut, so all
  // that was appended must be there.
  void check_recovered(ring::RingBuffer& ring, bool complete);
  // Each unreleased block can be read, byte for byte.
  void check_blocks(ring::RingBuffer& ring);

 private:
  void check_past(const ring::Past& past, Life& life);
  void check_statement(const Seal& said, std::uint64_t last_seal, const Life& life);
};

inline void RingModel::check_past(const ring::Past& past, Life& life) {
  const auto m = past.closing.durable_through.count;
  const auto synced = life.flushes_synced == 0 ? 0 : life.flushes[life.flushes_synced - 1].last;
  ASSERT_GE(m, synced) << "synced blocks are gone";
  ASSERT_LE(m, life.blocks.size());
  ASSERT_TRUE(life.durable_through == 0 || life.durable_through == m) << "it changed its mind";
  life.durable_through = m;
  ASSERT_LE(past.unreleased.highest().count, m);
  ASSERT_LE(past.evicted.highest().count, m);
  const auto replaced = life.replaced();
  for (std::uint64_t s = 1; s <= m; ++s) {
    const bool waits = past.unreleased.contains(Sequence{s});
    const bool evicted = past.evicted.contains(Sequence{s});
    ASSERT_FALSE(waits && evicted) << "sequence " << s;
    ASSERT_FALSE(waits && replaced.contains(Sequence{s})) << "sequence " << s << " is here twice";
    ASSERT_TRUE(waits || evicted || replaced.contains(Sequence{s}) ||
                life.released.contains(Sequence{s}))
        << "sequence " << s << " is nowhere";
  }
  life.evicted = past.evicted;
  if (past.last_seal == 0) return;
  // The newest seal is that of a whole flush: its blocks are there, the next one's are not.
  ASSERT_LE(past.last_seal, life.flushes.size());
  ASSERT_GE(past.last_seal, life.flushes_synced);
  ASSERT_EQ(life.flushes[past.last_seal - 1].last, m) << "seal " << past.last_seal;
}

inline void RingModel::check_statement(const Seal& said, std::uint64_t last_seal,
                                       const Life& life) {
  ASSERT_EQ(said.evicted, life.evicted) << "the cloud would wait for them";
  const auto& seal = life.flushes[last_seal - 1].seal;
  const auto more = said.evicted.count() - seal.evicted.count();
  ASSERT_EQ(said.number, more == 0 ? last_seal : last_seal + (std::uint64_t{1} << 32) + more);
  ASSERT_EQ(said.next, seal.next);
  ASSERT_EQ(said.ledger.taken, seal.ledger.taken);
  ASSERT_GE(said.ledger.evicted, seal.ledger.evicted);
  ASSERT_TRUE(said.ledger.adds_up());
}

inline void RingModel::check_recovered(ring::RingBuffer& ring, bool complete) {
  const auto& recovered = ring.recovered();
  ASSERT_EQ(recovered.blocks_damaged, 0u) << "a block that waits is lost";
  std::map<Incarnation, const ring::Past*> pasts;
  std::map<Incarnation, Seal> statements;
  for (auto& said : ring.past_seals()) statements[said.incarnation] = std::move(said);
  std::uint64_t ordinal = 0;
  for (const auto& past : recovered.past) {
    ASSERT_GT(past.closing.start_ordinal, ordinal) << "oldest first";
    ordinal = past.closing.start_ordinal;
    pasts[past.closing.incarnation] = &past;
  }
  ASSERT_GT(recovered.start_ordinal, ordinal);
  std::uint64_t taken = 0;
  std::uint64_t evicted = 0;
  std::uint64_t perhaps_evicted = 0;
  for (auto& life : lives) {
    const auto past = pasts.find(life.incarnation);
    const auto replaced = life.replaced();
    if (past == pasts.end()) {
      // Settled. What was not released was evicted in its last life; of what was released the ring
      // may have forgotten it, and evicted it.
      for (std::uint64_t s = 1; s <= life.durable_through; ++s) {
        if (replaced.contains(Sequence{s})) continue;
        if (!life.released.contains(Sequence{s})) {
          life.evicted.add(Sequence{s});
        } else if (!life.evicted.contains(Sequence{s})) {
          perhaps_evicted += life.blocks[s - 1].readings;
        }
      }
    } else {
      check_past(*past->second, life);
      if (const auto said = statements.find(life.incarnation); said != statements.end()) {
        check_statement(said->second, past->second->last_seal, life);
        taken += said->second.ledger.taken;
      }
      if (testing::Test::HasFatalFailure()) return;
      if (complete && &life == &lives.back()) {
        ASSERT_EQ(life.durable_through, life.blocks.size());
      }
    }
    for (const auto& r : life.evicted.ranges()) {
      for (auto s = r.first; s <= r.last; ++s) {
        const bool carried = life.replaced().contains(Sequence{s});
        evicted += carried ? 0 : life.blocks[s - 1].readings;
      }
    }
  }
  ASSERT_GE(recovered.ledger.taken, taken);
  ASSERT_GE(recovered.ledger.evicted, evicted);
  ASSERT_LE(recovered.ledger.evicted, evicted + perhaps_evicted);
  if (lives.empty()) return;
  // The journal is read on from where the newest flush that counts ended.
  for (auto life = lives.rbegin(); life != lives.rend(); ++life) {
    const auto past = pasts.find(life->incarnation);
    if (past == pasts.end()) break;
    if (past->second->last_seal == 0) continue;
    ASSERT_TRUE(recovered.journal.has_value());
    ASSERT_EQ(*recovered.journal, life->flushes[past->second->last_seal - 1].journal);
    break;
  }
}

inline void RingModel::check_blocks(ring::RingBuffer& ring) {
  std::uint64_t readings = 0;
  std::uint64_t blocks = 0;
  std::map<Incarnation, const Life*> by_incarnation;
  for (const auto& life : lives) by_incarnation[life.incarnation] = &life;
  for (const auto& stored : ring.unreleased(ring::Order::oldest_first, 1 << 20, {})) {
    ASSERT_TRUE(by_incarnation.contains(stored.name.incarnation));
    const auto& life = *by_incarnation[stored.name.incarnation];
    ASSERT_LE(stored.name.sequence.count, life.blocks.size());
    const auto& block = life.blocks[stored.name.sequence.count - 1];
    const auto read = ring.read(stored.name);
    ASSERT_TRUE(read.ok()) << "a block that waits is lost: " << read.error().text();
    ASSERT_EQ(*read, block);
    ASSERT_EQ(stored.readings, block.readings);
    ASSERT_EQ(stored.bytes, block.bytes.size());
    ASSERT_EQ(stored.alarm, block.alarm);
    readings += stored.readings;
    ++blocks;
  }
  const auto usage = ring.usage();
  ASSERT_EQ(usage.blocks_unreleased, blocks);
  ASSERT_EQ(usage.readings_unreleased, readings);
}

}  // namespace tidemark::test
