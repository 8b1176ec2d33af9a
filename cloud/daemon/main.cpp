// tidemark-cloud: the cloud node.
#include <string>
#include <vector>

#include "cloud/daemon/cloud_config.h"
#include "cloud/daemon/node.h"
#include "common/base/exit_code.h"
#include "common/base/log.h"
#include "common/base/version.h"
#include "common/cli/command.h"

namespace {

using namespace tidemark;

int run_cloud(const std::string& file, bool check, cli::Output& output) {
  const auto loaded = cloud::load_cloud(cloud::cloud_sources(file));
  for (const auto& problem : loaded.problems) output.err(config::render(problem) + "\n");
  if (!loaded.ok) return kExitConfig;
  if (check) {
    output.out(file + ": ok\n");
    return kExitOk;
  }
  StopSignal stop;  // first: it blocks the signals for every thread to come
  SystemClock clock;
  SystemRandom random;
  const auto outcome = cloud::run_node(loaded.config, clock, random, stop);
  if (outcome.ok()) return kExitOk;
  log::error("tidemark-cloud stops", "error={}", outcome.error().text());
  return kExitFault;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  cli::StandardOutput output;
  std::string file = "/etc/tidemark/cloud.toml";
  bool check = false;
  bool version = false;
  cli::Command root("tidemark-cloud", "The cloud node: reconciles, answers, serves.");
  root.option("--config", file, "The configuration; views.d in its folder is read too.", "FILE");
  root.flag("--check", check, "Check the configuration and leave.");
  root.flag("--version", version, "Print the version and leave.");
  root.action([&] {
    if (!version) return run_cloud(file, check, output);
    output.out("tidemark-cloud " + std::string(tidemark::version()) + "\n");
    return static_cast<int>(kExitOk);
  });
  return root.run(words, output);
}
