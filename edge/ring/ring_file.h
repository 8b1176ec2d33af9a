// ring.dat as places: its header page, where the next segment may lie, and reading and writing one.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "common/base/disk.h"
#include "common/base/result.h"
#include "common/base/strong.h"
#include "edge/ring/segment.h"

namespace tidemark::ring {

struct Place {
  std::uint64_t at = 0;
  std::uint64_t length = 0;
  [[nodiscard]] std::uint64_t end() const { return at + length; }
};

// Where segments lie: pages from kPage to `end`, round and round.
class Geometry {
 public:
  explicit Geometry(std::uint64_t capacity) : end_(capacity / kPage * kPage) {}
  [[nodiscard]] std::uint64_t begin() const { return kPage; }
  [[nodiscard]] std::uint64_t end() const { return end_; }
  // No segment is longer; of everything unsynced together half as much.
  [[nodiscard]] std::uint64_t segment_max() const {
    return std::min<std::uint64_t>((end_ - kPage) / 4 / kPage * kPage, 8 << 20);
  }
  // Kept free ahead of the head, declared durably before it is needed.
  [[nodiscard]] std::uint64_t zone() const {
    return std::min<std::uint64_t>((end_ - kPage) / 8 / kPage * kPage, 4 << 20);
  }
  // What control records (evictions, marks) may add to a segment.
  [[nodiscard]] std::uint64_t control_max() const {
    return std::clamp<std::uint64_t>((end_ - kPage) / 64 / kPage * kPage, 2 * kPage, 64 << 10);
  }
  // Less room than this ahead of the first waiting block is pressure: a flush, what makes room for
  // it, and the zone.
  [[nodiscard]] std::uint64_t reserve() const {
    return zone() + std::min<std::uint64_t>(segment_max(), 1 << 20) + 4 * control_max();
  }
  // How far behind a segment the next one can begin: a gap at the wrap, and places given up.
  [[nodiscard]] std::uint64_t look_ahead() const { return 3 * segment_max() + 2 * zone(); }
  // Where `length` bytes fit between `head` and the live segments, which begin at `tail`. head ==
  // tail: none are free.
  [[nodiscard]] std::optional<std::uint64_t> find(std::uint64_t head, std::uint64_t tail,
                                                  std::uint64_t length) const;

 private:
  std::uint64_t end_;
};

class RingFile {
 public:
  // Opens, with the capacity that it was made with, or creates with this one (`fresh` says which).
  static Result<std::unique_ptr<RingFile>> open(const std::filesystem::path& path, Bytes capacity,
                                                Disk& disk);
  [[nodiscard]] std::uint64_t id() const { return id_; }
  [[nodiscard]] bool fresh() const { return fresh_; }
  [[nodiscard]] const Geometry& geometry() const { return geometry_; }

  // --- writer
  Result<> write(std::uint64_t at, ByteSpan bytes) { return writer_->write_at(at, bytes); }
  Result<> sync() { return writer_->sync(); }
  // --- reader, on a handle of its own, so that it never waits for the writer
  Result<> read(std::uint64_t at, std::span<std::uint8_t> out) { return reader_->read_at(at, out); }
  // Nothing: no valid header of this ring there.
  Result<std::optional<SegmentHeader>> read_header(std::uint64_t at);
  // Nothing: damaged.
  Result<std::optional<ByteVector>> read_index(std::uint64_t at, const SegmentHeader& header);
  // Header's checksums over index part and body hold.
  Result<bool> verify(std::uint64_t at, const SegmentHeader& header);

 private:
  RingFile(std::uint64_t capacity) : geometry_(capacity) {}
  Result<> create(const std::filesystem::path& folder, std::uint64_t bytes, Disk& disk);

  Geometry geometry_;
  ByteVector scratch_;  // of verify(): a scan would otherwise clear as much memory as it reads
  std::unique_ptr<File> writer_;
  std::unique_ptr<File> reader_;
  std::uint64_t id_ = 0;
  bool fresh_ = false;
};

}  // namespace tidemark::ring
