// The edge's words of the `tidemark` command: edge, tap, series, buffer, enroll, profile,
// modbus, doctor.
//
// They speak to the running agent over its control socket; the agent's configuration says where
// that is. With the agent stopped they say so, and what to do; profile and modbus work without it.
#pragma once

#include <string>
#include <vector>

#include "common/cli/command.h"
#include "common/cli/terminal.h"

namespace tidemark::edge {

// `words` after `tidemark-edge cli`. Returns the exit code.
int run_cli(const std::vector<std::string>& words, cli::Output& output);

}  // namespace tidemark::edge
