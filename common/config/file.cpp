#include "common/config/file.h"

#include <cstdlib>

namespace tidemark::config {

Result<std::filesystem::path> file_of(const std::string& option, const char* variable,
                                      const char* usual, bool required) {
  const char* environment = std::getenv(variable);
  const std::string named = !option.empty()          ? option
                            : environment != nullptr ? environment
                                                     : "";
  std::error_code code;
  const auto file =
      std::filesystem::absolute(named.empty() ? usual : named, code).lexically_normal();
  if ((required || !named.empty()) && !std::filesystem::exists(file, code)) {
    return Error(Fault::unavailable, file.string() + ": no such file");
  }
  return file;
}

}  // namespace tidemark::config
