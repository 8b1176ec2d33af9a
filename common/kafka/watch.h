// Looks, in a thread of its own, whether the topics are as they must be and the brokers answer.
//
// Promise    layout() is there once the topics have passed their check, and while each of them has
//            the partitions that it says; problem() says what is wrong, why, and what to do.
// Threads    any. A thread and a client of its own.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/base/time.h"
#include "common/kafka/producer.h"
#include "common/kafka/topics.h"

namespace tidemark::kafka {

struct WatchOptions {
  Settings settings;
  std::vector<std::string> topics;  // that are looked at all the time
  Nanoseconds every = std::chrono::seconds(5);
  Nanoseconds again = std::chrono::seconds(1);  // while something is wrong
  // Asked until it succeeds.
  std::function<Result<Layout>(const Settings&)> layout = good_layout;
  bool layout_again = false;  // at every look: topics may be made anew
};

class Watch {
 public:
  // `event`: an eventfd that is written when the layout is known; -1: none.
  static Result<std::unique_ptr<Watch>> start(WatchOptions options, const Clock& clock, int event);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  [[nodiscard]] std::optional<Layout> layout() const;
  [[nodiscard]] std::string problem() const;  // empty: none
  // Nothing is wrong yet, but copies of partitions are missing; empty: none.
  [[nodiscard]] std::string shortage() const;
  [[nodiscard]] SteadyTime reached() const;   // a broker, for the last time
  void reached(SteadyTime at);                // the caller has heard of one

 private:
  Watch(WatchOptions options, const Clock& clock, int event);
  void run();
  Result<> look();
  void note(const std::string& problem);

  const WatchOptions options_;
  const Clock& clock_;
  const int event_;
  std::unique_ptr<Producer> client_;
  mutable std::mutex mutex_;  // of what follows
  std::condition_variable woken_;
  bool stopping_ = false;
  std::optional<Layout> layout_;
  bool fits_ = false;  // the topics still have that layout
  SteadyTime reached_{};
  std::string problem_ = "the brokers have not been asked yet";
  std::string shortage_;
  std::thread thread_;
};

}  // namespace tidemark::kafka
