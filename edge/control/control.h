// The agent's control socket, for the CLI on the same machine: one request line, answer lines,
// close.
//
// Request    one JSON object: {"command":"status"} · {"command":"series"} · {"command":"buffer"} ·
//            {"command":"release","series":"DEVICE/METRIC"} ·
//            {"command":"quarantine","limit":20} · {"command":"history"} · {"command":"reload"} ·
//            {"command":"tap","glob":"**","kinds":["raw","windows","events"]} ·
//            {"command":"clock"}, with "set":"TIME" or "release":"BOOT","ended":"TIME" ·
//            {"command":"modbus","bus":"plant:502","unit":1,"function":3,"address":0,"count":2,
//            "timeout_ms":1000}.
// Answer     JSON objects, one a line; {"v":1,"error":"…"} when the request is not understood.
// Bounds     kClientsMax connections, a request of at most 4 KiB within 5 s; further ones are
//            closed.
// Who may    whoever may open the socket file: mode 0660, the service's group.
// Threads    one for accepting, one for each client.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/base/time.h"
#include "edge/pipeline/tap_hub.h"

namespace tidemark::control {

inline constexpr std::size_t kClientsMax = 32;

struct Handlers {
  std::function<std::string()> status;
  std::function<std::string()> series;
  std::function<std::string(const std::string& series)> release;
  std::function<std::string()> buffer;
  std::function<std::string(std::size_t limit)> quarantine;
  std::function<std::string()> history;  // commits what waits, so that its file tells all
  std::function<std::string()> reload;
  std::function<std::string(const std::string& request)> modbus;
  std::function<std::string(const std::string& request)> clock;
};

// The answer to a request that cannot be followed.
std::string failure(const std::string& text);

class Control {
 public:
  // Listens; Fault::unavailable when another agent answers on this socket.
  static Result<std::unique_ptr<Control>> open(const std::filesystem::path& socket,
                                               Handlers handlers, pipeline::TapHub& tap);
  virtual ~Control() = default;  // closes, joins, removes the socket file
};

// The other side: sends `request`, hands each answer line to `line` until the end or until it says
// false, or until `until`. Fault::unavailable when nobody answers on the socket.
Result<> ask(const std::filesystem::path& socket, const std::string& request,
             const std::function<bool(const std::string&)>& line,
             std::optional<SteadyTime> until = std::nullopt);

}  // namespace tidemark::control
