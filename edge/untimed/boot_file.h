// The entries of one boot on disk, and the note how far they were taken in. FORMAT.md.
#pragma once

#include <memory>
#include <optional>

#include "common/base/disk.h"
#include "edge/untimed/untimed.h"

namespace tidemark::untimed {

class BootFile {
 public:
  // Opens or creates, and reads through it once.
  static Result<std::unique_ptr<BootFile>> open(const std::filesystem::path& folder,
                                                const std::string& boot, Disk& disk);
  Result<> append(const journal::Entry& entry, const std::string& source,
                  journal::Position after);
  Result<> sync();
  [[nodiscard]] std::uint64_t end() const { return end_; }
  [[nodiscard]] static std::uint64_t begin();
  // The entry at `offset`, which then stands behind it. Nothing at the end.
  Result<std::optional<Entry>> read(std::uint64_t& offset);
  [[nodiscard]] const std::optional<journal::Position>& synced_through() const { return synced_; }
  [[nodiscard]] const Boot& about() const { return about_; }
  [[nodiscard]] Boot& about() { return about_; }

  Note note;  // of the last save_note()
  Result<> save_note();
  void remove();

 private:
  BootFile(std::filesystem::path folder, std::string boot);
  Result<> load_note();
  Result<std::optional<Entry>> read(std::uint64_t& offset, journal::Position& after);

  std::filesystem::path entries_, note_;
  std::unique_ptr<File> file_;
  std::uint64_t end_ = 0;
  std::uint64_t file_end_ = 0;
  journal::Position through_;
  std::optional<journal::Position> synced_;
  bool unsynced_ = false;
  Boot about_;
};

}  // namespace tidemark::untimed
