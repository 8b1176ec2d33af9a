// Modbus TCP with frames of our own: a request costs one send and one receive, and answers are told
// apart by their transaction, so that one that comes late is passed over and no read takes it for
// its own. Private to the folder.
#pragma once

#include <array>
#include <mutex>
#include <optional>

#include "edge/fieldbus/field_bus.h"
#include "edge/fieldbus/line.h"
#include "edge/fieldbus/tcp_frame.h"
#include "edge/fieldbus/wake.h"

namespace tidemark::modbus {

class TcpBus final : public FieldBus {
 public:
  TcpBus(std::unique_ptr<Line> line, const Clock& clock) : line_(std::move(line)), clock_(clock) {}
  ~TcpBus() override { TcpBus::close(); }

  Result<> connect(Nanoseconds timeout) override;
  void close() override;
  Reply read(const Request& request, Nanoseconds timeout, std::span<std::uint16_t> out) override;
  void pause(Nanoseconds time) override { static_cast<void>(wake_.wait(-1, time.count())); }
  void interrupt() override;
  [[nodiscard]] std::uint64_t strays() const override { return strays_; }

 private:
  static constexpr unsigned kStraysMax = 16;  // before one answer

  void drop_pending();
  std::optional<Reply> send(const Request& request);
  // Waits for more bytes until then; the reply when there are none.
  std::optional<Reply> receive(bool first, SteadyTime until);
  Reply timed_out();
  // Frames from the buffer, up to the answer.
  std::optional<Reply> take(const Request& request, std::span<std::uint16_t> out);
  void set_patience(Nanoseconds timeout);
  [[nodiscard]] Reply gone(std::string why) const;

  std::unique_ptr<Line> line_;
  const Clock& clock_;
  Wake wake_;
  std::mutex socket_mutex_;  // interrupt() must not meet a number that was closed and given anew
  int fd_ = -1;
  Nanoseconds patience_{};  // of a receive, as the socket has it
  std::uint16_t transaction_ = 0;
  std::uint64_t sent_ = 0;  // on this connection
  std::array<std::uint8_t, 2 * kTcpFrameBytesMax> buffer_{};
  std::size_t filled_ = 0;
  bool out_of_step_ = false;
  unsigned strays_in_a_row_ = 0;
  std::uint64_t strays_ = 0;
};

}  // namespace tidemark::modbus
