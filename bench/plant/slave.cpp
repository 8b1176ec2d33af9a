#include "bench/plant/slave.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <modbus.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <map>
#include <vector>

#include "bench/plant/register_image.h"

namespace tidemark::plant {
namespace {

constexpr int kPollMs = 50;          // how quickly stop and restarts are noticed
constexpr int kConnectionsMax = 8;   // like a real meter: further ones wait in the backlog
constexpr int kReadRegistersMax = 125;

struct ModbusDeleter {
  void operator()(modbus_t* context) const { modbus_free(context); }
};
struct MappingDeleter {
  void operator()(modbus_mapping_t* mapping) const { modbus_mapping_free(mapping); }
};

struct Request {
  int unit;
  int function;
  int address;
  int count;
};

// MBAP: transaction, protocol, length (2 bytes each), unit; then function, address, count.
Request parse(const std::array<std::uint8_t, MODBUS_TCP_MAX_ADU_LENGTH>& adu) {
  return {adu[6], adu[7], (adu[8] << 8) | adu[9], (adu[10] << 8) | adu[11]};
}

// -1 and errno set when the address is taken.
int listen_on(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (::bind(fd, generic, sizeof address) != 0 || ::listen(fd, kConnectionsMax) != 0) {
    ::close(fd);
    return -1;
  }
  return fd;
}

int port_of(int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

}  // namespace

bool answers_at(const SlaveOptions& options, std::int64_t unix_s) {
  if (options.of == 0) return true;
  if (options.spread) return unix_s % (options.of / options.answers) == 0;
  return unix_s % options.of < options.answers;
}

struct Slave::State {
  State(const SlaveOptions& o, const Model& m, std::uint64_t s, PlantLog& l)
      : options(o), model(m), seed(s), log(l) {}

  SlaveOptions options;
  Model model;
  std::uint64_t seed;
  PlantLog& log;
  std::unique_ptr<modbus_t, ModbusDeleter> context;
  std::unique_ptr<modbus_mapping_t, MappingDeleter> mapping;
  int listener = -1;
  std::map<int, std::uint64_t> connections;  // descriptor to the connection's number
  std::uint64_t next_connection = 1;
  std::uint64_t requests = 0;
  std::uint32_t serial = 0;  // of the last answer
  std::int64_t started_ns = wall_ns();
  std::atomic<bool> stop{false};

  void run();
  void serve(int fd);
  void answer(int fd, const Request& request, const std::uint8_t* adu, int bytes);
  void close_all();
  [[nodiscard]] bool should_be_down() const;
  void tell(int fd, const Request& request, const std::string& outcome, const std::string& rest);
};

bool Slave::State::should_be_down() const {
  const auto every = options.down_every.count();
  if (every == 0) return false;
  const auto since = wall_ns() - started_ns;
  return since >= every && since % every < options.down_for.count();
}

void Slave::State::close_all() {
  for (const auto& [fd, number] : connections) ::close(fd);
  connections.clear();
  if (listener >= 0) ::close(listener);
  listener = -1;
}

void Slave::State::run() {
  while (!stop) {
    if (should_be_down()) {
      if (listener >= 0) log.write(fmt::format("c\t{}\t{}\tdown\n", wall_ns(), options.name));
      close_all();
      ::poll(nullptr, 0, kPollMs);
      continue;
    }
    if (listener < 0) {
      listener = listen_on(options.port);
      log.write(fmt::format("c\t{}\t{}\t{}\n", wall_ns(), options.name,
                            listener < 0 ? "port taken" : "up"));
      if (listener < 0) ::poll(nullptr, 0, kPollMs);
      continue;
    }
    std::vector<pollfd> waiting{{listener, POLLIN, 0}};
    for (const auto& [fd, number] : connections) waiting.push_back({fd, POLLIN, 0});
    if (::poll(waiting.data(), waiting.size(), kPollMs) <= 0) continue;
    for (const auto& ready : waiting) {
      if (ready.revents == 0) continue;
      if (ready.fd != listener) {
        serve(ready.fd);
      } else if (connections.size() < kConnectionsMax) {
        const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd >= 0) connections[fd] = next_connection++;
      }
    }
  }
  close_all();
}

void Slave::State::serve(int fd) {
  std::array<std::uint8_t, MODBUS_TCP_MAX_ADU_LENGTH> adu{};
  modbus_set_socket(context.get(), fd);
  const int bytes = modbus_receive(context.get(), adu.data());
  if (bytes < 0) {
    ::close(fd);
    connections.erase(fd);
    return;
  }
  if (bytes < 8) return;
  answer(fd, parse(adu), adu.data(), bytes);
}

void Slave::State::tell(int fd, const Request& request, const std::string& outcome,
                        const std::string& rest) {
  log.write(fmt::format("q\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n", wall_ns(), serial, options.name,
                        connections[fd], request.function, request.address, request.count,
                        outcome) + rest);
}

void Slave::State::answer(int fd, const Request& request, const std::uint8_t* adu, int bytes) {
  ++requests;
  const auto now = wall_ns();
  const auto refuse = [&](unsigned int code) {
    tell(fd, request, fmt::format("exception {}", code), "");
    modbus_reply_exception(context.get(), adu, code);
  };
  const auto is_nth = [this](std::int64_t n) {
    return n > 0 && requests % static_cast<std::uint64_t>(n) == 0;
  };
  if (request.unit != options.unit) return refuse(MODBUS_EXCEPTION_GATEWAY_TARGET);
  if (!answers_at(options, now / 1'000'000'000)) {
    if (options.miss_by_exception) return refuse(MODBUS_EXCEPTION_SLAVE_OR_SERVER_FAILURE);
    return tell(fd, request, "silent", "");
  }
  if (is_nth(options.exception_every)) return refuse(MODBUS_EXCEPTION_SLAVE_OR_SERVER_FAILURE);
  if (request.function != model.function) return refuse(MODBUS_EXCEPTION_ILLEGAL_FUNCTION);
  if (request.count < 1 || request.count > kReadRegistersMax ||
      request.address + request.count > kRegisters) {
    return refuse(MODBUS_EXCEPTION_ILLEGAL_DATA_ADDRESS);
  }
  ++serial;
  auto* registers = model.function == 3 ? mapping->tab_registers : mapping->tab_input_registers;
  const auto values = fill_registers(model, static_cast<double>(now - started_ns) * 1e-9, seed,
                                     serial, {registers, kRegisters});
  std::string lines;
  const auto add = [&](const std::string& name, int address, int width, const std::string& value) {
    if (address < request.address || address + width > request.address + request.count) return;
    lines += reading_line(serial, options.name + "/" + name, 0, value, true, address);
  };
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto& point = model.points[i];
    add(point.name, point.address, words(point.type), values[i]);
  }
  add("serial", kSerialAddress, 2, exact_decimal(serial, 0));
  if (is_nth(options.half_every)) {
    tell(fd, request, "half", "");
    // A correct header that promises more than follows.
    const std::array<std::uint8_t, 9> half{adu[0], adu[1], 0, 0, 0,
        static_cast<std::uint8_t>(3 + 2 * request.count), adu[6], adu[7],
        static_cast<std::uint8_t>(2 * request.count)};
    static_cast<void>(::send(fd, half.data(), half.size(), MSG_NOSIGNAL));
    ::close(fd);
    connections.erase(fd);
    return;
  }
  tell(fd, request, "ok", lines);
  modbus_reply(context.get(), adu, bytes, mapping.get());
}

Result<std::unique_ptr<Slave>> Slave::start(const SlaveOptions& options, std::uint64_t seed,
                                            PlantLog& log) {
  auto model = find_model(options.model);
  if (!model) {
    return Error{Fault::bad_input, fmt::format("slave {}: model '{}': take sdm630, em340 or "
                                               "qm30vt2", options.name, options.model)};
  }
  if (options.swap_words) model->low_word_first = !model->low_word_first;
  auto state = std::unique_ptr<State>(new State(options, *model, seed, log));
  state->context.reset(modbus_new_tcp("127.0.0.1", 0));
  state->mapping.reset(modbus_mapping_new(0, 0, kRegisters, kRegisters));
  if (!state->context || !state->mapping) return Error{Fault::full, "modbus: no memory"};
  state->listener = listen_on(options.port);
  if (state->listener < 0) {
    return system_error(fmt::format("slave {}: port {}", options.name, options.port), errno);
  }
  state->options.port = port_of(state->listener);
  return std::unique_ptr<Slave>(new Slave(std::move(state)));
}

Slave::Slave(std::unique_ptr<State> state) : state_(std::move(state)) {
  thread_ = std::thread([this] { state_->run(); });
}

Slave::~Slave() {
  state_->stop = true;
  thread_.join();
}

int Slave::port() const { return state_->options.port; }
const std::string& Slave::name() const { return state_->options.name; }

}  // namespace tidemark::plant
