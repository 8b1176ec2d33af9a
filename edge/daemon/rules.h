// Rules as the pipeline takes them, and the publisher they need: from the configuration.
#pragma once

#include <memory>
#include <vector>

#include "common/base/result.h"
#include "edge/config/edge_config.h"
#include "edge/pipeline/route.h"
#include "edge/publish/publisher.h"

namespace tidemark::edge {

// Fault::bad_input names the rule.
Result<std::vector<pipeline::Rule>> rules_of(const config::EdgeConfig& config);

// Null when no rule publishes.
Result<std::unique_ptr<publish::Publisher>> build_publisher(const config::EdgeConfig& config);

}  // namespace tidemark::edge
