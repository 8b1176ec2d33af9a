// RTU over whatever carries bytes. Private to the folder.
//
// RTU has no transaction number. An answer that comes after its timeout looks like the answer to
// the next request when that asks the same unit for as many registers elsewhere; such a request
// waits until the late answer would have come (one timeout more), and throws away what did.
#pragma once

#include <optional>

#include "common/base/bytes.h"
#include "edge/modbus/field_bus.h"
#include "edge/modbus/wake.h"

namespace tidemark::modbus {

// A descriptor that reads and writes without blocking, and how it is opened and closed.
class RtuLine {
 public:
  virtual ~RtuLine() = default;
  virtual Result<int> open(Nanoseconds timeout) = 0;
  virtual void close() = 0;
  // Around every frame that is sent, for lines whose direction we turn.
  virtual void talk(bool /*on*/) {}
  // Silence between frames (3.5 characters).
  [[nodiscard]] virtual Nanoseconds gap() const = 0;
};
std::unique_ptr<RtuLine> serial_line(const config::BusUrl& url);
std::unique_ptr<RtuLine> tcp_line(const config::BusUrl& url);

class RtuBus final : public FieldBus {
 public:
  RtuBus(std::unique_ptr<RtuLine> line, const Clock& clock)
      : line_(std::move(line)), clock_(clock) {}
  ~RtuBus() override { RtuBus::close(); }

  Result<> connect(Nanoseconds timeout) override;
  void close() override;
  Reply read(const Request& request, Nanoseconds timeout, std::span<std::uint16_t> out) override;
  void pause(Nanoseconds time) override { static_cast<void>(wake_.wait(-1, time.count())); }
  void interrupt() override { wake_.wake(); }

 private:
  std::optional<Reply> settle(const Request& request);
  std::optional<Reply> drain(SteadyTime until);
  std::optional<Reply> send(const Request& request);
  // Appends what is there; broken when the other side is gone.
  std::optional<Reply> receive(ByteVector& bytes);
  Reply wait_for_answer(const Request& request, Nanoseconds timeout, std::span<std::uint16_t> out);

  std::unique_ptr<RtuLine> line_;
  const Clock& clock_;
  Wake wake_;
  int fd_ = -1;
  SteadyTime quiet_since_{};
  struct Unanswered {
    Request request;
    SteadyTime until;  // a late answer may come
  };
  std::optional<Unanswered> unanswered_;
};

}  // namespace tidemark::modbus
