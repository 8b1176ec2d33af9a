#include "edge/daemon/status.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "edge/daemon/clock_request.h"
#include "edge/daemon/memory.h"

namespace tidemark::edge {
namespace {

using json = nlohmann::ordered_json;

// A shorter time says nothing of the hours to come.
constexpr std::chrono::minutes kFillTimeLeast{1};

double seconds(SteadyTime::duration d) { return std::chrono::duration<double>(d).count(); }

json clock_status(const StatusParts& parts) {
  auto out = json::parse(clock_json(parts.clock, parts.untimed));
  out["offset_ms"] = static_cast<double>(parts.pipeline.clock_offset.count()) / 1e6;
  out["steps"] = parts.pipeline.clock_steps;
  return out;
}

json ledger_json(const Ledger& l) {
  return {{"taken", l.taken},           {"answered", l.answered}, {"thinned", l.thinned},
          {"duplicate", l.duplicate},   {"local", l.local},       {"late_ledger", l.late_ledger},
          {"quarantined", l.quarantined}, {"evicted", l.evicted}, {"lost", l.lost},
          {"pending", l.pending}};
}

json sources_json(const StatusParts& parts) {
  json out = json::array();
  for (const auto& s : parts.sources) {
    json one = {{"name", s.name},   {"protocol", s.protocol}, {"state", s.state},
                {"heard", s.heard}, {"failed", s.failed},     {"late", s.late},
                {"error", s.error.empty() ? json(nullptr) : json(s.error)}};
    if (!s.refused.empty()) one["refused"] = s.refused;
    for (const auto& a : s.away) {
      one["away"].push_back(
          {{"device", a.device}, {"since", format_utc(a.since)}, {"reason", a.reason}});
    }
    for (const auto& c : parts.pipeline.sources) {
      if (c.name != s.name) continue;
      one["series"] = c.series;
      const auto rate = parts.rates.find(c.name);
      one["rate"] = rate == parts.rates.end() ? 0.0 : rate->second;
      one["due"] = c.due;
      one["taken"] = c.taken;
      one["good"] = c.good;
      if (!c.refused.empty()) one["rejected"] = c.refused;
    }
    out.push_back(std::move(one));
  }
  return out;
}

json ring_json(const StatusParts& parts) {
  const auto& r = parts.ring;
  json left = nullptr, over = nullptr;
  if (parts.written_over >= kFillTimeLeast) over = seconds(parts.written_over);
  if (!over.is_null() && parts.written_per_second > 0) {
    const auto room = r.capacity.count - std::min(r.capacity.count, r.used.count);
    left = static_cast<double>(room) / parts.written_per_second;
  }
  return {
      {"bytes", r.used.count},
      {"size", r.capacity.count},
      {"size_configured", r.configured.count},
      {"oldest", r.oldest_time == 0 ? json(nullptr) : json(format_utc(event_time(r.oldest_time)))},
      {"time_left_s", left},
      {"time_left_over_s", over},
      {"blocks_pending", r.blocks_unreleased},
      {"readings_pending", r.readings_unreleased},
      {"blocks_evicted", r.blocks_evicted},
      {"readings_evicted", r.readings_evicted},
      {"readings_merged", parts.pipeline.compacted.merged},
      {"readings_reduced_1s", parts.pipeline.compacted.seconds},
      {"readings_reduced_1min", parts.pipeline.compacted.minutes},
      {"write", parts.ring_write},
      {"bytes_written", r.bytes_written},
      {"bytes_staged", r.bytes_staged},
      {"bytes_spared", r.bytes_spared},
      {"syncs", r.syncs},
      {"error", parts.pipeline.error.empty() ? json(nullptr) : json(parts.pipeline.error)}};
}

// Windows, events and context at the machine itself.
json local_json(const StatusParts& parts) {
  const auto& r = parts.pipeline.recorder;
  json out = {{"windows", {{"late", parts.pipeline.windows_late},
                           {"unsure", parts.pipeline.windows_unsure}}},
              {"recorder",
               {{"bytes", r.bytes.count},
                {"size", r.memory.count},
                {"contexts", r.contexts},
                {"readings", r.readings},
                {"cut", r.cut}}},
              {"history", nullptr},
              {"publish", nullptr}};
  if (const auto& h = parts.history) {
    out["history"] = {{"bytes", h->bytes.count},
                      {"size", h->size.count},
                      {"windows", h->windows},
                      {"events", h->events},
                      {"bytes_written", h->written.count},
                      {"commits", h->commits},
                      {"dropped", h->dropped},
                      {"error", h->error.empty() ? json(nullptr) : json(h->error)}};
  } else if (!parts.history_error.empty()) {
    out["history"] = {{"error", parts.history_error}};
  }
  if (const auto& p = parts.publish) {
    out["publish"] = {{"url", parts.publish_url},   {"state", p->state},
                      {"published", p->published},  {"dropped", p->dropped},
                      {"queued", p->queued},
                      {"error", p->error.empty() ? json(nullptr) : json(p->error)}};
  }
  return out;
}

// The commands ask for the file and data_dir when they cannot read the file themselves.
json config_json(const StatusParts& parts) {
  const auto& c = parts.config;
  const auto* state = c.changed_on_disk ? "changed on disk"
                      : c.waits.empty() ? "in force"
                                        : "restart needed";
  return {{"version", c.version},
          {"state", state},
          {"waits", c.waits},
          {"file", c.file.string()},
          {"data_dir", parts.data_dir.string()}};
}

json wear_json(const StatusParts& parts) {
  if (!parts.storage_written) return nullptr;
  json a_day = nullptr;
  if (const auto pace = parts.storage_written_per_second) a_day = *pace * 86400;
  return {{"bytes_written", *parts.storage_written}, {"bytes_a_day", a_day}};
}

// As the configuration says it.
std::string_view name_of(ValueType type) {
  switch (type) {
    case ValueType::f64: return "number";
    case ValueType::i64: return "decimal";
    case ValueType::boolean: return "boolean";
    case ValueType::text: return "text";
  }
  return "number";
}

json uplink_json(const StatusParts& parts) {
  const auto& u = parts.uplink;
  json budget = nullptr;
  if (u.budget.count > 0) {
    budget = {{"bytes_a_day", u.budget.count}, {"spent", u.budget_spent.count}};
  }
  json per_reading = nullptr;
  if (u.readings_sent > 0) {
    per_reading = static_cast<double>(u.bytes_sent) / static_cast<double>(u.readings_sent);
  }
  return {{"state", u.state},
          {"gateway", u.gateway},
          {"rtt_ms", u.rtt_ms},
          {"sent", u.readings_sent},
          {"acked", u.readings_acknowledged},
          {"blocks_sent", u.blocks_sent},
          {"blocks_acked", u.blocks_acknowledged},
          {"bytes_sent", u.bytes_sent},
          {"bytes_per_reading", per_reading},
          {"budget", budget},
          {"tier",
           {{"configured", parts.tier},
            {"now", pipeline::name_of(parts.pipeline.tier)},
            {"why", parts.pipeline.tier_why},
            {"cpu_share", parts.pipeline.packing_share}}},
          {"error", u.error.empty() ? json(nullptr) : json(u.error)}};
}

}  // namespace

std::string status_json(const StatusParts& parts) {
  const auto local = local_json(parts);
  const json out = {
      {"v", 1},
      {"edge", parts.edge},
      {"version", parts.version},
      {"uptime_s", seconds(parts.steady - parts.started)},
      {"config", config_json(parts)},
      {"sources", sources_json(parts)},
      {"ring", ring_json(parts)},
      {"uplink", uplink_json(parts)},
      {"ledger", ledger_json(parts.pipeline.ledger)},
      {"windows", local["windows"]},
      {"recorder", local["recorder"]},
      {"events", {{"sent", parts.pipeline.events_sent},
                  {"skipped", parts.pipeline.events_skipped}}},
      {"history", local["history"]},
      {"publish", local["publish"]},
      {"rejected_messages", parts.pipeline.rejected_messages},
      {"ways_error", parts.pipeline.ways_error.empty() ? json(nullptr)
                                                       : json(parts.pipeline.ways_error)},
      {"clock", clock_status(parts)},
      {"wear", wear_json(parts)},
      {"rss_bytes", resident_bytes()}};
  return out.dump();
}

std::string reload_json(const ReloadPlan& plan) {
  return json{{"v", 1},
              {"kept", plan.kept},
              {"changed", plan.changed},
              {"added", plan.added},
              {"removed", plan.removed},
              {"restart", plan.restart}}
      .dump();
}

std::string series_json(const std::string& edge,
                        const std::vector<pipeline::SeriesCounts>& series) {
  json list = json::array();
  for (const auto& s : series) {
    const auto& d = s.description;
    list.push_back({{"series", edge + "/" + d.local_name()},
                    {"source", d.source},
                    {"way", s.way},
                    {"unit", d.unit},
                    {"type", name_of(d.type)},
                    {"exponent", d.exponent},
                    {"poll_class", d.poll_class},
                    {"readings", s.readings},
                    {"last", s.readings == 0 ? json(nullptr) : json(format_utc(s.last))}});
  }
  return json{{"v", 1}, {"series", std::move(list)}}.dump(-1, ' ', false,
                                                           json::error_handler_t::replace);
}

std::string released_json(const std::string& series,
                          const pipeline::Pipeline::Released& released) {
  const auto& [ways, last] = released;
  return json{{"v", 1},
              {"series", series},
              {"was", ways.was},
              {"last", last ? json(format_utc(*last)) : json(nullptr)},
              {"now", ways.now.empty() ? json(nullptr) : json(ways.now)}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string buffer_json(const StatusParts& parts, const std::string& folder) {
  return json{{"v", 1}, {"folder", folder}, {"ring", ring_json(parts)}}.dump();
}

std::string history_json(const std::string& folder, const Result<>& committed, bool kept) {
  json out = {{"v", 1}, {"folder", folder}, {"kept", kept}};
  if (!committed) out["error"] = committed.error().text();
  return out.dump();
}

std::string quarantine_json(const std::vector<quarantine::Item>& items,
                            const std::vector<quarantine::Quarantine::Count>& counts) {
  json list = json::array();
  for (const auto& i : items) {
    list.push_back({{"time", format_utc(i.time)},
                    {"reason", i.reason},
                    {"source", i.source},
                    {"topic", i.topic},
                    {"readings", i.readings},
                    {"excerpt", i.excerpt}});
  }
  json reasons = json::array();
  for (const auto& c : counts) {
    reasons.push_back({{"reason", c.reason}, {"items", c.items}, {"readings", c.readings}});
  }
  // A payload may hold anything: what is no UTF-8 is shown as U+FFFD.
  return json{{"v", 1}, {"items", list}, {"reasons", reasons}}.dump(
      -1, ' ', false, json::error_handler_t::replace);
}

}  // namespace tidemark::edge
