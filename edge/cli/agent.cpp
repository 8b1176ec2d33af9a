#include "edge/cli/agent.h"

#include "common/base/exit_code.h"
#include "common/config/file.h"
#include "edge/config/edge_config.h"
#include "edge/control/control.h"

namespace tidemark::edge {

Result<nlohmann::ordered_json> Agent::ask(const nlohmann::ordered_json& request) const {
  nlohmann::ordered_json answer;
  TIDE_TRY(control::ask(socket(), request.dump(), [&](const std::string& line) {
    answer = nlohmann::ordered_json::parse(line, nullptr, false);
    return false;
  }));
  if (!answer.is_object()) {
    return Error{Fault::unavailable, "the agent on " + socket().string() + " gave no answer"};
  }
  if (answer.contains("error") && answer["error"].is_string()) {
    return Error{Fault::bad_input, answer["error"].get<std::string>()};
  }
  return answer;
}

Result<Agent> find_agent(const std::string& file) {
  Agent agent;
  TIDE_ASSIGN(agent.config, config::file_of(file, kConfigVariable, kConfigFile));
  const auto loaded = config::load_edge(config::edge_sources(agent.config));
  if (!loaded.located) {
    std::string text = "the configuration does not say where the agent is";
    for (const auto& p : loaded.problems) {
      if (!p.warning) text += "\n" + config::render(p);
    }
    return Error{Fault::bad_input, std::move(text)};
  }
  agent.run_dir = loaded.config.run_dir;
  agent.data_dir = loaded.config.data_dir;
  agent.profile_path = loaded.config.profile_path;
  agent.identity_folder = loaded.config.identity_folder();
  agent.proxy = {loaded.config.uplink.proxy_address(), loaded.config.uplink.proxy_login_file};
  agent.edge = loaded.config.edge;
  return agent;
}

std::function<int()> with_agent(const std::string& file, Agent& agent, cli::Output& out,
                                std::function<int()> action) {
  return [&file, &agent, &out, action = std::move(action)]() -> int {
    auto found = find_agent(file);
    if (found) {
      agent = *std::move(found);
      return action();
    }
    const bool absent = found.error().fault() == Fault::unavailable;
    out.fail(found.error(), absent ? "" : "mend it, then tidemark config check");
    return absent ? kExitNoInput : kExitConfig;
  };
}

}  // namespace tidemark::edge
