#include "bench/plant/plant_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "common/base/log.h"
#include "common/base/time.h"

namespace tidemark::plant {

Result<> PlantLog::create(const std::string& path, PlantLog& log) {
  log.fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log.fd_ < 0) return system_error("plant log " + path, errno);
  return {};
}

PlantLog::~PlantLog() {
  if (fd_ >= 0) ::close(fd_);
}

void PlantLog::write(std::string_view lines) {
  const std::lock_guard lock(mutex_);
  while (!lines.empty()) {
    const auto n = ::write(fd_, lines.data(), lines.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      log::error("the plant log cannot be written", "errno={}", errno);
      std::abort();
    }
    lines.remove_prefix(static_cast<std::size_t>(n));
  }
}

std::string reading_line(std::uint64_t serial, std::string_view series, std::int64_t event_ns,
                         std::string_view value, bool good, int address) {
  return fmt::format("r\t{}\t{}\t{}\t{}\t{}\t{}\n", serial, series, event_ns, value,
                     good ? "good" : "bad", address);
}

std::string exact_double(double value) { return fmt::format("f{}", value); }

std::string exact_decimal(std::int64_t mantissa, int exponent) {
  return fmt::format("d{}e{}", mantissa, exponent);
}

std::int64_t wall_ns() { return count_ns(SystemClock().wall()); }

}  // namespace tidemark::plant
