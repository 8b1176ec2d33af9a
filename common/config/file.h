// Which configuration file a program reads.
#pragma once

#include <filesystem>
#include <string>

#include "common/base/result.h"

namespace tidemark::config {

// `option` (of --config) if it is not empty, else what the environment variable names, else
// `usual`; as an absolute path. A file that somebody named is there, or Fault::unavailable with
// "FILE: no such file": presets instead of it would be another plant's. The usual one may be
// missing, unless `required`.
Result<std::filesystem::path> file_of(const std::string& option, const char* variable,
                                      const char* usual, bool required = false);

}  // namespace tidemark::config
