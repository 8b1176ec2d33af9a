#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "edge/config/bus_url.h"
#include "edge/config/edge_config.h"
#include "edge/config/schema.h"
#include "edge/profile/library.h"

namespace tidemark::config {
namespace {

// The configuration together with the profiles that it names, so that a wrong one is told in its
// place and not when the device is first read.
struct WithProfiles {
  EdgeConfig& config;
  bool here;  // of this machine's files: what they name should be there
  std::size_t bad_profiles = 0;
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

bool shares_its_bus(const std::vector<ModbusConfig>& sources, std::size_t i) {
  const auto url = parse_bus_url(sources[i].url);
  for (std::size_t j = 0; url && j < sources.size(); ++j) {
    const auto other = parse_bus_url(sources[j].url);
    if (j != i && other && other->place() == url->place()) return true;
  }
  return false;
}

// False: it cannot be read.
bool check_mqtt_profile(Section& s, const std::string& at, const MqttConfig& c,
                        const profile::Library& library) {
  const auto loaded = library.load_mqtt(c.profile);
  if (!loaded) {
    s.complain(at + "profile", loaded.error().text());
    return false;
  }
  if (c.topics.empty() && loaded->topics.empty()) {
    s.complain(at + "topics", fmt::format("it is missing, and profile '{}' has none of its own; "
                                          "say what to subscribe to: topics = [\"sensors/#\"]",
                                          c.profile));
  }
  if (c.topics.empty()) {
    check_level(s, at + "device", c.device, loaded->topics);
    check_level(s, at + "metric_prefix", c.metric_prefix, loaded->topics);
  } else if (c.device.empty()) {
    check_level(s, at + "topics", loaded->device, c.topics);
  }
  if (loaded->format == "sparkplug") check_sparkplug(s, at, c);
  if (c.presence.empty()) check_wills(s, at, c, loaded->presence);
  return true;
}

void describe(Section& s, WithProfiles& w) {
  auto& c = w.config;
  describe(s, c);
  check_buses(s, c.modbus);
  if (w.here) check_presence(s, c);
  for (std::size_t i = 0; i < c.mqtt.size(); ++i) {
    check_labels(s, fmt::format("source.mqtt[{}].labels", i), c.mqtt[i].labels, c.labels);
  }
  for (std::size_t i = 0; i < c.modbus.size(); ++i) {
    check_labels(s, fmt::format("source.modbus[{}].labels", i), c.modbus[i].labels, c.labels);
  }
  const profile::Library library(profile::search_folders(c.profile_path));
  for (std::size_t i = 0; i < c.mqtt.size(); ++i) {
    if (c.mqtt[i].profile.empty()) continue;
    const auto at = fmt::format("source.mqtt[{}].", i);
    if (!check_mqtt_profile(s, at, c.mqtt[i], library)) ++w.bad_profiles;
  }
  for (std::size_t i = 0; i < c.modbus.size(); ++i) {
    if (c.modbus[i].profile.empty()) continue;
    const auto key = fmt::format("source.modbus[{}].profile", i);
    const auto loaded = library.load(c.modbus[i].profile);
    if (!loaded) {
      s.complain(key, loaded.error().text());
      ++w.bad_profiles;
    } else if (loaded->any_unit && shares_its_bus(c.modbus, i)) {
      s.complain(key, "such devices answer under any unit, so that an answer of another one on "
                      "this bus could be taken for theirs; give it a bus of its own");
    }
  }
}

Loaded finish(Document document, bool here) {
  Loaded out;
  auto& c = out.config;
  WithProfiles all{c, here};
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
  const auto told = [&](std::string_view key) {  // one with a wrong value is not
    return std::ranges::any_of(out.settings, [&](const Setting& s) { return s.key == key; });
  };
  out.located = document.whole() && told("run_dir") && told("data_dir");
  const auto errors = std::ranges::count_if(out.problems, [](const Problem& p) {
    return !p.warning;
  });
  out.runs = out.ok || static_cast<std::size_t>(errors) == all.bad_profiles;
  return out;
}

}  // namespace

Sources edge_sources(const std::filesystem::path& file) {
  auto drop_ins = file;
  drop_ins.replace_extension(".d");
  return {file, drop_ins, "TIDEMARK_EDGE__"};
}

Loaded load_edge(const Sources& sources) {
  return finish(Document::read(sources), true);
}

Loaded parse_edge(std::string_view toml, std::string name) {
  return finish(Document::parse(toml, std::move(name)), false);
}

Result<EdgeConfig> load(const std::filesystem::path& file) {
  auto loaded = load_edge(edge_sources(file));
  if (loaded.ok) return std::move(loaded.config);
  std::string text;
  for (const auto& p : loaded.problems) text += (text.empty() ? "" : "\n") + render(p);
  return Error{Fault::bad_input, std::move(text)};
}

}  // namespace tidemark::config
