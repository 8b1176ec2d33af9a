#include "edge/daemon/source_set.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <condition_variable>

#include "common/base/log.h"
#include "edge/config/bus_url.h"

namespace tidemark::edge {
namespace {

// How long a reload waits for the pipeline to decode what stopped sources left in the journal.
constexpr auto kDrainPatience = std::chrono::seconds(10);
constexpr auto kDrainLook = std::chrono::milliseconds(20);

// Its sources that `wanted` says yes to, by name.
template <typename Wanted>
config::EdgeConfig only(config::EdgeConfig config, Wanted wanted) {
  std::erase_if(config.mqtt, [&](const auto& c) { return !wanted(c.name); });
  std::erase_if(config.modbus, [&](const auto& c) { return !wanted(c.name); });
  return config;
}

bool has_source(const config::EdgeConfig& config, const std::string& name) {
  const auto is_it = [&](const auto& c) { return c.name == name; };
  return std::ranges::any_of(config.mqtt, is_it) || std::ranges::any_of(config.modbus, is_it);
}

std::vector<std::string> names_of(const std::map<std::string, std::string>& reasons) {
  std::vector<std::string> out;
  for (const auto& [name, why] : reasons) out.push_back(name);
  return out;
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

// Looked at before what it speaks of is made: what changes in between is seen by the next reload.
std::vector<config::Setting> in_force(const std::vector<config::Setting>& settings,
                                      const config::EdgeConfig& config) {
  return with_contents(settings, profile::Library(profile::search_folders(config.profile_path)));
}

}  // namespace

Result<> SourceSet::build(journal::Journal& journal) {
  journal_ = &journal;
  loaded_.settings = in_force(configured_, loaded_.config);
  auto all = build_sources(loaded_.config, journal, clock_, random_, buses_);
  if (!all) {
    unmade_ = not_to_be_made(loaded_.config);
    buses_ = {};
    const auto rest = only(loaded_.config, [&](const auto& n) { return !unmade_.contains(n); });
    all = build_sources(rest, journal, clock_, random_, buses_);
  }
  TIDE_ASSIGN(sources_, std::move(all));
  loaded_.settings = without_sources(loaded_.settings, names_of(unmade_));
  return {};
}

// Each alone, and what stands in its way.
std::map<std::string, std::string> SourceSet::not_to_be_made(const config::EdgeConfig& config) {
  std::map<std::string, std::string> out;
  const auto look = [&](const std::string& name) {
    modbus::Buses buses;
    const auto alone = only(config, [&](const auto& other) { return other == name; });
    auto made = build_sources(alone, *journal_, clock_, random_, buses);
    if (made) return;
    const auto& known = unmade_.find(name);
    if (known == unmade_.end() || known->second != made.error().text()) {
      log::error("a source cannot be made; the others run", "source={} error={}", name,
                 made.error().text());
    }
    out[name] = made.error().text();
  };
  for (const auto& c : config.mqtt) look(c.name);
  for (const auto& c : config.modbus) look(c.name);
  return out;
}

void SourceSet::start() {
  const std::lock_guard one(reloading_);
  for (const auto& s : sources_) start_one(*s.source);
}

void SourceSet::start_one(source::Source& source) {
  const auto name = source.status().name;
  auto done = source.start();
  const std::lock_guard lock(mutex_);
  if (done) {
    unstarted_.erase(name);
    return;
  }
  log::error("a source does not start", "source={} error={}", name, done.error().text());
  unstarted_[name] = done.error().text();
}

void SourceSet::retry(pipeline::Pipeline& pipeline) {
  const std::lock_guard one(reloading_);
  if (stopped_) return;
  for (const auto& s : sources_) {
    if (unstarted_.contains(s.name)) start_one(*s.source);
  }
  if (unmade_.empty()) return;
  const auto failing = only(loaded_.config, [&](const auto& n) { return unmade_.contains(n); });
  auto still = not_to_be_made(failing);
  auto now = names_of(unmade_);
  std::erase_if(now, [&](const auto& name) { return still.contains(name); });
  {
    const std::lock_guard lock(mutex_);
    unmade_ = std::move(still);
  }
  if (now.empty()) return;
  auto settings = loaded_.settings;
  for (auto& s : of_sources(in_force(configured_, loaded_.config), now)) {
    settings.push_back(std::move(s));
  }
  const auto plan = plan_reload(loaded_.settings, settings);
  if (auto done = change(loaded_.config, plan, pipeline); !done) {
    const std::lock_guard lock(mutex_);
    for (const auto& name : now) unmade_[name] = done.error().text();
    return;
  }
  loaded_.settings = std::move(settings);
  log::info("sources that could not be made run now", "sources={}", fmt::join(now, ","));
}

void SourceSet::stop() {
  const std::lock_guard one(reloading_);
  stopped_ = true;
  for (const auto& s : sources_) s.source->stop();
}

std::vector<pipeline::SourceEntry> SourceSet::entries_locked() const {
  std::vector<pipeline::SourceEntry> out;
  for (const auto& s : sources_) out.push_back({s.id, s.name, s.source.get(), s.labels});
  for (const auto& [name, why] : unmade_) out.push_back({0, name, nullptr, {}});
  return out;
}

std::vector<pipeline::SourceEntry> SourceSet::entries() const {
  const std::lock_guard lock(mutex_);
  return entries_locked();
}

std::vector<source::Status> SourceSet::status() const {
  const std::lock_guard lock(mutex_);
  std::vector<source::Status> out;
  for (const auto& s : sources_) {
    out.push_back(s.source->status());
    if (const auto failed = unstarted_.find(s.name); failed != unstarted_.end()) {
      out.back().state = "failing";
      out.back().error = failed->second;
    }
  }
  const auto add = [&](const auto& configs, const char* protocol) {
    for (const auto& c : configs) {
      const auto why = unmade_.find(c.name);
      if (why == unmade_.end()) continue;
      out.push_back({.name = c.name, .protocol = protocol, .state = "failing",
                     .error = why->second});
    }
  };
  add(loaded_.config.mqtt, "mqtt");
  add(loaded_.config.modbus, "modbus");
  return out;
}

modbus::Buses SourceSet::buses() const {
  const std::lock_guard lock(mutex_);
  return buses_;
}

SourceSet::Standing SourceSet::standing() const {
  const auto content = config::content_of(config::edge_sources(file_));
  const std::lock_guard lock(mutex_);
  auto out = standing_;
  out.file = file_;
  out.changed_on_disk = content != content_;
  return out;
}

Result<ReloadPlan> SourceSet::reload(pipeline::Pipeline& pipeline) {
  const std::lock_guard one(reloading_);
  if (stopped_) return Error{Fault::unavailable, "the agent is stopping"};
  const auto content = config::content_of(config::edge_sources(file_));
  auto next = config::load_edge(config::edge_sources(file_));
  if (!next.ok) {
    std::string text = "nothing was changed:";
    for (const auto& p : next.problems) text += "\n" + config::render(p);
    return Error{Fault::bad_input, std::move(text)};
  }
  next.settings = in_force(next.settings, next.config);
  const auto plan = plan_reload(loaded_.settings, next.settings);
  TIDE_TRY(change(next.config, plan, pipeline));
  loaded_.settings = after_reload(loaded_.settings, next.settings);
  {
    const std::lock_guard lock(mutex_);
    unmade_.clear();  // it would have been refused
    content_ = content;
    ++standing_.version;
    standing_.waits = plan.restart;
  }
  log::info("configuration reloaded", "kept={} changed={} added={} removed={} restart={}",
            plan.kept.size(), plan.changed.size(), plan.added.size(), plan.removed.size(),
            plan.restart.size());
  return plan;
}

// Of the sources of `config` those that the plan makes.
Result<> SourceSet::change(const config::EdgeConfig& config, const ReloadPlan& plan,
                           pipeline::Pipeline& pipeline) {
  const auto needed = only(config, [&](const auto& name) { return plan.makes(name); });
  // Once for nothing: what cannot be made (a secret that is missing) must not stop what runs.
  modbus::Buses buses;
  if (auto tried = build_sources(needed, *journal_, clock_, random_, buses); !tried) {
    return std::move(tried).error().within("nothing was changed");
  }
  if (plan.idle()) return {};
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
  for (const auto& c : config.modbus) {
    if (plan.makes(c.name)) continue;
    const auto url = config::parse_bus_url(c.url);
    if (!url) continue;
    if (const auto kept = buses_.find(url->place()); kept != buses_.end()) buses.insert(*kept);
  }
  {
    // These could be made, or are not configured any more.
    const std::lock_guard lock(mutex_);
    std::erase_if(unmade_, [&](const auto& entry) {
      return plan.makes(entry.first) || !has_source(config, entry.first);
    });
  }
  replace(*std::move(fresh), std::move(buses), plan, pipeline);
  return {};
}

void SourceSet::replace(std::vector<BuiltSource> fresh, modbus::Buses buses,
                        const ReloadPlan& plan, pipeline::Pipeline& pipeline) {
  std::vector<BuiltSource> old;  // outlives the pipeline's use of it
  std::vector<source::Source*> started;
  {
    const std::lock_guard lock(mutex_);
    for (auto& s : std::exchange(sources_, {})) {
      if (plan.ends(s.name)) unstarted_.erase(s.name);
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
