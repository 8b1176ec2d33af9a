// An HTTP proxy in a thread, on loopback: CONNECT only, one connection at a time, and a login if
// one is asked for.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <mutex>
#include <string>
#include <thread>

namespace tidemark::test {

class HttpProxy {
 public:
  // `login` as it stands behind "Basic ", in base64; empty: everybody may.
  explicit HttpProxy(std::string login = "") : login_(std::move(login)) {
    sockaddr_in any = at(0);
    socklen_t size = sizeof any;
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&any), size), 0);
    EXPECT_EQ(listen(listener_, 8), 0);
    EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&any), &size), 0);
    port_ = ntohs(any.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~HttpProxy() {
    stop_ = true;
    thread_.join();
    close(listener_);
  }
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  // "HOST:PORT" of the last CONNECT that was let through.
  [[nodiscard]] std::string led_to() const {
    const std::lock_guard lock(mutex_);
    return led_to_;
  }

 private:
  static sockaddr_in at(int port) {
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    a.sin_port = htons(static_cast<std::uint16_t>(port));
    return a;
  }
  bool readable(int fd) const {
    while (!stop_) {
      pollfd p{fd, POLLIN, 0};
      if (poll(&p, 1, 20) > 0) return true;
    }
    return false;
  }
  void run() {
    while (readable(listener_)) {
      const int client = accept(listener_, nullptr, nullptr);
      serve(client);
      close(client);
    }
  }
  void serve(int client) {
    std::string head;
    while (!head.ends_with("\r\n\r\n") && readable(client)) {
      char c = 0;
      if (recv(client, &c, 1, 0) != 1) return;
      head += c;
    }
    const auto target = head.substr(8, head.find(' ', 8) - 8);
    if (!login_.empty() && head.find("Basic " + login_ + "\r\n") == std::string::npos) {
      return say(client, "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    }
    const int server = socket(AF_INET, SOCK_STREAM, 0);
    auto there = at(std::stoi(target.substr(target.rfind(':') + 1)));
    if (connect(server, reinterpret_cast<sockaddr*>(&there), sizeof there) == 0) {
      {
        const std::lock_guard lock(mutex_);
        led_to_ = target;
      }
      say(client, "HTTP/1.1 200 Connection established\r\nVia: 1.1 test\r\n\r\n");
      while (!stop_ && pass_on(client, server)) {
      }
    } else {
      say(client, "HTTP/1.1 502 Bad Gateway\r\n\r\n");
    }
    close(server);
  }
  static bool pass_on(int a, int b) {
    std::array<pollfd, 2> p{{{a, POLLIN, 0}, {b, POLLIN, 0}}};
    poll(p.data(), 2, 20);
    std::array<char, 16384> piece;
    for (const auto& [from, to] : {std::pair(0, b), std::pair(1, a)}) {
      if (p[static_cast<std::size_t>(from)].revents == 0) continue;
      const auto n = recv(p[static_cast<std::size_t>(from)].fd, piece.data(), piece.size(), 0);
      if (n <= 0) return false;
      say(to, {piece.data(), static_cast<std::size_t>(n)});
    }
    return true;
  }
  static void say(int to, std::string_view text) {
    while (!text.empty()) {
      const auto n = send(to, text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0) return;
      text.remove_prefix(static_cast<std::size_t>(n));
    }
  }

  std::string login_;
  int listener_ = -1;
  int port_ = 0;
  mutable std::mutex mutex_;
  std::string led_to_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace tidemark::test
