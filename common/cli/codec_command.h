// `tidemark codec encode|decode|stat`: fixed commands, so that anyone can measure the codec on
// recordings of their own.
#pragma once

#include "common/cli/command.h"
#include "common/cli/terminal.h"

namespace tidemark::cli {

// Adds `codec` with its commands to the program's; `output` outlives `parent`.
void add_codec(Command& parent, Output& output);

}  // namespace tidemark::cli
