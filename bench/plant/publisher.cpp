#include "bench/plant/publisher.h"

#include <fmt/format.h>
#include <mosquitto.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "common/base/check.h"
#include "common/base/log.h"

namespace tidemark::plant {
namespace {

constexpr int kInflight = 500;
constexpr int kKeepAliveSeconds = 30;
constexpr auto kPause = std::chrono::milliseconds(1);

struct MosquittoDeleter {
  void operator()(mosquitto* client) const { mosquitto_destroy(client); }
};

}  // namespace

struct Publisher::State {
  std::unique_ptr<mosquitto, MosquittoDeleter> client;
  std::uint64_t published = 0;
  std::atomic<std::uint64_t> acknowledged{0};
  [[nodiscard]] std::uint64_t outstanding() const { return published - acknowledged; }
};

Result<std::unique_ptr<Publisher>> Publisher::connect(const std::string& host, int port,
                                                      const std::string& client_id) {
  mosquitto_lib_init();
  auto state = std::make_unique<State>();
  state->client.reset(mosquitto_new(client_id.c_str(), false, state.get()));
  auto* client = state->client.get();
  if (client == nullptr) return Error{Fault::full, "mosquitto: no memory"};
  mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1);
  mosquitto_int_option(client, MOSQ_OPT_SEND_MAXIMUM, kInflight);
  mosquitto_publish_callback_set(client, [](mosquitto*, void* self, int) {
    static_cast<State*>(self)->acknowledged.fetch_add(1);
  });
  mosquitto_disconnect_callback_set(client, [](mosquitto*, void*, int reason) {
    if (reason != 0) log::warning("the broker is away; what was published is sent again");
  });
  const int code = mosquitto_connect(client, host.c_str(), port, kKeepAliveSeconds);
  if (code != MOSQ_ERR_SUCCESS) {
    return Error{Fault::unavailable, fmt::format("broker {}:{}: {}", host, port,
                                                 mosquitto_strerror(code))};
  }
  if (mosquitto_loop_start(client) != MOSQ_ERR_SUCCESS) {
    return Error{Fault::unavailable, "mosquitto: no thread"};
  }
  return std::unique_ptr<Publisher>(new Publisher(std::move(state)));
}

Publisher::Publisher(std::unique_ptr<State> state) : state_(std::move(state)) {}

Publisher::~Publisher() {
  mosquitto_disconnect(state_->client.get());
  mosquitto_loop_stop(state_->client.get(), false);
}

bool Publisher::wait_for_room(const StopSignal& stop) {
  while (state_->outstanding() >= kOutstandingMax) {
    if (stop.asked()) return false;
    std::this_thread::sleep_for(kPause);
  }
  return true;
}

void Publisher::publish(const std::string& topic, const std::string& payload) {
  ++state_->published;
  const int code = mosquitto_publish(state_->client.get(), nullptr, topic.c_str(),
                                     static_cast<int>(payload.size()), payload.data(), 1, false);
  // Offline it is queued all the same; anything else would leave a hole that the log does not know.
  TIDE_CHECK(code == MOSQ_ERR_SUCCESS || code == MOSQ_ERR_NO_CONN || code == MOSQ_ERR_CONN_LOST,
             "mosquitto_publish refused a message");
}

bool Publisher::settle(std::chrono::seconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (state_->outstanding() > 0) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(kPause);
  }
  return true;
}

std::uint64_t Publisher::published() const { return state_->published; }
std::uint64_t Publisher::acknowledged() const { return state_->acknowledged; }

}  // namespace tidemark::plant
