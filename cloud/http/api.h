// The JSON API as functions of a request and a reader, without any socket: HTTP serves it, and the
// command line asks it directly when no node runs.
#pragma once

#include <span>
#include <string_view>

#include "cloud/query/reader.h"
#include "common/http/server.h"

namespace tidemark::http {

struct Asked {
  const Request& request;
  query::Reader& reader;
  EventTime now;  // for relative times and lags
};

struct ApiRoute {
  std::string_view path;
  Response (*answer)(const Asked&);
};

// GET only. A parameter that a path does not know is an error that names the nearest one.
std::span<const ApiRoute> api_routes();
// 404 for a path that is none of them.
Response api(const Asked& asked);

inline constexpr std::size_t kAnswersDefault = 10'000;  // of one response, where no limit is asked
inline constexpr std::size_t kAnswersMax = 100'000;
inline constexpr std::size_t kNewestMax = 10'000;  // windows of each series, where those are asked

}  // namespace tidemark::http
