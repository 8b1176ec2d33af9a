#include "tests/edge/sim_disk.h"

#include <algorithm>

namespace tidemark::test {

class SimFile final : public File {
 public:
  SimFile(SimDisk& disk, std::shared_ptr<SimDisk::Bytes> bytes)
      : disk_(disk), bytes_(std::move(bytes)), life_(disk.life_) {}

  Result<> read_at(std::uint64_t offset, std::span<std::uint8_t> out) override {
    const std::scoped_lock lock(disk_.mutex_);
    TIDE_TRY(check());
    if (offset + out.size() > bytes_->seen.size()) return Error{Fault::corrupt, "file ends before"};
    std::copy_n(bytes_->seen.begin() + static_cast<std::ptrdiff_t>(offset), out.size(),
                out.begin());
    return {};
  }
  Result<> write_at(std::uint64_t offset, ByteSpan bytes) override {
    const std::scoped_lock lock(disk_.mutex_);
    const auto checked = check();
    if (life_ != disk_.life_) return checked;
    // A write that fails may have changed any part of its range.
    const auto n = checked.ok() ? bytes.size() : disk_.random_.below(bytes.size() + 1);
    if (offset + n > bytes_->seen.size()) return Error{Fault::full, "past the allocation"};
    std::copy_n(bytes.begin(), n, bytes_->seen.begin() + static_cast<std::ptrdiff_t>(offset));
    const auto first = offset / SimDisk::kSector;
    for (auto s = first; n > 0 && s <= (offset + n - 1) / SimDisk::kSector; ++s) {
      bytes_->dirty.insert(s);
      bytes_->differs.insert(s);
    }
    return checked;
  }
  Result<> sync() override {
    const std::scoped_lock lock(disk_.mutex_);
    const auto checked = check();
    if (life_ != disk_.life_) return checked;
    // After a fault Linux marks pages clean that never reached the medium: reads still see them, a
    // later sync does not write them.
    for (const auto s : bytes_->dirty) {
      if (checked.ok() || disk_.random_.below(2) == 0) copy(s);
    }
    bytes_->dirty.clear();
    return checked;
  }
  Result<std::uint64_t> size() override {
    const std::scoped_lock lock(disk_.mutex_);
    return std::uint64_t{bytes_->seen.size()};
  }
  Result<> resize(std::uint64_t bytes) override {
    const std::scoped_lock lock(disk_.mutex_);
    TIDE_TRY(check());
    bytes_->seen.resize(bytes);
    bytes_->durable.resize(bytes);
    return {};
  }
  Result<> allocate(std::uint64_t bytes) override {
    const std::scoped_lock lock(disk_.mutex_);
    TIDE_TRY(check());
    bytes_->seen.resize(std::max<std::size_t>(bytes, bytes_->seen.size()));
    bytes_->durable.resize(bytes_->seen.size());
    return {};
  }

 private:
  Result<> check() {
    if (life_ != disk_.life_) return Error{Fault::unavailable, "the power was cut"};
    return disk_.operation();
  }
  void copy(std::uint64_t sector) {
    bytes_->differs.erase(sector);
    const auto at = sector * SimDisk::kSector;
    const auto n = std::min<std::uint64_t>(SimDisk::kSector, bytes_->seen.size() - at);
    std::copy_n(bytes_->seen.begin() + static_cast<std::ptrdiff_t>(at), n,
                bytes_->durable.begin() + static_cast<std::ptrdiff_t>(at));
  }

  SimDisk& disk_;
  std::shared_ptr<SimDisk::Bytes> bytes_;
  std::uint64_t life_;
};

Result<std::unique_ptr<File>> SimDisk::open(const std::filesystem::path& path) {
  const std::scoped_lock lock(mutex_);
  auto& bytes = files_[path.filename().string()];
  if (!bytes) bytes = std::make_shared<Bytes>();
  return std::unique_ptr<File>(std::make_unique<SimFile>(*this, bytes));
}

Result<> SimDisk::sync_folder(const std::filesystem::path&) { return {}; }

void SimDisk::cut_power() {
  const std::scoped_lock lock(mutex_);
  ++life_;
  for (auto& [name, file] : files_) {
    for (const auto sector : file->dirty) settle(*file, sector);
    for (const auto sector : file->differs) {
      const auto at = static_cast<std::ptrdiff_t>(sector * kSector);
      std::copy_n(file->durable.begin() + at, kSector, file->seen.begin() + at);
    }
    file->dirty.clear();
    file->differs.clear();
  }
}

void SimDisk::settle(Bytes& file, std::uint64_t sector) {
  const auto at = sector * kSector;
  const auto n = std::min<std::uint64_t>(kSector, file.seen.size() - at);
  const auto kind = random_.below(3);
  if (kind == 0) return;
  const auto kept = kind == 1 ? n : random_.below(n + 1);
  std::copy_n(file.seen.begin() + static_cast<std::ptrdiff_t>(at), kept,
              file.durable.begin() + static_cast<std::ptrdiff_t>(at));
}

void SimDisk::fail_at(std::uint64_t operation, Fail how) {
  const std::scoped_lock lock(mutex_);
  operations_ = 0;
  fail_at_ = operation;
  fail_ = how;
}

Result<> SimDisk::operation() {
  ++operations_;
  const bool fails = (fail_ == Fail::once && operations_ == fail_at_) ||
          (fail_ == Fail::for_ever && operations_ >= fail_at_);
  if (!fails) return {};
  return Error{Fault::corrupt, "injected I/O fault at operation " + std::to_string(operations_)};
}

void SimDisk::damage(const std::string& file_name, std::uint64_t offset, std::uint8_t flip) {
  const std::scoped_lock lock(mutex_);
  auto& file = *files_.at(file_name);
  file.seen.at(offset) ^= flip;
  file.durable.at(offset) ^= flip;
}

ByteVector SimDisk::contents(const std::string& file_name) const {
  const std::scoped_lock lock(mutex_);
  return files_.at(file_name)->seen;
}

}  // namespace tidemark::test
