// The catalogue of ring.dat: which block lies where. A cache in SQLite, committed every so often
// and rebuilt from ring.dat when it is lost, damaged or of another lap; nothing else is in it that
// the ring could not find again. The index is on disk, not in memory: a full ring of 2 GiB has up
// to half a million blocks and the agent 20 MB.
//
// Threads: one at a time; the ring holds its lock.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "common/base/result.h"
#include "common/model/sequence_ranges.h"
#include "common/sqlite/database.h"
#include "edge/ring/ring_buffer.h"
#include "edge/ring/segment.h"

namespace tidemark::ring {

struct SegmentRow {
  std::uint64_t number = 0;
  std::uint64_t at = 0;
  std::uint64_t length = 0;
  std::uint64_t ordinal = 0;
  std::uint64_t first = 0;
  std::uint64_t blocks = 0;
  bool checkpoint = false;
  std::uint64_t follows = 0;
  std::uint64_t synced = 0;
  std::uint64_t oldest = 0;
  // Of its contents: a number that a power cut took with its segment is used again.
  std::uint64_t checksum = 0;
};
SegmentRow row_of(const SegmentHeader& header, std::uint64_t at);

struct BlockRow {
  std::uint64_t ordinal = 0;
  std::uint64_t segment = 0;
  std::uint64_t offset = 0;  // from the start of the segment
  BlockMeta meta;
};

struct Totals {
  std::uint64_t blocks = 0;
  std::uint64_t readings = 0;
  std::uint64_t bytes = 0;  // as stored
};

class Catalogue {
 public:
  // Opens or creates the one of ring `id`. Fault::corrupt for another ring's or a damaged one,
  // unsupported for a newer version's, unavailable while another agent has it.
  static Result<std::unique_ptr<Catalogue>> open(const std::filesystem::path& path,
                                                 std::uint64_t id);
  static void remove(const std::filesystem::path& path);

  // All changes since the last commit, as one. `marks`: RingState::encode_marks.
  Result<> commit(ByteSpan marks);
  [[nodiscard]] Result<ByteVector> marks();

  Result<> add(const SegmentRow& segment);
  Result<> add(const BlockRow& block);  // a newer place of the same block replaces the older
  Result<std::optional<SegmentRow>> segment(std::uint64_t number);
  Result<std::optional<SegmentRow>> oldest(std::uint64_t from);         // number >= from
  Result<std::optional<SegmentRow>> newest(std::uint64_t to);           // number <= to
  Result<std::optional<SegmentRow>> checkpoint(std::uint64_t to);       // newest, number <= to
  Result<> remove_segment(std::uint64_t number);

  Result<std::optional<BlockRow>> block(std::uint64_t ordinal, std::uint64_t sequence);
  Result<std::vector<BlockRow>> blocks(std::uint64_t ordinal, SequenceRange range, Order order,
                                       std::size_t limit);
  Result<std::vector<BlockRow>> alarms(std::uint64_t ordinal, SequenceRange range,
                                       std::size_t limit);  // oldest first
  Result<> remove_block(std::uint64_t ordinal, std::uint64_t sequence);
  Result<> clear();
  Result<Totals> totals(std::uint64_t ordinal, SequenceRange range);

 private:
  explicit Catalogue(std::unique_ptr<sqlite::Database> database);
  Result<> begin(std::uint64_t id);
  static Result<std::vector<BlockRow>> rows_of(sqlite::Statement& started);
  Result<std::optional<SegmentRow>> one_segment(sqlite::Statement& statement, std::uint64_t number);

  std::unique_ptr<sqlite::Database> database_;
  sqlite::Statement add_segment_, segment_, oldest_, newest_, checkpoint_, remove_segment_,
      add_block_, block_, up_, down_, alarms_, remove_block_, totals_, set_marks_, get_marks_;
};

}  // namespace tidemark::ring
