// How commands reach a device: through the agent when it owns the bus, since two masters collide on
// a line, else by a connection of their own. Private to the folder.
#pragma once

#include <memory>
#include <string>

#include "common/cli/command.h"
#include "edge/cli/agent.h"
#include "edge/config/bus_url.h"
#include "edge/modbus/sunspec.h"

namespace tidemark::edge {

// The options that name a device, of `profile probe`, `profile scan` and `modbus read`.
struct DeviceWords {
  std::string url, tcp, serial, rtu_tcp, source, parity;
  std::uint64_t baud = 0, unit = 0;
  std::string timeout;
  void declare(cli::Command& c, bool with_unit);
};

struct Device {
  config::BusUrl url;
  std::uint8_t unit = 1;
  Nanoseconds timeout = std::chrono::seconds(1);
  std::string profile;     // of a configured source
  std::string byte_order;  // the same
};
// Fault::bad_input for words that do not name one device.
Result<Device> device_of(const DeviceWords& words, const std::string& config_file);

class BusAccess {
 public:
  // Fault::unavailable when the device's connection cannot be made.
  static Result<BusAccess> open(const Device& device, const Agent& agent);
  // The same without asking the agent, for a line that it does not own.
  static Result<BusAccess> open_directly(const Device& device);
  static bool owned_by_agent(const Device& device, const Agent& agent);

  [[nodiscard]] modbus::ReadRegisters reader() const { return read_; }
  [[nodiscard]] bool through_agent() const { return through_agent_; }

 private:
  modbus::ReadRegisters read_;
  bool through_agent_ = false;
};

}  // namespace tidemark::edge
