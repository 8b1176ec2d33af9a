#include "cloud/cluster/partition.h"

#include <fmt/format.h>

#include "common/base/log.h"

namespace tidemark::cluster {

Partition::Partition(PartitionOptions options, Disk& disk, const Clock& clock)
    : options_(std::move(options)), disk_(disk), clock_(clock), since_(clock.wall()) {
  thread_ = std::thread([this] {
    auto ended = run();
    const std::lock_guard lock(mutex_);
    // Not to be the owner any more is no fault of the node's.
    if (!ended && ended.error().fault() != Fault::denied) fault_ = std::move(ended).error();
  });
}

Partition::~Partition() {
  ask_to_stop();
  wait();
}

void Partition::wait() {
  if (thread_.joinable()) thread_.join();
}

Result<> Partition::run() {
  const auto place = fmt::format("partition {}", options_.number);
  auto intake = intake::Intake::open(disk_, clock_, options_.intake);
  if (!intake) return std::move(intake).error().within(place);
  auto listener = KafkaListener::open(options_.listener, clock_);
  if (!listener) return std::move(listener).error().within(place);
  {
    const std::lock_guard lock(mutex_);
    listener_ = listener->get();
  }
  options_.opened();
  auto ended = (*listener)->run(**intake, stop_, [&] {
    const std::lock_guard lock(mutex_);
    counters_ = (*intake)->counters();
  });
  {
    const std::lock_guard lock(mutex_);
    last_ = listener_->condition();
    listener_ = nullptr;
  }
  if (!ended) {
    log::warning("a partition ended", "partition={} error={}", options_.number,
                 ended.error().text());
    return std::move(ended).error().within(place);
  }
  return {};
}

intake::Counters Partition::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

Condition Partition::condition() const {
  const std::lock_guard lock(mutex_);
  return listener_ != nullptr ? listener_->condition() : last_;
}

std::optional<Error> Partition::fault() const {
  const std::lock_guard lock(mutex_);
  return fault_;
}

}  // namespace tidemark::cluster
