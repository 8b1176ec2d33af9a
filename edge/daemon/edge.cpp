#include "edge/daemon/edge.h"

#include <poll.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <thread>

#include "common/base/log.h"
#include "common/base/version.h"
#include "edge/clock/device_clock.h"
#include "edge/control/control.h"
#include "edge/daemon/bus_request.h"
#include "edge/daemon/clock_request.h"
#include "edge/daemon/memory.h"
#include "edge/daemon/pace.h"
#include "edge/daemon/rules.h"
#include "edge/daemon/source_set.h"
#include "edge/daemon/status.h"
#include "edge/local/local_feed.h"
#include "edge/pipeline/pipeline.h"
#include "edge/quarantine/quarantine.h"
#include "edge/ring/staged_ring.h"
#include "edge/source/ways_file.h"

namespace tidemark::edge {
namespace {

// Readings before it cannot be true; recorded data sets may be old.
constexpr EventTime kReadingsFrom = event_time(1'262'304'000'000'000'000);  // 2010-01-01
// A wall clock before this program was written is wrong (no battery: 1970).
constexpr EventTime kClockFrom = event_time(1'767'225'600'000'000'000);  // 2026-01-01

constexpr int kWatchdogMs = 5000;
constexpr auto kRetrySources = std::chrono::seconds(30);
constexpr auto kRateOver = std::chrono::seconds(10);
constexpr auto kFillOver = std::chrono::minutes(10);  // a ring fills over hours
constexpr auto kWearOver = std::chrono::hours(1);
constexpr auto kWearAfter = std::chrono::minutes(10);  // a start writes more than the day after it

pipeline::TierOptions tier_options(const config::UplinkConfig& uplink) {
  pipeline::TierOptions options;
  options.metered = uplink.budget.count > 0;
  options.cpu_share = uplink.cpu_share;
  options.configured.reset();
  for (const auto tier : {codec::Tier::fast, codec::Tier::standard, codec::Tier::dense}) {
    if (uplink.tier == pipeline::name_of(tier)) options.configured = tier;
  }
  return options;
}

clock::DeviceClock::Options clock_options(const config::EdgeConfig& config) {
  clock::DeviceClock::Options options;
  options.plausible_from = kClockFrom;
  options.trust_plausible = config.clock.trust != "confirmed";
  options.file = config.run_dir / "edge.clock";
  options.boot = journal::boot_id();
  return options;
}

class Agent final : public Edge {
 public:
  Agent(config::Loaded loaded, const std::filesystem::path& file, Clock& clock, Random& random)
      : config_(loaded.config),
        clock_(clock, clock_options(loaded.config)),
        random_(random),
        started_(clock.steady()),
        ways_(config_.data_dir),
        sources_(std::move(loaded), file, clock_, random) {}

  Result<> open() {
    TIDE_ASSIGN(auto lock, FolderLock::take(config_.data_dir));
    lock_.emplace(std::move(lock));
    TIDE_TRY(make_folder(config_.run_dir));
    const Incarnation incarnation{random_.next()};
    TIDE_ASSIGN(journal_, journal::Journal::open({config_.run_dir / "intake.journal",
                                                  config_.journal.capacity}));
    ring::Options ring;
    ring.folder = config_.data_dir;
    ring.capacity = config_.ring.size;
    ring.incarnation = incarnation;
    ring.now = clock_.wall();
    ring.journal = journal_->end().journal;
    const auto stage = config_.run_dir / "ring.stage";
    if (config_.ring.write == "unacked") {
      TIDE_ASSIGN(ring_, ring::open_staged(ring, {stage, config_.ring.sync_interval}, disk_, disk_,
                                           clock_));
    } else {
      TIDE_ASSIGN(ring_, ring::open_unstaged(ring, stage, disk_, disk_));
    }
    if (config_.clock.trust == "plausible") {
      const auto& past = ring_->recovered().past;
      const auto alive = past.empty() ? kEventTimeMin : past.back().closing.off_from;
      clock_.lived_until(clock::lived_before(config_.data_dir / "edge.boot", journal::boot_id(),
                                             alive));
    }
    TIDE_ASSIGN(quarantine_, quarantine::Quarantine::open(config_.data_dir));
    if (const auto boot = journal::boot_id(); !boot.empty()) {
      TIDE_ASSIGN(untimed_, untimed::Untimed::open({config_.data_dir, boot,
                                                    config_.clock.untimed},
                                                   disk_, ring_->recovered()));
    }
    TIDE_TRY(sources_.build(*journal_));

    pipeline::Options options;
    options.edge = config_.edge;
    options.incarnation = incarnation;
    options.sync_interval = config_.ring.sync_interval;
    options.live_interval = config_.uplink.live_interval;
    // Bytes of a metered link are worth more than moments.
    if (config_.uplink.budget.count == 0) {
      options.live = [this] { return uplink_ && uplink_->up(); };
    }
    options.skew = config_.uplink.skew;
    options.plausible_from = kReadingsFrom;
    options.ring_holds_back = config_.ring.write == "unacked";
    options.clock_known = [this] { return clock_.known(); };
    options.journal_capacity = config_.journal.capacity;
    options.tier = tier_options(config_.uplink);
    options.labels = config_.labels;
    TIDE_ASSIGN(options.rules, rules_of(config_));
    options.recorder_memory = config_.recorder.memory;
    TIDE_TRY(open_local());
    pipeline_ = std::make_unique<pipeline::Pipeline>(options, sources_.entries(), *journal_,
                                                     *ring_, *quarantine_, tap_, clock_,
                                                     local_.get(), untimed_.get(), &ways_);
    if (!config_.uplink.gateway.empty()) {
      uplink::Options up;
      up.edge = config_.edge;
      up.site = config_.site;
      up.gateways = config_.uplink.gateway;
      up.proxy = {config_.uplink.proxy_address(), config_.uplink.proxy_login_file};
      up.identity_folder = config_.identity_folder();
      up.backlog_share = config_.uplink.backlog_share;
      up.budget = config_.uplink.budget;
      up.budget_file = config_.data_dir / "uplink.budget";
      up.incarnation = incarnation;
      up.start_ordinal = ring_->recovered().start_ordinal;
      up.begun = started_;
      up.version = version();
      up.on_time = [this](EventTime now, SteadyTime asked) { clock_.from_gateway(now, asked); };
      uplink_ = uplink::Uplink::make(std::move(up), *ring_, *pipeline_, clock_, random_);
    }
    log::info("edge opened", "edge={} incarnation={:016x} start={} unreleased={} rebuilt={}",
              config_.edge, incarnation.count, ring_->recovered().start_ordinal,
              ring_->usage().blocks_unreleased, ring_->recovered().catalogue_rebuilt);
    return {};
  }

  Result<> run(StopSignal& stop) override {
    control::Handlers handlers;
    handlers.status = [this] { return status_json(parts()); };
    handlers.series = [this] { return series_json(config_.edge, pipeline_->series()); };
    handlers.release = [this](const std::string& series) { return release(series); };
    handlers.buffer = [this] { return buffer_json(parts(), config_.data_dir.string()); };
    handlers.history = [this] {
      return history_json(config_.data_dir.string(), history_ ? history_->commit() : Result<>(),
                          history_ != nullptr);
    };
    handlers.quarantine = [this](std::size_t limit) {
      return quarantine_json(quarantine_->newest(limit), quarantine_->counts());
    };
    handlers.reload = [this] {
      const auto plan = sources_.reload(*pipeline_);
      return plan ? reload_json(*plan) : control::failure(plan.error().text());
    };
    handlers.clock = [this](const std::string& request) {
      return answer_clock_request(request, clock_, untimed_.get(),
                                  [this] { pipeline_->look_at_untimed(); });
    };
    handlers.modbus = [this](const std::string& request) {
      return answer_bus_request(request, sources_.buses());
    };
    TIDE_ASSIGN(auto control,
                control::Control::open(config_.control_socket(), std::move(handlers), tap_));
    sources_.start();
    if (uplink_) uplink_->start();
    std::thread pipeline([this] {
      pipeline_->run([this] {
        if (uplink_) uplink_->wake();
      });
    });
    notify_service("READY=1");
    give_back_startup_pages();
    wait_for(stop);
    notify_service("STOPPING=1");
    // No new input; then what the journal holds goes into the ring; then the link closes.
    sources_.stop();
    pipeline_->stop();
    pipeline.join();
    journal_->stop();
    if (uplink_) uplink_->stop();
    control.reset();  // it asks all of these
    local_.reset();
    publisher_.reset();
    history_.reset();
    // A broker that goes on appending beside the agent may be heard by the next start, or not.
    if (!journal_->has_guest()) ring_->note_end();
    return ring_->close();
  }

 private:
  // What rules say at the machine itself. A history that cannot be opened does not stop the agent:
  // the status says so.
  Result<> open_local() {
    if (!config_.says_locally()) return {};
    if (config_.history.size.count > 0) {
      auto opened = history::History::open({config_.data_dir, config_.history.size,
                                            config_.history.keep, config_.history.commit_interval,
                                            config_.history.budget},
                                           clock_);
      if (opened) {
        history_ = std::move(opened).value();
      } else {
        history_error_ = opened.error().text();
        log::error("there is no local history", "error=\"{}\"", history_error_);
      }
    }
    TIDE_ASSIGN(publisher_, build_publisher(config_));
    local_ = std::make_unique<local::LocalFeed>(history_.get(), publisher_.get(), tap_);
    return {};
  }

  // Until told to stop; meanwhile the service manager hears that the pipeline moves.
  void wait_for(const StopSignal& stop) {
    pollfd p{stop.descriptor(), POLLIN, 0};
    auto retried = clock_.steady();
    while (!stop.asked()) {
      look();
      if (clock_.steady() - retried >= kRetrySources) {
        sources_.retry(*pipeline_);
        retried = clock_.steady();
      }
      static_cast<void>(::poll(&p, 1, kWatchdogMs));
      static_cast<void>(pipeline_->status());  // takes the pipeline's lock: hangs if it hangs
      notify_service("WATCHDOG=1");
    }
  }

  // "device/metric", or with the edge's name before it, as it is listed.
  std::string release(const std::string& series) {
    const auto whole = std::ranges::count(series, '/') > 1;
    const auto edge = config_.edge + "/";
    const auto local = whole && series.starts_with(edge) ? series.substr(edge.size()) : series;
    const auto released = pipeline_->release(local);
    return released ? released_json(edge + local, *released)
                    : control::failure(released.error().text());
  }

  // What rates are told from. Takes the pipeline's lock: hangs if the pipeline hangs.
  void look() {
    const auto status = pipeline_->status();
    const auto filled = to_the_ring(ring_->usage());
    const auto now = clock_.steady();
    const std::lock_guard lock(pace_mutex_);
    for (const auto& s : status.sources) {
      paces_.try_emplace(s.name, kRateOver).first->second.look(now, s.taken);
    }
    ring_pace_.look(now, filled);
    if (const auto written = storage_bytes_written()) wear_pace_.look(now, *written);
  }
  static std::uint64_t to_the_ring(const ring::Usage& u) {
    return u.bytes_written + u.bytes_spared;
  }
  void tell_rates(StatusParts& p) const {
    const std::lock_guard lock(pace_mutex_);
    for (const auto& s : p.pipeline.sources) {
      if (const auto pace = paces_.find(s.name); pace != paces_.end()) {
        p.rates[s.name] = pace->second.per_second(p.steady, s.taken);
      }
    }
    p.storage_written = storage_bytes_written();
    if (p.storage_written && wear_pace_.over(p.steady) >= kWearAfter) {
      p.storage_written_per_second = wear_pace_.per_second(p.steady, *p.storage_written);
    }
    p.written_per_second = ring_pace_.per_second(p.steady, to_the_ring(p.ring));
    p.written_over = ring_pace_.over(p.steady);
  }

  StatusParts parts() const {
    StatusParts p;
    p.edge = config_.edge;
    p.version = version();
    p.now = clock_.wall();
    p.started = started_;
    p.steady = clock_.steady();
    p.pipeline = pipeline_->status();
    p.sources = sources_.status();
    p.ring = ring_->usage();
    p.ring_write = config_.ring.write;
    p.tier = config_.uplink.tier;
    if (uplink_) {
      p.uplink = uplink_->status();
    } else {
      p.uplink.state = "off";  // what is read stays here: no fault
    }
    if (history_) p.history = history_->usage();
    p.history_error = history_error_;
    p.clock = clock_.status();
    if (untimed_) p.untimed = untimed_->boots();
    if (publisher_) p.publish = publisher_->status();
    p.publish_url = config_.publish.url;
    p.config = sources_.standing();
    p.data_dir = config_.data_dir;
    tell_rates(p);
    return p;
  }

  const config::EdgeConfig config_;
  clock::DeviceClock clock_;
  Random& random_;
  SteadyTime started_;
  SystemDisk disk_;
  pipeline::TapHub tap_;
  std::optional<FolderLock> lock_;  // of data_dir
  std::unique_ptr<journal::Journal> journal_;
  std::unique_ptr<ring::RingBuffer> ring_;
  std::unique_ptr<quarantine::Quarantine> quarantine_;
  std::unique_ptr<untimed::Untimed> untimed_;  // null where no boot can be told from the next
  source::WaysFile ways_;
  SourceSet sources_;
  std::unique_ptr<history::History> history_;
  std::string history_error_;
  std::unique_ptr<publish::Publisher> publisher_;
  std::unique_ptr<local::LocalFeed> local_;
  std::unique_ptr<pipeline::Pipeline> pipeline_;
  std::unique_ptr<uplink::Uplink> uplink_;
  mutable std::mutex pace_mutex_;  // of what follows
  std::map<std::string, Pace> paces_;  // by source
  Pace ring_pace_{kFillOver};
  Pace wear_pace_{kWearOver};
};

}  // namespace

Result<std::unique_ptr<Edge>> Edge::build(config::Loaded loaded,
                                          const std::filesystem::path& file, Clock& clock,
                                          Random& random) {
  auto agent = std::make_unique<Agent>(std::move(loaded), file, clock, random);
  TIDE_TRY(agent->open());
  return std::unique_ptr<Edge>(std::move(agent));
}

}  // namespace tidemark::edge
