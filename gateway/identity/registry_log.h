// What the registries of all gateways of a CA have said, in one order: a token that was made, used
// up or dropped at one of them, an edge that was enrolled or revoked there, is so at each.
//
// Promise    entries come in the same order at every gateway; the last one of a key counts.
// Threads    one.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace tidemark::gateway {

struct RegistryEntry {
  std::string key;
  std::optional<std::string> value;  // none: it is gone
  std::int64_t place = -1;           // in that order, from 0; -1: not known yet
};

class RegistryLog {
 public:
  virtual ~RegistryLog() = default;
  // They are durable, one behind the other, and take() has them, when it returns well. What it
  // waits for is bounded, by seconds. After a fault they may be there all the same.
  virtual Result<> append(const std::vector<RegistryEntry>& entries) = 0;
  // What has come since the last call; waits for nothing.
  virtual std::vector<RegistryEntry> take() = 0;
  // Waits until take() has all that is there just now.
  virtual Result<> catch_up(std::chrono::milliseconds within) = 0;
  // From its beginning; what came and was not taken is forgotten.
  virtual void again() = 0;
  // The place behind all that take() has had.
  [[nodiscard]] virtual std::int64_t next() const = 0;
  // take() has had, or has, all that was there at the start.
  [[nodiscard]] virtual bool at_end() const = 0;
  // Why nothing comes; empty: nothing is wrong that is known.
  [[nodiscard]] virtual std::string problem() const = 0;
};

}  // namespace tidemark::gateway
