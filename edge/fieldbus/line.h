// What carries the bytes of a bus. Private to the folder.
#pragma once

#include <memory>

#include "common/base/result.h"
#include "common/base/time.h"
#include "edge/config/bus_url.h"

namespace tidemark::modbus {

// A descriptor that reads and writes without blocking, and how it is opened and closed.
class Line {
 public:
  virtual ~Line() = default;
  virtual Result<int> open(Nanoseconds timeout) = 0;
  virtual void close() = 0;
  // Around every frame that is sent, for lines whose direction we turn.
  virtual void talk(bool /*on*/) {}
  // Silence between RTU frames (3.5 characters).
  [[nodiscard]] virtual Nanoseconds gap() const = 0;
};
std::unique_ptr<Line> serial_line(const config::BusUrl& url);
std::unique_ptr<Line> tcp_line(const config::BusUrl& url);

}  // namespace tidemark::modbus
