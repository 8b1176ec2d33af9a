#include "edge/uplink/channel.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace tidemark::uplink {
namespace {

using Steady = std::chrono::steady_clock;
// What the kernel may hold unsent: little, so that a live block does not stand behind a megabyte
// of backlog on a slow line.
constexpr int kUnsentBytesMax = 64 * 1024;
constexpr std::size_t kReadPerTurn = 1 << 20;

int milliseconds_until(SteadyTime until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Steady::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000));
}

// Waits for the socket; false: the time is over or it was interrupted.
bool wait_for(int descriptor, short events, SteadyTime until, int interrupt) {
  std::array<pollfd, 2> p{{{descriptor, events, 0}, {interrupt, POLLIN, 0}}};
  const int n = ::poll(p.data(), interrupt < 0 ? 1 : 2, milliseconds_until(until));
  return n > 0 && p[0].revents != 0;
}

Result<int> connect_to(const addrinfo& a, const std::string& address, SteadyTime until,
                       int interrupt) {
  const int fd = ::socket(a.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return system_error("socket", errno);
  const auto failed = [&](int error) {
    ::close(fd);
    return system_error("connect to " + address, error);
  };
  if (::connect(fd, a.ai_addr, a.ai_addrlen) != 0) {
    if (errno != EINPROGRESS) return failed(errno);
    if (!wait_for(fd, POLLOUT, until, interrupt)) return failed(ETIMEDOUT);
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return failed(error);
  }
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kUnsentBytesMax, sizeof kUnsentBytesMax);
  return fd;
}

Result<int> connect_to(const std::string& address, SteadyTime until, int interrupt) {
  const auto colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == address.size()) {
    return Error{Fault::bad_input, "gateway '" + address + "': expected host:port"};
  }
  auto host = address.substr(0, colon);
  if (host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const char* port = address.c_str() + colon + 1;
  if (const int e = getaddrinfo(host.c_str(), port, &hints, &found); e != 0) {
    return Error{Fault::unavailable, "gateway " + address + ": " + gai_strerror(e)};
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> guard(found, freeaddrinfo);
  auto outcome = connect_to(*found, address, until, interrupt);
  for (auto* a = found->ai_next; !outcome && a != nullptr; a = a->ai_next) {
    outcome = connect_to(*a, address, until, interrupt);
  }
  return outcome;
}

}  // namespace

Channel::~Channel() { ::close(descriptor_); }

Result<std::unique_ptr<Channel>> Channel::dial(const std::string& address, tls::ClientContext& tls,
                                               Nanoseconds patience, int interrupt) {
  const auto until = Steady::now() + std::chrono::duration_cast<Steady::duration>(patience);
  TIDE_ASSIGN(const int fd, connect_to(address, until, interrupt));
  std::unique_ptr<Channel> channel(new Channel(fd, address));
  TIDE_ASSIGN(channel->tls_, tls.connect(fd));
  if (auto done = channel->shake_hands(until, interrupt); !done) {
    return std::move(done).error().within("gateway " + address);
  }
  return channel;
}

Result<> Channel::shake_hands(SteadyTime until, int interrupt) {
  for (;;) {
    TIDE_ASSIGN(const auto progress, tls_->handshake());
    if (progress == tls::Progress::done) return {};
    const short events = progress == tls::Progress::want_write ? POLLOUT : POLLIN;
    if (!wait_for(descriptor_, events, until, interrupt)) {
      return Error{Fault::unavailable, "no TLS handshake in time"};
    }
  }
}

Result<> Channel::read() {
  std::array<std::uint8_t, 16 * 1024> buffer;
  for (std::size_t total = 0; total < kReadPerTurn;) {
    TIDE_ASSIGN(const auto moved, tls_->read(buffer));
    if (moved.progress == tls::Progress::closed) {
      return Error{Fault::unavailable, "gateway " + address_ + " closed the connection"};
    }
    if (moved.progress != tls::Progress::done) break;
    reader_.feed(ByteSpan(buffer).first(moved.bytes));
    total += moved.bytes;
  }
  return {};
}

Result<> Channel::write() {
  std::size_t at = 0;
  while (at < output_.size()) {
    auto moved = tls_->write(ByteSpan(output_).subspan(at));
    if (!moved) return std::move(moved).error();
    if (moved->progress != tls::Progress::done) break;
    at += moved->bytes;
  }
  output_.erase(output_.begin(), output_.begin() + static_cast<std::ptrdiff_t>(at));
  return {};
}

Result<> Channel::turn(Nanoseconds patience, int wake) {
  // Also without POLLIN there may be bytes that TLS has decrypted already.
  const auto until = Steady::now() + std::chrono::duration_cast<Steady::duration>(patience);
  if (!tls_->has_unread()) {
    const auto events = static_cast<short>(output_.empty() ? POLLIN : POLLIN | POLLOUT);
    std::array<pollfd, 2> p{{{descriptor_, events, 0}, {wake, POLLIN, 0}}};
    ::poll(p.data(), wake < 0 ? 1 : 2, milliseconds_until(until));
  }
  auto written = write();
  auto got = read();  // also when the other side has gone: it may have said why
  if (!got) return got;
  return written;
}

Result<wire::Frame> Channel::await(Nanoseconds patience, int interrupt) {
  const auto until = Steady::now() + std::chrono::duration_cast<Steady::duration>(patience);
  Result<> turned;
  for (;;) {
    TIDE_ASSIGN(auto frame, next());
    if (frame) return std::move(*frame);
    if (!turned) return std::move(turned).error();
    const auto left = until - Steady::now();
    pollfd p{interrupt, POLLIN, 0};
    if (left <= Nanoseconds(0) || (interrupt >= 0 && ::poll(&p, 1, 0) > 0)) {
      return Error{Fault::unavailable, "gateway " + address_ + " does not answer"};
    }
    turned = turn(left, interrupt);
  }
}

void Channel::close(Nanoseconds patience) {
  const auto until = Steady::now() + std::chrono::duration_cast<Steady::duration>(patience);
  while (!output_.empty() && Steady::now() < until) {
    if (!turn(until - Steady::now(), -1)) return;
  }
  tls_->close_notify();
  ::shutdown(descriptor_, SHUT_WR);
}

}  // namespace tidemark::uplink
