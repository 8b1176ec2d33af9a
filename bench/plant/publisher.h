// Publishes over MQTT with QoS 1 and counts what the broker has acknowledged.
//
// When full  publish() waits while kOutstandingMax messages are under way, so that the log is never
//            far ahead of the broker.
// Threads    one caller; libmosquitto's own thread talks to the broker and reconnects by itself.
#pragma once

#include <memory>
#include <string>

#include "common/base/result.h"
#include "common/base/stop_signal.h"

namespace tidemark::plant {

class Publisher {
 public:
  static constexpr std::uint64_t kOutstandingMax = 2000;
  static Result<std::unique_ptr<Publisher>> connect(const std::string& host, int port,
                                                    const std::string& client_id);
  ~Publisher();
  // False when asked to stop while waiting for room: then nothing was sent.
  bool wait_for_room(const StopSignal& stop);
  void publish(const std::string& topic, const std::string& payload);
  // Waits until all is acknowledged; false after `limit`.
  bool settle(std::chrono::seconds limit);
  [[nodiscard]] std::uint64_t published() const;
  [[nodiscard]] std::uint64_t acknowledged() const;

 private:
  struct State;
  explicit Publisher(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tidemark::plant
