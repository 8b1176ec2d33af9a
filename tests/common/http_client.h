// A client for tests: one blocking socket, nothing hidden.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tidemark::test {

struct HttpReply {
  int status = 0;
  std::string head;  // with the status line
  std::string body;  // chunks joined
};

class HttpSocket {
 public:
  explicit HttpSocket(std::uint16_t port);  // connects to 127.0.0.1
  ~HttpSocket();
  HttpSocket(const HttpSocket&) = delete;
  HttpSocket& operator=(const HttpSocket&) = delete;

  void write(std::string_view bytes) const;
  // Reads on until what came so far holds `wanted`, the peer closes, or 10 s pass. All so far.
  const std::string& read_until(std::string_view wanted);
  const std::string& read_all() { return read_until("\x01 never sent"); }  // until it closes
  [[nodiscard]] bool closed() const { return closed_; }

 private:
  int fd_;
  std::string got_;
  bool closed_ = false;
};

// One request on its own connection. `extra` are header lines, each with its CRLF.
HttpReply http(std::uint16_t port, std::string_view method, std::string_view target,
               std::string_view body = "", std::string_view extra = "");

}  // namespace tidemark::test
