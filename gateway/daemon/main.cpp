// tidemark-gateway: the gateway, and the gateway's words of the `tidemark` command.
#include <string>
#include <vector>

#include "common/base/exit_code.h"
#include "common/base/log.h"
#include "common/cli/daemon.h"
#include "gateway/cli/gateway_command.h"
#include "gateway/daemon/node.h"

namespace {

using namespace tidemark;

int run_gateway(const gateway::GatewayConfig& config) {
  const StopSignal stop;  // first: it blocks the signals for every thread to come
  const SystemClock clock;
  SystemRandom random;
  const auto outcome = gateway::run_node(config, clock, random, stop);
  if (outcome.ok()) return kExitOk;
  log::error("tidemark-gateway stops", "error={}", outcome.error().text());
  return outcome.error().fault() == Fault::bad_input ? kExitConfig : kExitFault;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  cli::StandardOutput output;
  if (!words.empty() && words[0] == "cli") {
    return gateway::run_cli({words.begin() + 1, words.end()}, output);
  }
  gateway::Loaded loaded;
  return cli::run_daemon(
      {.part = "gateway",
       .summary = "The gateway: admits edges, forwards, acknowledges.",
       .config_help = "The configuration; its folder's gateway.d is read too.",
       .variable = "TIDEMARK_GATEWAY_CONFIG",
       .usual = gateway::kConfigFile,
       .keys = config::reference<gateway::GatewayConfig>,
       .load =
           [&](const std::string& file) {
             loaded = gateway::load_gateway(file);
             return cli::Daemon::Loaded{loaded.problems, loaded.settings, loaded.ok};
           },
       .run = [&](const std::string&) { return run_gateway(loaded.config); }},
      words, output);
}
