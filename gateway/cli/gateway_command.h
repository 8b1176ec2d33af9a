// `tidemark gateway …`: what the front program hands to `tidemark-gateway cli`.
#pragma once

#include <string>
#include <vector>

#include "common/cli/terminal.h"

namespace tidemark::gateway {

inline constexpr const char* kConfigFile = "/etc/tidemark/gateway.toml";

// The configuration is --config, else TIDEMARK_GATEWAY_CONFIG, else kConfigFile.
int run_cli(const std::vector<std::string>& words, cli::Output& output);

}  // namespace tidemark::gateway
