// `tidemark profile …` and `tidemark modbus …`: what devices have, and what they say. Private to
// the folder.
#pragma once

#include <memory>

#include "common/cli/command.h"
#include "common/cli/terminal.h"
#include "edge/cli/agent.h"
#include "edge/profile/library.h"

namespace tidemark::edge {

// Add their commands to `root`; what they return lives as long as the commands.
std::shared_ptr<void> add_profile(cli::Command& root, cli::Output& output);
std::shared_ptr<void> add_probe(cli::Command& profile, cli::Output& output);  // probe and scan
std::shared_ptr<void> add_modbus(cli::Command& root, cli::Output& output);

// Profiles as the agent finds them, `folders` before.
profile::Library library_of(std::vector<std::string> folders, const Agent& agent);

}  // namespace tidemark::edge
