// `tidemark cloud …` and the cloud's part of `tidemark doctor`.
//
// Asks the node over HTTP; where none answers at the configured address, reads the store of the
// stopped node and says so on stderr. Both ways give the same JSON (cloud/http/api.h), from which
// the tables are made.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cloud/query/reader.h"
#include "common/base/time.h"
#include "common/cli/terminal.h"

namespace tidemark::cloud_cli {

struct Settings {  // of cloud.toml
  std::filesystem::path data_dir;
  std::string listen;  // [http] listen
};

// What the program gives. `settings` reads the named file, or the usual one for an empty name; it
// is asked once, after the words were found right. Fault::unavailable: there is no such file.
struct World {
  std::function<Result<Settings>(const std::string& file)> settings;
  std::function<Result<std::unique_ptr<query::Reader>>(const std::filesystem::path&)> open;
  // Leaves an order for the node of that folder, or for what it has of a partition, and waits a
  // while; what came of it, nothing while no node has taken it.
  std::function<Result<std::optional<std::string>>(const std::filesystem::path&,
                                                   std::optional<int> partition,
                                                   const std::string& words)> order;
  // Whether the configuration of that file would be right with this one in views.d; installs it.
  std::function<Result<>(const std::string& config, const std::filesystem::path& view,
                         bool install)> take_view;
  const Clock& clock;
};

// `words` are those behind `tidemark-cloud cli`: "cloud status --json", "doctor", "__tree".
// Returns the exit code.
int run(const std::vector<std::string>& words, const World& world, cli::Output& output);

}  // namespace tidemark::cloud_cli
