#include <fmt/format.h>

#include <map>

#include "edge/config/bus_url.h"
#include "edge/config/edge_config.h"
#include "edge/profile/library.h"

namespace tidemark::config {
namespace {

// The configuration together with the profiles that it names, so that a wrong one is told in its
// place and not when the device is first read.
struct WithProfiles {
  EdgeConfig& config;
};

// Sources of one port have one line; a converter speaks one kind of frames.
void check_buses(Section& s, const std::vector<ModbusConfig>& sources) {
  std::map<std::string, std::size_t> first;  // by place
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const auto url = parse_bus_url(sources[i].url);
    if (!url) continue;  // told already
    const auto [known, fresh] = first.emplace(url->place(), i);
    if (fresh) continue;
    const auto& other = sources[known->second];
    if (*url == *parse_bus_url(other.url)) continue;
    s.complain(fmt::format("source.modbus[{}].url", i),
               fmt::format("source '{}' has the same bus as {}; they cannot both be right",
                           other.name, parse_bus_url(other.url)->text()));
  }
}

void describe(Section& s, WithProfiles& w) {
  auto& c = w.config;
  describe(s, c);
  check_buses(s, c.modbus);
  const profile::Library library(profile::search_folders(c.profile_path));
  for (std::size_t i = 0; i < c.modbus.size(); ++i) {
    if (c.modbus[i].profile.empty()) continue;
    if (const auto loaded = library.load(c.modbus[i].profile); !loaded) {
      s.complain(fmt::format("source.modbus[{}].profile", i), loaded.error().text());
    }
  }
}

Loaded finish(Document document) {
  Loaded out;
  auto& c = out.config;
  WithProfiles all{c};
  document.fill(all);
  // A source's own labels win over the edge's.
  for (auto& source : c.mqtt) {
    source.labels.insert(c.labels.begin(), c.labels.end());
    if (source.client_id.empty()) {
      source.client_id = fmt::format("tidemark-{}-{}", c.edge, source.name);
    }
  }
  if (c.publish.client_id.empty()) c.publish.client_id = "tidemark-" + c.edge + "-publish";
  for (auto& source : c.modbus) source.labels.insert(c.labels.begin(), c.labels.end());
  out.problems = document.problems();
  out.settings = document.settings();
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
