// What the command lines of the daemons have in common: which configuration, and what to do with it
// instead of running.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/cli/command.h"
#include "common/config/section.h"

namespace tidemark::cli {

struct Daemon {
  std::string part;      // "edge", of tidemark-edge
  std::string summary;
  std::string config_help;
  const char* variable;  // of the environment, that names the configuration
  const char* usual;     // the configuration when nothing does
  std::function<std::string()> keys;  // the reference page
  struct Loaded {
    std::vector<config::Problem> problems;
    std::vector<config::Setting> settings;
    bool ok = false;
    bool runs = ok;  // the daemon may start although not all is good
  };
  std::function<Loaded(const std::string& file)> load;
  std::function<int(const std::string& file)> run;  // after a good load()
};
// The exit code. Problems of the configuration go to stderr, 78; a file that is not there is 66.
int run_daemon(const Daemon& daemon, const std::vector<std::string>& words, Output& output);

}  // namespace tidemark::cli
