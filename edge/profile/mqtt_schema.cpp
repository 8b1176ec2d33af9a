#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "edge/profile/mqtt_profile.h"
#include "edge/profile/schema.h"

namespace tidemark::profile {
namespace {

using config::Section;

struct MqttPart {
  MqttProfile& profile;
};

void check_path(Section& s, const char* key, const std::string& path) {
  if (path.empty() || path.starts_with("$.")) return;
  s.complain(key, fmt::format("'{0}' is not a path into the message; write \"$.{0}\"", path));
}

void describe(Section& s, MqttPart& part) {
  auto& p = part.profile;
  s.texts("topics", p.topics, {.required = true, .help = "Subscribed when the source names none.",
                               .example = "[\"tele/+/SENSOR\"]"});
  s.text("device", p.device, {.help = "Middle level of the series name.",
                              .example = "\"topic[1]\""});
  s.text("time", p.time, {.help = "Path of the device's own time; else the usual names."});
  check_path(s, "time", p.time);
  s.choice("time_format", p.time_format,
           {"auto", "unix_s", "unix_ms", "unix_us", "unix_ns", "iso8601", "iso8601-local"},
           {.preset = "auto", .help = "iso8601-local: without a zone; used when the source says "
                                      "time_zone, else readings are stamped on arrival."});
  s.text("unit_at", p.unit_at, {.help = "Path of a text that chooses among the units of points."});
  check_path(s, "unit_at", p.unit_at);
}

std::size_t wildcards(std::string_view path) {
  return static_cast<std::size_t>(std::count_if(path.begin(), path.end(),
                                                [](char c) { return c == '*' || c == '?'; }));
}

// "{1}" of a metric must be there in the path.
void check_metric(Section& s, const MqttPoint& p) {
  for (std::size_t at = p.metric.find('{'); at != std::string::npos;
       at = p.metric.find('{', at + 1)) {
    const bool fits = at + 2 < p.metric.size() && p.metric[at + 2] == '}' &&
                      p.metric[at + 1] >= '1' && p.metric[at + 1] <= '9' &&
                      static_cast<std::size_t>(p.metric[at + 1] - '0') <= wildcards(p.path);
    if (fits) continue;
    s.complain("name", fmt::format("'{}' names a wildcard that its path '{}' has not", p.metric,
                                   p.path));
    return;
  }
  if (wildcards(p.path) > 0 && p.metric.find('{') == std::string::npos) {
    s.complain("name", fmt::format("'{}' would be the name of everything that '{}' fits; say {{1}} "
                                   "for what the wildcard stands for", p.metric, p.path));
  }
}

}  // namespace

void describe(Section& s, MqttPoint& p) {
  std::string kind;
  s.text("name", p.metric, {.required = true, .help = "The metric.", .example = "\"power_{1}\""});
  s.text("path", p.path,
         {.required = true,
          .help = "Where the value is; '*' any text within a name, '?' one character, [*] an "
                  "index.",
          .example = "\"$.ENERGY.Power[*]\""});
  check_path(s, "path", p.path);
  s.text("beside", p.beside, {.help = "Only in messages that hold this path too."});
  check_path(s, "beside", p.beside);
  s.text("unit", p.unit, {.help = "UCUM.", .example = "\"W\""});
  s.pairs("units", p.units, {.help = "By the text at unit_at."});
  s.choice("kind", kind, {"gauge", "counter", "state"}, {.preset = "gauge"});
  p.kind = kind == "counter" ? SeriesKind::counter
           : kind == "state" ? SeriesKind::state
                             : SeriesKind::gauge;
  s.choice("type", p.type, {"auto", "number", "boolean", "text"}, {.preset = "auto"});
  std::string doc;
  s.text("doc", doc, {.help = "What the manual says."});
  check_metric(s, p);
}

void describe(Section& s, MqttProfileFile& f) {
  std::int64_t schema = 0;
  s.integer("schema", schema, {.min = "1", .max = "1", .required = true,
                               .help = "Version of this format.", .example = "1"});
  Meta meta;
  s.table("profile", meta, "What it is and where its facts are from.");
  if (!f.expected_id.empty() && !meta.id.empty() && meta.id != f.expected_id) {
    s.complain("profile.id", fmt::format("'{}' is not the file's name '{}'", meta.id,
                                         f.expected_id));
  }
  if (!meta.extends.empty()) {
    s.complain("profile.extends", "only profiles of protocol modbus extend others");
  }
  auto& out = f.profile;
  out.id = meta.id;
  out.vendor = meta.vendor;
  out.model = meta.model;
  out.source = meta.source;
  out.verified = meta.verified;
  MqttPart mqtt{out};
  s.table("mqtt", mqtt, "How its messages are read.");
  s.tables("point", out.points, "One per metric; the first that fits a value is the one.");
  std::set<std::string> names;
  for (std::size_t i = 0; i < out.points.size(); ++i) {
    const auto& p = out.points[i];
    if (!names.insert(p.metric).second) {
      s.complain(fmt::format("point[{}].name", i), fmt::format("'{}' is there already", p.metric));
    }
    if (!p.units.empty() && out.unit_at.empty()) {
      s.complain(fmt::format("point[{}].units", i), "nothing chooses among them: say mqtt.unit_at");
    }
  }
  if (out.points.empty()) {
    s.complain("profile", "there is no [[point]]; a profile needs at least one");
  }
}

}  // namespace tidemark::profile
