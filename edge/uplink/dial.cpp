#include "edge/uplink/dial.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <memory>
#include <utility>

#include "common/base/disk.h"
#include "common/base/text.h"
#include "common/tls/key.h"

namespace tidemark::uplink {
namespace {

// What the kernel may hold unsent: little, so that a live block does not stand behind a megabyte
// of backlog on a slow line.
constexpr int kUnsentBytesMax = 64 * 1024;
constexpr std::size_t kProxyAnswerBytesMax = 16 * 1024;
constexpr int kProxyLoginMissing = 407;

class Socket {
 public:
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  ~Socket() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Socket(Socket&& other) noexcept : descriptor_(other.release()) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  [[nodiscard]] int descriptor() const { return descriptor_; }
  int release() { return std::exchange(descriptor_, -1); }

 private:
  int descriptor_;
};

Result<Socket> connect_to(const addrinfo& a, const std::string& address, SteadyTime until,
                          int interrupt) {
  Socket s(::socket(a.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int fd = s.descriptor();
  if (fd < 0) return system_error("socket", errno);
  const auto what = "connect to " + address;
  if (::connect(fd, a.ai_addr, a.ai_addrlen) != 0) {
    if (errno != EINPROGRESS) return system_error(what, errno);
    if (!wait_for(fd, POLLOUT, until, interrupt)) return system_error(what, ETIMEDOUT);
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return system_error(what, error);
  }
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kUnsentBytesMax, sizeof kUnsentBytesMax);
  return s;
}

// `role` is "gateway" or "proxy", for errors.
Result<Socket> connect_to(std::string_view role, const std::string& address, SteadyTime until,
                          int interrupt) {
  const auto colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == address.size()) {
    return Error{Fault::bad_input, fmt::format("{} '{}': expected host:port", role, address)};
  }
  auto host = address.substr(0, colon);
  if (host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const char* port = address.c_str() + colon + 1;
  if (const int e = getaddrinfo(host.c_str(), port, &hints, &found); e != 0) {
    return Error{Fault::unavailable, fmt::format("{} {}: {}", role, address, gai_strerror(e))};
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> guard(found, freeaddrinfo);
  auto outcome = connect_to(*found, address, until, interrupt);
  for (auto* a = found->ai_next; !outcome && a != nullptr; a = a->ai_next) {
    outcome = connect_to(*a, address, until, interrupt);
  }
  return outcome;
}

Result<> send_all(const Socket& s, std::string_view text, SteadyTime until, int interrupt) {
  while (!text.empty()) {
    const auto n = ::send(s.descriptor(), text.data(), text.size(), MSG_NOSIGNAL);
    if (n > 0) {
      text.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno != EAGAIN && errno != EINTR) {
      return system_error("send", errno);
    } else if (!wait_for(s.descriptor(), POLLOUT, until, interrupt)) {
      return system_error("send", ETIMEDOUT);
    }
  }
  return {};
}

// The proxy's answer up to its empty line. The gateway is silent until we speak TLS, so that
// nothing of it can follow.
Result<std::string> receive_head(const Socket& s, SteadyTime until, int interrupt) {
  std::string head;
  while (!head.ends_with("\r\n\r\n")) {
    std::array<char, 1024> piece;
    const auto n = ::recv(s.descriptor(), piece.data(), piece.size(), 0);
    if (n > 0) {
      head.append(piece.data(), static_cast<std::size_t>(n));
      if (head.size() > kProxyAnswerBytesMax) {
        return Error{Fault::unavailable, "what it answers is not the end of a CONNECT"};
      }
    } else if (n == 0) {
      return Error{Fault::unavailable, "it closed the connection"};
    } else if (errno != EAGAIN && errno != EINTR) {
      return system_error("receive", errno);
    } else if (!wait_for(s.descriptor(), POLLIN, until, interrupt)) {
      return Error{Fault::unavailable, "no answer in time"};
    }
  }
  return head;
}

Result<> judge(const std::string& head, bool with_login) {
  const auto line = head.substr(0, head.find("\r\n"));
  int status = 0;
  if (line.starts_with("HTTP/1.") && line.size() > 12) {
    std::from_chars(line.data() + 9, line.data() + 12, status);
  }
  if (status >= 200 && status < 300) return {};
  const auto said = "it answers '" + printable(line) + "'";
  if (status == kProxyLoginMissing) {
    return Error{Fault::denied, said + (with_login ? "; look at uplink.proxy_login_file"
                                                   : "; it wants a login: write user:password to "
                                                     "a file and name it in "
                                                     "uplink.proxy_login_file")};
  }
  return Error{status >= 400 && status < 500 ? Fault::denied : Fault::unavailable, said};
}

Result<> ask_for_way(const Socket& s, const std::string& gateway, const Proxy& proxy,
                     SteadyTime until, int interrupt) {
  TIDE_ASSIGN(const auto login, read_secret(proxy.login_file));
  auto request = fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n", gateway);
  if (!login.empty()) {
    request += "Proxy-Authorization: Basic " + tls::base64(as_bytes(login)) + "\r\n";
  }
  TIDE_TRY(send_all(s, request + "\r\n", until, interrupt));
  TIDE_ASSIGN(const auto head, receive_head(s, until, interrupt));
  return judge(head, !login.empty());
}

}  // namespace

int milliseconds_until(SteadyTime until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(
      until - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 3'600'000));
}

bool wait_for(int descriptor, short events, SteadyTime until, int interrupt) {
  std::array<pollfd, 2> p{{{descriptor, events, 0}, {interrupt, POLLIN, 0}}};
  const int n = ::poll(p.data(), interrupt < 0 ? 1 : 2, milliseconds_until(until));
  return n > 0 && p[0].revents != 0;
}

Result<int> dial(const std::string& gateway, const Proxy& proxy, SteadyTime until, int interrupt) {
  if (proxy.address.empty()) {
    TIDE_ASSIGN(auto straight, connect_to("gateway", gateway, until, interrupt));
    return straight.release();
  }
  TIDE_ASSIGN(auto through, connect_to("proxy", proxy.address, until, interrupt));
  if (auto asked = ask_for_way(through, gateway, proxy, until, interrupt); !asked) {
    return std::move(asked).error().within("way to " + gateway + " through proxy " +
                                           proxy.address);
  }
  return through.release();
}

}  // namespace tidemark::uplink
