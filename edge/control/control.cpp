#include "edge/control/control.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <list>
#include <nlohmann/json.hpp>
#include <thread>

namespace tidemark::control {
namespace {

constexpr std::size_t kRequestBytesMax = 4096;
constexpr int kRequestPatienceMs = 5000;

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

bool send_line(int fd, const std::string& line) {
  const auto text = line + "\n";
  std::size_t at = 0;
  while (at < text.size()) {
    const auto n = ::send(fd, text.data() + at, text.size() - at, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += static_cast<std::size_t>(n);
  }
  return true;
}

class Server final : public Control {
 public:
  Server(int fd, std::filesystem::path socket, Handlers handlers, pipeline::TapHub& tap)
      : fd_(fd), socket_(std::move(socket)), handlers_(std::move(handlers)), tap_(tap) {
    acceptor_ = std::thread([this] { accept_loop(); });
  }
  ~Server() override {
    stopping_.store(true);
    ::shutdown(fd_, SHUT_RDWR);
    acceptor_.join();
    tap_.close();
    for (auto& c : clients_) {
      ::shutdown(c.fd, SHUT_RDWR);
      c.thread.join();
      ::close(c.fd);
    }
    ::close(fd_);
    ::unlink(socket_.c_str());
  }

 private:
  struct Client {
    int fd = -1;
    std::thread thread;
    std::atomic<bool> done{false};
  };

  void reap() {
    for (auto at = clients_.begin(); at != clients_.end();) {
      if (!at->done.load()) {
        ++at;
        continue;
      }
      at->thread.join();
      ::close(at->fd);
      at = clients_.erase(at);
    }
  }

  void accept_loop() {
    while (!stopping_.load()) {
      const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0 && (errno == EINTR || errno == ECONNABORTED)) continue;
      if (fd < 0) return;
      reap();
      if (clients_.size() >= kClientsMax) {
        send_line(fd, failure("too many control connections; close a tap and try again"));
        ::close(fd);
        continue;
      }
      auto& client = clients_.emplace_back();
      client.fd = fd;
      client.thread = std::thread([this, &client] {
        serve(client.fd);
        ::shutdown(client.fd, SHUT_RDWR);
        client.done.store(true);
      });
    }
  }

  void serve(int fd) {
    std::string request;
    char buffer[512];
    while (request.find('\n') == std::string::npos) {
      pollfd p{fd, POLLIN, 0};
      if (request.size() > kRequestBytesMax || ::poll(&p, 1, kRequestPatienceMs) <= 0) return;
      const auto n = ::recv(fd, buffer, sizeof buffer, 0);
      if (n <= 0) return;
      request.append(buffer, static_cast<std::size_t>(n));
    }
    const auto json = nlohmann::ordered_json::parse(request, nullptr, false);
    if (!json.is_object()) {
      send_line(fd, failure("the request is not a JSON object"));
      return;
    }
    const auto word = [&](const char* key, const char* otherwise) {
      const auto at = json.find(key);
      return at != json.end() && at->is_string() ? at->get<std::string>() : std::string(otherwise);
    };
    const auto command = word("command", "");
    if (command == "status") {
      send_line(fd, handlers_.status());
    } else if (command == "series") {
      send_line(fd, handlers_.series());
    } else if (command == "release" && handlers_.release) {
      send_line(fd, handlers_.release(word("series", "")));
    } else if (command == "buffer") {
      send_line(fd, handlers_.buffer());
    } else if (command == "quarantine") {
      const auto limit = json.find("limit");
      const bool given = limit != json.end() && limit->is_number_unsigned();
      send_line(fd, handlers_.quarantine(given ? limit->get<std::size_t>() : 20));
    } else if (command == "reload") {
      send_line(fd, handlers_.reload());
    } else if (command == "modbus" && handlers_.modbus) {
      send_line(fd, handlers_.modbus(request));
    } else if (command == "clock" && handlers_.clock) {
      send_line(fd, handlers_.clock(request));
    } else if (command == "tap") {
      pipeline::TapKinds kinds{};
      for (const auto& kind : json.value("kinds", nlohmann::ordered_json::array({"raw"}))) {
        kinds[0] = kinds[0] || kind == "raw";
        kinds[1] = kinds[1] || kind == "windows";
        kinds[2] = kinds[2] || kind == "events";
      }
      tap(fd, word("glob", "**"), kinds);
    } else if (command == "history") {
      send_line(fd, handlers_.history());
    } else {
      send_line(fd, failure("unknown command '" + command + "'"));
    }
  }

  void tap(int fd, const std::string& glob, pipeline::TapKinds kinds) {
    const auto subscriber = tap_.subscribe(glob, kinds);
    if (!subscriber) {
      send_line(fd, failure("too many taps are open; close one and try again"));
      return;
    }
    std::uint64_t told = 0;
    bool open = true;
    while (open && !stopping_.load()) {
      for (const auto& line : subscriber->take(std::chrono::milliseconds(500))) {
        open = open && send_line(fd, line);
      }
      if (subscriber->lost() != told) {
        told = subscriber->lost();
        open = open && send_line(fd, nlohmann::ordered_json{{"v", 1}, {"lost_lines", told}}.dump());
      }
      pollfd p{fd, POLLIN, 0};
      char byte = 0;
      if (::poll(&p, 1, 0) > 0 && ::recv(fd, &byte, 1, MSG_PEEK) <= 0) open = false;
    }
    tap_.unsubscribe(subscriber);
  }

  int fd_;
  std::filesystem::path socket_;
  Handlers handlers_;
  pipeline::TapHub& tap_;
  std::atomic<bool> stopping_{false};
  std::list<Client> clients_;  // touched by the acceptor, and by the destructor after it has ended
  std::thread acceptor_;
};

Result<int> connect_to(const std::filesystem::path& socket) {
  TIDE_ASSIGN(const auto address, address_of(socket));
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return system_error("socket", errno);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const int why = errno;
    ::close(fd);
    return system_error("connect to " + socket.string(), why);
  }
  return fd;
}

}  // namespace

std::string failure(const std::string& text) {
  return nlohmann::ordered_json{{"v", 1}, {"error", text}}.dump();
}

Result<std::unique_ptr<Control>> Control::open(const std::filesystem::path& socket,
                                               Handlers handlers, pipeline::TapHub& tap) {
  TIDE_ASSIGN(const auto address, address_of(socket));
  if (auto other = connect_to(socket); other.ok()) {
    ::close(*other);
    return Error{Fault::unavailable, "another agent already answers on " + socket.string()};
  }
  ::unlink(socket.c_str());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return system_error("socket", errno);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::chmod(socket.c_str(), 0660) != 0 || ::listen(fd, 16) != 0) {
    const int why = errno;
    ::close(fd);
    return system_error("listen on " + socket.string(), why);
  }
  return std::unique_ptr<Control>(
      std::make_unique<Server>(fd, socket, std::move(handlers), tap));
}

Result<> ask(const std::filesystem::path& socket, const std::string& request,
             const std::function<bool(const std::string&)>& line,
             std::optional<SteadyTime> until) {
  TIDE_ASSIGN(const int fd, connect_to(socket));
  const SystemClock clock;
  std::string buffer;
  Result<> outcome;
  if (!send_line(fd, request)) outcome = system_error("send to " + socket.string(), errno);
  char chunk[4096];
  bool more = outcome.ok();
  while (more) {
    if (until) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(*until - clock.steady());
      pollfd p{fd, POLLIN, 0};
      if (left.count() <= 0 || ::poll(&p, 1, static_cast<int>(left.count())) == 0) break;
    }
    const auto n = ::recv(fd, chunk, sizeof chunk, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    buffer.append(chunk, static_cast<std::size_t>(n));
    for (auto end = buffer.find('\n'); more && end != std::string::npos; end = buffer.find('\n')) {
      more = line(buffer.substr(0, end));
      buffer.erase(0, end + 1);
    }
  }
  ::close(fd);
  return outcome;
}

}  // namespace tidemark::control
