#include <fmt/format.h>

#include <charconv>

#include "edge/config/edge_config.h"

namespace tidemark::config {

Result<Url> parse_url(std::string_view text, std::uint16_t port) {
  const auto refuse = [&](std::string_view why) {
    return Error{Fault::bad_input, fmt::format("'{}' {}; expected scheme://host:port", text, why)};
  };
  Url url;
  const auto scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos || scheme_end == 0) return refuse("has no scheme");
  url.scheme = text.substr(0, scheme_end);
  auto rest = text.substr(scheme_end + 3);
  if (rest.find_first_of("/?#@ ") != std::string_view::npos) {
    return refuse("has more than a host and a port");
  }
  std::string_view port_text;
  if (rest.starts_with('[')) {
    const auto end = rest.find(']');
    if (end == std::string_view::npos) return refuse("has no ] after its address");
    url.host = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    if (!rest.empty() && !rest.starts_with(':')) return refuse("has text after its address");
    port_text = rest.empty() ? rest : rest.substr(1);
  } else {
    const auto colon = rest.find(':');
    url.host = rest.substr(0, colon);
    if (colon != std::string_view::npos) port_text = rest.substr(colon + 1);
    if (port_text.find(':') != std::string_view::npos) {
      return refuse("needs brackets around its IPv6 address");
    }
  }
  if (url.host.empty()) return refuse("has no host");
  url.port = port;
  if (!port_text.empty() || rest.ends_with(':')) {
    const auto* end = port_text.data() + port_text.size();
    const auto [at, error] = std::from_chars(port_text.data(), end, url.port);
    if (error != std::errc{} || at != end || url.port == 0) {
      return refuse("has a port that is not a number from 1 to 65535");
    }
  }
  return url;
}

}  // namespace tidemark::config
