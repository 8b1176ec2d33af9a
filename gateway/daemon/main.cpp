// tidemark-gateway: the gateway, and the gateway's words of the `tidemark` command.
#include <string>
#include <vector>

#include "common/base/exit_code.h"
#include "common/base/log.h"
#include "common/base/version.h"
#include "common/cli/command.h"
#include "common/config/file.h"
#include "gateway/cli/gateway_command.h"
#include "gateway/daemon/node.h"

namespace {

using namespace tidemark;

int run_gateway(const std::string& option, bool check, cli::Output& output) {
  const auto found =
      config::file_of(option, "TIDEMARK_GATEWAY_CONFIG", gateway::kConfigFile, check);
  if (!found) {
    output.fail(found.error());
    return kExitNoInput;
  }
  const std::string file = found->string();
  const auto loaded = gateway::load_gateway(file);
  for (const auto& problem : loaded.problems) output.err(config::render(problem) + "\n");
  if (!loaded.ok) return kExitConfig;
  if (check) {
    output.out(file + ": ok\n");
    return kExitOk;
  }
  const StopSignal stop;  // first: it blocks the signals for every thread to come
  const SystemClock clock;
  SystemRandom random;
  const auto outcome = gateway::run_node(loaded.config, clock, random, stop);
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
  std::string file;
  bool check = false;
  bool version = false;
  cli::Command root("tidemark-gateway", "The gateway: admits edges, forwards, acknowledges.");
  root.option("--config", file, "The configuration; its folder's gateway.d is read too.", "FILE");
  root.flag("--check", check, "Check the configuration and leave.");
  root.flag("--version", version, "Print the version and leave.");
  root.action([&] {
    if (!version) return run_gateway(file, check, output);
    output.out("tidemark-gateway " + std::string(tidemark::version()) + "\n");
    return static_cast<int>(kExitOk);
  });
  return root.run(words, output);
}
