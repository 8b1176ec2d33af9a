#include "edge/fieldbus/tcp_bus.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "edge/fieldbus/rtu_bus.h"

namespace tidemark::modbus {
namespace {

constexpr Nanoseconds kSendTimeout = std::chrono::seconds(1);
constexpr int kDropsMax = 128;  // what a peer that never stops may cost

timeval timeval_of(Nanoseconds time) {
  const auto us = std::max<std::int64_t>(1, time.count() / 1000);  // 0 would be for ever
  return {static_cast<time_t>(us / 1'000'000), static_cast<suseconds_t>(us % 1'000'000)};
}

}  // namespace

Result<> TcpBus::connect(Nanoseconds timeout) {
  close();
  wake_.arm();
  TIDE_ASSIGN(const int fd, line_->open(timeout));
  // A receive that blocks saves a call a request; interrupt() ends it by a shutdown.
  static_cast<void>(::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) & ~O_NONBLOCK));
  const auto limit = timeval_of(kSendTimeout);
  static_cast<void>(::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit));
  patience_ = {};
  sent_ = 0;
  filled_ = 0;
  out_of_step_ = false;
  const std::scoped_lock lock(socket_mutex_);
  fd_ = fd;
  return {};
}

void TcpBus::close() {
  if (fd_ < 0) return;
  const std::scoped_lock lock(socket_mutex_);
  line_->close();
  fd_ = -1;
}

void TcpBus::interrupt() {
  wake_.wake();
  const std::scoped_lock lock(socket_mutex_);
  if (fd_ >= 0) ::shutdown(fd_, SHUT_RDWR);
}

Reply TcpBus::gone(std::string why) const {
  if (wake_.wait(-1, 0) == Wake::Why::woken) why = "interrupted";
  return {Reply::Kind::broken, 0, std::move(why)};
}

void TcpBus::set_patience(Nanoseconds timeout) {
  if (timeout == patience_) return;
  patience_ = timeout;
  const auto limit = timeval_of(timeout);
  static_cast<void>(::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit));
}

// What came after bytes that were no frame: nobody knows where the next one begins.
void TcpBus::drop_pending() {
  for (int n = 0; n < kDropsMax; ++n) {
    if (::recv(fd_, buffer_.data(), buffer_.size(), MSG_DONTWAIT) <= 0) break;
  }
  filled_ = 0;
  out_of_step_ = false;
}

std::optional<Reply> TcpBus::send(const Request& request) {
  const auto frame = tcp_request(transaction_, request);
  ssize_t n = 0;
  do {
    n = ::send(fd_, frame.data(), frame.size(), MSG_NOSIGNAL);
  } while (n < 0 && errno == EINTR);
  if (n == static_cast<ssize_t>(frame.size())) return std::nullopt;
  return gone(n < 0 ? std::strerror(errno) : "the request cannot be sent");
}

Reply TcpBus::timed_out() {
  if (filled_ == 0) return {Reply::Kind::silent, 0, ""};
  const auto part = std::exchange(filled_, 0);
  out_of_step_ = true;
  return {Reply::Kind::garbled, 0, fmt::format("{} bytes of it and no more", part)};
}

std::optional<Reply> TcpBus::receive(bool first, SteadyTime until) {
  for (bool blocking = first;; blocking = false) {
    if (!blocking) {
      const auto left = Nanoseconds(until - clock_.steady());
      if (left.count() <= 0) return timed_out();
      if (wake_.wait(fd_, left.count()) == Wake::Why::woken) return gone("");
    }
    const auto n = ::recv(fd_, buffer_.data() + filled_, buffer_.size() - filled_,
                          blocking ? 0 : MSG_DONTWAIT);
    if (n > 0) {
      filled_ += static_cast<std::size_t>(n);
      return std::nullopt;
    }
    if (n == 0 && filled_ == 0) return gone("the device closed it");
    if (n == 0) return gone(fmt::format("the device closed it {} bytes into an answer", filled_));
    const bool again = errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK;
    if (!again) return gone(std::strerror(errno));
  }
}

std::optional<Reply> TcpBus::take(const Request& request, std::span<std::uint16_t> out) {
  using Kind = TcpAnswer::Kind;
  while (filled_ > 0) {
    auto answer = read_tcp(transaction_, sent_ - 1, request, ByteSpan(buffer_).first(filled_), out);
    if (answer.kind == Kind::partial) return std::nullopt;
    if (answer.kind == Kind::out_of_step) {
      out_of_step_ = true;
      return std::move(answer.reply);
    }
    filled_ -= answer.size;
    std::memmove(buffer_.data(), buffer_.data() + answer.size, filled_);
    if (answer.kind == Kind::answer) {
      // Behind a wrong answer there may be more of it.
      out_of_step_ = answer.reply.kind == Reply::Kind::garbled;
      return std::move(answer.reply);
    }
    ++strays_;
    if (++strays_in_a_row_ > kStraysMax) {
      out_of_step_ = true;
      return Reply{Reply::Kind::garbled, 0, "only answers to earlier requests came"};
    }
  }
  return std::nullopt;
}

Reply TcpBus::read(const Request& request, Nanoseconds timeout, std::span<std::uint16_t> out) {
  if (fd_ < 0) return {Reply::Kind::broken, 0, "not connected"};
  if (out_of_step_) drop_pending();
  ++transaction_;
  ++sent_;
  strays_in_a_row_ = 0;
  set_patience(timeout);
  if (auto unsent = send(request)) return *unsent;
  const auto until = clock_.steady() + timeout;
  for (bool first = true;; first = false) {
    if (auto reply = take(request, out)) return *std::move(reply);
    if (auto nothing = receive(first, until)) return *std::move(nothing);
  }
}

std::unique_ptr<FieldBus> field_bus(const config::BusUrl& url, const Clock& clock) {
  switch (url.kind) {
    case config::BusUrl::Kind::tcp: return std::make_unique<TcpBus>(tcp_line(url), clock);
    case config::BusUrl::Kind::rtu: return std::make_unique<RtuBus>(serial_line(url), clock);
    case config::BusUrl::Kind::rtu_tcp: return std::make_unique<RtuBus>(tcp_line(url), clock);
  }
  TIDE_CHECK(false, "a url of no kind");
}

}  // namespace tidemark::modbus
