// Finds out what ring.dat holds: the newest segment whose predecessors are all there, and the state
// as of it. With a catalogue that fits, only what came after its last commit is read.
#pragma once

#include <cstdint>
#include <optional>

#include "edge/ring/contents.h"
#include "edge/ring/ring_file.h"

namespace tidemark::ring {

struct Found {
  std::optional<SegmentRow> tip;  // the newest that counts
  journal::Position journal;
  std::uint64_t numbers_used = 0;  // the highest number ever seen
  std::uint64_t tail_at = 0;       // where the live segments begin
  std::uint64_t checkpoint = 0;    // number of the newest one
  std::uint64_t since_checkpoint_bytes = 0;
  std::uint64_t since_checkpoint_segments = 0;
  std::uint64_t damaged = 0;       // segments that were durable once and fail their check
  bool rebuilt = false;
};

class Recovery {
 public:
  Recovery(RingFile& file, Contents& contents) : file_(file), contents_(contents) {}
  Result<Found> run();

 private:
  Result<bool> catalogue_fits(const SegmentRow& head);
  Result<> scan_from(std::uint64_t at, std::uint64_t number);
  Result<> scan_all();
  Result<bool> reaches_durable(const SegmentRow& row);
  Result<> find_tip();
  Result<> reject_after(std::uint64_t number);
  Result<> drop_dead(std::uint64_t oldest);
  Result<> replay(std::uint64_t indexed_through);
  // False: the segment is damaged.
  Result<bool> replay_one(const SegmentRow& row, bool state, bool rows);
  Result<> lose(const SegmentRow& row);

  RingFile& file_;
  Contents& contents_;
  Found found_;
  std::uint64_t proved_ = 0;  // the newest that a rejected segment says was durable
};

}  // namespace tidemark::ring
