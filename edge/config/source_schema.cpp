#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "common/base/text.h"
#include "common/base/time_zone.h"
#include "edge/config/bus_url.h"
#include "edge/config/schema.h"
#include "edge/mqtt/topic.h"

namespace tidemark::config {
namespace {

constexpr std::uint16_t kMqttPort = 1883;

void check_filters(Section& s, std::string_view key, const std::vector<std::string>& filters) {
  for (const auto& filter : filters) {
    if (const auto good = mqtt::check_filter(filter); !good) s.complain(key, good.error().text());
  }
}

void check_path(Section& s, std::string_view key, const std::string& path) {
  if (!path.empty() && !path.starts_with("$")) {
    s.complain(key, fmt::format("'{0}' is not a path into the message; write \"$.{0}\"", path));
  }
}

void check_share(Section& s, const std::string& topic) {
  s.complain("topics", fmt::format("'{}': only clients share; the broker's plug-in sees every "
                                   "message: write '{}'", topic, mqtt::bare_filter(topic)));
}

// What only a client of the broker has.
void check_plugin(Section& s, const MqttConfig& c) {
  if (c.durable) {
    s.complain("durable", "the broker acknowledges, not this client: say plugin_opt_durable true "
                          "in mosquitto.conf");
  }
  if (!c.wills.empty()) return;
  for (const auto* key : {"url", "client_id", "username", "password_file", "ca_file", "cert_file",
                          "key_file"}) {
    if (s.has(key)) {
      s.complain(key, "the broker's plug-in is no client; remove it, or say which wills to hear");
    }
  }
}

void check_broker(Section& s, const MqttConfig& c) {
  if (c.url.empty()) {
    s.complain("url", c.plugin ? "the broker is missing: wills are subscribed to there; write "
                                 "\"mqtt://127.0.0.1:1883\""
                               : "the broker is missing; write \"mqtt://127.0.0.1:1883\", or "
                                 "plugin = true");
    return;
  }
  const auto url = parse_url(c.url, kMqttPort);
  if (!url) {
    s.complain("url", url.error().text());
  } else if (url->scheme != "mqtt" && url->scheme != "mqtts") {
    s.complain("url", fmt::format("'{}' is not a known scheme; expected mqtt:// or mqtts://",
                                  url->scheme));
  }
}

// Arrays are JSON's, and their samples begin at a time of the device.
void check_sampling(Section& s, const MqttConfig& c) {
  const auto check = [&](const std::string& key, const std::string& value) {
    if (value.empty()) return;
    if (c.format != "auto" && c.format != "json") {
      s.complain(key, fmt::format("only JSON has arrays of samples, here format is \"{}\"",
                                  c.format));
    } else if (c.stamp == "edge") {
      s.complain(key, "samples begin at the device's time, which stamp = \"edge\" ignores; remove "
                      "one of them");
    }
  };
  check("interval", c.sampling.interval);
  for (std::size_t i = 0; i < c.series.size(); ++i) {
    check(fmt::format("series[{}].interval", i), c.series[i].sampling.interval);
    check(fmt::format("series[{}].start", i), c.series[i].sampling.start);
  }
}

void check_name_of_topic(Section& s, const std::string& key, const std::string& expression,
                         const std::vector<std::string>& filters) {
  if (const auto good = mqtt::check_name_expression(expression); !good) {
    s.complain(key, good.error().text());
  }
  check_level(s, key, expression, filters);
}

// Whether a series of this source may be called after the last level of its topic: the path of a
// value says nothing of it.
bool last_level_names(const MqttConfig& c) {
  return c.series.empty() ||
         std::any_of(c.series.begin(), c.series.end(), [](const MqttSeriesConfig& series) {
           return series.metric.empty() && (series.path == "$" || series.path == "$.v" ||
                                            series.path.starts_with("$.val"));
         });
}

// The wildcards of a filter whose level is none of `named` ("topic[N]", from either end). Nothing
// where one of these is no level of its topics, which check_level() tells.
std::vector<int> unnamed_levels(std::string_view filter, const std::vector<int>& named,
                                bool last_names) {
  const auto levels = split(mqtt::bare_filter(filter), '/');
  const auto known = mqtt::levels_of(filter);
  const auto count = static_cast<int>(levels.size());
  std::vector<int> out;
  for (int i = 0; i < count; ++i) {
    if (levels[static_cast<std::size_t>(i)] == "+" && !(last_names && known && i + 1 == count)) {
      out.push_back(i);
    }
  }
  for (const int level : named) {
    if (known && (level >= count || level < -count)) return {};
    if (!known && level < 0) return {};  // it may be any of them
    std::erase(out, level < 0 ? count + level : level);
  }
  return out;
}

// Devices that differ in a level that is in no name lead to one series; the first that ever spoke
// has it, and the readings of the others are refused.
void check_names(Section& s, const MqttConfig& c) {
  if (c.device.empty() || !c.profile.empty() || c.format == "influx" || c.format == "sparkplug") {
    return;
  }
  std::vector<int> named;
  for (const auto& expression : {c.device, c.metric_prefix}) {
    const auto level = mqtt::level_of(expression);
    if (level && *level) named.push_back(**level);
  }
  for (const auto& filter : c.topics) {
    for (const int level : unnamed_levels(filter, named, last_level_names(c))) {
      s.warn("topics", fmt::format("'{}': what stands at topic[{}] is in no series name, so that "
                                   "devices that differ in it alone lead to one series, and only "
                                   "the first that speaks is taken (tidemark series list); use it "
                                   "in device or metric_prefix, or leave device out", filter,
                                   level));
    }
  }
}

void check_presence_topics(Section& s, const MqttConfig& c) {
  for (std::size_t i = 0; i < c.presence.size(); ++i) {
    const auto& p = c.presence[i];
    check_level(s, fmt::format("presence[{}].device", i), p.device, {p.topic});
    const auto key = fmt::format("presence[{}].topic", i);
    if (mqtt::is_shared(p.topic)) {
      s.complain(key, fmt::format("'{}': each client has to hear who leaves; write '{}'", p.topic,
                                  mqtt::bare_filter(p.topic)));
    }
  }
  check_wills(s, "", c, c.presence);
}

void check_mqtt(Section& s, MqttConfig& c) {
  if (c.plugin) check_plugin(s, c);
  if (!c.plugin && !c.wills.empty()) {
    s.complain("wills", "a client hears wills like any message; remove it, or say plugin = true");
  }
  if (!c.plugin || !c.wills.empty()) check_broker(s, c);
  check_filters(s, "wills", c.wills);
  check_filters(s, "topics", c.topics);
  for (const auto& topic : c.topics) {
    if (topic == "#") s.warn("topics", "'#' takes every message of the broker");
    if (c.plugin && mqtt::is_shared(topic)) check_share(s, topic);
  }
  check_presence_topics(s, c);
  check_name_of_topic(s, "device", c.device, c.topics);
  check_name_of_topic(s, "metric_prefix", c.metric_prefix, c.topics);
  check_names(s, c);
  check_path(s, "time", c.time);
  if (!c.username.empty() && c.password_file.empty()) {
    s.warn("username", "there is no password_file with it");
  }
  if (!c.password_file.empty() && c.username.empty()) {
    s.complain("password_file", "there is no username with it");
  }
  if (c.cert_file.empty() != c.key_file.empty()) {
    s.complain(c.cert_file.empty() ? "key_file" : "cert_file",
               "cert_file and key_file go together");
  }
  if (c.topics.empty() && c.profile.empty()) {
    s.complain("topics", "it is missing; say what to subscribe to: topics = [\"sensors/#\"]");
  }
  if (!c.profile.empty() && !c.series.empty()) {
    s.complain("series", "the profile has its own; copy it into profile_path to change it");
  }
  if (!c.time_zone.empty()) {
    const auto zone = TimeZone::find(c.time_zone);
    if (!zone) s.complain("time_zone", zone.error().text());
  }
  if (!c.series.empty() && (c.format == "number" || c.format == "packed")) {
    s.complain("series", fmt::format("messages of format \"{}\" have no paths", c.format));
  }
  if (!c.columns.empty() && c.format != "csv") {
    s.complain("columns", fmt::format("only CSV has columns, here format is \"{}\"", c.format));
  }
  if (c.format == "sparkplug") check_sparkplug(s, "", c);
  if (c.stamp == "edge" && !c.time.empty()) {
    s.complain("time", "stamp = \"edge\" ignores the device's time; remove one of them");
  }
  check_sampling(s, c);
}

}  // namespace

void check_level(Section& s, const std::string& key, const std::string& expression,
                 const std::vector<std::string>& filters) {
  const auto level = mqtt::level_of(expression);
  if (!level || !*level) return;
  const int wanted = **level;
  for (const auto& filter : filters) {
    const auto count = mqtt::levels_of(filter);
    if (!count) continue;
    const int at = wanted < 0 ? *count + wanted : wanted;
    if (at >= 0 && at < *count) continue;
    s.complain(key, fmt::format("topics of '{}' have no {}: levels count from 0, theirs are "
                                "topic[0] to topic[{}], from the end topic[-1] to topic[-{}]",
                                filter, expression, *count - 1, *count));
  }
}

void check_wills(Section& s, const std::string& at, const MqttConfig& c,
                 const std::vector<profile::MqttPresence>& presence) {
  if (!c.plugin) return;
  std::vector<std::string_view> wild;
  for (const auto& p : presence) {
    const bool heard = std::any_of(c.wills.begin(), c.wills.end(), [&](const std::string& will) {
      return mqtt::topic_matches(will, p.topic, wild);
    });
    if (heard) continue;
    s.warn(at + "wills", fmt::format("'{}' says who is there, and a broker shows its plug-in no "
                                     "last will: add it to wills", p.topic));
  }
}

void check_sparkplug(Section& s, const std::string& at, const MqttConfig& c) {
  if (!(c.device.empty() && c.metric_prefix.empty())) {
    s.complain(at + (c.device.empty() ? "metric_prefix" : "device"),
               "Sparkplug names its devices itself: GROUP-NODE-DEVICE; remove it");
  }
  if (!c.presence.empty()) {
    s.complain(at + "presence", "Sparkplug says it itself: births and deaths; remove it");
  }
  for (const auto& topic : c.topics) {
    if (c.plugin || !mqtt::is_shared(topic)) continue;
    s.complain(at + "topics", fmt::format("'{}': one client has to hear all of a node's births "
                                          "and data; write '{}'", topic,
                                          mqtt::bare_filter(topic)));
  }
}

void describe(Section& s, MqttSeriesConfig& c) {
  std::optional<double> resolution;
  s.text("path", c.path,
         {.required = true, .help = "Where the value is.", .example = "\"$.temperature\""});
  check_path(s, "path", c.path);
  s.text("metric", c.metric,
         {.help = "Last level of the series name; else the path joined by '_'."});
  s.text("unit", c.unit, {.help = "UCUM.", .example = "\"Cel\""});
  s.choice("kind", c.kind, {"gauge", "counter", "state"}, {.preset = "gauge"});
  s.choice("type", c.type, {"auto", "number", "decimal", "boolean", "text"},
           {.preset = "auto",
            .help = "auto: that of the first value. If given, quoted numbers and on/off are read "
                    "too."});
  s.number("resolution", resolution,
           {.help = "decimal: values are multiples of it and kept exactly, a power of ten.",
            .example = "0.1"});
  profile::describe_interval(s, c.sampling);
  profile::describe_start(s, c.sampling);
  if (!resolution) return;
  if (c.type != "decimal") {
    s.complain("resolution", "only type = \"decimal\" has one");
    return;
  }
  while (c.exponent > -18 && std::pow(10.0, c.exponent) > *resolution * 1.5) --c.exponent;
  while (c.exponent < 18 && std::pow(10.0, c.exponent) < *resolution / 1.5) ++c.exponent;
  const double nearest = std::pow(10.0, c.exponent);
  if (!(std::abs(*resolution - nearest) <= nearest * 1e-9)) {
    s.complain("resolution", "it is not a power of ten from 1e-18 to 1e18");
  }
}

void describe(Section& s, MqttConfig& c) {
  s.text("name", c.name, {.required = true, .help = "Name of the source.", .example = "\"floor\""});
  c.place = s.place("name");
  check_name(s, "name", c.name);
  s.flag("plugin", c.plugin,
         {.help = "The local broker's plug-in hands messages over (tidemark-mosquitto): no url, "
                  "but for wills."});
  s.text("url", c.url,
         {.help = "The broker; needed without plugin.", .example = "\"mqtt://127.0.0.1:1883\""});
  s.choice("mqtt_version", c.mqtt_version, {"3.1.1", "5"},
           {.preset = "3.1.1",
            .help = "Of the protocol, for brokers that take one only. Properties of messages are "
                    "passed over."});
  s.text("client_id", c.client_id, {.help = "Else tidemark-EDGE-NAME."});
  s.text("username", c.username, {});
  s.text("password_file", c.password_file,
         {.path = true, .help = "File that holds the password, mode 0600."});
  s.text("ca_file", c.ca_file,
         {.path = true, .help = "Who signed the broker's certificate (mqtts)."});
  s.text("cert_file", c.cert_file, {.path = true, .help = "Our certificate (mqtts)."});
  s.text("key_file", c.key_file, {.path = true, .help = "Its key, mode 0600."});
  s.texts("topics", c.topics,
          {.help = "What to subscribe to; needed unless the profile says. $share/GROUP/FILTER: the "
                   "broker deals messages out among the clients of the group.",
           .example = "[\"sensors/#\"]"});
  s.texts("wills", c.wills,
          {.help = "With plugin: topics of last wills, which a broker shows to subscribers only; "
                   "they are subscribed to at url, and taken from there alone.",
           .example = "[\"spBv1.0/+/NDEATH/+\"]"});
  s.choice("format", c.format,
           {"auto", "json", "number", "packed", "csv", "influx", "sparkplug"},
           {.preset = "auto",
            .help = "What messages hold; auto: JSON, a number or packed. A series of each value, "
                    "or of [[series]] only; null is no reading. sparkplug: subscribe to "
                    "spBv1.0/#."});
  s.texts("columns", c.columns,
          {.help = "Names of the columns of CSV; else the first line of each message has them.",
           .example = "[\"time\", \"temperature\"]"});
  s.text("profile", c.profile,
         {.help = "A profile of such devices, instead of format and series: topics, times, names "
                  "and units are its. See: tidemark profile list.", .example = "\"tasmota\""});
  if (s.has("format") && s.has("profile")) {
    s.complain("profile", "the profile has its own format; remove one of them");
  }
  s.text("device", c.device,
         {.help = "Middle level of the series name: a level of the topic (they count from 0, "
                  "topic[-1] is the last), or a name. Else what the wildcards of its filter stand "
                  "for, or the source's name.",
          .example = "\"topic[1]\""});
  s.text("metric_prefix", c.metric_prefix,
         {.help = "Put before every metric, as device is said: for topics with the same keys.",
          .example = "\"topic[2]\""});
  s.text("time", c.time,
         {.help = "Path of the device's own time; else the usual names: ts, time, timestamp, t0.",
          .example = "\"$.meta.ts\""});
  s.choice("stamp", c.stamp, {"auto", "device", "edge"},
           {.preset = "auto",
            .help = "Whose time counts: auto takes the message's where it holds one, else its "
                    "arrival. What a broker kept while the agent was away arrives all at once: "
                    "only with times of their own such readings count in the right windows."});
  s.choice("time_format", c.time_format,
           {"auto", "unix_s", "unix_ms", "unix_us", "unix_ns", "iso8601"}, {.preset = "auto"});
  s.text("time_zone", c.time_zone,
         {.help = "Of times that name none: a place, an offset, or local for this machine's; else "
                  "UTC. In the hour that comes twice in autumn the first is taken.",
          .example = "\"Europe/Berlin\""});
  profile::describe_interval(s, c.sampling);
  s.duration("lateness", c.lateness,
             {.preset = "5s", .max = "1day",
              .help = "How late a reading with the device's time may come and still be in time."});
  s.flag("durable", c.durable,
         {.help = "Acknowledge to the broker after the flush (slower, survives power cuts)."});
  s.duration("every", c.every,
             {.preset = "0s", .max = "1day",
              .help = "A message is due so often, for coverage; 0s: no schedule."});
  s.bytes("payload_max", c.payload_max,
          {.preset = "256 KiB", .min = "1 KiB", .max = "1 MiB",
           .help = "Larger messages are refused and kept by their beginning."});
  s.pairs("labels", c.labels, {});
  s.tables("series", c.series, "A value of a JSON message.");
  s.tables("presence", c.presence,
           "A topic that says whether a device is there; what was read last of one that is not "
           "comes once more, as bad.");
  check_mqtt(s, c);
}

void describe(Section& s, PollConfig& c) {
  s.duration("fast", c.fast, {.preset = "1s", .min = "10ms", .max = "1day"});
  s.duration("normal", c.normal, {.preset = "10s", .min = "10ms", .max = "1day"});
  s.duration("slow", c.slow, {.preset = "1min", .min = "10ms", .max = "1day"});
}

namespace {

void check_bus(Section& s, const std::string& text) {
  if (text.empty()) return;
  const auto url = parse_bus_url(text);
  if (!url) return s.complain("url", url.error().text());
  if (url->kind != BusUrl::Kind::rtu) return;
  for (const auto* numbered : {"/dev/ttyUSB", "/dev/ttyACM"}) {
    if (!url->device.starts_with(numbered)) continue;
    s.warn("url", fmt::format("{} may be another adapter after the next start; take its name in "
                              "/dev/serial/by-id", url->device));
  }
}

void describe_bounds(Section& s, ModbusConfig& c) {
  std::int64_t gap = 0, registers = 0;
  Nanoseconds connect{}, requests{};
  s.integer("max_gap", gap, {.min = "0", .max = "124",
                             .help = "Registers read over a hole; else as the profile says."});
  s.integer("max_registers", registers, {.min = "1", .max = "125",
                                         .help = "In one request; else as the profile says."});
  s.duration("pause_after_connect", connect,
             {.max = "1min", .help = "Else as the profile says."});
  s.duration("pause_between_requests", requests,
             {.max = "10s", .help = "From an answer to the next request of this device; else as "
                                    "the profile says."});
  if (s.has("max_gap")) c.max_gap = gap;
  if (s.has("max_registers")) c.max_registers = registers;
  if (s.has("pause_after_connect")) c.pause_after_connect = connect;
  if (s.has("pause_between_requests")) c.pause_between_requests = requests;
}

}  // namespace

void describe(Section& s, ModbusConfig& c) {
  s.text("name", c.name, {.required = true, .help = "Name of the source.", .example = "\"line1\""});
  c.place = s.place("name");
  check_name(s, "name", c.name);
  s.text("url", c.url,
         {.required = true, .help = "The device or its converter.",
          .example = "\"tcp://192.0.2.10:502\", \"rtu+tcp://192.0.2.10:4001\" or "
                     "\"rtu:///dev/serial/by-id/NAME?baud=9600&parity=even\""});
  check_bus(s, c.url);
  s.integer("unit", c.unit,
            {.preset = "1", .min = "0", .max = "255", .help = "Unit identifier on the bus."});
  if (c.unit >= 248 && c.unit <= 254) {
    s.complain("unit", fmt::format("{} is reserved; devices have 1 to 247, a device that is its "
                                   "own converter 255 or 0",
                                   c.unit));
  }
  s.text("profile", c.profile,
         {.required = true, .help = "What registers it has.", .example = "\"eastron-sdm630\""});
  s.choice("byte_order", c.byte_order, {"ABCD", "CDAB", "BADC", "DCBA"},
           {.help = "When the device does not follow its profile."});
  s.table("poll", c.poll, "How often the classes of the profile are read.");
  s.duration("timeout", c.timeout,
             {.preset = "1s", .min = "10ms", .max = "1min", .help = "For one answer."});
  s.integer("retries", c.retries,
            {.preset = "1", .min = "0", .max = "10", .help = "Of a request without an answer."});
  describe_bounds(s, c);
  s.pairs("labels", c.labels, {});
}

}  // namespace tidemark::config
