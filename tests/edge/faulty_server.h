// A device on TCP that answers as a script says: right, wrong, in pieces, or not at all.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace tidemark::modbus {

class FaultyServer {
 public:
  using Bytes = std::vector<std::uint8_t>;
  // What becomes of one request: sent one after the other, then the connection perhaps closed.
  struct Says {
    std::vector<Bytes> pieces;
    bool closes = false;
  };
  // `number` counts requests from 0, over all connections.
  using Script = std::function<Says(std::size_t number, const Bytes& request)>;

  FaultyServer(std::size_t request_bytes, Script script)
      : request_bytes_(request_bytes), script_(std::move(script)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 4), 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~FaultyServer() {
    stopping_ = true;
    thread_.join();
    ::close(listener_);
  }
  FaultyServer(const FaultyServer&) = delete;
  FaultyServer& operator=(const FaultyServer&) = delete;

  [[nodiscard]] std::size_t connections() const { return connections_; }
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  [[nodiscard]] static bool readable(int fd) {
    pollfd p{fd, POLLIN, 0};
    return ::poll(&p, 1, 10) > 0;
  }
  void serve() {
    while (!stopping_) {
      if (!readable(listener_)) continue;
      const int fd = ::accept(listener_, nullptr, nullptr);
      ++connections_;
      const int on = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      while (!stopping_ && answer(fd)) {
      }
      ::close(fd);
    }
  }
  bool answer(int fd) {
    Bytes request;
    while (request.size() < request_bytes_) {
      if (stopping_) return false;
      if (!readable(fd)) continue;
      Bytes more(request_bytes_ - request.size());
      const auto n = ::recv(fd, more.data(), more.size(), 0);
      if (n <= 0) return false;
      request.insert(request.end(), more.begin(), more.begin() + n);
    }
    const auto says = script_(requests_++, request);
    for (const auto& piece : says.pieces) {
      if (::send(fd, piece.data(), piece.size(), MSG_NOSIGNAL) < 0) return false;
    }
    return !says.closes;
  }

  std::size_t request_bytes_;
  Script script_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::size_t requests_ = 0;
  std::atomic<std::size_t> connections_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace tidemark::modbus
