// SIGTERM and SIGINT as something to ask and to wait on. Build one, in main(), before any thread:
// it blocks both signals for the whole process and waits for them in a thread of its own.
#pragma once

#include <atomic>
#include <thread>

namespace tidemark {

class StopSignal {
 public:
  StopSignal();
  // Of a part of the program: only ask() asks.
  struct ByHand {};
  explicit StopSignal(ByHand);
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  [[nodiscard]] bool asked() const { return asked_.load(std::memory_order_relaxed); }
  // Turns readable when asked, and stays so: put it into the poll set.
  [[nodiscard]] int descriptor() const { return event_fd_; }
  void ask();

 private:
  std::atomic<bool> asked_{false};
  int event_fd_;
  int signal_fd_ = -1;
  std::thread waiter_;
};

// systemd: sd_notify without its library. `state` as in sd_notify(3): "READY=1", "WATCHDOG=1".
// Does nothing when NOTIFY_SOCKET is not set.
void notify_service(const char* state);

}  // namespace tidemark
