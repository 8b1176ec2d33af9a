// Live lines for `tidemark tap`: readings as they pass, results of windows, events; one JSON object
// a line.
//
// A subscriber that cannot keep up loses its own lines (counted in its last one), never the
// pipeline's. Costs one relaxed load a reading when nobody listens.
// Bound: kSubscribersMax, kLinesMax lines each. Threads: any.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace tidemark::pipeline {

enum class TapKind : std::uint8_t { readings, windows, events };
using TapKinds = std::array<bool, 3>;  // by TapKind

class TapHub {
 public:
  static constexpr std::size_t kSubscribersMax = 16;
  static constexpr std::size_t kLinesMax = 4096;

  class Subscriber {
   public:
    // The next lines, waiting for the first at most `wait`; empty after that or after close().
    std::vector<std::string> take(std::chrono::milliseconds wait);
    [[nodiscard]] std::uint64_t lost() const { return lost_.load(std::memory_order_relaxed); }

   private:
    friend class TapHub;
    std::string glob_;
    TapKinds kinds_{};
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::deque<std::string> lines_;
    std::atomic<std::uint64_t> lost_{0};
    bool closed_ = false;
  };

  // nullptr when kSubscribersMax listen already. `glob` is of series_match.
  std::shared_ptr<Subscriber> subscribe(const std::string& glob, TapKinds kinds);
  void unsubscribe(const std::shared_ptr<Subscriber>& subscriber);
  void close();  // wakes everybody

  [[nodiscard]] bool listening(TapKind kind) const {
    return count_[static_cast<std::size_t>(kind)].load(std::memory_order_relaxed) > 0;
  }
  // To those who asked for this kind and whose glob matches `series`, its full name.
  void publish(TapKind kind, const std::string& series, const std::string& line);

 private:
  void count();

  std::array<std::atomic<std::size_t>, 3> count_{};  // subscribers by kind
  std::mutex mutex_;
  std::vector<std::shared_ptr<Subscriber>> subscribers_;
};

}  // namespace tidemark::pipeline
