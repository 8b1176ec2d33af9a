// Waiting in tests: for a condition, with a bound, never for a time.
#pragma once

#include <chrono>
#include <thread>

namespace tidemark::test {

// Asks `condition` every two milliseconds until it says true; false when `limit` has passed.
template <typename Condition>
bool eventually(Condition condition, std::chrono::milliseconds limit = std::chrono::seconds(10)) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace tidemark::test
