// The cloud node: intake on this thread, the face on its own.
#pragma once

#include "cloud/daemon/cloud_config.h"
#include "common/base/random.h"
#include "common/base/result.h"
#include "common/base/stop_signal.h"
#include "common/base/time.h"

namespace tidemark::cloud {

// Opens, serves, and on stop commits what it has and leaves. Faults: what could not be opened, or
// the commit that failed; nothing that was not committed has been acknowledged.
Result<> run_node(const CloudConfig& config, const Clock& clock, Random& random,
                  const StopSignal& stop);

}  // namespace tidemark::cloud
