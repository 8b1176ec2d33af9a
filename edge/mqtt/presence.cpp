#include "edge/mqtt/presence.h"

#include <utility>

namespace tidemark::mqtt {

void PresenceTable::away(const std::string& device, std::string reason, EventTime since) {
  const std::lock_guard lock(mutex_);
  if (away_.size() >= kDevicesMax) return;
  away_.try_emplace(device, source::Away{device, std::move(reason), since});
}

void PresenceTable::back(const std::string& device) {
  const std::lock_guard lock(mutex_);
  away_.erase(device);
}

std::vector<source::Away> PresenceTable::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<source::Away> out;
  for (const auto& [device, away] : away_) out.push_back(away);
  return out;
}

}  // namespace tidemark::mqtt
