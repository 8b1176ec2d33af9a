#include "edge/modbus/backoff.h"

#include <algorithm>

namespace tidemark::modbus {

void Backoff::failed(SteadyTime now, Random& random, Nanoseconds or_more) {
  delay_ = delay_.count() == 0 ? first_ : std::min(delay_ * 2, std::max(longest_, or_more));
  const auto half = delay_.count() / 2;
  until_ = now + Nanoseconds(half + static_cast<std::int64_t>(
                                        random.below(static_cast<std::uint64_t>(half) + 1)));
}

void Backoff::succeeded() { delay_ = {}; }

}  // namespace tidemark::modbus
