// A Modbus bus as the poller sees it: connect, read, close. Only reading functions exist here, so
// that nothing in this program can write to a machine.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "common/base/result.h"
#include "common/base/time.h"
#include "edge/config/bus_url.h"

namespace tidemark::modbus {

struct Request {
  std::uint8_t unit = 1;
  std::uint8_t function = 3;  // 1 to 4
  std::uint16_t address = 0;
  std::uint16_t count = 1;
  bool any_unit = false;  // an answer may name another unit
};

struct Reply {
  enum class Kind : std::uint8_t {
    good,
    exception,  // the device answered that it cannot: `exception` says why
    silent,     // no answer in time
    garbled,    // an answer to something else, or half of one: `text` says what
    broken,     // the connection is gone
  };
  Kind kind = Kind::good;
  std::uint8_t exception = 0;
  std::string text;  // of broken: why
};

// One thread, but for interrupt().
class FieldBus {
 public:
  virtual ~FieldBus() = default;
  // Fault::unavailable after at most `timeout`, with what to look at; denied when another program
  // has the port.
  virtual Result<> connect(Nanoseconds timeout) = 0;
  virtual void close() = 0;
  // Coils and inputs (functions 1, 2) come as one register each, 0 or 1. `out` holds count entries.
  virtual Reply read(const Request& request, Nanoseconds timeout, std::span<std::uint16_t> out) = 0;
  // Waits, for a device that needs it.
  virtual void pause(Nanoseconds time) = 0;
  // Answers to no request of now, since the start: late ones, noise.
  [[nodiscard]] virtual std::uint64_t strays() const { return 0; }
  // Any thread: a call under way ends soon, as silent or broken, and so do all until connect().
  virtual void interrupt() = 0;
};

// By the url's kind: Modbus TCP, or RTU through a TCP connection or a serial port, which libmodbus
// sets up. A port is locked (flock, TIOCEXCL): a second master on a line would collide with the
// first.
std::unique_ptr<FieldBus> field_bus(const config::BusUrl& url, const Clock& clock);

}  // namespace tidemark::modbus
