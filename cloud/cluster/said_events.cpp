#include "cloud/cluster/said_events.h"

#include <poll.h>

#include <algorithm>
#include <utility>

#include "common/base/hash.h"
#include "common/base/log.h"

namespace tidemark::cluster {
namespace {

constexpr int kAgainMs = 1000;

}  // namespace

SaidEvents::SaidEvents(kafka::Settings settings, kafka::Stretch tail)
    : settings_(std::move(settings)), tail_(std::move(tail)), thread_([this] { run(); }) {}

SaidEvents::~SaidEvents() {
  stop_.ask();
  thread_.join();
}

Result<bool> SaidEvents::known() const {
  if (known_.load()) return true;
  const std::lock_guard lock(mutex_);
  if (fault_) return *fault_;
  return false;
}

bool SaidEvents::has(std::string_view key) const {
  return std::binary_search(keys_.begin(), keys_.end(), xxh3(as_bytes(key)));
}

void SaidEvents::run() {
  while (!stop_.asked()) {
    keys_.clear();
    const auto read = kafka::read(settings_, tail_, stop_, [this](const kafka::Record& r) {
      add(xxh3(as_bytes(r.key)));
      return false;
    });
    if (read) break;
    {
      const std::lock_guard lock(mutex_);
      fault_ = read.error();
    }
    pollfd item{stop_.descriptor(), POLLIN, 0};
    ::poll(&item, 1, kAgainMs);
  }
  if (stop_.asked()) return;
  if (!keys_.empty()) {
    log::info("events that were said are known", "partition={} events={}", tail_.partition,
              keys_.size());
  }
  std::sort(keys_.begin(), keys_.end());
  keys_.shrink_to_fit();
  known_.store(true);
}

void SaidEvents::add(std::uint64_t key) {
  if (keys_.size() >= 2 * kMax) keys_.erase(keys_.begin(), keys_.begin() + kMax);
  keys_.push_back(key);
}

}  // namespace tidemark::cluster
