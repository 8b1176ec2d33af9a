// Where a Modbus bus is, as the urls of [[source.modbus]] and of the commands say it:
//
//   tcp://host:port              Modbus TCP, port 502 when none is named
//   rtu+tcp://host:port          RTU frames through a plain converter
//   rtu:///dev/serial/by-id/…?baud=19200&parity=even&stop=1&rs485=kernel
//                                a serial line; the options shown but rs485 are the presets, those
//                                of the Modbus standard (Modbus over serial line 2.5.1)
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace tidemark::config {

struct BusUrl {
  enum class Kind : std::uint8_t { tcp, rtu_tcp, rtu };
  enum class Parity : std::uint8_t { none, even, odd };
  // Who turns an RS-485 line round between sending and listening.
  enum class Direction : std::uint8_t {
    adapter,  // the adapter by itself: most do
    kernel,   // the port's driver (TIOCSRS485)
    rts_up,   // we, by RTS, which is high while we send ...
    rts_down  // ... or low
  };
  Kind kind = Kind::tcp;
  std::string host;
  std::uint16_t port = 0;
  std::string device;  // of rtu: the path
  int baud = 19'200;
  Parity parity = Parity::even;
  int stop_bits = 1;
  Direction direction = Direction::adapter;

  // What two sources share when they share a bus: "plant:502", "/dev/serial/by-id/…".
  [[nodiscard]] std::string place() const;
  // The url with every option.
  [[nodiscard]] std::string text() const;
  friend bool operator==(const BusUrl&, const BusUrl&) = default;
};

// Fault::bad_input says what is wrong and what was expected.
Result<BusUrl> parse_bus_url(std::string_view text);

std::string_view to_string(BusUrl::Parity parity);

}  // namespace tidemark::config
