#include "gateway/daemon/control.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <optional>
#include <thread>

#include "common/base/disk.h"

namespace tidemark::gateway {
namespace {

constexpr std::size_t kRequestBytesMax = 4096;
constexpr std::size_t kAnswerBytesMax = 64 << 20;
constexpr int kPatienceSeconds = 2;

Result<sockaddr_un> address_of(const std::filesystem::path& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.native().size() >= sizeof address.sun_path) {
    return Error{Fault::bad_input, "socket path " + socket.string() +
                                       " is longer than 107 bytes; choose a shorter run_dir"};
  }
  std::memcpy(address.sun_path, socket.c_str(), socket.native().size());
  return address;
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {
    const timeval patience{kPatienceSeconds, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  }
  ~Descriptor() { ::close(fd_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

  // Up to the first line end.
  std::optional<std::string> read_line(std::size_t bytes_max) const {
    std::string line;
    std::array<char, 4096> buffer;
    while (line.size() <= bytes_max) {
      const auto n = ::recv(fd_, buffer.data(), buffer.size(), 0);
      if (n <= 0) return std::nullopt;
      line.append(buffer.data(), static_cast<std::size_t>(n));
      if (const auto end = line.find('\n', line.size() - static_cast<std::size_t>(n));
          end != std::string::npos) {
        return line.substr(0, end);
      }
    }
    return std::nullopt;
  }
  bool write_line(const std::string& text) const {
    const auto line = text + "\n";
    for (std::size_t at = 0; at < line.size();) {
      const auto n = ::send(fd_, line.data() + at, line.size() - at, MSG_NOSIGNAL);
      if (n <= 0) return false;
      at += static_cast<std::size_t>(n);
    }
    return true;
  }

 private:
  int fd_;
};

Result<std::unique_ptr<Descriptor>> connect_to(const std::filesystem::path& socket) {
  TIDE_ASSIGN(const auto address, address_of(socket));
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return system_error("socket", errno);
  auto d = std::make_unique<Descriptor>(fd);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return system_error(socket.string(), errno);
  }
  return d;
}

class Served final : public Control {
 public:
  Served(int fd, std::filesystem::path socket, Answer answer)
      : fd_(fd), socket_(std::move(socket)), answer_(std::move(answer)),
        thread_([this] { run(); }) {}
  ~Served() override {
    stopping_.store(true);
    ::shutdown(fd_, SHUT_RDWR);
    thread_.join();
    ::close(fd_);
    ::unlink(socket_.c_str());
  }

 private:
  void run() {
    while (!stopping_.load()) {
      const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0 && (errno == EINTR || errno == ECONNABORTED)) continue;
      if (fd < 0) return;
      const Descriptor client(fd);
      if (const auto request = client.read_line(kRequestBytesMax)) {
        client.write_line(answer_(*request));
      }
    }
  }

  int fd_;
  std::filesystem::path socket_;
  Answer answer_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<Control>> Control::open(const std::filesystem::path& socket, Answer answer) {
  if (connect_to(socket)) {
    return Error{Fault::unavailable, socket.string() + ": another gateway answers here"};
  }
  TIDE_TRY(make_folder(socket.parent_path()));
  TIDE_ASSIGN(const auto address, address_of(socket));
  ::unlink(socket.c_str());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return system_error("socket", errno);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::chmod(socket.c_str(), 0660) != 0 || ::listen(fd, 16) != 0) {
    auto error = system_error("listen on " + socket.string(), errno);
    ::close(fd);
    return error;
  }
  return std::unique_ptr<Control>(std::make_unique<Served>(fd, socket, std::move(answer)));
}

Result<std::string> ask(const std::filesystem::path& socket, const std::string& request) {
  TIDE_ASSIGN(const auto d, connect_to(socket));
  if (!d->write_line(request)) return system_error(socket.string(), errno);
  auto answer = d->read_line(kAnswerBytesMax);
  if (!answer) return Error{Fault::unavailable, socket.string() + ": no answer"};
  return std::move(*answer);
}

}  // namespace tidemark::gateway
