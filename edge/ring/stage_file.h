// The stage on tmpfs: flushes one after the other, for a start after kill -9. FORMAT.md.
#pragma once

#include <deque>
#include <memory>

#include "common/base/disk.h"
#include "edge/ring/ring_buffer.h"

namespace tidemark::ring {

class StageFile {
 public:
  // What a killed agent left; nothing without the file, and up to the first damaged record.
  static Result<std::vector<Flush>> read(const std::filesystem::path& file, Disk& disk);
  static void remove(const std::filesystem::path& file);

  StageFile(std::filesystem::path file, Disk& disk) : path_(std::move(file)), disk_(disk) {}
  Result<> append(const Flush& flush);
  // From now on only these.
  Result<> replace(const std::vector<const Flush*>& flushes);
  [[nodiscard]] std::uint64_t bytes() const { return end_; }

 private:
  std::filesystem::path path_;
  Disk& disk_;
  std::unique_ptr<File> file_;
  std::uint64_t end_ = 0;
};

}  // namespace tidemark::ring
