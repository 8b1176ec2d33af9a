// The two ends that bench/modbus/run puts beside the agent, of libmodbus alone:
//
//   tidemark-modbus-peer serve                     1000 holding registers that change with every
//                                                  answer; prints its port, ends with its stdin
//   tidemark-modbus-peer floor PORT PERIOD_MS N    reads them N times in blocks of 125 and sums up
#include <arpa/inet.h>
#include <modbus.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <thread>

namespace {

constexpr int kRegisters = 1000;
constexpr int kBlock = 125;

int serve() {
  modbus_t* context = modbus_new_tcp("127.0.0.1", 0);
  modbus_mapping_t* mapping = modbus_mapping_new(0, 0, kRegisters, 0);
  const int listener = modbus_tcp_listen(context, 1);
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  std::printf("%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  int peer = -1;
  std::uint32_t answers = 0;
  while (true) {
    std::array<pollfd, 3> all{{{0, POLLIN, 0}, {listener, POLLIN, 0}, {peer, POLLIN, 0}}};
    ::poll(all.data(), all.size(), -1);
    if (all[0].revents != 0) break;
    if (all[1].revents != 0) {
      if (peer >= 0) ::close(peer);
      peer = ::accept(listener, nullptr, nullptr);
      modbus_set_socket(context, peer);
      continue;
    }
    std::array<std::uint8_t, MODBUS_TCP_MAX_ADU_LENGTH> query{};
    const int length = modbus_receive(context, query.data());
    if (length < 0) {
      ::close(peer);
      peer = -1;
      continue;
    }
    ++answers;  // a plant: some values move, most stand still
    for (std::uint32_t i = 0; i < kRegisters; i += 8) {
      mapping->tab_registers[i] = static_cast<std::uint16_t>(2300 + (answers * 7 + i) % 16);
    }
    modbus_reply(context, query.data(), length, mapping);
  }
  modbus_mapping_free(mapping);
  modbus_free(context);
  return 0;
}

int floor_of(int port, int period_ms, int polls) {
  modbus_t* context = modbus_new_tcp("127.0.0.1", port);
  if (modbus_connect(context) != 0) return 69;
  std::uint64_t sum = 0;
  auto due = std::chrono::steady_clock::now();
  for (int poll = 0; poll < polls; ++poll) {
    std::this_thread::sleep_until(due);
    due += std::chrono::milliseconds(period_ms);
    for (int at = 0; at < kRegisters; at += kBlock) {
      std::array<std::uint16_t, kBlock> registers{};
      if (modbus_read_registers(context, at, kBlock, registers.data()) != kBlock) return 76;
      for (const auto r : registers) sum += r;
    }
  }
  std::printf("%llu\n", static_cast<unsigned long long>(sum));
  modbus_free(context);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  const auto number = [&](int i) { return static_cast<int>(std::strtol(argv[i], nullptr, 10)); };
  if (what == "serve") return serve();
  if (what == "floor" && argc == 5) return floor_of(number(2), number(3), number(4));
  std::fprintf(stderr, "usage: tidemark-modbus-peer serve | floor PORT PERIOD_MS POLLS\n");
  return 64;
}
