#include "edge/uplink/channel.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "edge/uplink/dial.h"

namespace tidemark::uplink {
namespace {

using Steady = std::chrono::steady_clock;
constexpr std::size_t kReadPerTurn = 1 << 20;

}  // namespace

Channel::~Channel() { ::close(descriptor_); }

Result<std::unique_ptr<Channel>> Channel::dial(const std::string& address, const Proxy& proxy,
                                               tls::ClientContext& tls, Nanoseconds patience,
                                               int interrupt) {
  const auto until = Steady::now() + std::chrono::duration_cast<Steady::duration>(patience);
  TIDE_ASSIGN(const int fd, uplink::dial(address, proxy, until, interrupt));
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
