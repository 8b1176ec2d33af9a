// Files as a seam, so that tests can cut the power: what was not synced may be lost, torn or kept.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <utility>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace tidemark {

// One open file. One thread at a time, except sync(), which may run beside write_at().
class File {
 public:
  virtual ~File() = default;
  // Reads exactly out.size() bytes; Fault::corrupt when the file ends before.
  virtual Result<> read_at(std::uint64_t offset, std::span<std::uint8_t> out) = 0;
  virtual Result<> write_at(std::uint64_t offset, ByteSpan bytes) = 0;
  // Data is on the medium when it returns. After a fault nothing that was written since the last
  // success may be believed, whatever a later call says.
  virtual Result<> sync() = 0;
  virtual Result<std::uint64_t> size() = 0;
  virtual Result<> resize(std::uint64_t bytes) = 0;
  // Reserves space, so that later writes inside cannot meet a full disk. Fault::full.
  virtual Result<> allocate(std::uint64_t bytes) = 0;
};

class Disk {
 public:
  virtual ~Disk() = default;
  // Opens for reading and writing, creates it (mode 0640) when missing.
  virtual Result<std::unique_ptr<File>> open(const std::filesystem::path& path) = 0;
  virtual Result<> sync_folder(const std::filesystem::path& folder) = 0;
};

class SystemDisk final : public Disk {
 public:
  Result<std::unique_ptr<File>> open(const std::filesystem::path& path) override;
  Result<> sync_folder(const std::filesystem::path& folder) override;
};

// Small whole files. write_file replaces by rename and syncs file and folder.
Result<std::string> read_file(const std::filesystem::path& path, std::uint64_t bytes_max);
// A secret that a configuration names by its file: the text without white space around it, at most
// 4 KiB; empty for an empty path.
Result<std::string> read_secret(const std::filesystem::path& path);
// Whether a private key can be used: it can be read, and by its owner and group alone, as packages
// of the system hand keys to services. An empty path can.
Result<> check_key_file(const std::filesystem::path& path);
Result<> write_file(const std::filesystem::path& path, std::string_view content,
                    unsigned mode = 0640);
// mkdir -p, mode 0750.
Result<> make_folder(const std::filesystem::path& path);
// A folder in which one process at a time may work: until this goes, or the process does, also by
// kill -9. Processes that only read do not ask.
class FolderLock {
 public:
  // Makes the folder. Fault::unavailable: another process of this machine has it (of another one,
  // on a network's file system, not all systems say so).
  static Result<FolderLock> take(const std::filesystem::path& path);
  FolderLock(FolderLock&& o) noexcept : descriptor_(std::exchange(o.descriptor_, -1)) {}
  FolderLock& operator=(FolderLock&&) = delete;
  ~FolderLock();

 private:
  explicit FolderLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};
// For commands: root goes on as the owner of the nearest folder above `path` that exists (and of
// its group), so that the daemon, which is no root, can read what the command writes. Nothing for
// other users. The process stays that user.
Result<> become_owner_of(const std::filesystem::path& path);

}  // namespace tidemark
