// A serial line in this process: a pseudo-terminal with libmodbus's own RTU server at its far end,
// or a script of raw bytes instead.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <modbus.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace tidemark::modbus {

class RtuServer {
 public:
  using Bytes = std::vector<std::uint8_t>;
  // What to send for a request frame instead of an answer of libmodbus; empty: nothing.
  using Script = std::function<Bytes(const Bytes& request)>;

  // `port` becomes a link to the line, as udev makes one in /dev/serial/by-id.
  explicit RtuServer(std::filesystem::path port) : port_(std::move(port)) {
    fd_ = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    EXPECT_GE(fd_, 0);
    EXPECT_EQ(::grantpt(fd_), 0);
    EXPECT_EQ(::unlockpt(fd_), 0);
    const std::string far = ::ptsname(fd_);
    keep_ = ::open(far.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC);  // no hang-up between masters
    termios raw{};
    ::tcgetattr(keep_, &raw);
    ::cfmakeraw(&raw);
    ::tcsetattr(keep_, TCSANOW, &raw);
    std::filesystem::create_symlink(far, port_);
    context_ = modbus_new_rtu("/dev/null", 19200, 'E', 8, 1);
    modbus_set_socket(context_, fd_);
    mapping_ = modbus_mapping_new_start_address(0, 16, 0, 0, 0, 200, 0, 200);
    thread_ = std::thread([this] { serve(); });
  }
  ~RtuServer() {
    stopping_ = true;
    thread_.join();
    modbus_free(context_);
    modbus_mapping_free(mapping_);
    std::filesystem::remove(port_);
    ::close(keep_);
    ::close(fd_);
  }
  RtuServer(const RtuServer&) = delete;
  RtuServer& operator=(const RtuServer&) = delete;

  [[nodiscard]] modbus_mapping_t& mapping() { return *mapping_; }
  void set_script(Script script) {
    const std::scoped_lock lock(mutex_);
    script_ = std::move(script);
  }
  void send(const Bytes& bytes) const {
    EXPECT_EQ(::write(fd_, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  // Every frame that came over the line.
  [[nodiscard]] std::vector<Bytes> seen() const {
    const std::scoped_lock lock(mutex_);
    return seen_;
  }

 private:
  void serve() {
    while (!stopping_) {
      pollfd p{fd_, POLLIN, 0};
      if (::poll(&p, 1, 10) <= 0 || (p.revents & POLLIN) == 0) continue;
      Bytes frame(8);
      std::size_t got = 0;
      while (got < frame.size() && !stopping_) {
        if (::poll(&p, 1, 10) <= 0) continue;
        const auto n = ::read(fd_, frame.data() + got, frame.size() - got);
        if (n > 0) got += static_cast<std::size_t>(n);
      }
      Script script;
      {
        const std::scoped_lock lock(mutex_);
        seen_.push_back(frame);
        script = script_;
      }
      if (script) {
        const auto answer = script(frame);
        if (!answer.empty()) send(answer);
      } else {
        modbus_set_slave(context_, frame[0]);
        modbus_reply(context_, frame.data(), static_cast<int>(frame.size()), mapping_);
      }
    }
  }

  std::filesystem::path port_;
  int fd_ = -1, keep_ = -1;
  modbus_t* context_ = nullptr;
  modbus_mapping_t* mapping_ = nullptr;
  mutable std::mutex mutex_;
  Script script_;
  std::vector<Bytes> seen_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace tidemark::modbus
