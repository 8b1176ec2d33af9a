// What the ring knows beside the blocks themselves: incarnations with their seals, releases and
// evictions, and the dictionaries. It lives in memory, is replayed from segments at a start and
// carried forward whole in checkpoints, so that overwriting a lap never loses it.
//
// Every change is idempotent (absolute values, unions), so that replaying a record twice, or one
// that a checkpoint already holds, changes nothing.
//
// Bounds: all of it has to fit in one segment, or no checkpoint can be written and no start made.
// kMinutesMax minutes of unacknowledged seals, the oldest go first; kDictionariesMax dictionaries,
// the one mentioned longest ago goes first (of both, less in a small ring: set_room); kPastMax
// incarnations whose blocks are gone but whose end nobody acknowledged. Of which minutes counts
// went is part of the state that no longer has them (DroppedCounts), so that one becomes durable
// with the other, and is stated until it is acknowledged: those of an incarnation that goes by the
// next one.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/time.h"
#include "common/model/seal.h"
#include "common/model/series.h"
#include "edge/ring/ring_buffer.h"
#include "edge/ring/segment.h"

namespace tidemark::ring {

inline constexpr std::size_t kMinutesMax = 200'000;  // 40 B each; a week of 20 lines
inline constexpr std::size_t kDictionariesMax = 4'096;
inline constexpr std::size_t kPastMax = 64;
inline constexpr std::size_t kDroppedMax = 8;  // stretches of a line, some 20 B each
static_assert(kDroppedMax <= Seal::kDroppedMax);

// Seals of one incarnation, merged.
struct SealState {
  struct Minute {
    MinuteCounts counts;
    std::uint64_t number = 0;  // of the seal that said it last
    friend bool operator==(const Minute&, const Minute&) = default;
  };
  struct Line {
    bool device_stamped = false;
    EventTime sealed_until = kEventTimeMin;
    std::vector<Minute> minutes;  // by minute
    std::vector<DroppedCounts> dropped;  // kDroppedMax
    friend bool operator==(const Line&, const Line&) = default;
  };
  std::uint64_t number = 0;
  Sequence next;
  Ledger ledger;
  ClockState clock = ClockState::unknown;
  SequenceRanges evicted;
  std::map<std::pair<std::string, std::string>, Line> lines;  // source, poll class
  std::uint64_t acknowledged = 0;

  void merge(const Seal& seal);
  void acknowledge(std::uint64_t number);
  [[nodiscard]] Seal merged(Incarnation incarnation) const;
  [[nodiscard]] std::size_t minutes() const;
  // The oldest go, of each line `drop` of `have`.
  void drop_minutes(std::size_t drop, std::size_t have);
  friend bool operator==(const SealState&, const SealState&) = default;
};

struct IncarnationState {
  Incarnation incarnation;
  EventTime sign_of_life = kEventTimeMin;
  // The same by times that follow a device's clock, or may: they count where they are not of times
  // to come. Not kept, since the next seal says it again.
  EventTime sign_by_devices = kEventTimeMin;
  EventTime off_until = kEventTimeMin;  // the start after it; kEventTimeMin: still running
  std::uint64_t last = 0;               // highest sequence written
  std::uint64_t offered = 0;
  SequenceRanges waiting;               // here, neither released nor evicted
  SequenceRanges evicted;
  SequenceRanges replaced;              // by later blocks, which are here or were
  std::uint64_t readings_evicted = 0;
  SealState seal;
  std::uint64_t amended = 0;            // times that more was dropped than its seals said
  bool ended = false;                   // all that it took is here: RingBuffer::note_end()
  bool closing_told = false;            // somebody acknowledged its seals after its end
  std::uint64_t journal = 0;            // that it read from; 0: not known
  // The power went in starts before it of which no seal was durable: from then until it began
  // nobody knows what was taken. Heard by whoever acknowledged a seal of this start.
  std::optional<EventTime> uncounted_from = std::nullopt;

  // The number of its last word: each block that was evicted after its last seal raises it, and
  // what was dropped since, beyond all that it can have said itself, so that it follows from the
  // state alone.
  [[nodiscard]] std::uint64_t stated_number() const;
  [[nodiscard]] Seal statement() const;
  // With what was evicted after its last seal: those readings were pending when it spoke.
  [[nodiscard]] Ledger ledger() const;
  // It says from now on that counts of `gone` that nobody acknowledged are no more.
  void answer_for(const IncarnationState& gone);
  // It says so of what it took behind its last seal, until the next start: the power went.
  void note_cut();
  // Seals are missing, behind the one that stood `before`: it says so of the minutes that they may
  // have counted.
  void note_hole(const SealState& before);
  // Nothing of it is left to send or to say.
  [[nodiscard]] bool settled() const {
    return waiting.empty() && closing_told && seal.acknowledged >= stated_number();
  }
  friend bool operator==(const IncarnationState&, const IncarnationState&) = default;
};

class RingState {
 public:
  std::map<std::uint64_t, IncarnationState> incarnations;  // by start ordinal
  Ledger folded;  // of incarnations that are no longer listed
  // The newest of those that had said something and of which a cloud has all; 0: none.
  Incarnation settled = {};

  [[nodiscard]] IncarnationState* find(Incarnation incarnation);
  [[nodiscard]] std::uint64_t last_ordinal() const {
    return incarnations.empty() ? folded_ordinal_ : incarnations.rbegin()->first;
  }

  // --- replay of one segment, in order of numbers
  void apply(const SegmentHeader& header);
  Result<> apply(const SegmentHeader& header, RecordType type, ByteSpan bytes);
  // What was in durable segments before the next one, of that start, cannot be read any more.
  void note_hole(std::uint64_t ordinal);

  // Of the longest segment: half may be dictionaries, 5/16 minutes.
  void set_room(std::uint64_t segment_max);
  void add_dictionary(DictionaryPtr dictionary);
  [[nodiscard]] DictionaryPtr dictionary(DictionaryHash hash) const;
  [[nodiscard]] std::vector<DictionaryPtr> dictionaries() const;  // in order of last mention

  // --- at a start
  // Closes what still ran, drops what is settled, and begins an incarnation, which reads from that
  // journal. `cut`: of a start that had not ended some of what it took may have gone.
  std::uint64_t begin(Incarnation incarnation, EventTime now, bool cut = false,
                      std::uint64_t journal = 0);
  [[nodiscard]] std::vector<Past> past() const;
  [[nodiscard]] std::vector<Seal> past_seals() const;  // those not acknowledged
  [[nodiscard]] Ledger ledger_of_past() const;

  // Without dictionaries: those are records of their own.
  void encode(ByteWriter& out) const;
  Result<> decode(ByteSpan bytes);
  void add_to(SegmentContent& content) const;  // a checkpoint
  // What the catalogue keeps beside the index: releases and acknowledgements since then are younger
  // than those in the ring. Marks of an older state only take away.
  void encode_marks(ByteWriter& out) const;
  void apply_marks(ByteSpan bytes);
  void bound_minutes();

 private:
  std::map<DictionaryHash, std::pair<DictionaryPtr, std::uint64_t>> dictionaries_;
  std::uint64_t mentions_ = 0;
  std::uint64_t dictionary_bytes_ = 0;
  std::uint64_t dictionary_bytes_max_ = 4 << 20;
  std::size_t minutes_max_ = kMinutesMax;
  std::uint64_t folded_ordinal_ = 0;
  std::uint64_t settled_ordinal_ = 0;
  std::optional<std::pair<std::uint64_t, SealState>> hole_;  // behind these seals of the start
};

// Index record bodies.
ByteVector encode_ranges(Incarnation incarnation, const SequenceRanges& ranges);
ByteVector encode_eviction(const IncarnationState& state, const SequenceRanges& ranges);
ByteVector encode_acknowledged(Incarnation incarnation, std::uint64_t number);

}  // namespace tidemark::ring
