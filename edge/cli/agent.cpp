#include "edge/cli/agent.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/exit_code.h"
#include "common/config/file.h"
#include "edge/cli/status_text.h"
#include "edge/config/edge_config.h"
#include "edge/control/control.h"

namespace tidemark::edge {

Result<nlohmann::ordered_json> Agent::ask(const nlohmann::ordered_json& request) const {
  nlohmann::ordered_json answer;
  TIDE_TRY(control::ask(socket, request.dump(), [&](const std::string& line) {
    answer = nlohmann::ordered_json::parse(line, nullptr, false);
    return false;
  }));
  if (!answer.is_object()) {
    return Error{Fault::unavailable, "the agent on " + socket.string() + " gave no answer"};
  }
  if (answer.contains("error") && answer["error"].is_string()) {
    return Error{Fault::bad_input, answer["error"].get<std::string>()};
  }
  return answer;
}

namespace {

constexpr const char* kUsualRunDir = "/run/tidemark";

Error not_located(const config::Loaded& loaded) {
  std::string text = "the configuration does not say where the agent is";
  for (const auto& p : loaded.problems) {
    if (!p.warning) text += "\n" + config::render(p);
  }
  return {Fault::bad_input, std::move(text)};
}

Agent described(const std::filesystem::path& file, const config::Loaded& loaded) {
  Agent agent;
  agent.config = file;
  agent.socket = loaded.config.control_socket();
  agent.data_dir = loaded.config.data_dir;
  agent.profile_path = loaded.config.profile_path;
  agent.identity_folder = loaded.config.identity_folder();
  agent.proxy = {loaded.config.uplink.proxy_address(), loaded.config.uplink.proxy_login_file};
  agent.edge = loaded.config.edge;
  return agent;
}

// What the agent on that socket says of itself; without an answer only the socket.
Agent agent_on(const std::filesystem::path& socket) {
  Agent agent;
  agent.socket = socket;
  const auto status = agent.ask({{"command", "status"}});
  if (!status) return agent;
  agent.edge = text_of(*status, "edge");
  const auto config = status->find("config");
  if (config == status->end() || !config->is_object()) return agent;
  agent.config = text_of(*config, "file");
  agent.data_dir = text_of(*config, "data_dir");
  agent.identity_folder = agent.data_dir / "identity";
  return agent;
}

std::string first_in_one_line(const std::vector<config::Problem>& problems) {
  const auto p = std::ranges::find(problems, false, &config::Problem::warning);
  if (p == problems.end()) return "";
  return fmt::format("{}:{}:{}: {}", p->file, p->line, p->column, p->text);
}

int say_why_not(cli::Output& out, const Error& error) {
  const bool absent = error.fault() == Fault::unavailable;
  out.fail(error, absent ? "" : "mend it, then tidemark config check");
  return absent ? kExitNoInput : kExitConfig;
}

}  // namespace

Result<Agent> find_agent(const std::string& file) {
  TIDE_ASSIGN(const auto found, config::file_of(file, kConfigVariable, kConfigFile));
  const auto loaded = config::load_edge(config::edge_sources(found));
  if (!loaded.located) return not_located(loaded);
  return described(found, loaded);
}

Result<Agent> find_running_agent(const Where& where) {
  if (!where.socket.empty()) return agent_on(where.socket);
  TIDE_ASSIGN(const auto file, config::file_of(where.config, kConfigVariable, kConfigFile));
  const auto loaded = config::load_edge(config::edge_sources(file));
  if (loaded.located) {
    auto agent = described(file, loaded);
    std::error_code ignored;
    const bool runs = std::filesystem::exists(agent.socket, ignored);
    if (runs && !loaded.runs) agent.broken = first_in_one_line(loaded.problems);
    return agent;
  }
  for (const auto& run_dir : {loaded.config.run_dir, std::filesystem::path(kUsualRunDir)}) {
    auto agent = agent_on(run_dir / "edge.sock");
    std::error_code code;
    if (agent.config.empty() || !std::filesystem::equivalent(agent.config, file, code)) continue;
    agent.broken = first_in_one_line(loaded.problems);
    return agent;
  }
  return not_located(loaded);
}

std::function<int()> with_agent(const std::string& file, Agent& agent, cli::Output& out,
                                std::function<int()> action) {
  return [&file, &agent, &out, action = std::move(action)]() -> int {
    auto found = find_agent(file);
    if (!found) return say_why_not(out, found.error());
    agent = *std::move(found);
    return action();
  };
}

std::function<int()> with_running_agent(const Where& where, Agent& agent, cli::Output& out,
                                        std::function<int()> action) {
  return [&where, &agent, &out, action = std::move(action)]() -> int {
    auto found = find_running_agent(where);
    if (!found) return say_why_not(out, found.error());
    agent = *std::move(found);
    if (!agent.broken.empty()) {
      out.err("warning: " + agent.broken + "; this is of the agent as it runs\n");
    }
    return action();
  };
}

}  // namespace tidemark::edge
