#include "common/cli/named_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "common/base/disk.h"

namespace tidemark::cli {
namespace {

constexpr std::size_t kPiece = 1 << 16;

Result<> write_through(int fd, const std::string& name, std::string_view content) {
  while (!content.empty()) {
    const auto n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error{Fault::full, fmt::format("write {}: {}", name, std::strerror(errno))};
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

}  // namespace

Result<std::string> read_named(const std::string& name, std::uint64_t bytes_max) {
  std::error_code ignored;
  if (std::filesystem::is_directory(name, ignored)) {
    return Error{Fault::unavailable, name + " is a folder"};
  }
  const int fd = name == "-" ? STDIN_FILENO : ::open(name.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return Error{Fault::unavailable, fmt::format("open {}: {}", name, std::strerror(errno))};
  }
  std::string content;
  ssize_t n = 0;
  do {
    const auto at = content.size();
    content.resize(at + kPiece);
    n = ::read(fd, content.data() + at, kPiece);
    content.resize(at + (n > 0 ? static_cast<std::size_t>(n) : 0));
  } while ((n > 0 && content.size() <= bytes_max) || (n < 0 && errno == EINTR));
  const int why = errno;
  if (fd != STDIN_FILENO) ::close(fd);
  if (n < 0) return Error{Fault::unavailable, fmt::format("read {}: {}", name, std::strerror(why))};
  if (content.size() > bytes_max) {
    return Error{Fault::bad_input, fmt::format("{}: more than {} bytes", name, bytes_max)};
  }
  return content;
}

Result<> write_named(const std::string& name, std::string_view content) {
  if (name == "-") return write_through(STDOUT_FILENO, "standard output", content);
  std::error_code ignored;
  if (std::filesystem::is_directory(name, ignored)) {
    return Error{Fault::full, name + " is a folder"};
  }
  const auto kind = std::filesystem::symlink_status(name, ignored).type();
  if (kind != std::filesystem::file_type::not_found &&
      kind != std::filesystem::file_type::regular) {
    const int fd = ::open(name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) return Error{Fault::full, fmt::format("open {}: {}", name, std::strerror(errno))};
    auto done = write_through(fd, name, content);
    ::close(fd);
    return done;
  }
  auto done = write_file(name, content, 0644);
  return done.ok() ? Result<>{} : Error{Fault::full, done.error().text()};
}

}  // namespace tidemark::cli
