#include "common/http/client.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <memory>

namespace tidemark::http {
namespace {

using Clock = std::chrono::steady_clock;

struct Address {
  std::string host;
  std::string port = "80";
  [[nodiscard]] std::string shown() const { return host + ":" + port; }
};

Result<Address> address_of(std::string_view url) {
  const auto wrong = Error(Fault::bad_input, fmt::format("'{}' is no address, expected "
                                                         "http://host:port", url));
  if (url.starts_with("https://")) {
    return Error(Fault::bad_input,
                 fmt::format("{}: only http:// is spoken here; let the node listen on the loopback "
                             "and put a proxy before it", url));
  }
  if (url.starts_with("http://")) url.remove_prefix(7);
  url = url.substr(0, url.find('/'));
  Address a;
  const auto colon = url.rfind(':');
  const bool has_port = colon != std::string_view::npos && !url.ends_with(']');
  a.host = url.substr(0, has_port ? colon : url.size());
  if (has_port) a.port = url.substr(colon + 1);
  if (a.host.starts_with('[') && a.host.ends_with(']')) {
    a.host = a.host.substr(1, a.host.size() - 2);
  }
  if (a.host == "0.0.0.0") a.host = "127.0.0.1";
  if (a.host == "::") a.host = "::1";
  if (a.host.empty() || a.port.empty()) return wrong;
  return a;
}

class Socket {
 public:
  explicit Socket(Clock::time_point deadline) : deadline_(deadline) {}
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  Result<> connect(const Address& to) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (const int code = getaddrinfo(to.host.c_str(), to.port.c_str(), &hints, &found);
        code != 0) {
      return Error(Fault::unavailable, fmt::format("{}: {}", to.shown(), gai_strerror(code)));
    }
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> guard(found, freeaddrinfo);
    int reason = ECONNREFUSED;
    for (const addrinfo* a = found; a != nullptr; a = a->ai_next) {
      if (fd_ >= 0) close(fd_);
      fd_ = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      if (fd_ < 0) continue;
      if (::connect(fd_, a->ai_addr, a->ai_addrlen) == 0) return {};
      if (errno != EINPROGRESS) {
        reason = errno;
        continue;
      }
      if (!wait(POLLOUT)) return too_slow(to);
      socklen_t size = sizeof reason;
      getsockopt(fd_, SOL_SOCKET, SO_ERROR, &reason, &size);
      if (reason == 0) return {};
    }
    return Error(Fault::unavailable, system_error(to.shown(), reason).text());
  }

  Result<> write(std::string_view bytes, const Address& to) {
    while (!bytes.empty()) {
      if (!wait(POLLOUT)) return too_slow(to);
      const auto n = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n < 0 && errno == EAGAIN) continue;
      if (n <= 0) return Error(Fault::unavailable, system_error(to.shown(), errno).text());
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return {};
  }

  Result<std::string> read_all(const Address& from) {
    std::string all;
    char buffer[65536];
    while (true) {
      if (!wait(POLLIN)) return too_slow(from);
      const auto n = recv(fd_, buffer, sizeof buffer, 0);
      if (n < 0 && errno == EAGAIN) continue;
      if (n < 0) return Error(Fault::unavailable, system_error(from.shown(), errno).text());
      if (n == 0) return all;
      all.append(buffer, static_cast<std::size_t>(n));
      if (all.size() > kReplyBytesMax) {
        return Error(Fault::full, fmt::format("{} sends more than {} MiB", from.shown(),
                                              kReplyBytesMax >> 20));
      }
    }
  }

 private:
  bool wait(short events) {
    pollfd p{fd_, events, 0};
    while (true) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          deadline_ - Clock::now()).count();
      if (left <= 0) return false;
      const int n = poll(&p, 1, static_cast<int>(left));
      if (n < 0 && errno == EINTR) continue;
      return n > 0;
    }
  }
  static Error too_slow(const Address& a) {
    return {Fault::unavailable, fmt::format("{} does not answer in time", a.shown())};
  }
  Clock::time_point deadline_;
  int fd_ = -1;
};

// False when the chunks do not end as they should: the reply was cut.
bool join_chunks(std::string_view in, std::string& out) {
  while (true) {
    const auto line = in.find("\r\n");
    if (line == std::string_view::npos) return false;
    std::size_t n = 0;
    const auto [end, code] = std::from_chars(in.data(), in.data() + line, n, 16);
    if (code != std::errc{}) return false;
    if (n == 0) return true;
    if (in.size() < line + 2 || in.size() - line - 2 < n + 2) return false;
    out += in.substr(line + 2, n);
    in.remove_prefix(line + 2 + n + 2);
  }
}

bool same_letters(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const char c = a[i] >= 'A' && a[i] <= 'Z' ? static_cast<char>(a[i] - 'A' + 'a') : a[i];
    if (c != b[i]) return false;
  }
  return true;
}

// The value of a header, its name in lower case here.
std::string_view header(std::string_view head, std::string_view name) {
  while (!head.empty()) {
    const auto line = head.substr(0, head.find("\r\n"));
    const auto colon = line.find(':');
    if (colon != std::string_view::npos && same_letters(line.substr(0, colon), name)) {
      auto value = line.substr(colon + 1);
      while (value.starts_with(' ')) value.remove_prefix(1);
      return value;
    }
    head.remove_prefix(std::min(head.size(), line.size() + 2));
  }
  return {};
}

Result<Reply> parse(std::string all, const Address& from) {
  const auto cut = Error(Fault::unavailable,
                         fmt::format("{}: the reply ended early", from.shown()));
  const auto gap = all.find("\r\n\r\n");
  if (gap == std::string::npos || !all.starts_with("HTTP/1.") || all.size() < 12) {
    return Error(Fault::unavailable, fmt::format("{} does not speak HTTP", from.shown()));
  }
  Reply reply;
  std::from_chars(all.data() + 9, all.data() + 12, reply.status);
  const std::string_view head = std::string_view(all).substr(0, gap + 2);
  const std::string_view body = std::string_view(all).substr(gap + 4);
  if (header(head, "transfer-encoding") == "chunked") {
    if (!join_chunks(body, reply.body)) return cut;
    return reply;
  }
  const auto length = header(head, "content-length");
  std::size_t bytes = body.size();
  std::from_chars(length.data(), length.data() + length.size(), bytes);
  if (body.size() < bytes) return cut;
  reply.body = body.substr(0, bytes);
  return reply;
}

}  // namespace

Result<Reply> get(std::string_view url, std::string_view target, int seconds_max) {
  TIDE_ASSIGN(const auto to, address_of(url));
  Socket socket(Clock::now() + std::chrono::seconds(seconds_max));
  TIDE_TRY(socket.connect(to));
  TIDE_TRY(socket.write(fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\nAccept: application/json\r\n"
                                    "Connection: close\r\n\r\n", target, to.shown()),
                        to));
  TIDE_ASSIGN(auto all, socket.read_all(to));
  return parse(std::move(all), to);
}

std::string target(std::string_view path,
                   const std::vector<std::pair<std::string, std::string>>& parameters) {
  static constexpr std::string_view kPlain = "-._~/";
  std::string out(path);
  char before = '?';
  for (const auto& [name, value] : parameters) {
    if (value.empty()) continue;
    out += before;
    before = '&';
    out += name;
    out += '=';
    for (const char c : value) {
      const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
      const bool digit = c >= '0' && c <= '9';
      if (letter || digit || kPlain.find(c) != std::string_view::npos) {
        out += c;
      } else {
        out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
      }
    }
  }
  return out;
}

}  // namespace tidemark::http
