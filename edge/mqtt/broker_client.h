// libmosquitto behind a few calls: one connection to a broker, kept up for ever by its own thread.
//
// Messages   without TLS they are read by publish_reader.h, past libmosquitto, which does the rest:
//            connecting, subscribing, keeping alive. With TLS all goes through libmosquitto.
// PUBACK     follows the handlers: message, then settled for all that were read at once. When one
//            of them returns false the connection is cut before anything can be written, and the
//            broker repeats the message. With TLS: libmosquitto 2.0 queues it before the message
//            callback and, told that it is used by threads, writes it after the callback returned
//            (lib/handle_publish.c, packet__queue).
// DUP        with TLS libmosquitto does not hand it out with the message; it says it in its log
//            line, right before the callback and in the same thread. Should a later version word it
//            otherwise, no message counts as repeated (and a test fails).
// Gathering  where messages come close together the thread rests between two looks at the socket,
//            at most kGather: a wake-up costs more than a message. Arrival stamps are so coarse.
// Threads    the handlers run on the client's thread; stop(), publish() and state() from any.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/base/random.h"
#include "common/base/result.h"
#include "edge/mqtt/mqtt_source.h"
#include "edge/mqtt/publish_reader.h"

struct mosquitto;
struct mosquitto_message;

namespace tidemark::mqtt {

struct BrokerAddress {
  std::string host;
  int port = 0;
  bool tls = false;
};
Result<BrokerAddress> parse_broker_url(std::string_view url);

class BrokerClient {
 public:
  struct Handlers {
    std::function<bool(const Delivery&)> message;  // true: stored
    std::function<bool()> settled;                 // true: acknowledge what was stored
    std::function<bool()> new_session;             // the broker knows no session of this client
    std::function<void()> kept_session;            // it does: what it kept comes next
  };
  BrokerClient(const Options& options, Handlers handlers, Random& random);
  ~BrokerClient();
  BrokerClient(const BrokerClient&) = delete;
  BrokerClient& operator=(const BrokerClient&) = delete;

  Result<> start();
  void stop();
  // QoS 0; lost when the broker is away.
  void publish(const std::string& topic, ByteSpan payload);
  [[nodiscard]] bool stopping() const { return stopping_.load(std::memory_order_relaxed); }

  struct State {
    std::string state;  // as source::Status
    std::string error;
    std::uint64_t failures = 0;  // connections that failed or broke
  };
  [[nodiscard]] State state() const;

 private:
  static void on_connect(mosquitto* m, void* self, int code, int flags);
  static void on_message(mosquitto* m, void* self, const mosquitto_message* message);
  static void on_subscribe(mosquitto* m, void* self, int id, int count, const int* granted);
  static void on_log(mosquitto* m, void* self, int level, const char* text);
  Result<> configure();
  Result<> set_version();
  void run();
  std::string serve();  // one connection, until it ends; says why
  int turn();           // of a connection that stands, without TLS
  int read(int fd);
  int write(int fd);
  void pause(Nanoseconds backoff);
  void cut();
  [[nodiscard]] bool is_over() const;
  void subscribe();
  void unsubscribe_old();
  void set(std::string state, std::string error);

  Options options_;
  BrokerAddress address_;
  Handlers handlers_;
  Random& random_;
  std::string log_prefix_;
  std::filesystem::path topics_file_;
  mosquitto* client_ = nullptr;
  std::thread thread_;
  std::atomic<bool> stopping_{false};
  // Of the client's thread.
  bool connected_ = false;
  bool subscribed_ = false;  // in this run: topics may have changed since the last
  std::size_t unanswered_ = 0;  // subscriptions that the broker has not granted yet
  std::vector<int> presence_ids_;  // of subscriptions to topics that are no readings
  std::string note_;               // of a source that works all the same
  bool duplicate_ = false;   // as the log line of the message at hand says
  std::string refusal_;      // of this connection, by the broker
  PublishReader reader_;
  std::size_t acks_sent_ = 0;  // bytes of reader_.acks()
  std::chrono::microseconds rest_{};  // before the next look at the socket
  std::chrono::steady_clock::time_point read_at_{};
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  State state_;
};

}  // namespace tidemark::mqtt
