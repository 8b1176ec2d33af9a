// The configured sources of an agent that runs, and what a reload makes of them.
//
// Reload     the configuration is read again as a whole. With any problem in it nothing changes.
//            Sources that are as they were, and so are the profiles, passwords and certificates
//            that they name, keep their connections, schedules and windows; others
//            are stopped, what the journal still holds of them is decoded by what they were (what
//            is not read within ten seconds, by what they are then), and then they are made anew.
//            Devices on one Modbus bus go together. All that is no source waits for a restart, and
//            is named.
// Start      a source that cannot be made (its profile, a secret, a certificate) or started is
//            "failing", with the reason; the others run. retry() tries it again.
// Threads    any; one reload at a time.
#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <string>
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
      : loaded_(std::move(loaded)),
        configured_(loaded_.settings),
        file_(std::move(file)),
        content_(config::content_of(config::edge_sources(file_))),
        clock_(clock),
        random_(random) {}

  // Makes those that can be made; reaches nobody. Fault::bad_input: what is wrong is between them.
  Result<> build(journal::Journal& journal);
  void start();
  // Of those that fail, as they were configured at the start: what can be made and started now is.
  void retry(pipeline::Pipeline& pipeline);
  void stop();  // for good
  [[nodiscard]] std::vector<pipeline::SourceEntry> entries() const;
  [[nodiscard]] std::vector<source::Status> status() const;
  [[nodiscard]] modbus::Buses buses() const;

  // How the configuration in force stands to the files that it came from.
  struct Standing {
    std::filesystem::path file;
    std::uint64_t version = 1;       // one more with each reload
    bool changed_on_disk = false;    // since it was read
    std::vector<std::string> waits;  // keys whose value there counts from the next start on
  };
  [[nodiscard]] Standing standing() const;

  // Fault::bad_input with every problem of the file, and nothing changed; unavailable: stopping.
  Result<ReloadPlan> reload(pipeline::Pipeline& pipeline);

 private:
  [[nodiscard]] std::vector<pipeline::SourceEntry> entries_locked() const;
  [[nodiscard]] std::map<std::string, std::string> not_to_be_made(const config::EdgeConfig& config);
  void start_one(source::Source& source);
  Result<> change(const config::EdgeConfig& config, const ReloadPlan& plan,
                  pipeline::Pipeline& pipeline);
  void replace(std::vector<BuiltSource> fresh, modbus::Buses buses, const ReloadPlan& plan,
               pipeline::Pipeline& pipeline);

  config::Loaded loaded_;  // what is in force; its settings with_contents()
  const std::vector<config::Setting> configured_;  // at the start
  std::filesystem::path file_;
  std::uint64_t content_;  // of the files when they were read
  Clock& clock_;
  Random& random_;
  journal::Journal* journal_ = nullptr;
  std::mutex reloading_;
  mutable std::mutex mutex_;  // of what follows; taken after reloading_
  std::vector<BuiltSource> sources_;
  modbus::Buses buses_;
  std::map<std::string, std::string> unmade_;     // why, by name
  std::map<std::string, std::string> unstarted_;
  Standing standing_;
  bool stopped_ = false;
};

}  // namespace tidemark::edge
