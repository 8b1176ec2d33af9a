// How many messages a broker had kept for its client: told by their pace, as MQTT does not say.
//
// What was kept comes as fast as it can be read, right behind the broker's word that it knows the
// session; what is published now comes at its own pace. So the messages are counted by kStep until
// a step has less than half of the first one.
// Threads    one.
#pragma once

#include <cstdint>
#include <optional>

#include "common/base/time.h"

namespace tidemark::mqtt {

class KeptMessages {
 public:
  static constexpr Nanoseconds kStep = std::chrono::milliseconds(500);
  static constexpr int kStepsMax = 40;            // a pace that lasts longer is that of the plant
  static constexpr std::uint64_t kNoticed = 20;   // fewer in a step are no burst

  // The broker knows the session; `now` is a steady clock's and never goes back.
  void connected(Nanoseconds now);
  void heard(Nanoseconds now);
  // About so many had been kept; once, when it is known. Nothing if there were none to notice.
  std::optional<std::uint64_t> ended(Nanoseconds now);
  [[nodiscard]] bool counting() const { return counting_; }

 private:
  void step_to(Nanoseconds now);

  bool counting_ = false;
  Nanoseconds step_from_{};
  int steps_ = 0;             // that are over
  std::uint64_t first_ = 0;   // messages of the first one
  std::uint64_t all_ = 0;     // of those that are over
  std::uint64_t now_ = 0;     // of the one at hand
  std::optional<std::uint64_t> kept_;
};

}  // namespace tidemark::mqtt
