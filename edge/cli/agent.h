// Where the agent is: its configuration, as the CLI needs it, and one question to it.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/cli/terminal.h"
#include "edge/uplink/uplink.h"

namespace tidemark::edge {

inline constexpr const char* kConfigFile = "/etc/tidemark/edge.toml";
inline constexpr const char* kConfigVariable = "TIDEMARK_EDGE_CONFIG";

// What the words of a command say of where its agent is; nothing: the usual configuration.
struct Where {
  std::string config;
  std::string socket;  // of a running agent; the configuration is not looked at then
};

struct Agent {
  std::filesystem::path config;
  std::filesystem::path identity_folder;
  std::filesystem::path socket;
  std::filesystem::path data_dir;
  std::vector<std::string> profile_path;
  std::string edge;
  uplink::Proxy proxy;
  std::string broken;  // "edge.toml:4:3: …": why its configuration could not be read, in one line

  // The one JSON object that answers `request`. Fault::unavailable when the agent does not run.
  [[nodiscard]] Result<nlohmann::ordered_json> ask(const nlohmann::ordered_json& request) const;
};

// `file` empty: what TIDEMARK_EDGE_CONFIG names, else kConfigFile, which may be missing.
// Fault::unavailable when a named file is not there, Fault::bad_input with its places when the
// configuration does not say where the agent is (the TOML is broken, or run_dir or data_dir is
// wrong): presets instead would be another agent. Other problems do not matter here.
Result<Agent> find_agent(const std::string& file);
// The same for commands that need nothing but an agent that runs: when the configuration does not
// say where it is, an agent that says itself that it was started with this file is the one. It is
// looked for where the readable lines of the file say, then in the usual run_dir. Only its socket,
// config, data_dir and edge are known then, and `broken`.
Result<Agent> find_running_agent(const Where& where);
// The action of a command that needs the file of its agent: finds it, then does `action`. Otherwise
// says what is wrong; exit code 66 without the file, 78 for what is in it. All references outlive
// it.
std::function<int()> with_agent(const std::string& file, Agent& agent, cli::Output& out,
                                std::function<int()> action);
// The same with find_running_agent(); says on stderr when the file is broken.
std::function<int()> with_running_agent(const Where& where, Agent& agent, cli::Output& out,
                                        std::function<int()> action);

}  // namespace tidemark::edge
