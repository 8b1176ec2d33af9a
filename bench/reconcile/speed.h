// The speed of one core, from packed blocks in memory to updated panes.
#pragma once

#include <filesystem>
#include <string_view>

namespace tidemark::bench {

// One table: what is asked and measured, in CPU time of this thread, the best of so many runs. Of a
// part of the lines if `only` is a word in their names. False when something could not be opened or
// a reading was lost.
bool run_speed(const std::filesystem::path& folder, std::string_view only, unsigned runs);

}  // namespace tidemark::bench
