#include "edge/daemon/source_set.h"

#include <algorithm>
#include <condition_variable>

#include "common/base/log.h"
#include "edge/config/bus_url.h"

namespace tidemark::edge {
namespace {

// How long a reload waits for the pipeline to decode what stopped sources left in the journal.
constexpr auto kDrainPatience = std::chrono::seconds(10);
constexpr auto kDrainLook = std::chrono::milliseconds(20);

config::EdgeConfig only(config::EdgeConfig config, const ReloadPlan& plan) {
  std::erase_if(config.mqtt, [&](const auto& c) { return !plan.makes(c.name); });
  std::erase_if(config.modbus, [&](const auto& c) { return !plan.makes(c.name); });
  return config;
}

void wait_until_read(const pipeline::Pipeline& pipeline, journal::Position end,
                     const Clock& clock) {
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock(mutex);
  const auto until = clock.steady() + kDrainPatience;
  while (!pipeline.has_read(end)) {
    if (clock.steady() >= until) {
      log::warning("a reload does not wait for the journal any longer", "seconds={}",
                   kDrainPatience.count());
      return;
    }
    never.wait_for(lock, kDrainLook);
  }
}

void start_one(source::Source& source) {
  if (auto done = source.start(); !done) {
    log::error("a source does not start", "source={} error={}", source.status().name,
               done.error().text());
  }
}

// Looked at before what it speaks of is made: what changes in between is seen by the next reload.
std::vector<config::Setting> in_force(const config::Loaded& loaded) {
  return with_contents(loaded.settings,
                       profile::Library(profile::search_folders(loaded.config.profile_path)));
}

}  // namespace

Result<> SourceSet::build(journal::Journal& journal) {
  journal_ = &journal;
  loaded_.settings = in_force(loaded_);
  TIDE_ASSIGN(sources_, build_sources(loaded_.config, journal, clock_, random_, buses_));
  return {};
}

Result<> SourceSet::start() {
  for (const auto& s : sources_) TIDE_TRY(s.source->start());
  return {};
}

void SourceSet::stop() {
  const std::lock_guard one(reloading_);
  stopped_ = true;
  for (const auto& s : sources_) s.source->stop();
}

std::vector<pipeline::SourceEntry> SourceSet::entries_locked() const {
  std::vector<pipeline::SourceEntry> out;
  for (const auto& s : sources_) out.push_back({s.id, s.name, s.source.get(), s.labels});
  return out;
}

std::vector<pipeline::SourceEntry> SourceSet::entries() const {
  const std::lock_guard lock(mutex_);
  return entries_locked();
}

std::vector<source::Status> SourceSet::status() const {
  const std::lock_guard lock(mutex_);
  std::vector<source::Status> out;
  for (const auto& s : sources_) out.push_back(s.source->status());
  return out;
}

modbus::Buses SourceSet::buses() const {
  const std::lock_guard lock(mutex_);
  return buses_;
}

Result<ReloadPlan> SourceSet::reload(pipeline::Pipeline& pipeline) {
  const std::lock_guard one(reloading_);
  if (stopped_) return Error{Fault::unavailable, "the agent is stopping"};
  auto next = config::load_edge(config::edge_sources(file_));
  if (!next.ok) {
    std::string text = "nothing was changed:";
    for (const auto& p : next.problems) text += "\n" + config::render(p);
    return Error{Fault::bad_input, std::move(text)};
  }
  next.settings = in_force(next);
  const auto plan = plan_reload(loaded_.settings, next.settings);
  const auto needed = only(next.config, plan);
  // Once for nothing: what cannot be made (a secret that is missing) must not stop what runs.
  modbus::Buses buses;
  if (auto tried = build_sources(needed, *journal_, clock_, random_, buses); !tried) {
    return std::move(tried).error().within("nothing was changed");
  }
  if (!plan.idle()) {
    for (const auto& s : sources_) {
      if (plan.ends(s.name)) s.source->stop();
    }
    wait_until_read(pipeline, journal_->end(), clock_);
    buses.clear();
    auto fresh = build_sources(needed, *journal_, clock_, random_, buses);
    if (!fresh) {  // something went away since the first time: what was stopped goes on
      for (const auto& s : sources_) {
        if (plan.ends(s.name)) start_one(*s.source);
      }
      return std::move(fresh).error().within("nothing was changed");
    }
    for (const auto& c : next.config.modbus) {
      if (plan.makes(c.name)) continue;
      const auto url = config::parse_bus_url(c.url);
      if (!url) continue;
      if (const auto kept = buses_.find(url->place()); kept != buses_.end()) buses.insert(*kept);
    }
    replace(*std::move(fresh), std::move(buses), plan, pipeline);
  }
  loaded_.settings = after_reload(loaded_.settings, next.settings);
  log::info("configuration reloaded", "kept={} changed={} added={} removed={} restart={}",
            plan.kept.size(), plan.changed.size(), plan.added.size(), plan.removed.size(),
            plan.restart.size());
  return plan;
}

void SourceSet::replace(std::vector<BuiltSource> fresh, modbus::Buses buses,
                        const ReloadPlan& plan, pipeline::Pipeline& pipeline) {
  std::vector<BuiltSource> old;  // outlives the pipeline's use of it
  std::vector<source::Source*> started;
  {
    const std::lock_guard lock(mutex_);
    for (auto& s : std::exchange(sources_, {})) {
      (plan.ends(s.name) ? old : sources_).push_back(std::move(s));
    }
    for (auto& s : fresh) {
      started.push_back(s.source.get());
      sources_.push_back(std::move(s));
    }
    buses_ = std::move(buses);
    pipeline.set_sources(entries_locked());
  }
  for (auto* source : started) start_one(*source);
}

}  // namespace tidemark::edge
