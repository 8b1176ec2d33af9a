// What `doctor` of each part finds, printed in one way. A part's `cli doctor --json` is this as
// JSON; `tidemark doctor` reads it from all parts and prints one table.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/cli/terminal.h"

namespace tidemark::cli {

enum class CheckState : unsigned char { ok, warn, fail };

struct Check {
  CheckState state = CheckState::ok;
  std::string name;  // one or two words: "clock", "disk", "uplink"
  std::string text;  // what was found, with its limit
  std::string next;  // a command to run; empty when there is nothing to do
};

// The table and "1 failed, 1 warning.", or {"v":1,"checks":[{"state","name","text","next"}]}.
// Returns kExitProblems when one failed, else kExitOk.
int print_checks(Output& output, const std::vector<Check>& checks, bool json);
Result<std::vector<Check>> parse_checks(std::string_view json);  // the JSON of another part

// For all parts: free space and the right to write below `folder`, or below what exists of it.
std::vector<Check> check_folder(const std::string& name, const std::filesystem::path& folder);

}  // namespace tidemark::cli
