#include "edge/mqtt/kept_messages.h"

#include <utility>

namespace tidemark::mqtt {

void KeptMessages::connected(Nanoseconds now) {
  *this = {};
  counting_ = true;
  step_from_ = now;
}

void KeptMessages::heard(Nanoseconds now) {
  step_to(now);
  if (counting_) ++now_;
}

std::optional<std::uint64_t> KeptMessages::ended(Nanoseconds now) {
  step_to(now);
  return std::exchange(kept_, std::nullopt);
}

void KeptMessages::step_to(Nanoseconds now) {
  while (counting_ && now - step_from_ >= kStep) {
    step_from_ += kStep;
    const auto pace = std::exchange(now_, 0);
    if (++steps_ == 1) first_ = pace;
    all_ += pace;
    if (first_ < kNoticed || steps_ == kStepsMax) {
      counting_ = false;
    } else if (pace < first_ / 2) {
      counting_ = false;
      kept_ = all_ - pace * static_cast<std::uint64_t>(steps_);  // the rest is of now
    }
  }
}

}  // namespace tidemark::mqtt
