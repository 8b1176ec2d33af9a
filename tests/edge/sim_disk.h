// A disk in memory whose power can be cut: what was not synced is lost, kept or torn by sector, as
// the seed says. And it fails the n-th operation, once or from then on.
//
// Creating a file and allocating it count as durable at once (directory entries are not modelled);
// a hole reads as zeros.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "common/base/disk.h"
#include "common/base/random.h"

namespace tidemark::test {

class SimDisk final : public Disk {
 public:
  explicit SimDisk(std::uint64_t seed) : random_(seed) {}

  Result<std::unique_ptr<File>> open(const std::filesystem::path& path) override;
  Result<> sync_folder(const std::filesystem::path& folder) override;

  // Handles that are still open then belong to a dead process: they fail.
  void cut_power();

  enum class Fail : std::uint8_t { never, once, for_ever };
  // The n-th operation (write, sync, read, allocate, resize; from 1) fails, a write after having
  // changed a part of its sectors, a sync after having kept a part of them.
  void fail_at(std::uint64_t operation, Fail how);
  [[nodiscard]] std::uint64_t operations() const { return operations_; }
  void damage(const std::string& file_name, std::uint64_t offset, std::uint8_t flip);
  [[nodiscard]] ByteVector contents(const std::string& file_name) const;

 private:
  friend class SimFile;
  static constexpr std::uint64_t kSector = 512;
  struct Bytes {
    ByteVector seen;              // as reads see it
    ByteVector durable;           // as the medium has it
    std::set<std::uint64_t> dirty;    // sectors that a sync would write
    std::set<std::uint64_t> differs;  // those, and sectors that a failed sync forgot
  };
  Result<> operation();
  void settle(Bytes& file, std::uint64_t sector);

  mutable std::mutex mutex_;
  SeededRandom random_;
  std::map<std::string, std::shared_ptr<Bytes>> files_;
  std::uint64_t life_ = 0;
  std::uint64_t operations_ = 0;
  std::uint64_t fail_at_ = 0;
  Fail fail_ = Fail::never;
};

}  // namespace tidemark::test
