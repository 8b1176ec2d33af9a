// The agent as a whole: opens its files, then runs until it is told to stop.
#pragma once

#include <filesystem>
#include <memory>

#include "common/base/random.h"
#include "common/base/result.h"
#include "common/base/stop_signal.h"
#include "common/base/time.h"
#include "edge/config/edge_config.h"

namespace tidemark::edge {

class Edge {
 public:
  // Opens journal, ring and quarantine and builds the sources; reaches nobody yet. `file` is where
  // `loaded` came from: a reload reads it again.
  static Result<std::unique_ptr<Edge>> build(config::Loaded loaded,
                                             const std::filesystem::path& file, Clock& clock,
                                             Random& random);
  virtual ~Edge() = default;
  // Starts sources and uplink and runs the pipeline. On stop: no new input, the journal drained,
  // the ring synced, then leave.
  virtual Result<> run(StopSignal& stop) = 0;
};

}  // namespace tidemark::edge
