#include <fmt/format.h>

#include "edge/config/edge_config.h"

namespace tidemark::config {
namespace {

Loaded finish(Document document) {
  Loaded out;
  document.fill(out.config);
  auto& c = out.config;
  // A source's own labels win over the edge's.
  for (auto& source : c.mqtt) {
    source.labels.insert(c.labels.begin(), c.labels.end());
    if (source.client_id.empty()) {
      source.client_id = fmt::format("tidemark-{}-{}", c.edge, source.name);
    }
  }
  for (auto& source : c.modbus) source.labels.insert(c.labels.begin(), c.labels.end());
  out.problems = document.problems();
  out.settings = document.settings();
  out.effective = document.effective();
  out.ok = document.ok();
  return out;
}

}  // namespace

Sources edge_sources(const std::filesystem::path& file) {
  auto drop_ins = file;
  drop_ins.replace_extension(".d");
  return {file, drop_ins, "TIDEMARK_EDGE__"};
}

Loaded load_edge(const Sources& sources) { return finish(Document::read(sources)); }

Loaded parse_edge(std::string_view toml, std::string name) {
  return finish(Document::parse(toml, std::move(name)));
}

Result<EdgeConfig> load(const std::filesystem::path& file) {
  auto loaded = load_edge(edge_sources(file));
  if (loaded.ok) return std::move(loaded.config);
  std::string text;
  for (const auto& p : loaded.problems) text += (text.empty() ? "" : "\n") + render(p);
  return Error{Fault::bad_input, std::move(text)};
}

}  // namespace tidemark::config
