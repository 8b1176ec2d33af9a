// The gateway as a process: its parts, built from its configuration, until it is told to stop.
#pragma once

#include "common/base/random.h"
#include "common/base/result.h"
#include "common/base/stop_signal.h"
#include "common/base/time.h"
#include "gateway/daemon/gateway_config.h"

namespace tidemark::gateway {

// Makes a CA when there is none yet: a fresh gateway is ready for tokens without a further step.
// A stop lets the edges know, and gives what is under way two seconds. Faults: of the files (data
// directory, CA), of the addresses (taken, not ours).
Result<> run_node(const GatewayConfig& config, const Clock& clock, Random& random,
                  const StopSignal& stop);

}  // namespace tidemark::gateway
