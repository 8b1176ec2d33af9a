// What is in the ring: the catalogue and the state, changed together, with the counts of what was
// evicted and released since the last segment said so.
//
// Threads: one at a time; the ring holds its lock.
#pragma once

#include <map>
#include <memory>

#include "edge/ring/catalogue.h"
#include "edge/ring/ring_state.h"

namespace tidemark::ring {

class Contents {
 public:
  explicit Contents(std::unique_ptr<Catalogue> catalogue) : catalogue_(std::move(catalogue)) {}
  [[nodiscard]] Catalogue& catalogue() { return *catalogue_; }
  [[nodiscard]] RingState& state() { return state_; }
  [[nodiscard]] const RingState& state() const { return state_; }

  // After recovery: makes the waiting sets and the rows agree (what has no row is damaged, and
  // evicted), and counts usage from the rows.
  Result<> settle();
  void begin(Incarnation incarnation, EventTime now, bool cut, std::uint64_t journal);
  // Goes on as the start that was the last one, if that was this. Before begin().
  bool resume(Incarnation incarnation);
  [[nodiscard]] std::uint64_t blocks_damaged() const { return blocks_damaged_; }  // of settle()
  [[nodiscard]] std::uint64_t ordinal() const { return ordinal_; }
  [[nodiscard]] IncarnationState& current() { return state_.incarnations.at(ordinal_); }

  // Rows first, before the segment is written; nobody sees them until it counts.
  Result<> place(const SegmentHeader& header, std::uint64_t at, const SegmentContent& content);
  // The segment was written: its blocks can be read, its seals and dictionaries are known.
  Result<> count(const SegmentHeader& header, const SegmentContent& content);

  // The oldest live segment makes room; its unreleased blocks are evicted.
  Result<> evict(const SegmentRow& segment);
  Result<> evict_block(const BlockRow& block);  // damaged on disk
  void give_up(BlockName name);  // RingBuffer::give_up
  Result<> release(Incarnation incarnation, const SequenceRanges& acknowledged);

  // --- compaction: what never left this box may give way to a block that carries its readings
  // It may leave now. False: it has given way, or is about to.
  bool offer(Sequence sequence);
  // What the blocks of `content` replace can be offered no more. False, and nothing claimed, when
  // some of it was offered or no longer waits. Idempotent.
  bool claim(const SegmentContent& content);
  // No block that claimed something can be on the disk without counting.
  void forget_claims() { claimed_ = {}; }
  // The oldest segment with a block that waits.
  Result<std::optional<SegmentRow>> first_needed();
  // RingBuffer::next_to_go, from there on.
  Result<std::vector<Stored>> next_to_go(const SequenceRanges& skip);
  void seals_acknowledged(Incarnation incarnation, std::uint64_t number);

  // Evictions, releases and acknowledgements that no segment holds yet. `all`: a checkpoint that
  // was made now says it already.
  void add_records(SegmentContent& content);
  // The segment with the last add_records() was not written: the next one must be a checkpoint.
  void records_lost() { records_lost_ = true; }
  [[nodiscard]] bool checkpoint_needed() const { return records_lost_; }
  void checkpoint_written() { records_lost_ = false; }

  RingBuffer::Evicted take_evicted();
  Result<> commit();  // puts it off while evictions wait for a segment
  [[nodiscard]] std::uint64_t releases_uncommitted() const { return releases_uncommitted_; }

  Result<std::vector<Stored>> unreleased(
      Order order, std::size_t limit,
      const std::vector<std::pair<Incarnation, SequenceRanges>>& skip);
  Result<std::vector<Stored>> alarms(
      std::size_t limit, const std::vector<std::pair<Incarnation, SequenceRanges>>& skip);
  Result<std::optional<BlockRow>> find(BlockName name);
  [[nodiscard]] Usage usage();

 private:
  void forget_waiting(const IncarnationState& incarnation, const Totals& totals);
  Result<> give_way(const BlockMeta& to);

  std::unique_ptr<Catalogue> catalogue_;
  RingState state_;
  std::uint64_t ordinal_ = 0;
  Usage usage_;
  std::uint64_t blocks_damaged_ = 0;
  RingBuffer::Evicted untold_;
  std::map<std::uint64_t, SequenceRanges> evicted_;   // by ordinal, in no segment yet
  std::map<std::uint64_t, SequenceRanges> released_;
  std::map<std::uint64_t, bool> acknowledged_;
  SequenceRanges offered_;  // of this incarnation, of those that wait
  SequenceRanges claimed_;  // by blocks that are being written
  std::uint64_t needed_from_ = 0;  // no segment before it has a waiting block
  std::uint64_t releases_uncommitted_ = 0;
  bool records_lost_ = false;
};

}  // namespace tidemark::ring
