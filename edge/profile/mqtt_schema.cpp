#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "edge/mqtt/topic.h"
#include "edge/profile/mqtt_profile.h"
#include "edge/profile/schema.h"

namespace tidemark::profile {
namespace {

using config::Section;

struct MqttPart {
  MqttProfile& profile;
  bool every_value = false;
};

void check_path(Section& s, const char* key, const std::string& path) {
  if (path.empty() || path.starts_with("$.")) return;
  s.complain(key, fmt::format("'{0}' is not a path into the message; write \"$.{0}\"", path));
}

// What the source would refuse when it is built.
template <typename Outcome>
void check_outcome(Section& s, const char* key, const Outcome& outcome) {
  if (!outcome) s.complain(key, outcome.error().text());
}

void describe(Section& s, MqttPart& part) {
  auto& p = part.profile;
  s.texts("topics", p.topics, {.help = "Subscribed when the source names none.",
                               .example = "[\"tele/+/SENSOR\"]"});
  std::string format;
  s.choice("format", format, {"auto", "number", "packed", "csv", "influx"},
           {.preset = "auto", .help = "What messages of protocol mqtt-raw hold."});
  const bool raw = p.protocol == "mqtt-raw";
  if (s.has("format") && !raw && !p.protocol.empty()) {
    s.complain("format", fmt::format("protocol {} says it already", p.protocol));
  }
  p.format = raw ? format : p.protocol == "sparkplug" ? "sparkplug" : "json";
  s.flag("every_value", part.every_value,
         {.preset = "false", .help = "Without any [[point]]: every value of a message of protocol "
                                     "mqtt-json is a series, named by its path."});
  s.text("device", p.device, {.help = "Middle level of the series name.",
                              .example = "\"topic[1]\""});
  check_outcome(s, "device", mqtt::check_name_expression(p.device));
  s.text("time", p.time, {.help = "Path of the device's own time; else the usual names."});
  check_path(s, "time", p.time);
  s.choice("time_format", p.time_format,
           {"auto", "unix_s", "unix_ms", "unix_us", "unix_ns", "iso8601", "iso8601-local"},
           {.preset = "auto", .help = "iso8601-local: without a zone; used when the source says "
                                      "time_zone, else readings are stamped on arrival."});
  describe_interval(s, p.sampling);
  s.choice("others", p.others, {"none", "numbers"},
           {.preset = "none",
            .help = "Values at the top of a message that no point fits. numbers: a series each, "
                    "without a unit."});
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

bool is_path(std::string_view text) { return text.starts_with('$'); }

// What the protocol asks for, and what it has no use for.
void check_points(Section& s, const MqttPart& part) {
  const auto& p = part.profile;
  if (p.protocol != "mqtt-json") {
    if (!p.points.empty()) {
      s.complain("point[0]", fmt::format("messages of protocol {} have no paths; only those of "
                                         "mqtt-json have points", p.protocol));
    }
    return;
  }
  if (p.points.empty() && !part.every_value) {
    s.complain("profile", "there is no [[point]]; say which values are meant, or [mqtt] "
                          "every_value = true");
  }
  if (!p.points.empty() && part.every_value) {
    s.complain("mqtt.every_value", "there are points: remove one of them");
  }
  if (!p.points.empty() && p.topics.empty()) {
    s.complain("mqtt.topics", "it is missing; say where such devices publish: topics = "
                              "[\"tele/+/SENSOR\"]");
  }
}

}  // namespace

bool is_mqtt(std::string_view protocol) {
  return protocol == "mqtt-json" || protocol == "mqtt-raw" || protocol == "sparkplug";
}

std::string MqttSampling::interval_path() const {
  return is_path(interval) ? interval : std::string();
}

Nanoseconds MqttSampling::fixed_interval() const {
  if (interval.empty() || is_path(interval)) return {};
  const auto length = parse_duration(interval);
  return length ? *length : Nanoseconds{};
}

void describe_interval(Section& s, MqttSampling& c) {
  s.text("interval", c.interval,
         {.help = "From one sample of an array to the next: a path in the message, or a length of "
                  "time for messages that do not say it. Else the usual names: dt, dt_us and the "
                  "like.",
          .example = "\"$.meta.dt\" or \"500us\""});
  s.choice("interval_unit", c.interval_unit, {"auto", "s", "ms", "us", "ns", "hz"},
           {.preset = "auto",
            .help = "Of a number at that path; auto: seconds. hz: samples a second."});
  if (!c.interval.empty() && !is_path(c.interval) && c.fixed_interval() <= Nanoseconds{}) {
    s.complain("interval", fmt::format("'{}' is neither a path (\"$.dt\") nor a length of time "
                                       "above 0 (\"500us\")", c.interval));
  }
  if (c.interval_unit != "auto" && c.interval_path().empty()) {
    s.complain("interval_unit", "there is no path in interval whose unit it could be");
  }
}

void describe_start(Section& s, MqttSampling& c) {
  s.text("start", c.start,
         {.help = "Of an array: path of the time of its first sample, beside it; else the time of "
                  "the message.",
          .example = "\"$.acc.t0\""});
  check_path(s, "start", c.start);
}

void describe(Section& s, MqttInside& p) {
  s.text("topic", p.topic, {.required = true, .help = "Filter.", .example = "\"+/status/+\""});
  s.text("path", p.path,
         {.required = true,
          .help = "Where messages of the other topics hold what one of these is.",
          .example = "\"$.params.{topic[2]}\""});
  check_path(s, "path", p.path);
  if (!p.topic.empty()) check_outcome(s, "topic", mqtt::check_filter(p.topic));
  if (p.path.starts_with("$.")) check_outcome(s, "path", mqtt::path_from_topic(p.path, ""));
}

void describe(Section& s, MqttPresence& p) {
  s.text("topic", p.topic,
         {.required = true, .help = "Where devices say whether they are there: last wills and the "
                                    "like. Subscribed beside topics.",
          .example = "\"tele/+/LWT\""});
  s.text("path", p.path, {.help = "Of the word, where the message is an object.",
                          .example = "\"$.state\""});
  check_path(s, "path", p.path);
  s.texts("online", p.online, {.help = "Words, in whatever case; else online, true, 1."});
  s.texts("offline", p.offline, {.help = "Words, in whatever case; else offline, false, 0."});
  if (p.online.empty()) p.online = {"online", "true", "1"};
  if (p.offline.empty()) p.offline = {"offline", "false", "0"};
  s.text("device", p.device, {.help = "Whom it speaks of; else as device of the source."});
  if (!p.topic.empty()) check_outcome(s, "topic", mqtt::check_filter(p.topic));
  check_outcome(s, "device", mqtt::check_name_expression(p.device));
  s.flag("all", p.all, {.help = "It speaks of all devices of the source: that of a bridge."});
}

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
  describe_interval(s, p.sampling);
  describe_start(s, p.sampling);
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
  out.protocol = meta.protocol;
  MqttPart mqtt{out};
  s.table("mqtt", mqtt, "How its messages are read.");
  s.tables("point", out.points, "One per metric; the first that fits a value is the one.");
  s.tables("inside", out.inside, "Topics whose messages are a part of what others hold.");
  s.tables("presence", out.presence, "A topic that says whether a device is there.");
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
  check_points(s, mqtt);
}

}  // namespace tidemark::profile
