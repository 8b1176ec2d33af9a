// A mosquitto of the test's own, on a free port of the loopback, with sessions in memory.
#pragma once

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/eventually.h"

extern char** environ;

namespace tidemark::test {

inline sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

inline int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto address = loopback(0);
  socklen_t size = sizeof address;
  ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(fd);
  return ntohs(address.sin_port);
}

class BrokerProcess {
 public:
  static constexpr const char* kProgram = "/usr/sbin/mosquitto";
  static bool installed() { return std::filesystem::exists(kProgram); }

  // `more`: of its configuration; `client`: options of mosquitto_pub that lead to it.
  explicit BrokerProcess(const std::filesystem::path& folder,
                         std::string_view more = "allow_anonymous true",
                         std::string_view client = "-h 127.0.0.1")
      : config_(folder / "mosquitto.conf"), more_(more), client_(client), port_(free_port()) {
    start();
  }
  ~BrokerProcess() { stop(SIGTERM); }
  BrokerProcess(const BrokerProcess&) = delete;
  BrokerProcess& operator=(const BrokerProcess&) = delete;

  void start() {
    std::ofstream(config_) << "listener " << port_ << " 127.0.0.1\nlog_type none\n" << more_
                           << "\n";
    std::vector<std::string> words{kProgram, "-c", config_.string()};
    std::vector<char*> arguments;
    for (auto& w : words) arguments.push_back(w.data());
    arguments.push_back(nullptr);
    if (::posix_spawn(&pid_, kProgram, nullptr, nullptr, arguments.data(), environ) != 0) pid_ = 0;
    wait_until_it_answers();
  }
  // Asks again: mosquitto forgets a SIGTERM that comes while it starts, when it listens already.
  void stop(int signal) {
    if (pid_ <= 0) return;
    eventually([&] {
      ::kill(pid_, signal);
      return ::waitpid(pid_, nullptr, WNOHANG) == pid_;
    });
    pid_ = 0;
  }
  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] std::string url() const { return fmt::format("mqtt://127.0.0.1:{}", port_); }

  // Publishes with QoS 1, one message a line, and returns when the broker has them all.
  void publish(std::string_view topic, const std::vector<std::string>& payloads) const {
    const auto command = fmt::format("mosquitto_pub {} -p {} -q 1 -t '{}' -l", client_, port_,
                                     topic);
    std::FILE* pipe = ::popen(command.c_str(), "w");
    for (const auto& payload : payloads) std::fputs((payload + "\n").c_str(), pipe);
    ::pclose(pipe);
  }

 private:
  void wait_until_it_answers() const {
    eventually([this] {
      const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      const auto address = loopback(port_);
      const bool up =
          ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
      ::close(fd);
      return up;
    });
  }

  std::filesystem::path config_;
  std::string more_, client_;
  int port_;
  pid_t pid_ = 0;
};

}  // namespace tidemark::test
