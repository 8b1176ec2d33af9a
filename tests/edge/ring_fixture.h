// Blocks, seals and dictionaries for tests of the ring.
#pragma once

#include <string>
#include <vector>

#include "common/base/random.h"
#include "edge/ring/ring_buffer.h"

namespace tidemark::test {

inline constexpr std::int64_t kSecond = 1'000'000'000;
inline constexpr std::int64_t kStart = 1'800'000'000 * kSecond;

inline BlockRecord make_block(Incarnation incarnation, std::uint64_t sequence, std::size_t bytes,
                              SeededRandom& random) {
  BlockRecord b;
  b.name = {incarnation, Sequence{sequence}};
  b.time_min = kStart + static_cast<std::int64_t>(sequence) * kSecond;
  b.time_max = b.time_min + kSecond / 2;
  b.readings = 1 + random.below(1000);
  b.alarm = random.below(10) == 0;
  b.bytes.resize(bytes);
  for (std::size_t i = 0; i < bytes; i += 8) {
    const auto r = random.next();
    std::memcpy(b.bytes.data() + i, &r, std::min<std::size_t>(8, bytes - i));
  }
  return b;
}

inline DictionaryPtr make_dictionary(const std::string& metric) {
  SeriesDescription s;
  s.source = "press";
  s.device = "press";
  s.metric = metric;
  return std::make_shared<const Dictionary>(std::vector<SeriesDescription>{s});
}

// Writes one incarnation of an edge: numbers blocks and seals, keeps the ledger.
class RingWriter {
 public:
  RingWriter(ring::RingBuffer& ring, Incarnation incarnation, SeededRandom& random)
      : ring_(ring), incarnation_(incarnation), random_(random) {}

  // A flush of blocks of these sizes, not synced.
  ring::Flush make(const std::vector<std::size_t>& sizes) {
    ring::Flush f;
    auto sequence = ring_.next_sequence().count;
    for (const auto size : sizes) {
      f.blocks.push_back(make_block(incarnation_, sequence++, size, random_));
      ledger_.taken += f.blocks.back().readings;
      ledger_.pending += f.blocks.back().readings;
    }
    finish(f, sequence);
    return f;
  }
  // One block that carries what these of this incarnation held, for the current start.
  ring::Flush make_replacing(const std::vector<BlockRecord>& blocks, std::size_t bytes) {
    ring::Flush f;
    auto sequence = ring_.next_sequence().count;
    auto r = make_block(incarnation_, sequence++, bytes, random_);
    r.readings = 0;
    r.alarm = blocks.front().alarm;
    r.reduction = Reduction::merged;
    for (const auto& b : blocks) {
      r.readings += b.readings;
      r.replaces.add(b.name.sequence);
      r.replaces.add(b.replaces);
    }
    f.blocks.push_back(r);
    finish(f, sequence);
    return f;
  }
  // The ring did not take the last one, and it is forgotten.
  void forget_last() {
    --number_;
    offset_ -= 64;
  }
  void set_offset(std::uint64_t offset) { offset_ = offset; }
  [[nodiscard]] std::uint64_t offset() const { return offset_; }

 private:
  void finish(ring::Flush& f, std::uint64_t sequence) {
    const auto evicted = ring_.take_evicted();
    ledger_.evicted += evicted.readings_current;
    ledger_.pending -= evicted.readings_current;
    evicted_.add(evicted.current);
    f.seal.incarnation = incarnation_;
    f.seal.number = ++number_;
    f.seal.next = Sequence{sequence};
    f.seal.ledger = ledger_;
    f.seal.evicted = evicted_;
    SourceSeal s;
    s.source = "press";
    s.sealed_until = event_time(kStart + static_cast<std::int64_t>(number_) * kSecond);
    s.minutes = {{static_cast<std::int64_t>(number_ / 3), number_, number_, number_, number_}};
    f.seal.sources = {s};
    offset_ += 64;
    f.journal = {77, offset_};
  }

  ring::RingBuffer& ring_;
  Incarnation incarnation_;
  SeededRandom& random_;
  Ledger ledger_;
  SequenceRanges evicted_;
  std::uint64_t number_ = 0;
  std::uint64_t offset_ = 0;
};

}  // namespace tidemark::test
