#include "common/base/result.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

namespace tidemark {

std::string_view to_string(Fault fault) {
  switch (fault) {
    case Fault::bad_input: return "bad_input";
    case Fault::corrupt: return "corrupt";
    case Fault::full: return "full";
    case Fault::unavailable: return "unavailable";
    case Fault::denied: return "denied";
    case Fault::unsupported: return "unsupported";
  }
  return "unknown";
}

Error system_error(std::string_view what, int error_number) {
  const auto fault = [&] {
    switch (error_number) {
      case ENOSPC:
      case EDQUOT: return Fault::full;
      case EACCES:
      case EPERM: return Fault::denied;
      case EIO: return Fault::corrupt;
      default: return Fault::unavailable;
    }
  }();
  return {fault, std::string(what) + ": " + std::generic_category().message(error_number)};
}

void check_failed(const char* file, int line, const char* condition, std::string_view why) {
  std::fprintf(stderr, "%s:%d: check failed: %s: %.*s\n", file, line, condition,
               static_cast<int>(why.size()), why.data());
  std::abort();
}

}  // namespace tidemark
