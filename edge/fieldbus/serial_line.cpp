#include <fcntl.h>
#include <fmt/format.h>
#include <modbus.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>

#include "edge/fieldbus/line.h"

namespace tidemark::modbus {
namespace {

using config::BusUrl;

struct ContextDeleter {
  void operator()(modbus_t* context) const { modbus_free(context); }
};

// libmodbus opens the port and sets speed, parity and the RS-485 direction; it restores the port's
// settings when it closes it.
class SerialLine final : public Line {
 public:
  explicit SerialLine(BusUrl url) : url_(std::move(url)) {}
  ~SerialLine() override { SerialLine::close(); }

  Result<int> open(Nanoseconds) override {
    close();
    const char parity = url_.parity == BusUrl::Parity::none   ? 'N'
                        : url_.parity == BusUrl::Parity::even ? 'E'
                                                              : 'O';
    // Before anything is changed: the port may be another program's.
    lock_ = ::open(url_.device.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (lock_ < 0) return fault(errno, advice(errno));
    if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) return fault(EBUSY, advice(EBUSY));
    context_.reset(modbus_new_rtu(url_.device.c_str(), url_.baud, parity, 8, url_.stop_bits));
    if (!context_) return fault(errno, "");
    if (modbus_connect(context_.get()) != 0) return fault(errno, advice(errno));
    connected_ = true;
    const int fd = modbus_get_socket(context_.get());
    static_cast<void>(::ioctl(fd, TIOCEXCL));
    // libmodbus leaves VMIN at 0: reading nothing would look like the end of the line.
    termios settings{};
    if (::tcgetattr(fd, &settings) != 0) return fault(errno, "is it a serial port?");
    settings.c_cc[VMIN] = 1;
    if (::tcsetattr(fd, TCSANOW, &settings) != 0) return fault(errno, "is it a serial port?");
    if (!set_direction()) {
      return fault(errno, "its driver does not turn an RS-485 line; leave rs485 out when the "
                          "adapter does it by itself, else try rs485=rts-up");
    }
    return fd;
  }

  void close() override {
    if (connected_) {
      static_cast<void>(::ioctl(modbus_get_socket(context_.get()), TIOCNXCL));
      modbus_close(context_.get());
    }
    connected_ = false;
    context_.reset();
    if (lock_ >= 0) ::close(lock_);
    lock_ = -1;
  }

  // libmodbus drives RTS around its own sending only, and the frames are ours.
  void talk(bool on) override {
    const bool up = url_.direction == BusUrl::Direction::rts_up;
    if (!up && url_.direction != BusUrl::Direction::rts_down) return;
    if (!on) static_cast<void>(::tcdrain(modbus_get_socket(context_.get())));
    static_cast<void>(set_rts(on == up));
  }

  // 3.5 characters of 11 bits; above 19,200 baud 1.75 ms (Modbus over serial line 2.5.1.1).
  [[nodiscard]] Nanoseconds gap() const override {
    if (url_.baud > 19'200) return std::chrono::microseconds(1750);
    return Nanoseconds(std::int64_t{38'500'000'000} / url_.baud);
  }

 private:
  bool set_direction() {
    switch (url_.direction) {
      case BusUrl::Direction::adapter: return true;
      case BusUrl::Direction::kernel:
        return modbus_rtu_set_serial_mode(context_.get(), MODBUS_RTU_RS485) == 0;
      default: return set_rts(url_.direction == BusUrl::Direction::rts_down);  // listen
    }
  }
  bool set_rts(bool high) {
    const int rts = TIOCM_RTS;
    return ::ioctl(modbus_get_socket(context_.get()), high ? TIOCMBIS : TIOCMBIC, &rts) == 0;
  }

  static std::string advice(int error) {
    switch (error) {
      case ENOENT:
      case ENXIO:
      case ENODEV:
        return "is the adapter plugged in? look at /dev/serial/by-id; the service sees it once its "
               "sandbox has serial ports: tidemark-edge(8)";
      case EACCES:
      case EPERM:
        return "the user of this program is not in the group dialout; of the service: "
               "tidemark-edge(8), SERIAL PORTS";
      case EBUSY: return "another program has it; a line has one master";
      default: return "";
    }
  }
  [[nodiscard]] Error fault(int error, const std::string& next) {
    close();
    const auto fault = error == EACCES || error == EPERM || error == EBUSY ? Fault::denied
                                                                           : Fault::unavailable;
    return {fault, fmt::format("open {}: {}{}{}", url_.device, modbus_strerror(error),
                               next.empty() ? "" : "; ", next)};
  }

  BusUrl url_;
  std::unique_ptr<modbus_t, ContextDeleter> context_;
  bool connected_ = false;
  int lock_ = -1;
};

}  // namespace

std::unique_ptr<Line> serial_line(const config::BusUrl& url) {
  return std::make_unique<SerialLine>(url);
}

}  // namespace tidemark::modbus
