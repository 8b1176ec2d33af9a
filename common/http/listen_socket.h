// A listening TCP socket from "host:port", and the port that it really got.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/result.h"

namespace tidemark::http {

struct ListenSocket {
  int descriptor = -1;  // the caller closes it
  std::uint16_t port = 0;
  std::string address;  // "127.0.0.1:43211"
};

// Fault::bad_input when the text is no address, unavailable when it is taken or not ours, denied
// when the port needs a privilege.
Result<ListenSocket> open_listen_socket(const std::string& address);

}  // namespace tidemark::http
