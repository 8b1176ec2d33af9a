// The cloud node: intake on this thread, the face on its own.
#pragma once

#include <functional>

#include "cloud/daemon/cloud_config.h"
#include "common/base/random.h"
#include "common/base/result.h"
#include "common/base/stop_signal.h"
#include "common/base/time.h"

namespace tidemark::cloud {

// Opens, serves, and on stop commits what it has and leaves. Faults: what could not be opened, or
// the commit that failed; nothing that was not committed has been acknowledged.
// `read_views` gives those that the configuration names when somebody changed it.
Result<> run_node(const CloudConfig& config,
                  std::function<Result<answers::Definitions>()> read_views,
                  const Clock& clock, Random& random, const StopSignal& stop);

}  // namespace tidemark::cloud
