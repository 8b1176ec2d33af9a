#include <fmt/format.h>
#include <modbus.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <mutex>

#include "edge/modbus/field_bus.h"
#include "edge/modbus/rtu_bus.h"
#include "edge/modbus/wake.h"

namespace tidemark::modbus {
namespace {

constexpr auto kByteTimeoutMax = std::chrono::milliseconds(500);

struct ContextDeleter {
  void operator()(modbus_t* context) const { modbus_free(context); }
};

struct Parts {
  std::uint32_t seconds;
  std::uint32_t microseconds;
};
Parts parts_of(Nanoseconds timeout) {
  const auto us = std::max<std::int64_t>(1, timeout.count() / 1000);
  return {static_cast<std::uint32_t>(us / 1'000'000), static_cast<std::uint32_t>(us % 1'000'000)};
}

class TcpBus final : public FieldBus {
 public:
  TcpBus(std::string host, std::uint16_t port) : host_(std::move(host)), port_(port) {}
  ~TcpBus() override { TcpBus::close(); }

  Result<> connect(Nanoseconds timeout) override {
    close();
    wake_.arm();
    context_.reset(modbus_new_tcp_pi(host_.c_str(), std::to_string(port_).c_str()));
    if (!context_) return fault("set up");
    set_timeouts(timeout);
    if (modbus_connect(context_.get()) != 0) {
      auto error = fault("connect");
      context_.reset();
      return error;
    }
    const std::scoped_lock lock(socket_mutex_);
    socket_ = modbus_get_socket(context_.get());
    return {};
  }

  void close() override {
    if (!context_) return;
    {
      const std::scoped_lock lock(socket_mutex_);
      socket_ = -1;
    }
    modbus_close(context_.get());
    context_.reset();
  }

  Reply read(const Request& request, Nanoseconds timeout, std::span<std::uint16_t> out) override {
    if (!context_) return {Reply::Kind::broken, 0, "not connected"};
    set_timeouts(timeout);
    if (modbus_set_slave(context_.get(), request.unit) != 0) {
      return {Reply::Kind::broken, 0, fmt::format("unit {} is not valid on TCP", request.unit)};
    }
    // What is left of an earlier, late answer would be taken for this one.
    modbus_flush(context_.get());
    errno = 0;
    const int got = ask(request, out);
    if (got == request.count) return {};
    return reply_of(got < 0 ? errno : EMBBADDATA);
  }

  void pause(Nanoseconds time) override { static_cast<void>(wake_.wait(-1, time.count())); }

  void interrupt() override {
    wake_.wake();
    const std::scoped_lock lock(socket_mutex_);
    if (socket_ >= 0) ::shutdown(socket_, SHUT_RDWR);
  }

 private:
  int ask(const Request& request, std::span<std::uint16_t> out) {
    const int address = request.address;
    const int count = request.count;
    switch (request.function) {
      case 3: return modbus_read_registers(context_.get(), address, count, out.data());
      case 4: return modbus_read_input_registers(context_.get(), address, count, out.data());
      default: break;
    }
    std::array<std::uint8_t, MODBUS_MAX_READ_BITS> bits{};
    const int got = request.function == 1
                        ? modbus_read_bits(context_.get(), address, count, bits.data())
                        : modbus_read_input_bits(context_.get(), address, count, bits.data());
    for (int i = 0; i < got; ++i) {
      out[static_cast<std::size_t>(i)] = bits[static_cast<std::size_t>(i)];
    }
    return got;
  }

  static Reply reply_of(int error) {
    if (error > MODBUS_ENOBASE && error <= EMBXGTAR) {
      return {Reply::Kind::exception, static_cast<std::uint8_t>(error - MODBUS_ENOBASE), ""};
    }
    switch (error) {
      case ETIMEDOUT: return {Reply::Kind::silent, 0, ""};
      case EMBBADCRC:
      case EMBBADDATA:
      case EMBBADEXC:
      case EMBMDATA:
      case EMBBADSLAVE: return {Reply::Kind::garbled, 0, modbus_strerror(error)};
      default: return {Reply::Kind::broken, 0, modbus_strerror(error)};
    }
  }

  void set_timeouts(Nanoseconds timeout) {
    const auto whole = parts_of(timeout);
    modbus_set_response_timeout(context_.get(), whole.seconds, whole.microseconds);
    // Half an answer ends the wait here; libmodbus's own default is the same half second.
    const auto byte = parts_of(std::min<Nanoseconds>(timeout, kByteTimeoutMax));
    modbus_set_byte_timeout(context_.get(), byte.seconds, byte.microseconds);
  }

  [[nodiscard]] Error fault(std::string_view what) const {
    return {Fault::unavailable,
            fmt::format("{} {}:{}: {}; is the device on, are host and port right?", what, host_,
                        port_, modbus_strerror(errno))};
  }

  std::string host_;
  std::uint16_t port_;
  std::unique_ptr<modbus_t, ContextDeleter> context_;
  Wake wake_;
  std::mutex socket_mutex_;  // interrupt() must not meet a number that was closed and given anew
  int socket_ = -1;
};

}  // namespace

std::unique_ptr<FieldBus> field_bus(const config::BusUrl& url, const Clock& clock) {
  switch (url.kind) {
    case config::BusUrl::Kind::tcp: return std::make_unique<TcpBus>(url.host, url.port);
    case config::BusUrl::Kind::rtu: return std::make_unique<RtuBus>(serial_line(url), clock);
    case config::BusUrl::Kind::rtu_tcp: return std::make_unique<RtuBus>(tcp_line(url), clock);
  }
  TIDE_CHECK(false, "a url of no kind");
}

}  // namespace tidemark::modbus
