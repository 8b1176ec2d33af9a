// What a client of a broker hears, into the journal: the half of an MQTT source that listens.
//
// Promise, session, when full: mqtt_source.h.
// Threads    one of its own; start() and stop() from one thread, the rest from any.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

#include "common/base/bytes.h"
#include "common/base/random.h"
#include "common/base/result.h"
#include "common/base/time.h"
#include "edge/journal/journal.h"
#include "edge/mqtt/broker_client.h"
#include "edge/mqtt/kept_messages.h"
#include "edge/mqtt/message.h"
#include "edge/mqtt/mqtt_source.h"

namespace tidemark::mqtt {

class ClientIntake {
 public:
  // Entries are of source options.index; `flags` (MessageFlag) are set on each message.
  ClientIntake(const Options& options, std::uint16_t flags, journal::Journal& journal,
               const Clock& clock, Random& random);

  Result<> start() { return client_.start(); }
  void stop() { client_.stop(); }
  void publish(const std::string& topic, ByteSpan payload) { client_.publish(topic, payload); }
  // With "ok" the error is a note; for a day that the broker had kept messages.
  [[nodiscard]] BrokerClient::State state() const;
  [[nodiscard]] std::uint64_t heard() const { return heard_.load(std::memory_order_relaxed); }

 private:
  bool take(const Delivery& delivery);
  bool take_session();
  bool settle();
  void count_kept(bool connected);
  bool store(journal::Entry& entry, Message* message);

  const Options options_;
  const std::uint16_t flags_;
  journal::Journal& journal_;
  const Clock& clock_;
  ByteVector buffer_;  // of the client's thread, as steady_
  std::int64_t steady_ = 0;
  journal::Position stored_;
  std::atomic<std::uint64_t> heard_{0};
  mutable std::mutex mutex_;
  mutable KeptMessages kept_;           // under mutex_, as what follows
  mutable std::uint64_t kept_messages_ = 0;
  EventTime kept_at_{};
  std::atomic<bool> counting_{false};   // of kept_, for the client's thread
  BrokerClient client_;  // last: its thread uses all of the above
};

}  // namespace tidemark::mqtt
