// Puts segments where they may lie and makes them durable.
//
// The rule that makes a power cut harmless: a segment is written only into a zone that an already
// durable segment declared free (SegmentHeader::oldest). So a torn write can hurt nothing that
// still counts, and what was evicted is on the medium before its place is used again.
//
// After a fault  a write that failed gives its place up and is tried once more behind it. After a
//                failed sync nothing since the last good one is believed: the blocks of all those
//                segments, kept in memory until then (at most half of Geometry::segment_max), are
//                written again as one segment with a checkpoint to a fresh place. When the zone is
//                used up by places given up, it is begun again: the medium is failing altogether.
//
// Threads: the ring holds its write lock; functions that need the state take its lock from here.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>

#include "edge/ring/contents.h"
#include "edge/ring/recovery.h"
#include "edge/ring/ring_file.h"

namespace tidemark::ring {

class Writer {
 public:
  Writer(RingFile& file, Contents& contents, std::mutex& state_lock, const Found& found);

  enum class Outcome : std::uint8_t { written, needs_sync };
  // Writes `part` (dictionaries, seal, blocks) with whatever control records wait. needs_sync: its
  // place becomes free with the next sync. Fault::full: too large for this ring at all.
  Result<Outcome> write(const SegmentContent& part);
  // A segment of control records only; with the whole state when `checkpoint`.
  Result<Outcome> write_control(bool checkpoint);
  [[nodiscard]] bool checkpoint_due() const;

  // --- sync, in three steps, the middle one (RingFile::sync) without the write lock
  Result<std::uint64_t> sync_begin();  // the number that a good sync makes durable
  void sync_good(std::uint64_t number);  // takes the state's lock
  void sync_failed() { unsafe_ = true; }
  [[nodiscard]] bool all_synced() const { return unsynced_.empty(); }

  // How much can be written before the head stands where `needed` begins (none: all of it).
  [[nodiscard]] std::uint64_t room_before(const std::optional<SegmentRow>& needed) const;

  // Sequences up to it are about to leave. True: their mark is not durable yet.
  [[nodiscard]] bool raise_offered(std::uint64_t through) {
    asked_ = std::max(asked_, through);
    if (through <= durable_.offered) return false;
    offered_ = std::max(offered_, through + RingBuffer::kOfferChunk);
    return true;
  }
  [[nodiscard]] journal::Position durable_position() const { return durable_.journal; }
  [[nodiscard]] std::uint64_t bytes_written() const { return bytes_written_; }
  [[nodiscard]] std::uint64_t numbers_used() const { return numbers_used_; }

 private:
  struct Written {  // a segment in the file, perhaps not on the medium
    std::uint64_t number = 0;
    std::uint64_t end = 0;
    std::uint64_t bytes = 0;
    std::uint64_t oldest = 0;
    std::uint64_t tail_at = 0;
    std::uint64_t offered = 0;
    journal::Position journal;
    SegmentContent content;  // blocks only
  };
  Result<Outcome> write_segment(const SegmentContent& part, bool checkpoint);
  Result<> advance_tail(std::uint64_t length);
  SegmentContent compose(const SegmentContent& part, bool checkpoint);
  Result<> put(SegmentContent content);  // content has a place in the durable zone
  Result<> rewrite();
  SegmentHeader next_header();

  RingFile& file_;
  Contents& contents_;
  std::mutex& state_lock_;
  std::uint64_t head_;        // where the next segment would begin
  std::uint64_t numbers_used_;
  std::uint64_t last_ = 0;    // number of the newest that counts
  std::uint64_t oldest_ = 1;  // as the next segment will declare
  std::uint64_t tail_at_;
  std::uint64_t offered_ = 0;
  std::uint64_t claims_through_ = 0;  // number of the last segment that failed with claims
  std::uint64_t asked_ = 0;   // the highest that raise_offered() was called for
  journal::Position journal_;
  Written durable_;           // the newest that a sync covered; without content
  std::deque<Written> unsynced_;
  std::uint64_t unsynced_bytes_ = 0;
  bool unsafe_ = false;
  std::uint64_t checkpoint_ = 0;
  std::uint64_t since_checkpoint_bytes_ = 0;
  std::uint64_t since_checkpoint_segments_ = 0;
  std::uint64_t checkpoint_bytes_ = 0;
  std::uint64_t bytes_written_ = 0;
};

}  // namespace tidemark::ring
