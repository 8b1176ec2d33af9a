#include "edge/journal/between_processes.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <ctime>
#include <new>

#include "common/base/check.h"

namespace tidemark::journal {
namespace {

timespec timespec_of(std::chrono::milliseconds ms) {
  return {static_cast<time_t>(ms.count() / 1000), static_cast<long>(ms.count() % 1000 * 1'000'000)};
}

pthread_mutex_t* mutex_of(std::uint8_t* bytes) {
  return std::launder(reinterpret_cast<pthread_mutex_t*>(bytes));
}

long futex(std::uint32_t& word, int operation, std::uint32_t value, const timespec* limit) {
  return ::syscall(SYS_futex, &word, operation, value, limit, nullptr, 0);
}

}  // namespace

void ProcessLock::init() {
  static_assert(sizeof(pthread_mutex_t) <= sizeof bytes_);
  pthread_mutexattr_t attributes;
  ::pthread_mutexattr_init(&attributes);
  ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  ::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  const int made = ::pthread_mutex_init(new (bytes_) pthread_mutex_t, &attributes);
  ::pthread_mutexattr_destroy(&attributes);
  TIDE_CHECK(made == 0, "no lock between processes on this system");
}

bool ProcessLock::lock(std::chrono::milliseconds patience) {
  auto* const mutex = mutex_of(bytes_);
  int code = ::pthread_mutex_trylock(mutex);
  if (code == EBUSY) {
    timespec until{};
    ::clock_gettime(CLOCK_MONOTONIC, &until);
    const auto wait = timespec_of(patience);
    until.tv_sec += wait.tv_sec + (until.tv_nsec + wait.tv_nsec) / 1'000'000'000;
    until.tv_nsec = (until.tv_nsec + wait.tv_nsec) % 1'000'000'000;
    code = ::pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &until);
  }
  if (code == EOWNERDEAD) code = ::pthread_mutex_consistent(mutex);
  return code == 0;
}

void ProcessLock::unlock() { ::pthread_mutex_unlock(mutex_of(bytes_)); }

void ProcessSignal::sleep(std::chrono::milliseconds limit) {
  const auto wait = timespec_of(limit);
  futex(waiting_, FUTEX_WAIT, 1, &wait);
}

void ProcessSignal::wake_all() {
  if (waiting().exchange(0) != 0) futex(waiting_, FUTEX_WAKE, INT_MAX, nullptr);
}

}  // namespace tidemark::journal
