#include "edge/daemon/reload.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace tidemark::edge {
namespace {

constexpr std::string_view kSource = "source.";

// Settings show values as the file would write them; names hold nothing that needs an escape.
std::string unquoted(const std::string& text) {
  const bool quoted = text.size() >= 2 && text.front() == '"' && text.back() == '"';
  return quoted ? text.substr(1, text.size() - 2) : text;
}

// "source.mqtt[0]"; empty: of no source.
std::string place_of(const config::Setting& s) {
  const auto end = s.key.find("].");
  return s.key.starts_with(kSource) && end != std::string::npos ? s.key.substr(0, end + 1) : "";
}

struct Settings {
  struct Source {
    std::string protocol;
    std::map<std::string, std::string> values;
    friend bool operator==(const Source&, const Source&) = default;
  };
  std::map<std::string, Source> sources;    // by name
  std::vector<std::string> order;           // of their names
  std::map<std::string, std::string> rest;

  explicit Settings(const std::vector<config::Setting>& all) {
    std::map<std::string, Source> by_place;  // "source.mqtt[0]"
    std::vector<std::string> places;
    for (const auto& s : all) {
      const auto place = place_of(s);
      if (place.empty()) {
        rest[s.key] = s.value;
        continue;
      }
      auto [at, fresh] = by_place.try_emplace(place);
      if (fresh) {
        places.push_back(place);
        at->second.protocol = place.substr(kSource.size(), place.find('[') - kSource.size());
      }
      at->second.values[s.key.substr(place.size() + 1)] = s.value;
    }
    for (const auto& place : places) {
      auto& source = by_place[place];
      order.push_back(unquoted(source.values["name"]));
      sources[order.back()] = std::move(source);
    }
  }
  [[nodiscard]] std::string bus_of(const std::string& name) const {
    const auto at = sources.find(name);
    if (at == sources.end() || at->second.protocol != "modbus") return {};
    const auto url = at->second.values.find("url");
    return url == at->second.values.end() ? std::string() : url->second;
  }
};

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<config::Setting> some_of(const std::vector<config::Setting>& settings,
                                     const std::vector<std::string>& names, bool those) {
  std::set<std::string> places;
  for (const auto& s : settings) {
    if (s.key == place_of(s) + ".name" && contains(names, unquoted(s.value))) {
      places.insert(place_of(s));
    }
  }
  std::vector<config::Setting> out;
  for (const auto& s : settings) {
    if (places.contains(place_of(s)) == those) out.push_back(s);
  }
  return out;
}

}  // namespace

bool ReloadPlan::makes(std::string_view name) const {
  return contains(changed, name) || contains(added, name);
}
bool ReloadPlan::ends(std::string_view name) const {
  return contains(changed, name) || contains(removed, name);
}

std::vector<config::Setting> with_contents(std::vector<config::Setting> settings,
                                           const profile::Library& profiles) {
  for (auto& s : settings) {
    const auto key = std::string_view(s.key).substr(s.key.rfind('.') + 1);
    const auto named = unquoted(s.value);
    if (named.empty()) continue;
    std::uint64_t hash = 0;
    if (key == "profile") {
      for (const auto& file : profiles.files(named)) hash = config::content_of(file, hash);
    } else if (key == "password_file" || key == "ca_file" || key == "cert_file" ||
               key == "key_file") {
      hash = config::content_of(std::filesystem::path(named), hash);
    } else {
      continue;
    }
    s.value += fmt::format(" {:016x}", hash);
  }
  return settings;
}

ReloadPlan plan_reload(const std::vector<config::Setting>& was,
                       const std::vector<config::Setting>& will) {
  const Settings now(was);
  const Settings next(will);
  ReloadPlan plan;
  // One thread serves a bus: whatever changes on it, all its devices are made anew.
  std::set<std::string> buses;
  const auto same = [&](const std::string& name) {
    const auto a = now.sources.find(name);
    const auto b = next.sources.find(name);
    return a != now.sources.end() && b != next.sources.end() && a->second == b->second;
  };
  for (const auto* side : {&now, &next}) {
    for (const auto& name : side->order) {
      if (same(name)) continue;
      buses.insert(now.bus_of(name));
      buses.insert(next.bus_of(name));
    }
  }
  buses.erase("");
  for (const auto& name : next.order) {
    if (!now.sources.contains(name)) {
      plan.added.push_back(name);
    } else if (!same(name) || buses.contains(next.bus_of(name))) {
      plan.changed.push_back(name);
    } else {
      plan.kept.push_back(name);
    }
  }
  for (const auto& name : now.order) {
    if (!next.sources.contains(name)) plan.removed.push_back(name);
  }
  auto keys = now.rest;
  keys.insert(next.rest.begin(), next.rest.end());
  for (const auto& [key, value] : keys) {
    const auto a = now.rest.find(key);
    const auto b = next.rest.find(key);
    if (a == now.rest.end() || b == next.rest.end() || a->second != b->second) {
      plan.restart.push_back(key);
    }
  }
  return plan;
}

std::vector<config::Setting> of_sources(const std::vector<config::Setting>& settings,
                                        const std::vector<std::string>& names) {
  return some_of(settings, names, true);
}
std::vector<config::Setting> without_sources(const std::vector<config::Setting>& settings,
                                             const std::vector<std::string>& names) {
  return some_of(settings, names, false);
}

std::vector<config::Setting> after_reload(const std::vector<config::Setting>& now,
                                          const std::vector<config::Setting>& next) {
  std::vector<config::Setting> out;
  for (const auto& s : now) {
    if (!s.key.starts_with(kSource)) out.push_back(s);
  }
  for (const auto& s : next) {
    if (s.key.starts_with(kSource)) out.push_back(s);
  }
  return out;
}

}  // namespace tidemark::edge
