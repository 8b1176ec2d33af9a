// Files that the words of a command name: "-" is standard input or output, and what is written
// replaces a regular file as a whole, but flows through a link and into a pipe or another device.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace tidemark::cli {

// Fault::unavailable when it cannot be read, bad_input when it is longer than bytes_max.
Result<std::string> read_named(const std::string& name, std::uint64_t bytes_max);
// Fault::full for all that can go wrong: exit code 73.
Result<> write_named(const std::string& name, std::string_view content);

}  // namespace tidemark::cli
