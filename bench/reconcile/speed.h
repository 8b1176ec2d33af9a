// The speed of one core, from packed blocks in memory to updated panes.
#pragma once

#include <filesystem>

namespace tidemark::bench {

// One line a case, CPU time of this thread; false when something could not be opened.
bool run_speed(const std::filesystem::path& folder);

}  // namespace tidemark::bench
