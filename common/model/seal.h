// What an edge states about itself (semantics B): how far each source has come, what it took minute
// by minute, what it lost and why. Statements are immutable once numbered and merge by number, so
// that they may arrive twice, late or out of order.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/strong.h"
#include "common/base/time.h"
#include "common/model/dropped_counts.h"
#include "common/model/sequence_ranges.h"

namespace tidemark {

// The ledger of semantics rule 10, in readings. Counts of one incarnation, or sums of those.
struct Ledger {
  std::uint64_t taken = 0;
  std::uint64_t answered = 0;     // known at the cloud
  std::uint64_t thinned = 0;
  std::uint64_t duplicate = 0;
  std::uint64_t local = 0;        // forward = "nothing"
  std::uint64_t late_ledger = 0;  // known at the cloud
  std::uint64_t quarantined = 0;
  std::uint64_t evicted = 0;
  std::uint64_t lost = 0;         // declared after a power cut: known at the cloud
  std::uint64_t pending = 0;

  [[nodiscard]] bool adds_up() const {
    return taken == answered + thinned + duplicate + local + late_ledger + quarantined + evicted +
                        lost + pending;
  }
  Ledger& operator+=(const Ledger& o);
  Ledger& operator-=(const Ledger& o);  // what was added before
  void encode(ByteWriter& out) const;
  static Ledger decode(ByteReader& in);
  friend bool operator==(const Ledger&, const Ledger&) = default;
};

// One minute of event time of one source and poll class, in this incarnation; absolute counts, the
// one under the highest seal number stands. Minutes are floor(event time / 60 s).
struct MinuteCounts {
  std::int64_t minute = 0;
  std::uint64_t due = 0;    // polls or messages that the schedule expected; 0: no schedule
  std::uint64_t good = 0;   // of those, answered well
  std::uint64_t taken = 0;  // readings decoded
  std::uint64_t sent = 0;   // of those, in blocks (not thinned, local, duplicate, quarantined)
  friend bool operator==(const MinuteCounts&, const MinuteCounts&) = default;
};

struct SourceSeal {
  std::string source;
  std::string poll_class;
  bool device_stamped = false;  // then sealed_until rests on the source's lateness bound
  // All that this source took so far with event time < sealed_until is in sequences < Seal::next.
  EventTime sealed_until = kEventTimeMin;
  std::vector<MinuteCounts> minutes;  // only those that changed since the last acknowledged seal
  // Of these there are no counts any more; only those that no acknowledged seal has said.
  std::vector<DroppedCounts> dropped = {};
  friend bool operator==(const SourceSeal&, const SourceSeal&) = default;
};

enum class ClockState : std::uint8_t { unknown = 0, set = 1, synchronised = 2 };

// What an edge knows of its starts and no closing says, so that a cloud can tell what it will never
// hear of: of starts that the edge lost, and of what the cloud itself once knew. It comes with the
// first seal of each connection, of whichever start that is.
struct Opening {
  EventTime begun = kEventTimeMin;  // the start that runs
  // The power went in earlier starts before a seal of them was durable: nobody knows what they
  // took, in this time. Equal: in none.
  EventTime uncounted_from = kEventTimeMin, uncounted_until = kEventTimeMin;
  // The newest start that said something and that the edge lists no more, for a cloud has all of
  // it; 0: none.
  Incarnation settled = {};
  // Of earlier starts that it lists, the number of the highest seal that a cloud has acknowledged.
  struct Told {
    Incarnation incarnation;
    std::uint64_t number = 0;
    friend bool operator==(const Told&, const Told&) = default;
  };
  std::vector<Told> told = {};
  friend bool operator==(const Opening&, const Opening&) = default;
};

struct Seal {
  Incarnation incarnation;
  std::uint64_t number = 0;  // rises by one within the incarnation, from 1
  // More parts of the same number follow. Only the last one makes the statement; those before it
  // bring minutes that it would have no room for.
  bool more = false;
  Sequence next;             // the first sequence that this statement does not speak of
  Ledger ledger;             // of this incarnation up to `next`: what the edge knows of it
  ClockState clock = ClockState::set;
  SequenceRanges evicted;      // blocks that will never come, with their readings in the ledger
  std::vector<SourceSeal> sources;
  // How far all those are sealed that an acknowledged seal of this incarnation named and this one
  // does not: of them nothing but the time is new.
  std::optional<EventTime> rest = std::nullopt;
  std::optional<Opening> opening = std::nullopt;  // of the edge, not of this start
  friend bool operator==(const Seal&, const Seal&) = default;

  // What decode() takes: lines of sources, and bytes of a name, which is UTF-8.
  static constexpr std::size_t kSourcesMax = 16'384;
  static constexpr std::size_t kNameBytesMax = 256;
  static constexpr std::size_t kDroppedMax = 16;  // stretches of one source
  static constexpr std::size_t kToldMax = 4096;   // of an Opening

  // FORMAT.md; in the lowest version that has what it says.
  void encode(ByteWriter& out) const;
  static Result<Seal> decode(ByteSpan bytes);
  // Who reads version 2 at most would take dropped counts for readings that never were.
  [[nodiscard]] bool says_dropped() const;
};

// What the edge knows of an earlier start of itself (semantics A2). Numbers beyond durable_through
// that the cloud has not received are lost. The incarnation takes no more.
struct Closing {
  Incarnation incarnation;
  std::uint64_t start_ordinal = 0;  // counts the starts of this edge
  Sequence durable_through;
  EventTime off_from = kEventTimeMin;  // last sign of life, and the next start: nobody listened
  EventTime off_until = kEventTimeMin;
  friend bool operator==(const Closing&, const Closing&) = default;

  void encode(ByteWriter& out) const;
  static Closing decode(ByteReader& in);
};

}  // namespace tidemark
