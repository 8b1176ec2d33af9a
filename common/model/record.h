// A block as it lies in the ring, travels and rests in the archive: its name and its bytes.
// "A sequence names immutable bytes" (semantics A1): two records of one name are equal or corrupt.
#pragma once

#include <cstdint>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/strong.h"
#include "common/model/sequence_ranges.h"

namespace tidemark {

// Three speeds over one sequence space. The lane is how a block travels this time, not part of it.
enum class Lane : std::uint8_t { alarm = 0, live = 1, backlog = 2 };

struct BlockName {
  Incarnation incarnation;
  Sequence sequence;
  friend auto operator<=>(const BlockName&, const BlockName&) = default;
};

// What an edge that ran out of room made of blocks that it had never offered to anybody.
enum class Reduction : std::uint8_t {
  none = 0,
  merged = 1,   // the same readings, packed as one block
  seconds = 2,  // where it saves room, partials of 1 s in place of raw rows
  minutes = 3,  // partials of 1 min
};
inline constexpr Reduction kReductionLast = Reduction::minutes;

inline constexpr std::uint64_t kBlockBytesMax = 900 * 1024;  // Kafka's default limit is 1 MB

struct BlockRecord {
  BlockName name;
  std::int64_t time_min = 0;  // event times inside, ns; both 0 when it carries none
  std::int64_t time_max = 0;
  std::uint64_t readings = 0;  // readings_carried()
  bool alarm = false;          // holds what people wait for: travels before all others
  // With a reduction: the numbers of its own incarnation, all lower, that will never come because
  // this block carries their readings (semantics A3). Empty without one.
  Reduction reduction = Reduction::none;
  SequenceRanges replaces = {};
  ByteVector bytes;            // codec::encode()
  friend bool operator==(const BlockRecord&, const BlockRecord&) = default;

  // Fixed header, bytes, XXH3 over both (FORMAT.md). The checksum is over the name too, so that a
  // block can never pass under another's name.
  void encode(ByteWriter& out) const;
  // Fault::corrupt when the checksum is wrong, bad_input past a bound.
  static Result<BlockRecord> decode(ByteReader& in);
};

}  // namespace tidemark
