// One line per event on stderr: time level message key=value. The journal keeps it.
//
// Threads: any. A message that repeats is limited to one line a second and message; the next line
// says how many were held back, so that a dead device cannot fill a flash.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace tidemark::log {

enum class Level : std::uint8_t { debug, info, warning, error };

void set_level(Level level);
// `message` is the key of the rate limit: constant words, details in `fields` ("source=line1 n=3").
void write(Level level, std::string_view message, std::string_view fields);

template <typename... Args>
void info(std::string_view message, fmt::format_string<Args...> fields = "", Args&&... args) {
  write(Level::info, message, fmt::format(fields, std::forward<Args>(args)...));
}
template <typename... Args>
void warning(std::string_view message, fmt::format_string<Args...> fields = "", Args&&... args) {
  write(Level::warning, message, fmt::format(fields, std::forward<Args>(args)...));
}
template <typename... Args>
void error(std::string_view message, fmt::format_string<Args...> fields = "", Args&&... args) {
  write(Level::error, message, fmt::format(fields, std::forward<Args>(args)...));
}

}  // namespace tidemark::log
