// ring.write = "unacked": spares the flash while the link is up. What was flushed waits in a file
// on tmpfs until the cloud has it; what it gets in time is never written to ring.dat.
//
// Promise    what counts as durable (durable_position(), so every acknowledgement of a durable
//            source) is on the medium or at the cloud. A power cut takes at most the input of
//            `hold` and of the flush before it, and nothing that was acknowledged; a kill -9 takes
//            nothing: the next start writes what lies in the stage to ring.dat, under its old
//            numbers.
// When       a block waits for `hold` at most. Is one not acknowledged by then, all that waits is
//            written, in order, and so is each flush from then on, until acknowledgements come
//            again for what is new. So are flushes with new dictionaries, with blocks that replace
//            others, and those that find the stage full (kStageMax).
// Given up   the cloud cannot ask again for blocks that were never written; after a power cut the
//            edge's own counts are up to kSealEvery old (the cloud's are not).
// Threads    as of RingBuffer.
#pragma once

#include <memory>

#include "common/base/time.h"
#include "edge/ring/ring_buffer.h"

namespace tidemark::ring {

struct StageOptions {
  std::filesystem::path file;  // on tmpfs
  Nanoseconds hold = std::chrono::milliseconds(500);
};

inline constexpr std::uint64_t kStageMax = 1 << 20;
inline constexpr Nanoseconds kSealEvery = std::chrono::minutes(1);

// Opens the ring as RingBuffer::open does, with what an earlier start left in the stage.
Result<std::unique_ptr<RingBuffer>> open_staged(const Options& options, StageOptions stage,
                                                Disk& disk, Disk& stage_disk,
                                                const Clock& clock);
// The same without a stage; what one left is written to the ring first.
Result<std::unique_ptr<RingBuffer>> open_unstaged(const Options& options,
                                                  const std::filesystem::path& stage, Disk& disk,
                                                  Disk& stage_disk);

}  // namespace tidemark::ring
