#include "common/base/disk.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "common/base/text.h"

namespace tidemark {
namespace {

Result<> write_all(int fd, std::uint64_t offset, ByteSpan bytes, const std::string& name) {
  while (!bytes.empty()) {
    const auto n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error("write " + name, errno);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
  return {};
}

class SystemFile final : public File {
 public:
  SystemFile(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}
  ~SystemFile() override { ::close(fd_); }
  SystemFile(const SystemFile&) = delete;
  SystemFile& operator=(const SystemFile&) = delete;

  Result<> read_at(std::uint64_t offset, std::span<std::uint8_t> out) override {
    while (!out.empty()) {
      const auto n = ::pread(fd_, out.data(), out.size(), static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return system_error("read " + name_, errno);
      if (n == 0) {
        return Error{Fault::corrupt, "read " + name_ + ": it ends before offset " +
                                         std::to_string(offset + out.size())};
      }
      out = out.subspan(static_cast<std::size_t>(n));
      offset += static_cast<std::uint64_t>(n);
    }
    return {};
  }
  Result<> write_at(std::uint64_t offset, ByteSpan bytes) override {
    return write_all(fd_, offset, bytes, name_);
  }
  Result<> sync() override {
    if (::fdatasync(fd_) != 0) return system_error("sync " + name_, errno);
    return {};
  }
  Result<std::uint64_t> size() override {
    struct stat s{};
    if (::fstat(fd_, &s) != 0) return system_error("stat " + name_, errno);
    return static_cast<std::uint64_t>(s.st_size);
  }
  Result<> resize(std::uint64_t bytes) override {
    if (::ftruncate(fd_, static_cast<off_t>(bytes)) != 0) {
      return system_error("resize " + name_, errno);
    }
    return {};
  }
  Result<> allocate(std::uint64_t bytes) override {
    const int failed = ::posix_fallocate(fd_, 0, static_cast<off_t>(bytes));
    if (failed != 0) {
      return std::move(system_error("allocate " + std::to_string(bytes) + " bytes", failed))
          .within(name_);
    }
    return {};
  }

 private:
  int fd_;
  std::string name_;
};

}  // namespace

Result<std::unique_ptr<File>> SystemDisk::open(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (fd < 0) return system_error("open " + path.string(), errno);
  return std::unique_ptr<File>(std::make_unique<SystemFile>(fd, path.string()));
}

Result<> SystemDisk::sync_folder(const std::filesystem::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return system_error("open " + folder.string(), errno);
  const int failed = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  if (failed != 0) return system_error("sync " + folder.string(), failed);
  return {};
}

namespace {

// Fault::bad_input, as the configuration is to be mended, when the file is missing or one of
// `others` may read it. What systemd hands over has a mode of its own, and a folder for one service
// alone: it is taken as it is.
Result<std::string> read_guarded(const std::filesystem::path& path, unsigned others,
                                 std::uint64_t bytes_max) {
  const char* const handed_over = std::getenv("CREDENTIALS_DIRECTORY");
  const bool credential = handed_over != nullptr && *handed_over == '/' &&
                          path.lexically_normal().parent_path() ==
                              (std::filesystem::path(handed_over) / "").lexically_normal()
                                  .parent_path();
  struct stat s{};
  if (!credential && ::stat(path.c_str(), &s) == 0 && (s.st_mode & others) != 0) {
    return Error{Fault::bad_input,
                 fmt::format("{0}: mode {1:04o} lets others read a secret; chmod 600 {0}",
                             path.string(), static_cast<unsigned>(s.st_mode & 07777))};
  }
  auto text = read_file(path, bytes_max);
  if (!text) return Error{Fault::bad_input, text.error().text()};
  return text;
}

}  // namespace

Result<std::string> read_secret(const std::filesystem::path& path) {
  if (path.empty()) return std::string();
  TIDE_ASSIGN(const auto text, read_guarded(path, 077, 4096));
  return std::string(trim(text));
}

Result<> check_key_file(const std::filesystem::path& path) {
  constexpr std::uint64_t kKeyBytesMax = 64 << 10;  // with a chain of certificates behind it
  if (!path.empty()) TIDE_TRY(read_guarded(path, 007, kKeyBytesMax));
  return {};
}

Result<std::string> read_file(const std::filesystem::path& path, std::uint64_t bytes_max) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return system_error("open " + path.string(), errno);
  const SystemFile file(fd, path.string());  // closes it
  std::string out;
  char buffer[16384];
  while (true) {
    const auto n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error("read " + path.string(), errno);
    if (n == 0) return out;
    out.append(buffer, static_cast<std::size_t>(n));
    if (out.size() > bytes_max) {
      return Error{Fault::full, path.string() + ": larger than the limit of " +
                                    std::to_string(bytes_max) + " bytes"};
    }
  }
}

Result<> write_file(const std::filesystem::path& path, std::string_view content, unsigned mode) {
  const auto fresh = path.string() + ".new";
  const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (fd < 0) return system_error("create " + fresh, errno);
  SystemFile file(fd, fresh);
  if (::fchmod(fd, mode) != 0) return system_error("chmod " + fresh, errno);
  TIDE_TRY(file.write_at(0, as_bytes(content)));
  TIDE_TRY(file.sync());
  if (::rename(fresh.c_str(), path.c_str()) != 0) return system_error("rename " + fresh, errno);
  return SystemDisk().sync_folder(path.has_parent_path() ? path.parent_path() : ".");
}

Result<> make_folder(const std::filesystem::path& path) {
  if (path.empty() || ::mkdir(path.c_str(), 0750) == 0) return {};
  if (errno == ENOENT && path.has_parent_path()) {
    TIDE_TRY(make_folder(path.parent_path()));
    if (::mkdir(path.c_str(), 0750) == 0) return {};
  }
  std::error_code ignored;
  if (errno == EEXIST && std::filesystem::is_directory(path, ignored)) return {};
  return system_error("create folder " + path.string(), errno);
}

Result<FolderLock> FolderLock::take(const std::filesystem::path& path) {
  TIDE_TRY(make_folder(path));
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return system_error("open " + path.string(), errno);
  FolderLock lock(fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno != EWOULDBLOCK) return system_error("lock " + path.string(), errno);
  return Error{Fault::unavailable, path.string() + ": another process works in this folder; end "
                                                   "it, or give this one a data_dir of its own"};
}

FolderLock::~FolderLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<> become_owner_of(const std::filesystem::path& path) {
  if (::geteuid() != 0) return {};
  struct stat facts {};
  auto at = path;
  while (::stat(at.empty() ? "." : at.c_str(), &facts) != 0) {
    if (!at.has_relative_path()) return system_error("look at " + path.string(), errno);
    at = at.parent_path();
  }
  if (::setegid(facts.st_gid) != 0 || ::seteuid(facts.st_uid) != 0) {
    return system_error("become the owner of " + at.string(), errno);
  }
  return {};
}

}  // namespace tidemark
