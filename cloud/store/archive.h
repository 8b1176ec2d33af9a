// The archive: every block that was received, byte for byte, in the order of its arrival.
//
// Promise    what append() took is on the medium after sync(). open() cuts off whatever lies beyond
//            the committed position: a batch whose commit did not happen was never there.
// Holes      a store that was restored from a checkpoint has an archive of the right length with
//            nothing in it, until its blocks were fetched again: fill() puts them where they were,
//            and who reads one before that has it fetched (on_hole()).
// Files      archive/00000001.seg and so on, of about kSegmentBytes each; records as in FORMAT.md.
// Threads    one writer; readers open their own ArchiveReader and read committed positions only.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "common/base/disk.h"
#include "common/model/record.h"

namespace tidemark::store {

inline constexpr std::uint64_t kSegmentBytes = 64 << 20;

// Segment number in the upper 24 bits, offset within it in the lower 40.
struct ArchivePosition {
  std::uint64_t value = 0;
  [[nodiscard]] std::uint64_t segment() const { return value >> 40; }
  [[nodiscard]] std::uint64_t offset() const { return value & ((1ULL << 40) - 1); }
  // Bytes of blocks up to there, as if every segment were full.
  [[nodiscard]] std::uint64_t bytes() const { return segment() * kSegmentBytes + offset(); }
  static ArchivePosition at(std::uint64_t segment, std::uint64_t offset) {
    return {segment << 40 | offset};
  }
};

struct ArchivedBlock {
  std::string edge;
  BlockRecord record;
};

std::filesystem::path segment_path(const std::filesystem::path& folder, std::uint64_t segment);

class Archive {
 public:
  static Result<std::unique_ptr<Archive>> open(Disk& disk, std::filesystem::path folder,
                                               ArchivePosition committed);
  // In memory until sync(); can be read at once.
  ArchivePosition append(const std::string& edge, const BlockRecord& record);
  Result<> sync();
  [[nodiscard]] ArchivePosition end() const;
  Result<ArchivedBlock> read(ArchivePosition at);
  // An empty one, whose records are all still to be filled in. Synced.
  static Result<> make_holes(Disk& disk, const std::filesystem::path& folder, std::uint64_t first,
                             ArchivePosition end);
  // False: it is there already. On the medium after sync(), which says the fault of one that could
  // not be written.
  Result<bool> fill(ArchivePosition at, const std::string& edge, const BlockRecord& record);
  // Fetches what lies at a position; afterwards it is there, or gone for good. A fault is one of
  // the read, and of every sync() from then on: what could not be looked at must not be committed.
  void on_hole(std::function<Result<>(ArchivePosition)> fetch) { fetch_ = std::move(fetch); }
  // Removes whole segments below this one.
  void remove_before(std::uint64_t segment);

 private:
  Archive(Disk& disk, std::filesystem::path folder) : disk_(disk), folder_(std::move(folder)) {}
  Result<File*> segment_file(std::uint64_t segment);
  Result<> fetch(ArchivePosition at);
  Disk& disk_;
  std::filesystem::path folder_;
  std::function<Result<>(ArchivePosition)> fetch_;
  std::optional<Error> not_fetched_;
  std::set<std::uint64_t> filled_;  // segments, since the last sync
  std::map<std::uint64_t, std::unique_ptr<File>> files_;  // a few that are open
  std::uint64_t segment_ = 1;
  std::uint64_t written_ = 0;  // bytes of segment_ that are in the file
  ByteVector pending_;         // behind written_
  bool new_segment_ = false;   // its folder entry is not synced yet
};

// Reads committed blocks while a writer goes on.
class ArchiveReader {
 public:
  ArchiveReader(Disk& disk, std::filesystem::path folder)
      : disk_(disk), folder_(std::move(folder)) {}
  Result<ArchivedBlock> read(ArchivePosition at);

 private:
  Disk& disk_;
  std::filesystem::path folder_;
  std::uint64_t open_segment_ = 0;
  std::unique_ptr<File> file_;
};

}  // namespace tidemark::store
