// A TCP connection: to a device that speaks Modbus TCP, or to a converter that hands the RTU frames
// of its line through unchanged.
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "edge/fieldbus/line.h"

namespace tidemark::modbus {
namespace {

using config::BusUrl;

class TcpLine final : public Line {
 public:
  explicit TcpLine(BusUrl url) : url_(std::move(url)) {}
  ~TcpLine() override { TcpLine::close(); }

  Result<int> open(Nanoseconds timeout) override {
    close();
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const auto port = std::to_string(url_.port);
    if (const int error = ::getaddrinfo(url_.host.c_str(), port.c_str(), &hints, &found);
        error != 0) {
      return Error{Fault::unavailable,
                   fmt::format("connect {}: {}", url_.place(), ::gai_strerror(error))};
    }
    int why = 0;
    for (const auto* a = found; a != nullptr && fd_ < 0; a = a->ai_next) {
      why = connect_to(*a, timeout);
    }
    ::freeaddrinfo(found);
    if (fd_ >= 0) return fd_;
    return Error{Fault::unavailable,
                 fmt::format("connect {}: {}; is the {} on, are host and port right?",
                             url_.place(), std::strerror(why),
                             url_.kind == BusUrl::Kind::tcp ? "device" : "converter")};
  }

  void close() override {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  // The converter keeps the silence of its line; this much tells two answers apart.
  [[nodiscard]] Nanoseconds gap() const override { return std::chrono::milliseconds(2); }

 private:
  int connect_to(const addrinfo& a, Nanoseconds timeout) {
    fd_ = ::socket(a.ai_family, a.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a.ai_protocol);
    if (fd_ < 0) return errno;
    int why = 0;
    if (::connect(fd_, a.ai_addr, a.ai_addrlen) != 0) why = errno;
    if (why == EINPROGRESS) {
      pollfd p{fd_, POLLOUT, 0};
      const auto ms = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
      socklen_t size = sizeof why;
      if (::poll(&p, 1, static_cast<int>(ms)) <= 0) {
        why = ETIMEDOUT;
      } else if (::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &why, &size) != 0) {
        why = errno;
      }
    }
    const int on = 1;
    static_cast<void>(::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
    if (why != 0) close();
    return why;
  }

  BusUrl url_;
  int fd_ = -1;
};

}  // namespace

std::unique_ptr<Line> tcp_line(const config::BusUrl& url) {
  return std::make_unique<TcpLine>(url);
}

}  // namespace tidemark::modbus
