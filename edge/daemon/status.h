// What the agent tells about itself, as the JSON objects of the contract.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "edge/clock/device_clock.h"
#include "edge/daemon/source_set.h"
#include "edge/history/history.h"
#include "edge/pipeline/pipeline.h"
#include "edge/publish/publisher.h"
#include "edge/quarantine/quarantine.h"
#include "edge/ring/ring_buffer.h"
#include "edge/source/source.h"
#include "edge/untimed/untimed.h"
#include "edge/uplink/uplink.h"

namespace tidemark::edge {

struct StatusParts {
  std::string edge;
  std::string version;
  EventTime now{};
  SteadyTime started{};
  SteadyTime steady{};
  pipeline::Status pipeline;
  SourceSet::Standing config;
  std::filesystem::path data_dir;
  std::vector<source::Status> sources;
  std::map<std::string, double> rates;  // readings a second of the last 10 s, by source
  ring::Usage ring;
  uplink::Status uplink;
  std::optional<history::Usage> history;
  clock::DeviceClock::Status clock;
  std::vector<untimed::Boot> untimed;
  std::string history_error;  // why there is none although there should be
  std::optional<publish::Status> publish;
  std::string publish_url;
  std::string tier;  // as configured
  std::string ring_write;
  std::optional<std::uint64_t> storage_written;      // storage_bytes_written()
  std::optional<double> storage_written_per_second;  // of the last hour; not before kWearAfter
  double written_per_second = 0;  // bytes into the ring, or spared, of the last minutes ...
  SteadyTime::duration written_over{};  // ... so many of them
};

std::string status_json(const StatusParts& parts);
std::string reload_json(const ReloadPlan& plan);
std::string series_json(const std::string& edge, const std::vector<pipeline::SeriesCounts>& series);
std::string released_json(const std::string& series, const pipeline::Pipeline::Released& released);
std::string buffer_json(const StatusParts& parts, const std::string& folder);
std::string quarantine_json(const std::vector<quarantine::Item>& items,
                            const std::vector<quarantine::Quarantine::Count>& counts);

// What a command needs to know before it reads the history: all that was said is committed.
std::string history_json(const std::string& folder, const Result<>& committed, bool kept);

}  // namespace tidemark::edge
