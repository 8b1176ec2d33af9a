#include "edge/cli/agent.h"

#include <cstdlib>

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

Agent find_agent(const std::string& file) {
  Agent agent;
  const char* named = std::getenv(kConfigVariable);
  agent.config = !file.empty() ? file : named != nullptr ? named : kConfigFile;
  const auto loaded = config::load_edge(config::edge_sources(agent.config));
  agent.run_dir = loaded.config.run_dir;
  agent.data_dir = loaded.config.data_dir;
  agent.identity_folder = loaded.config.identity_folder();
  agent.proxy = {loaded.config.uplink.proxy_address(), loaded.config.uplink.proxy_login_file};
  agent.edge = loaded.config.edge;
  return agent;
}

}  // namespace tidemark::edge
