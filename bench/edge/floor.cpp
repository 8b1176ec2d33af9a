// The floor: what libmosquitto alone costs a subscriber that only counts.
//
//   tidemark-edge-floor PORT COUNT_FILE
//
// Writes the number of messages, a 64-bit integer, to COUNT_FILE after each; runs until SIGTERM.
#include <fcntl.h>
#include <mosquitto.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace {

void on_message(mosquitto*, void* count, const mosquitto_message*) {
  std::atomic_ref(*static_cast<std::uint64_t*>(count)).fetch_add(1, std::memory_order_relaxed);
}

void on_connect(mosquitto* client, void*, int code) {
  if (code == 0) mosquitto_subscribe(client, nullptr, "bench/#", 1);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 64;
  const int fd = ::open(argv[2], O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (fd < 0 || ::ftruncate(fd, sizeof(std::uint64_t)) != 0) return 73;
  void* count = ::mmap(nullptr, sizeof(std::uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (count == MAP_FAILED) return 73;
  mosquitto_lib_init();
  auto* client = mosquitto_new("floor", true, count);
  mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1);
  mosquitto_message_callback_set(client, on_message);
  mosquitto_connect_callback_set(client, on_connect);
  const int port = static_cast<int>(std::strtol(argv[1], nullptr, 10));
  if (mosquitto_connect(client, "127.0.0.1", port, 60) != MOSQ_ERR_SUCCESS) return 69;
  return mosquitto_loop_forever(client, -1, 1) == MOSQ_ERR_SUCCESS ? 0 : 69;
}
