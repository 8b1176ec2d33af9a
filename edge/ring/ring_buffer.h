// The store-and-forward ring: blocks wait here, on disk, from the moment a sensor was read until
// the cloud says, through the gateway, that it has them.
//
// Promise    a block is read back byte for byte until its space is needed; after sync() it survives
//            power loss. Offered blocks are never rewritten, only released or evicted (semantics
//            A3). Sequences rise by one within this start's incarnation, from 1.
// When full  released blocks are overwritten first; then the oldest unreleased are evicted, counted
//            in evicted() and in the ledger of the next flush. The writer can forestall that: it
//            asks next_to_go() and appends blocks that replace those with less.
// Threads    one writer (append, sync, next_to_go), one reader (offer, unreleased, alarms, read,
//            release); usage() and read() from any. sync() may run on a third thread beside
//            append().
// Files      ring.dat, preallocated, self-describing, and its catalogue ring.db (SQLite, committed
//            lazily, rebuilt from ring.dat by a scan when lost or damaged), in Options::folder;
//            formats in edge/ring/FORMAT.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "common/base/disk.h"
#include "common/base/result.h"
#include "common/base/strong.h"
#include "common/model/record.h"
#include "common/model/seal.h"
#include "common/model/series.h"
#include "edge/journal/journal.h"

namespace tidemark::ring {

inline constexpr Bytes kCapacityMin{1 << 20};

// One group-durable unit: written by one write, made durable by one sync. Either all of it is there
// after a crash, or nothing of it.
struct Flush {
  std::vector<DictionaryPtr> dictionaries;  // new since the last flush, before the first use
  std::vector<BlockRecord> blocks;          // sequences follow on, of this incarnation
  Seal seal;                                // speaks of all up to and with these blocks
  journal::Position journal;                // all that these blocks hold came from before it
  // Sequences up to here that are not in the ring were acknowledged before they were written.
  std::uint64_t acknowledged_before = 0;
};

struct Options {
  std::filesystem::path folder;
  // Of ring.dat, allocated at once. Another value than before is taken at a start at which nothing
  // waits (no block, nothing staged); until then the ring keeps the size it has (Usage::capacity).
  Bytes capacity{Bytes{2ULL << 30}};
  Incarnation incarnation;            // of this start, random
  EventTime now = {};                 // of this start
  // What a killed agent had not written yet (staged_ring.h): goes into the ring first, as the last
  // blocks of its own start.
  std::vector<Flush> staged = {};
  // The id of the journal that this start reads. When the last flush named another one, what that
  // held has gone with the power, unless the start before had ended (note_end): its last word then
  // says of which minutes counts may be missing. 0: nobody knows, and nothing is said.
  std::uint64_t journal = 0;
};

// What a block takes in a segment, its record included; at most.
inline std::uint64_t stored_bytes(const BlockRecord& block) {
  return block.bytes.size() + 16 * block.replaces.ranges().size() + 128;
}

// What an earlier start left.
struct Past {
  Closing closing;
  SequenceRanges unreleased;      // still here, not acknowledged
  SequenceRanges evicted;
  std::uint64_t last_seal = 0;    // its number; 0: none
  std::uint64_t acknowledged = 0;  // the highest seal of it that the cloud has acknowledged
};

struct Recovered {
  // Oldest first. Those are left out whose blocks are released or evicted and whose closing and
  // last seal are acknowledged, and, past 64 without blocks, the oldest of these.
  std::vector<Past> past;
  std::vector<DictionaryPtr> dictionaries;    // all that unreleased blocks may use, and the newest
  std::optional<journal::Position> journal;   // go on reading there
  Ledger ledger;                              // sum over all earlier incarnations of this edge
  std::uint64_t start_ordinal = 1;            // of this start
  // The power went before a seal of the last starts was durable: nobody knows what was taken from
  // then until this start. Said until the cloud has acknowledged a seal of a start that says it.
  std::optional<EventTime> uncounted_from = std::nullopt;
  // The newest start that is in `past` no more because the cloud had all of it; 0: none.
  Incarnation settled = {};
  bool catalogue_rebuilt = false;
  // Waited, and are not in ring.dat any more: the medium lost what it had taken. They count as
  // evicted. No power cut does that.
  std::uint64_t blocks_damaged = 0;
};

struct Usage {
  Bytes used;                   // held by unreleased blocks
  Bytes capacity;
  Bytes configured;             // Options::capacity
  std::uint64_t blocks_unreleased = 0;
  std::uint64_t readings_unreleased = 0;
  std::int64_t oldest_time = 0;  // event time of the oldest unreleased block, ns; 0: none
  std::uint64_t blocks_evicted = 0;
  std::uint64_t readings_evicted = 0;
  std::uint64_t bytes_written = 0;  // to ring.dat since this start, padding included
  std::uint64_t syncs = 0;
  std::uint64_t bytes_staged = 0;   // with ring.write = "unacked": wait to be written or not
  std::uint64_t bytes_spared = 0;   // were acknowledged before they were written
};

// A block in the ring without its bytes.
struct Stored {
  BlockName name;
  std::int64_t time_min = 0;
  std::int64_t time_max = 0;
  std::uint64_t readings = 0;
  std::uint64_t bytes = 0;
  bool alarm = false;
  Reduction reduction = Reduction::none;
};

enum class Order : std::uint8_t { oldest_first, newest_first };

class RingBuffer {
 public:
  // Opens or creates. Fault::unavailable: another process has it open. Fault::corrupt only if
  // ring.dat's own header fails its check (the file is kept aside as ring.dat.damaged, never
  // deleted); damaged segments are skipped, counted, logged.
  static Result<std::unique_ptr<RingBuffer>> open(const Options& options, Disk& disk);
  virtual ~RingBuffer() = default;
  [[nodiscard]] virtual const Recovered& recovered() const = 0;

  // --- writer
  [[nodiscard]] virtual Sequence next_sequence() const = 0;
  // Bytes of dictionaries, seal and blocks (stored_bytes) that one flush may have.
  [[nodiscard]] virtual std::uint64_t flush_max() const = 0;
  // May be offered at once, is durable after the next sync(). Fault::full only if it alone is too
  // large (more than a quarter of the ring, or 8 MiB). May sync by itself when much is unsynced.
  // After a write fault the segment is given up and written once more elsewhere; when this fails
  // too nothing was taken, and only the same flush may be appended next (it may be on the disk).
  // What a block replaces gives way to it in the same moment. Fault::denied when some of that was
  // offered, released or evicted meanwhile: nothing was taken, and the flush is to be forgotten.
  virtual Result<> append(const Flush& flush) = 0;
  // After a fault all blocks since the last good sync are written again to a fresh place, here or
  // in the next sync(), and none of them counts as durable before that one succeeds.
  virtual Result<> sync() = 0;
  // The journal position that the last good sync() made durable.
  [[nodiscard]] virtual journal::Position durable_position() const = 0;
  // Blocks and readings evicted since the last call; goes into the next Flush's seal.
  struct Evicted {
    SequenceRanges current;         // sequences of this incarnation
    std::uint64_t readings_current = 0;
    std::uint64_t readings_past = 0;  // of earlier incarnations: into their Past
  };
  virtual Evicted take_evicted() = 0;
  // When the head will soon run over blocks that wait: those of this incarnation that it meets
  // first, that were never offered and are not in `skip`; all of one reduction and lane, at most
  // 64 and about 256 KiB. Empty when there is room or nothing that may be replaced.
  virtual std::vector<Stored> next_to_go(const SequenceRanges& skip) = 0;

  // --- reader
  // Call it before sending this block of this incarnation: it can be replaced no more. Marks
  // durably that sequences up to it may have left this box (in chunks: costs a sync only every
  // kOfferChunk blocks). Fault::denied: it gave way to a block that carries its readings.
  static constexpr std::uint64_t kOfferChunk = 1024;
  virtual Result<> offer(Sequence sequence) = 0;
  // Up to `limit` unreleased blocks that are not in `skip` (by incarnation), in order of appending.
  virtual std::vector<Stored> unreleased(
      Order order, std::size_t limit,
      const std::vector<std::pair<Incarnation, SequenceRanges>>& skip) = 0;
  // Of those the alarms, oldest first, however many other blocks wait around them.
  virtual std::vector<Stored> alarms(
      std::size_t limit, const std::vector<std::pair<Incarnation, SequenceRanges>>& skip) = 0;
  // Fault::corrupt: damaged on disk, or unreadable twice (it is then counted as evicted);
  // unavailable: no longer here.
  virtual Result<BlockRecord> read(BlockName name) = 0;
  // The cloud, which has been put back to what it was earlier, asks for one that read() no longer
  // finds: it counts as evicted, and the next seals say so. Not of one that waits.
  virtual void give_up(BlockName name) = 0;
  // The cloud has these. They may be overwritten first, and can be read until then. Idempotent.
  virtual Result<> release(Incarnation incarnation, const SequenceRanges& acknowledged) = 0;
  // Seals of this incarnation that the cloud has are no longer needed in full. Said of one in
  // Recovered::past it also means that its closing is known (number 0 if it has no seal): once its
  // blocks are released too, the next start leaves it out.
  virtual Result<> seals_acknowledged(Incarnation incarnation, std::uint64_t number) = 0;
  // Of each earlier incarnation whose last word the cloud has not acknowledged: its seals merged
  // into one (the last ledger and `next`, all minutes). When blocks of it are evicted later, a new
  // number says so.
  virtual std::vector<Seal> past_seals() = 0;
  // Every dictionary that is still needed, by hash; nullptr when unknown.
  virtual DictionaryPtr dictionary(DictionaryHash hash) = 0;

  [[nodiscard]] virtual Usage usage() const = 0;
  // All that was taken is appended, and nothing more will be: with close() this start has ended,
  // and no power cut takes anything of it.
  virtual void note_end() {}
  virtual Result<> close() = 0;  // commits the catalogue, syncs
};

}  // namespace tidemark::ring
