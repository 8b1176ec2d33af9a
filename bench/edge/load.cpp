// Publishes JSON over MQTT as fast as a loopback socket takes it, for a broker under measurement:
// packets are built in place and written in large pieces, so that the load costs the two cores of
// the bench as little as it can. It shares no code with the product.
//
//   tidemark-edge-load PORT MESSAGES RATE BATCH QOS CONNECTIONS [SENSORS]
//
// RATE is messages a second over all, BATCH the values of each: 1 is {"ts":US,"v":N}, more is
// {"t0":NS,"dt_us":N,"v":[...]}. SENSORS (100) topics bench/mNNN/v take turns; a sensor's times
// rise.
// Prints one JSON object when the broker has taken all of it: `seconds` until the last message had
// left, `drained` until the broker had answered (with QoS 0 a PINGREQ behind the last message: what
// fills socket buffers is not taken). It exits 1 and says why when the broker closes a connection.
#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/tcp.h>

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;
using std::chrono::system_clock;

constexpr std::size_t kOutBytesMax = 256 * 1024;  // built and not yet written, of a connection
constexpr std::uint64_t kUnackedMax = 200;        // QoS 1, of a connection
constexpr auto kTick = std::chrono::microseconds(1000);

struct Settings {
  std::uint16_t port;
  std::uint64_t messages;
  double rate;
  std::uint64_t batch;
  int qos;
  std::size_t connections;
  std::size_t sensors;
};

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(errno == 0 ? what : what + ": " + std::strerror(errno));
}

struct Sensor {
  std::string topic;
  std::int64_t next_ns = 0;    // no sample before it
  std::uint32_t milli = 0;     // a walk between 100.000 and 999.999
  std::uint32_t state = 1;
};

class Connection {
 public:
  Connection(std::uint16_t port, std::size_t number, int qos) : qos_(qos) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      fail("connect");
    }
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const auto id = fmt::format("load{:04}", number);
    std::string packet("\x10\x14\x00\x04MQTT\x04\x02\x00\x00\x00\x08", 14);
    packet += id;
    std::array<char, 4> connack{};
    if (::send(fd_, packet.data(), packet.size(), 0) != static_cast<ssize_t>(packet.size()) ||
        ::recv(fd_, connack.data(), 4, MSG_WAITALL) != 4 || connack[3] != 0) {
      fail("the broker does not take the connection");
    }
    ::fcntl(fd_, F_SETFL, O_NONBLOCK);
  }
  ~Connection() { ::close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] bool room() const {
    return out_.size() - written_ < kOutBytesMax && (qos_ == 0 || unacked_ < kUnackedMax);
  }
  [[nodiscard]] bool sent() const { return written_ == out_.size(); }
  [[nodiscard]] bool done() const { return sent() && unacked_ == 0; }

  // With QoS 0 nothing says that a message was taken, but the broker answers in order.
  void ask() {
    if (qos_ != 0) return;
    out_ += "\xc0";
    out_ += '\0';
    unacked_ = 1;
  }

  void publish(const std::string& topic, const std::string& payload) {
    const auto length = 2 + topic.size() + (qos_ > 0 ? 2 : 0) + payload.size();
    out_ += static_cast<char>(qos_ > 0 ? 0x32 : 0x30);
    for (auto left = length; ; left /= 128) {
      out_ += static_cast<char>(left % 128 + (left >= 128 ? 128 : 0));
      if (left < 128) break;
    }
    out_ += static_cast<char>(topic.size() >> 8);
    out_ += static_cast<char>(topic.size());
    out_ += topic;
    if (qos_ > 0) {
      packet_id_ = static_cast<std::uint16_t>(packet_id_ == 0xffff ? 1 : packet_id_ + 1);
      out_ += static_cast<char>(packet_id_ >> 8);
      out_ += static_cast<char>(packet_id_);
      ++unacked_;
    }
    out_ += payload;
  }

  // Writes what goes and reads the answers, each of a fixed size.
  void turn() {
    if (written_ < out_.size()) {
      const auto n = ::send(fd_, out_.data() + written_, out_.size() - written_, MSG_NOSIGNAL);
      if (n < 0 && errno != EAGAIN) fail("the broker closed a connection");
      if (n > 0) written_ += static_cast<std::size_t>(n);
      if (written_ == out_.size()) {
        out_.clear();
        written_ = 0;
      }
    }
    if (unacked_ == 0) return;
    const std::uint64_t answer_bytes = qos_ == 0 ? 2 : 4;
    std::array<char, 4096> acks{};
    for (;;) {
      const auto n = ::recv(fd_, acks.data(), acks.size(), 0);
      if (n == 0 || (n < 0 && errno != EAGAIN)) fail("the broker closed a connection");
      if (n < 0) return;
      ack_bytes_ += static_cast<std::uint64_t>(n);
      unacked_ -= ack_bytes_ / answer_bytes;
      ack_bytes_ %= answer_bytes;
      if (n < static_cast<ssize_t>(acks.size())) return;
    }
  }

 private:
  int fd_ = -1;
  int qos_;
  std::uint16_t packet_id_ = 0;
  std::uint64_t unacked_ = 0;
  std::uint64_t ack_bytes_ = 0;
  std::string out_;
  std::size_t written_ = 0;
};

void append_value(Sensor& s, std::string& out) {
  s.state = s.state * 1664525 + 1013904223;
  s.milli = std::min(s.milli + (s.state >> 20) % 64, 899'999U);
  s.milli -= std::min(s.milli, (s.state >> 26) % 64);
  const auto v = 100'000 + s.milli;
  for (auto divisor = 100'000U; divisor > 0; divisor /= 10) {
    if (divisor == 100) out += '.';
    out += static_cast<char>('0' + v / divisor % 10);
  }
}

// The message that ends now: `step_ns` lies between two samples of this sensor.
void fill(Sensor& s, std::uint64_t batch, std::int64_t step_ns, std::string& out) {
  const auto now = std::chrono::duration_cast<nanoseconds>(
      system_clock::now().time_since_epoch()).count();
  const auto span = step_ns * static_cast<std::int64_t>(batch);
  const auto start = std::max(s.next_ns, (now - span) / 1000 * 1000);
  out.clear();
  if (batch == 1) {
    fmt::format_to(std::back_inserter(out), R"({{"ts":{},"v":)", start / 1000);
    append_value(s, out);
  } else {
    fmt::format_to(std::back_inserter(out), R"({{"t0":{},"dt_us":{},"v":[)", start,
                   step_ns / 1000);
    for (std::uint64_t i = 0; i < batch; ++i) {
      if (i > 0) out += ',';
      append_value(s, out);
    }
    out += ']';
  }
  out += '}';
  s.next_ns = start + span;
}

int run(const Settings& settings) {
  std::vector<Sensor> sensors(settings.sensors);
  for (std::size_t i = 0; i < sensors.size(); ++i) {
    sensors[i].topic = fmt::format("bench/m{:03}/v", i);
    sensors[i].milli = static_cast<std::uint32_t>(i * 4001);
    sensors[i].state = static_cast<std::uint32_t>(i + 1);
  }
  std::vector<std::unique_ptr<Connection>> connections;
  for (std::size_t i = 0; i < settings.connections; ++i) {
    connections.push_back(std::make_unique<Connection>(settings.port, i, settings.qos));
  }
  const double of_a_sensor = settings.rate * static_cast<double>(settings.batch) /
                             static_cast<double>(sensors.size());
  const auto step_us = static_cast<std::int64_t>(1e6 / of_a_sensor);
  const auto step_ns = std::max<std::int64_t>(step_us, 1) * 1000;
  std::string payload;
  std::uint64_t sent = 0;
  const auto begin = steady_clock::now();
  const auto elapsed = [&] {
    return std::chrono::duration<double>(steady_clock::now() - begin).count();
  };
  while (sent < settings.messages) {
    const auto due = std::min(settings.messages,
                              static_cast<std::uint64_t>(elapsed() * settings.rate) + 1);
    // A sensor keeps to one connection, as a device does.
    while (sent < due) {
      const auto sensor = sent % sensors.size();
      auto& connection = *connections[sensor % settings.connections];
      if (!connection.room()) break;
      fill(sensors[sensor], settings.batch, step_ns, payload);
      connection.publish(sensors[sensor].topic, payload);
      ++sent;
    }
    for (auto& c : connections) c->turn();
    // Also when the broker is behind: turning in place takes the core that it needs.
    std::this_thread::sleep_for(sent == due ? kTick : kTick / 4);
  }
  const auto until = [&](auto reached) {
    while (!std::all_of(connections.begin(), connections.end(), reached)) {
      for (auto& c : connections) c->turn();
      std::this_thread::sleep_for(kTick);
    }
  };
  until([](const auto& c) { return c->sent(); });
  const auto seconds = elapsed();
  for (auto& c : connections) c->ask();
  until([](const auto& c) { return c->done(); });
  const auto drained = elapsed();
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto cpu = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  const auto out = fmt::format(
      "{{\"v\":1,\"messages\":{},\"values\":{},\"seconds\":{:.3f},"
      "\"drained\":{:.3f},\"cpu_seconds\":{:.3f}}}\n",
      sent, sent * settings.batch, seconds, drained, cpu(used.ru_utime) + cpu(used.ru_stime));
  std::fputs(out.c_str(), stdout);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7 && argc != 8) {
    std::fputs("usage: tidemark-edge-load PORT MESSAGES RATE BATCH QOS CONNECTIONS [SENSORS]\n",
               stderr);
    return 64;
  }
  try {
    return run({.port = static_cast<std::uint16_t>(std::stoul(argv[1])),
                .messages = std::stoull(argv[2]),
                .rate = std::stod(argv[3]),
                .batch = std::stoull(argv[4]),
                .qos = std::stoi(argv[5]),
                .connections = std::stoull(argv[6]),
                .sensors = argc == 8 ? std::stoull(argv[7]) : 100});
  } catch (const std::exception& e) {
    std::fputs((std::string("tidemark-edge-load: ") + e.what() + "\n").c_str(), stderr);
    return 1;
  }
}
