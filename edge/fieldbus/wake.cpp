#include "edge/fieldbus/wake.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <ctime>

#include "common/base/check.h"

namespace tidemark::modbus {

Wake::Wake() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  TIDE_CHECK(event_ >= 0, "no eventfd");
}

Wake::~Wake() { ::close(event_); }

void Wake::arm() {
  std::uint64_t count = 0;
  static_cast<void>(::read(event_, &count, sizeof count) >= 0);  // nothing there is fine
}

void Wake::wake() {
  const std::uint64_t one = 1;
  static_cast<void>(::write(event_, &one, sizeof one) >= 0);  // full is awake, too
}

Wake::Why Wake::wait(int fd, long long ns) const {
  const auto left = ns > 0 ? ns : 0;
  const timespec limit{static_cast<time_t>(left / 1'000'000'000),
                       static_cast<long>(left % 1'000'000'000)};
  std::array<pollfd, 2> both{{{event_, POLLIN, 0}, {fd, POLLIN, 0}}};
  // A signal counts as the end of the time: the caller looks at its clock.
  if (::ppoll(both.data(), both.size(), &limit, nullptr) <= 0) return Why::over;
  if (both[0].revents != 0) return Why::woken;
  return Why::readable;
}

}  // namespace tidemark::modbus
