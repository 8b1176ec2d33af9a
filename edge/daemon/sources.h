// Builds the configured sources: the one place that knows both the configuration and the protocols.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/random.h"
#include "common/base/result.h"
#include "edge/config/edge_config.h"
#include "edge/journal/journal.h"
#include "edge/modbus/modbus_source.h"
#include "edge/source/source.h"

namespace tidemark::edge {

struct BuiltSource {
  std::uint32_t id = 0;  // journal::Entry::source: a hash of the name, so that a journal outlives a
                         // configuration in which the order of sources changed
  std::string name;
  std::map<std::string, std::string> labels;
  std::unique_ptr<source::Source> source;
};

// Fault::bad_input names the source and what to do.
Result<std::vector<BuiltSource>> build_sources(const config::EdgeConfig& config,
                                               journal::Journal& journal, Clock& clock,
                                               Random& random, modbus::Buses& buses);

}  // namespace tidemark::edge
