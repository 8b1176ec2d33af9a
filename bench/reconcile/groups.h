// What news of one edge cost where a group is of many.
#pragma once

#include <filesystem>

namespace tidemark::bench {

// One table, in CPU time of this thread; false when an answer was wrong or nothing could be opened.
bool run_groups(const std::filesystem::path& folder);

}  // namespace tidemark::bench
