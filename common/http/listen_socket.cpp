#include "common/http/listen_socket.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <memory>

namespace tidemark::http {
namespace {

constexpr int kBacklog = 256;

Error no_address(const std::string& address) {
  return {Fault::bad_input,
          fmt::format("'{}' is no address to listen on, expected host:port such as "
                      "127.0.0.1:8080 or [::1]:8080 (port 0: any free one)",
                      address)};
}

std::uint16_t port_of(int descriptor) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (getsockname(descriptor, reinterpret_cast<sockaddr*>(&bound), &size) != 0) return 0;
  return ntohs(bound.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6*>(&bound)->sin6_port
                   : reinterpret_cast<const sockaddr_in*>(&bound)->sin_port);
}

}  // namespace

Result<ListenSocket> open_listen_socket(const std::string& address) {
  const auto colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0) return no_address(address);
  std::string host = address.substr(0, colon);
  const std::string port = address.substr(colon + 1);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (!bracketed && host.find(':') != std::string::npos) return no_address(address);
  const std::string bare = bracketed ? host.substr(1, host.size() - 2) : host;
  std::uint16_t number = 0;
  const auto [end, code] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (code != std::errc{} || end != port.data() + port.size()) return no_address(address);

  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int code_gai = getaddrinfo(bare.c_str(), port.c_str(), &hints, &found);
      code_gai != 0) {
    return Error(Fault::bad_input,
                 fmt::format("listen on {}: {}", address, gai_strerror(code_gai)));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> guard(found, freeaddrinfo);

  const int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return system_error("socket", errno);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, kBacklog) != 0) {
    auto error = system_error(fmt::format("listen on {}", address), errno);
    close(fd);
    return error;
  }
  const auto bound = port_of(fd);
  return ListenSocket{fd, bound, fmt::format("{}:{}", host, bound)};
}

}  // namespace tidemark::http
