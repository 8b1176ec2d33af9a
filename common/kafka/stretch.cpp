#include "common/kafka/stretch.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <thread>

namespace tidemark::kafka {
namespace {

constexpr std::uint64_t kQueueBytesMax = 64 << 20;
constexpr std::chrono::milliseconds kTurn{2};
constexpr std::chrono::milliseconds kAskTurn{1000};  // for the end
constexpr std::chrono::milliseconds kPatience{30'000};

}  // namespace

Result<bool> read(const Settings& settings, const Stretch& stretch, const StopSignal& stop,
                  const std::function<bool(const Record&)>& take) {
  auto options = ConsumerOptions::of_one(stretch.topic, stretch.partitions, stretch.partition,
                                         stretch.from);
  // Behind a queue that was full the library stands still for up to a second.
  options.queue_bytes_max = kQueueBytesMax;
  TIDE_ASSIGN(const auto consumer, Consumer::open(settings, std::move(options)));
  std::optional<std::int64_t> end;
  bool enough = false;
  for (auto left = kPatience; !enough;) {
    if (stop.asked()) return false;
    std::string problem = consumer->problem();
    if (!end) {
      const auto asked = consumer->extent_of(stretch.partition, std::min(left, kAskTurn));
      if (asked) {
        end = asked->end;
        left = kPatience;
        continue;
      }
      problem = asked.error().text();
      left -= kAskTurn;
    } else if (consumer->poll([&](const Record& r) { enough = take(r); })) {
      left = kPatience;
      continue;
    } else if (consumer->next_of(stretch.partition) >= *end &&
               (stretch.from <= *end || consumer->at_end())) {
      // A broker says that this is the end only after it has waited for more; but where the
      // position is not there, reading begins elsewhere. (Behind a transaction's marker, which is
      // no record, it is waited for, too.)
      return true;
    } else {
      std::this_thread::sleep_for(kTurn);
      left -= kTurn;
    }
    if (left.count() > 0) continue;
    return Error{Fault::unavailable, fmt::format("{} is not read: {}", stretch.topic, problem)};
  }
  return true;
}

}  // namespace tidemark::kafka
