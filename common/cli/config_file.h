// Which part a configuration file is for, and how that part is asked about it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/cli/parts.h"

namespace tidemark::cli {

struct ConfigFile {
  std::string part;
  std::string file;          // to ask the part about; empty: the installed one
  std::string drop_in = {};  // named instead: edge.d/x.toml counts with edge.toml beside edge.d
};

// What `named` stands for: a file, a drop-in, or all the configurations that lie in a folder. Its
// part is `part`, unless empty; else what its name says, or its folder's (edge.d); else the part
// that knows its keys, of those that are installed, which are asked. Fault::unavailable: there is
// no such file; bad_input: neither name nor keys tell, or no part would read it there.
Result<std::vector<ConfigFile>> config_files(const std::string& named, std::string_view part,
                                             const Programs& programs);

}  // namespace tidemark::cli
