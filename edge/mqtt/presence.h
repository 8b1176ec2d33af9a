// Which devices of a source are away, by their own word: a last will, a topic of availability, the
// death of Sparkplug. For people; what it means for readings is in the readings.
//
// Bound      kDevicesMax are listed. Further ones are marked in their series and not listed here.
// Threads    list() from any; the rest from one, the pipeline's.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "edge/source/source.h"

namespace tidemark::mqtt {

class PresenceTable {
 public:
  static constexpr std::size_t kDevicesMax = 1'000;

  // A device that is away already stays so since then.
  void away(const std::string& device, std::string reason, EventTime since);
  void back(const std::string& device);
  [[nodiscard]] bool empty() const { return away_.empty(); }
  [[nodiscard]] std::vector<source::Away> list() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, source::Away> away_;  // by device
};

}  // namespace tidemark::mqtt
