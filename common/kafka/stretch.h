// What lies in one partition of a topic, to be read once.
//
// Promise    all that was acknowledged, and all that was committed in transactions, before the call
//            is handed out, also behind a leader that was just elected or a replica that lags: the
//            end is asked of the leader, and not taken from the answers to reading.
// Bounds     64 MiB of what is fetched and not yet handed out; by one fetch more.
// Threads    any; the call's own client.
#pragma once

#include <functional>

#include "common/base/stop_signal.h"
#include "common/kafka/consumer.h"

namespace tidemark::kafka {

struct Stretch {
  std::string topic;
  int partitions = 0;  // that the topic has
  int partition = 0;
  std::int64_t from = 0;  // offset
};

// Until `take` says that it has enough. False: `stop` was asked. Fault::unavailable: the brokers
// said nothing for half a minute, and why.
Result<bool> read(const Settings& settings, const Stretch& stretch, const StopSignal& stop,
                  const std::function<bool(const Record&)>& take);

}  // namespace tidemark::kafka
