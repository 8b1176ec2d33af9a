// Owners on disk, so that a series stays its way's over a restart.
//
// Promise    what keep() returned for is there after a power cut. A damaged file stops nobody: the
//            lines that pass their check count, the file is kept aside, and the others' names are
//            whose who speaks first.
// Wear       a line for each change; a line is some 100 B. The whole is written anew when more than
//            half of it is of the past.
// Bounds     kBytesMax of the file. A way of more than kLineBytesMax is not kept over a restart.
// Threads    one at a time.
// Files      series.ways in the agent's data folder: FORMAT.md.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "common/base/disk.h"
#include "edge/source/owners.h"

namespace tidemark::source {

class WaysFile {
 public:
  static constexpr std::size_t kLineBytesMax = 1024;
  static constexpr std::size_t kBytesMax = 128 << 20;  // twice Owners::kMax such lines, and more

  explicit WaysFile(const std::filesystem::path& folder);

  // Takes what is there into `owners`; creates nothing.
  void read(Owners& owners);
  // What changed since the last call is durable when it returns. After a fault the next call writes
  // all of it.
  Result<> keep(Owners& owners);
  // What was wrong with the file when it was read, and what was done; empty: nothing.
  [[nodiscard]] const std::string& damage() const { return damage_; }

 private:
  void keep_aside(const std::string& why);
  Result<> append(const std::vector<OwnedSeries>& changed);
  Result<> replace(const Owners& owners);

  std::filesystem::path path_;
  std::unique_ptr<File> file_;
  std::uint64_t bytes_ = 0;  // 0: there is none
  std::size_t lines_ = 0;
  bool whole_ = false;  // to be written anew: it holds what is not so
  std::string damage_;
};

}  // namespace tidemark::source
