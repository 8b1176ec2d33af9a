#include "tests/common/http_client.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <chrono>

namespace tidemark::test {
namespace {

constexpr std::chrono::seconds kPatience{10};

std::string join_chunks(std::string_view in) {
  std::string out;
  while (!in.empty()) {
    std::size_t n = 0;
    const auto line = in.find("\r\n");
    if (line == std::string_view::npos) break;
    std::from_chars(in.data(), in.data() + line, n, 16);
    if (n == 0) break;
    out += in.substr(line + 2, n);
    in.remove_prefix(std::min(in.size(), line + 2 + n + 2));
  }
  return out;
}

}  // namespace

HttpSocket::HttpSocket(std::uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to), 0) << "port " << port;
}

HttpSocket::~HttpSocket() { close(fd_); }

void HttpSocket::write(std::string_view bytes) const {
  while (!bytes.empty()) {
    const auto n = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

const std::string& HttpSocket::read_until(std::string_view wanted) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!closed_ && got_.find(wanted) == std::string::npos) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    pollfd p{fd_, POLLIN, 0};
    if (left.count() <= 0 || poll(&p, 1, static_cast<int>(left.count())) <= 0) {
      ADD_FAILURE() << "nothing like '" << wanted << "' within 10 s; got: " << got_;
      break;
    }
    char buffer[65536];
    const auto n = recv(fd_, buffer, sizeof buffer, 0);
    if (n <= 0) {
      closed_ = true;
    } else {
      got_.append(buffer, static_cast<std::size_t>(n));
    }
  }
  return got_;
}

HttpReply http(std::uint16_t port, std::string_view method, std::string_view target,
               std::string_view body, std::string_view extra) {
  HttpSocket s(port);
  std::string request = fmt::format("{} {} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{}",
                                    method, target, extra);
  if (!body.empty()) request += fmt::format("Content-Length: {}\r\n", body.size());
  s.write(request + "\r\n" + std::string(body));
  const auto& all = s.read_all();
  HttpReply reply;
  const auto gap = all.find("\r\n\r\n");
  if (gap == std::string::npos) return reply;
  reply.head = all.substr(0, gap + 2);
  reply.body = all.substr(gap + 4);
  std::from_chars(all.data() + 9, all.data() + 12, reply.status);
  if (reply.head.find("Transfer-Encoding: chunked") != std::string::npos) {
    reply.body = join_chunks(reply.body);
  }
  return reply;
}

}  // namespace tidemark::test
