#include "common/base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <map>
#include <mutex>

namespace tidemark::log {
namespace {

struct Repeats {
  std::chrono::steady_clock::time_point last{};
  std::uint64_t held = 0;
};
constexpr std::size_t kMessagesMax = 256;  // past it the oldest knowledge of repeats is forgotten

spdlog::logger& logger() {
  static const auto instance = [] {
    auto l = std::make_shared<spdlog::logger>("tidemark",
                                              std::make_shared<spdlog::sinks::stderr_sink_mt>());
    l->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
    l->flush_on(spdlog::level::debug);
    return l;
  }();
  return *instance;
}

spdlog::level::level_enum native(Level level) {
  switch (level) {
    case Level::debug: return spdlog::level::debug;
    case Level::info: return spdlog::level::info;
    case Level::warning: return spdlog::level::warn;
    case Level::error: return spdlog::level::err;
  }
  return spdlog::level::info;
}

}  // namespace

void set_level(Level level) { logger().set_level(native(level)); }

void write(Level level, std::string_view message, std::string_view fields) {
  static std::mutex mutex;
  static std::map<std::string, Repeats, std::less<>> seen;
  if (!logger().should_log(native(level))) return;
  std::uint64_t held = 0;
  {
    const std::lock_guard lock(mutex);
    if (seen.size() >= kMessagesMax) seen.clear();
    auto it = seen.find(message);
    if (it == seen.end()) it = seen.emplace(std::string(message), Repeats{}).first;
    const auto now = std::chrono::steady_clock::now();
    if (it->second.last.time_since_epoch().count() != 0 &&
        now - it->second.last < std::chrono::seconds(1)) {
      ++it->second.held;
      return;
    }
    it->second.last = now;
    held = std::exchange(it->second.held, 0);
  }
  if (held > 0) {
    logger().log(native(level), "{} {} held_back={}", message, fields, held);
  } else {
    logger().log(native(level), "{} {}", message, fields);
  }
}

}  // namespace tidemark::log
