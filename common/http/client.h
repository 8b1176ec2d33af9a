// One GET over plain HTTP, for the command line: a socket, a deadline, the whole reply.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.h"

namespace tidemark::http {

struct Reply {
  int status = 0;
  std::string body;
};

inline constexpr std::size_t kReplyBytesMax = 256 * 1024 * 1024;

// `url` is "http://host:port", with or without its slash; "host:port" is taken too. An address to
// listen on that means every interface (0.0.0.0, [::]) is asked on the loopback.
// Fault::unavailable when nobody answers within `seconds_max` (the text names host and port),
// bad_input for another scheme, full past kReplyBytesMax. Any status is a reply.
Result<Reply> get(std::string_view url, std::string_view target, int seconds_max);

// "/v1/answers?q=avg%20x": names and values are encoded, those with empty values left out.
std::string target(std::string_view path,
                   const std::vector<std::pair<std::string, std::string>>& parameters);

}  // namespace tidemark::http
