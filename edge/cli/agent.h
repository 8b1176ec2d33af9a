// Where the agent is: its configuration, as the CLI needs it, and one question to it.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "common/base/result.h"
#include "common/cli/terminal.h"
#include "edge/uplink/uplink.h"

namespace tidemark::edge {

inline constexpr const char* kConfigFile = "/etc/tidemark/edge.toml";
inline constexpr const char* kConfigVariable = "TIDEMARK_EDGE_CONFIG";

struct Agent {
  std::filesystem::path config;
  std::filesystem::path identity_folder;
  std::filesystem::path run_dir;
  std::filesystem::path data_dir;
  std::string edge;
  uplink::Proxy proxy;

  [[nodiscard]] std::filesystem::path socket() const { return run_dir / "edge.sock"; }
  // The one JSON object that answers `request`. Fault::unavailable when the agent does not run.
  [[nodiscard]] Result<nlohmann::ordered_json> ask(const nlohmann::ordered_json& request) const;
};

// `file` empty: what TIDEMARK_EDGE_CONFIG names, else kConfigFile. A configuration with
// problems still says where the agent is.
Agent find_agent(const std::string& file);

}  // namespace tidemark::edge
