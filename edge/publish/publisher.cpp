#include "edge/publish/publisher.h"

#include <mosquitto.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>

#include "common/base/log.h"
#include "edge/mqtt/broker_client.h"

namespace tidemark::publish {
namespace {

constexpr int kKeepAliveSeconds = 30;
constexpr int kPollMs = 1000;  // keep-alive and timeouts need no more
constexpr std::chrono::seconds kConnectTimeout{15};
constexpr std::chrono::seconds kFarewell{1};

std::string error_text(int code) {
  return code == MOSQ_ERR_ERRNO ? std::strerror(errno) : mosquitto_strerror(code);
}

class Client final : public Publisher {
 public:
  explicit Client(Options options) : options_(std::move(options)) {}
  ~Client() override {
    if (thread_.joinable()) {
      stopping_ = true;
      wake();
      thread_.join();
    }
    if (client_ != nullptr) mosquitto_destroy(client_);
    if (wake_fd_ >= 0) ::close(wake_fd_);
  }

  Result<> start() {
    TIDE_ASSIGN(address_, mqtt::parse_broker_url(options_.url));
    mosquitto_lib_init();
    wake_fd_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    client_ = mosquitto_new(options_.client_id.c_str(), true, this);
    if (client_ == nullptr || wake_fd_ < 0) return system_error("mqtt publisher", errno);
    mosquitto_int_option(client_, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V311);
    mosquitto_int_option(client_, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_connect_callback_set(client_, [](mosquitto*, void* self, int code) {
      static_cast<Client*>(self)->connected(code);
    });
    const auto given = [](const std::filesystem::path& p) {
      return p.empty() ? nullptr : p.c_str();
    };
    int code = MOSQ_ERR_SUCCESS;
    if (!options_.username.empty()) {
      code = mosquitto_username_pw_set(client_, options_.username.c_str(),
                                       options_.password.c_str());
    }
    if (code == MOSQ_ERR_SUCCESS && address_.tls) {
      code = mosquitto_tls_set(client_, given(options_.ca_file),
                               options_.ca_file.empty() ? "/etc/ssl/certs" : nullptr,
                               given(options_.cert_file), given(options_.key_file), nullptr);
    }
    if (code != MOSQ_ERR_SUCCESS) return Error{Fault::bad_input, error_text(code)};
    status_.state = "connecting";
    thread_ = std::thread([this] { run(); });
    return {};
  }

  void publish(std::string topic, std::string payload) override {
    {
      const std::lock_guard lock(mutex_);
      queued_bytes_ += topic.size() + payload.size();
      queue_.push_back({std::move(topic), std::move(payload)});
      while (queue_.size() > kMessagesMax || (queued_bytes_ > kBytesMax && queue_.size() > 1)) {
        queued_bytes_ -= queue_.front().bytes();
        queue_.pop_front();
        ++status_.dropped;
      }
    }
    wake();
  }

  [[nodiscard]] Status status() const override {
    const std::lock_guard lock(mutex_);
    auto out = status_;
    out.queued = queue_.size();
    return out;
  }

 private:
  struct Message {
    std::string topic, payload;
    [[nodiscard]] std::size_t bytes() const { return topic.size() + payload.size(); }
  };

  void wake() const {
    const std::uint64_t one = 1;
    if (::write(wake_fd_, &one, sizeof one) < 0) return;  // full: it is awake already
  }

  void set(std::string state, std::string error) {
    const std::lock_guard lock(mutex_);
    status_.state = std::move(state);
    status_.error = std::move(error);
  }

  void connected(int code) {
    if (code != 0) {
      refusal_ = std::string("it refuses: ") + mosquitto_connack_string(code);
      return;
    }
    connected_ = true;
    set("ok", "");
    log::info("publishing to a broker", "broker={}:{}", address_.host, address_.port);
  }

  void run() {
    auto backoff = options_.backoff_min;
    while (!stopping_) {
      connected_ = false;
      refusal_.clear();
      const auto why = serve();
      if (stopping_) break;
      if (connected_) backoff = options_.backoff_min;
      set("connecting", "broker " + address_.host + ": " + why);
      log::warning("nothing is published", "broker={}:{} error=\"{}\"", address_.host,
                   address_.port, why);
      pollfd p{wake_fd_, 0, 0};  // not woken by messages: only time passes
      const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(backoff).count();
      for (std::int64_t slept = 0; slept < ms && !stopping_; slept += 100) {
        static_cast<void>(::poll(&p, 1, static_cast<int>(std::min<std::int64_t>(100, ms - slept))));
      }
      backoff = std::min(backoff * 2, options_.backoff_max);
    }
    if (connected_) {
      mosquitto_disconnect(client_);
      mosquitto_loop_write(client_, 1);
    }
  }

  // One connection, until it ends: says why.
  std::string serve() {
    int code = mosquitto_connect_async(client_, address_.host.c_str(), address_.port,
                                       kKeepAliveSeconds);
    const SystemClock clock;
    const auto give_up = clock.steady() + kConnectTimeout;
    std::optional<SteadyTime> farewell;
    while (code == MOSQ_ERR_SUCCESS) {
      if (stopping_ && !farewell) farewell = clock.steady() + kFarewell;
      if (farewell && (!connected_ || drained() || clock.steady() > *farewell)) return "stopped";
      if (!connected_ && clock.steady() > give_up) return "it does not answer";
      pollfd p[2] = {{mosquitto_socket(client_), POLLIN, 0}, {wake_fd_, POLLIN, 0}};
      if (mosquitto_want_write(client_) || !connected_) p[0].events |= POLLOUT;
      static_cast<void>(::poll(p, 2, farewell || !connected_ ? 50 : kPollMs));
      std::uint64_t woken = 0;
      if ((p[1].revents & POLLIN) != 0 && ::read(wake_fd_, &woken, sizeof woken) < 0) woken = 0;
      if ((p[0].revents & (POLLIN | POLLERR | POLLHUP)) != 0) {
        code = mosquitto_loop_read(client_, 16);
      }
      if (code == MOSQ_ERR_SUCCESS && connected_) code = hand_over();
      if (code == MOSQ_ERR_SUCCESS && (p[0].revents & POLLOUT) != 0) {
        code = mosquitto_loop_write(client_, 16);
      }
      if (code == MOSQ_ERR_SUCCESS) code = mosquitto_loop_misc(client_);
    }
    return refusal_.empty() ? error_text(code) : refusal_;
  }

  [[nodiscard]] bool drained() const {
    const std::lock_guard lock(mutex_);
    return queue_.empty() && !mosquitto_want_write(client_);
  }

  // As long as the socket takes it: what libmosquitto queues itself has no bound.
  int hand_over() {
    while (!mosquitto_want_write(client_)) {
      Message message;
      {
        const std::lock_guard lock(mutex_);
        if (queue_.empty()) return MOSQ_ERR_SUCCESS;
        message = std::move(queue_.front());
        queue_.pop_front();
        queued_bytes_ -= message.bytes();
        ++status_.published;
      }
      const int code = mosquitto_publish(client_, nullptr, message.topic.c_str(),
                                         static_cast<int>(message.payload.size()),
                                         message.payload.data(), 0, options_.retain);
      if (code != MOSQ_ERR_SUCCESS && code != MOSQ_ERR_INVAL && code != MOSQ_ERR_MALFORMED_UTF8 &&
          code != MOSQ_ERR_PAYLOAD_SIZE) {
        return code;
      }
      if (code != MOSQ_ERR_SUCCESS) {
        log::warning("a message cannot be published", "topic={} error=\"{}\"", message.topic,
                     error_text(code));
      }
    }
    return MOSQ_ERR_SUCCESS;
  }

  const Options options_;
  mqtt::BrokerAddress address_;
  mosquitto* client_ = nullptr;
  int wake_fd_ = -1;
  std::thread thread_;
  std::atomic<bool> stopping_{false};
  // Of the thread.
  bool connected_ = false;
  std::string refusal_;
  mutable std::mutex mutex_;  // of all below
  std::deque<Message> queue_;
  std::size_t queued_bytes_ = 0;
  Status status_;
};

}  // namespace

Result<std::unique_ptr<Publisher>> Publisher::start(Options options) {
  auto client = std::make_unique<Client>(std::move(options));
  if (auto started = client->start(); !started) {
    return std::move(started).error().within("publish.url");
  }
  return std::unique_ptr<Publisher>(std::move(client));
}

}  // namespace tidemark::publish
