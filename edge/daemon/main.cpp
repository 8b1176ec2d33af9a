// tidemark-edge: the agent, and the edge's words of the `tidemark` command.
#include <string>
#include <vector>

#include "common/base/exit_code.h"
#include "common/base/log.h"
#include "common/base/version.h"
#include "common/cli/command.h"
#include "common/config/file.h"
#include "edge/cli/edge_command.h"
#include "edge/daemon/edge.h"

namespace {

using namespace tidemark;

int fail(const Error& error, int code) {
  log::error("tidemark-edge stops", "error={}", error.text());
  return code;
}

int run_agent(const std::string& option, bool check, cli::Output& output) {
  const auto found =
      config::file_of(option, "TIDEMARK_EDGE_CONFIG", "/etc/tidemark/edge.toml", check);
  if (!found) {
    output.fail(found.error());
    return kExitNoInput;
  }
  const std::string file = found->string();
  auto loaded = config::load_edge(config::edge_sources(file));
  for (const auto& problem : loaded.problems) output.err(config::render(problem) + "\n");
  if (!loaded.ok) return kExitConfig;
  if (check) {
    output.out(file + ": ok\n");
    return kExitOk;
  }
  StopSignal stop;  // first: it blocks the signals for every thread to come
  SystemClock clock;
  SystemRandom random;
  auto agent = edge::Edge::build(std::move(loaded), file, clock, random);
  if (!agent) {
    // Nothing is wrong but the moment: another agent has this run_dir.
    const bool later = agent.error().fault() == Fault::unavailable;
    return fail(agent.error(), later ? kExitTryAgain : kExitFault);
  }
  auto done = (*agent)->run(stop);
  return done ? kExitOk : fail(done.error(), kExitFault);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  cli::StandardOutput output;
  if (!words.empty() && words[0] == "cli") {
    return edge::run_cli({words.begin() + 1, words.end()}, output);
  }
  std::string file;
  bool check = false;
  bool version = false;
  cli::Command root("tidemark-edge", "The edge agent: sources, filters, ring, uplink.");
  root.option("--config", file, "The configuration; its folder's edge.d is read too.", "FILE");
  root.flag("--check", check, "Check the configuration and leave.");
  root.flag("--version", version, "Print the version and leave.");
  root.action([&] {
    if (!version) return run_agent(file, check, output);
    output.out(std::string("tidemark-edge ") + std::string(tidemark::version()) + "\n");
    return static_cast<int>(kExitOk);
  });
  return root.run(words, output);
}
