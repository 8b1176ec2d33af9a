// tidemark-edge: the agent, and the edge's words of the `tidemark` command.
#include <string>
#include <vector>

#include "common/base/exit_code.h"
#include "common/base/log.h"
#include "common/cli/daemon.h"
#include "edge/cli/edge_command.h"
#include "edge/daemon/edge.h"
#include "edge/daemon/memory.h"

namespace {

using namespace tidemark;

int fail(const Error& error, int code) {
  log::error("tidemark-edge stops", "error={}", error.text());
  return code;
}

int run_agent(config::Loaded loaded, const std::string& file) {
  StopSignal stop;  // first: it blocks the signals for every thread to come
  SystemClock clock;
  SystemRandom random;
  auto agent = edge::Edge::build(std::move(loaded), file, clock, random);
  if (!agent) {
    switch (agent.error().fault()) {
      case Fault::unavailable: return fail(agent.error(), kExitTryAgain);  // run_dir is another's
      case Fault::bad_input: return fail(agent.error(), kExitConfig);      // rules that cannot be
      default: return fail(agent.error(), kExitFault);
    }
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
  edge::bound_heap();
  config::Loaded loaded;
  return cli::run_daemon(
      {.part = "edge",
       .summary = "The edge agent: sources, filters, ring, uplink.",
       .config_help = "The configuration; its folder's edge.d is read too.",
       .variable = "TIDEMARK_EDGE_CONFIG",
       .usual = "/etc/tidemark/edge.toml",
       .keys = config::reference<config::EdgeConfig>,
       .load =
           [&](const std::string& file) {
             loaded = config::load_edge(config::edge_sources(file));
             return cli::Daemon::Loaded{loaded.problems, loaded.settings, loaded.ok, loaded.runs};
           },
       .run = [&](const std::string& file) { return run_agent(std::move(loaded), file); }},
      words, output);
}
