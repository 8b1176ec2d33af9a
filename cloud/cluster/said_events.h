// Which events a partition of their topic has already, for who got that partition: what the owner
// before said behind the checkpoint, or behind what this node's store knows, is not said again.
//
// Promise    what was there when this was made is known, once known() says so, by its key. Of an
//            owner that is not fenced off (no voice) more may come behind that.
// Bound      the newest kMax of them at least, by 8 bytes each; older ones may be said again.
// Threads    one of its own reads; the rest is the outbox's.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include "common/base/stop_signal.h"
#include "common/kafka/stretch.h"

namespace tidemark::cluster {

class SaidEvents {
 public:
  static constexpr std::size_t kMax = 500'000;

  // `tail`: of their topic, from what the store noted of it.
  SaidEvents(kafka::Settings settings, kafka::Stretch tail);
  ~SaidEvents();
  SaidEvents(const SaidEvents&) = delete;
  SaidEvents& operator=(const SaidEvents&) = delete;

  // False: they are being read. Faults that do not go by themselves, as of the brokers.
  [[nodiscard]] Result<bool> known() const;
  // Once they are known.
  [[nodiscard]] bool has(std::string_view key) const;

 private:
  void run();
  void add(std::uint64_t key);

  const kafka::Settings settings_;
  const kafka::Stretch tail_;
  std::vector<std::uint64_t> keys_;  // hashes, in order once they are known
  std::atomic<bool> known_{false};
  mutable std::mutex mutex_;
  std::optional<Error> fault_;  // under mutex_
  StopSignal stop_{StopSignal::ByHand{}};
  std::thread thread_;
};

}  // namespace tidemark::cluster
