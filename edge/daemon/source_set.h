// The configured sources of an agent that runs, and what a reload makes of them.
//
// Reload     the configuration is read again as a whole. With any problem in it nothing changes.
//            Sources that are as they were, and so are the profiles, passwords and certificates
//            that they name, keep their connections, schedules and windows; others
//            are stopped, what the journal still holds of them is decoded by what they were (what
//            is not read within ten seconds, by what they are then), and then they are made anew.
//            Devices on one Modbus bus go together. All that is no source waits for a restart, and
//            is named.
// Threads    any; one reload at a time.
#pragma once

#include <filesystem>
#include <mutex>
#include <vector>

#include "common/base/random.h"
#include "edge/config/edge_config.h"
#include "edge/daemon/reload.h"
#include "edge/daemon/sources.h"
#include "edge/journal/journal.h"
#include "edge/pipeline/pipeline.h"

namespace tidemark::edge {

class SourceSet {
 public:
  SourceSet(config::Loaded loaded, std::filesystem::path file, Clock& clock, Random& random)
      : loaded_(std::move(loaded)), file_(std::move(file)), clock_(clock), random_(random) {}

  // Makes all of them; reaches nobody. Fault::bad_input names the source.
  Result<> build(journal::Journal& journal);
  Result<> start();
  void stop();  // for good
  [[nodiscard]] std::vector<pipeline::SourceEntry> entries() const;
  [[nodiscard]] std::vector<source::Status> status() const;
  [[nodiscard]] modbus::Buses buses() const;

  // Fault::bad_input with every problem of the file, and nothing changed; unavailable: stopping.
  Result<ReloadPlan> reload(pipeline::Pipeline& pipeline);

 private:
  [[nodiscard]] std::vector<pipeline::SourceEntry> entries_locked() const;
  void replace(std::vector<BuiltSource> fresh, modbus::Buses buses, const ReloadPlan& plan,
               pipeline::Pipeline& pipeline);

  config::Loaded loaded_;  // what is in force; its settings with_contents()
  std::filesystem::path file_;
  Clock& clock_;
  Random& random_;
  journal::Journal* journal_ = nullptr;
  std::mutex reloading_;
  mutable std::mutex mutex_;  // of what follows; taken after reloading_
  std::vector<BuiltSource> sources_;
  modbus::Buses buses_;
  bool stopped_ = false;
};

}  // namespace tidemark::edge
