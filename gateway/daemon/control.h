// The gateway's control socket: one request line, one answer line, close. Whoever may open the
// socket file may ask (mode 0660, the service's group).
//
// Bounds     one client at a time, a request of at most 4 KiB within 2 s.
// Threads    one of its own; the answer function is called there.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "common/base/result.h"

namespace tidemark::gateway {

class Control {
 public:
  using Answer = std::function<std::string(const std::string& request)>;
  // Fault::unavailable when another gateway answers on this socket.
  static Result<std::unique_ptr<Control>> open(const std::filesystem::path& socket, Answer answer);
  virtual ~Control() = default;  // closes, joins, removes the file
};

// The other side. Fault::unavailable when nobody answers.
Result<std::string> ask(const std::filesystem::path& socket, const std::string& request);

}  // namespace tidemark::gateway
