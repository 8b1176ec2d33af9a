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
  bool grouped = false;  // it shares the partitions of a Kafka with others
};

// What became of an order; in a group: at that partition.
struct Outcome {
  std::optional<int> partition;
  std::optional<std::string> text;  // "ok: …" or "error: …"; empty: not yet
};
struct Order {
  std::string words;
  std::string by;
  std::vector<int> partitions = {};  // of this node: for their stores alone
};
struct ListedOrder {
  std::string words;
  std::string by;
  EventTime at{};
  std::vector<Outcome> outcomes;
};

// What the program gives. `settings` reads the named file, or the usual one for an empty name; it
// is asked once, after the words were found right. Fault::unavailable: there is no such file.
struct World {
  std::function<Result<Settings>(const std::string& file)> settings;
  std::function<Result<std::unique_ptr<query::Reader>>(const std::filesystem::path&)> open;
  // Leaves an order for the node of these settings, or for its group, and waits a while.
  std::function<Result<std::vector<Outcome>>(const Order&)> order;
  // What was ordered, the oldest first.
  std::function<Result<std::vector<ListedOrder>>()> orders;
  // Whether the configuration of that file would be right with this one in views.d; installs it.
  std::function<Result<>(const std::string& config, const std::filesystem::path& view,
                         bool install)> take_view;
  const Clock& clock;
};

// `words` are those behind `tidemark-cloud cli`: "cloud status --json", "doctor", "__tree".
// Returns the exit code.
int run(const std::vector<std::string>& words, const World& world, cli::Output& output);

}  // namespace tidemark::cloud_cli
