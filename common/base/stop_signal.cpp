#include "common/base/stop_signal.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "common/base/check.h"

namespace tidemark {

StopSignal::StopSignal() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  TIDE_CHECK(::pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0, "cannot block signals");
  std::signal(SIGPIPE, SIG_IGN);
  event_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  signal_fd_ = ::signalfd(-1, &set, SFD_CLOEXEC);
  TIDE_CHECK(event_fd_ >= 0 && signal_fd_ >= 0, "no descriptor left for signals");
  waiter_ = std::thread([this] {
    pollfd fds[2] = {{signal_fd_, POLLIN, 0}, {event_fd_, POLLIN, 0}};
    while (::poll(fds, 2, -1) < 0) {
    }
    ask();
  });
}

StopSignal::StopSignal(ByHand /*only*/) : event_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  TIDE_CHECK(event_fd_ >= 0, "no descriptor left for a signal");
}

StopSignal::~StopSignal() {
  ask();
  if (waiter_.joinable()) {
    waiter_.join();
    ::close(signal_fd_);
  }
  ::close(event_fd_);
}

void StopSignal::ask() {
  asked_.store(true, std::memory_order_relaxed);
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto n = ::write(event_fd_, &one, sizeof one);
}

void notify_service(const char* state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  if (path == nullptr || std::strlen(path) >= sizeof address.sun_path) return;
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path, std::strlen(path));
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(path));
  [[maybe_unused]] const auto n = ::sendto(fd, state, std::strlen(state), MSG_NOSIGNAL,
                                           reinterpret_cast<const sockaddr*>(&address), length);
  ::close(fd);
}

}  // namespace tidemark
