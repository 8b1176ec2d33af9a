// What a changed configuration means for an agent that runs: which sources go on untouched, which
// are made anew, and which settings wait for a restart. Plain comparison, no I/O but
// that of with_contents().
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/config/section.h"
#include "edge/profile/library.h"

namespace tidemark::edge {

struct ReloadPlan {
  // Sources by name, each in one of these, in the order of the configuration.
  std::vector<std::string> kept;     // connection, schedule and windows stay
  std::vector<std::string> changed;  // made anew
  std::vector<std::string> added;
  std::vector<std::string> removed;
  std::vector<std::string> restart;  // keys whose new value counts from the next start on

  [[nodiscard]] bool makes(std::string_view name) const;   // changed or added
  [[nodiscard]] bool ends(std::string_view name) const;    // changed or removed
  [[nodiscard]] bool idle() const { return changed.empty() && added.empty() && removed.empty(); }
};

// The settings with a hash of what is in the files that they name (profiles with those that they
// extend, passwords, certificates and keys), so that a new content counts as a new setting. What
// cannot be read is as if it were empty. For plan_reload() only, not to be shown.
std::vector<config::Setting> with_contents(std::vector<config::Setting> settings,
                                           const profile::Library& profiles);

// Of the settings in force, defaults included, both with_contents(). Sources are compared by their
// names, wherever in the file they stand; those on one Modbus bus go together.
ReloadPlan plan_reload(const std::vector<config::Setting>& now,
                       const std::vector<config::Setting>& next);
// Those of the sources of these names, or all but those.
std::vector<config::Setting> of_sources(const std::vector<config::Setting>& settings,
                                        const std::vector<std::string>& names);
std::vector<config::Setting> without_sources(const std::vector<config::Setting>& settings,
                                             const std::vector<std::string>& names);
// `next` for the sources, and `now` for the rest: what is in force after a reload.
std::vector<config::Setting> after_reload(const std::vector<config::Setting>& now,
                                          const std::vector<config::Setting>& next);

}  // namespace tidemark::edge
