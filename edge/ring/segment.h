// A segment: what one flush writes. Header, index part (small typed records), body (the blocks),
// and padding to a page. Pure bytes; layout in FORMAT.md.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/strong.h"
#include "common/model/record.h"
#include "common/model/sequence_ranges.h"
#include "edge/journal/journal.h"

namespace tidemark::ring {

inline constexpr std::uint64_t kPage = 4096;
inline constexpr std::uint64_t kSegmentHeaderBytes = 152;
inline constexpr std::uint64_t kIndexBytesMax = 64 << 20;

constexpr std::uint64_t pages(std::uint64_t bytes) { return (bytes + kPage - 1) / kPage * kPage; }

struct SegmentHeader {
  std::uint64_t ring = 0;
  std::uint64_t number = 0;   // rises, never used twice
  std::uint64_t length = 0;   // on disk, a multiple of kPage
  Incarnation incarnation;    // of the start that wrote it, and of its blocks
  std::uint64_t ordinal = 0;
  journal::Position journal;  // read the intake journal from here on; {0, 0}: from no journal
  std::uint64_t follows = 0;  // the segment before; numbers between were given up after a fault
  std::uint64_t synced = 0;   // the newest that was surely durable when this was made
  std::uint64_t oldest = 0;   // segments before it are dead, and may be overwritten once this is
                              // durable: so evictions are on the medium before their place is
                              // reused
  std::uint64_t offered = 0;  // sequences up to here may have left the box
  std::uint32_t index_bytes = 0;
  std::uint32_t blocks = 0;
  std::uint64_t body_bytes = 0;
  std::uint64_t first = 0;    // sequence of the first block, 0 without blocks
  bool checkpoint = false;    // begins with the whole carried-forward state
  std::uint64_t index_checksum = 0;
  std::uint64_t body_checksum = 0;
  friend bool operator==(const SegmentHeader&, const SegmentHeader&) = default;
};

enum class RecordType : std::uint8_t {
  state = 1,       // carried forward: RingState::encode
  dictionary = 2,  // Dictionary::bytes
  seal = 3,        // Seal::encode
  block = 4,       // BlockMeta; its bytes are in the body, in the same order
  released = 5,    // incarnation, ranges
  evicted = 6,     // incarnation, ranges, readings evicted of it in all
  seals_acknowledged = 7,  // incarnation, number
  skipped = 8,     // incarnation, ranges: acknowledged before they were written
};

struct BlockMeta {
  std::uint64_t sequence = 0;
  std::int64_t time_min = 0;
  std::int64_t time_max = 0;
  std::uint64_t readings = 0;
  bool alarm = false;
  std::uint64_t bytes = 0;   // BlockRecord::bytes
  std::uint64_t stored = 0;  // BlockRecord::encode, in the body
  Reduction reduction = Reduction::none;
  SequenceRanges replaces = {};
  void encode(ByteWriter& out) const;
  static BlockMeta decode(ByteReader& in);
  friend bool operator==(const BlockMeta&, const BlockMeta&) = default;
};

// What is written and, should the medium refuse it, written again elsewhere.
struct SegmentContent {
  ByteVector index;
  ByteVector body;
  std::vector<BlockMeta> blocks;
  journal::Position journal;
  bool checkpoint = false;

  void add(RecordType type, ByteSpan bytes);
  void add(const BlockRecord& block);
  [[nodiscard]] std::uint64_t length() const {
    return pages(kSegmentHeaderBytes + index.size() + body.size());
  }
};

// Fills in lengths and checksums of `header`, and gives the whole segment.
ByteVector encode_segment(SegmentHeader& header, const SegmentContent& content);
// Nothing when the bytes are no header of this ring (magic, version, ring id, checksum, bounds).
std::optional<SegmentHeader> decode_segment_header(ByteSpan bytes, std::uint64_t ring);

// Calls visit(type, bytes) for each record of an index part that passed its checksum.
template <typename Visit>
Result<> each_record(ByteSpan index, Visit visit) {
  ByteReader in(index);
  while (in.left() > 0) {
    const auto type = static_cast<RecordType>(in.u8());
    const auto bytes = in.blob();
    if (!in.ok()) return Error{Fault::corrupt, "segment: a record ends too early"};
    TIDE_TRY(visit(type, bytes));
  }
  return {};
}

}  // namespace tidemark::ring
