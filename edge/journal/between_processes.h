// A lock and waiting, for processes that share a mapping: what std::mutex and
// std::condition_variable are between threads.
//
// Promise    a process that dies with the lock in its hand leaves it to the next one, which finds
//            what the dead one had not finished as it was: who changes shared data under it does
//            so that one store makes the change. Waits end in time, whatever the other side does.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace tidemark::journal {

// Lies in shared memory; opaque, of this machine and C library only.
class ProcessLock {
 public:
  void init();  // once, before anybody else sees it
  // False when another holds it for longer than `patience`: it is stopped, not merely slow.
  bool lock(std::chrono::milliseconds patience);
  void unlock();

 private:
  alignas(64) std::uint8_t bytes_[64];
};

// Somebody waits for a thing to happen. The waiter sets it, looks at the thing once more, sleeps;
// who makes the thing happen calls wake() afterwards, which costs one load when nobody waits.
class ProcessSignal {
 public:
  // Sleeps until wake() or `limit`, unless `happened` holds; spurious ends are the caller's affair.
  template <typename Happened>
  void wait(std::chrono::milliseconds limit, const Happened& happened) {
    waiting().store(1);
    if (!happened()) sleep(limit);
  }
  void wake() {
    if (waiting().load() != 0) wake_all();
  }
  [[nodiscard]] bool awaited() { return waiting().load() != 0; }

 private:
  std::atomic_ref<std::uint32_t> waiting() { return std::atomic_ref(waiting_); }
  void sleep(std::chrono::milliseconds limit);
  void wake_all();

  alignas(4) std::uint32_t waiting_;
};

}  // namespace tidemark::journal
