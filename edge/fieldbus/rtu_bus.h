// RTU over whatever carries bytes. Private to the folder.
//
// RTU has no transaction number. An answer that comes after its timeout looks like the answer to
// the next request when that asks the same unit for as many registers elsewhere; such a request
// waits until the late answer would have come (one timeout more), and throws away what did.
#pragma once

#include <map>
#include <optional>

#include "common/base/bytes.h"
#include "edge/fieldbus/field_bus.h"
#include "edge/fieldbus/line.h"
#include "edge/fieldbus/wake.h"

namespace tidemark::modbus {

class RtuBus final : public FieldBus {
 public:
  RtuBus(std::unique_ptr<Line> line, const Clock& clock)
      : line_(std::move(line)), clock_(clock) {}
  ~RtuBus() override { RtuBus::close(); }

  Result<> connect(Nanoseconds timeout) override;
  void close() override;
  Reply read(const Request& request, Nanoseconds timeout, std::span<std::uint16_t> out) override;
  void pause(Nanoseconds time) override { static_cast<void>(wake_.wait(-1, time.count())); }
  void interrupt() override { wake_.wake(); }
  [[nodiscard]] std::uint64_t strays() const override { return strays_; }

 private:
  std::optional<Reply> settle(const Request& request);
  // Throws away what comes until then, after `stray`.
  std::optional<Reply> drain(SteadyTime until, ByteVector stray);
  std::optional<Reply> send(const Request& request);
  // Appends what is there; broken when the other side is gone.
  std::optional<Reply> receive(ByteVector& bytes);
  Reply wait_for_answer(const Request& request, Nanoseconds timeout, std::span<std::uint16_t> out);

  std::unique_ptr<Line> line_;
  const Clock& clock_;
  Wake wake_;
  int fd_ = -1;
  SteadyTime quiet_since_{};
  std::uint64_t strays_ = 0;
  struct Unanswered {
    Request request;
    SteadyTime until;  // a late answer may come
  };
  std::map<std::uint8_t, Unanswered> unanswered_;  // the last one of each unit
};

}  // namespace tidemark::modbus
