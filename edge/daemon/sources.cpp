#include "edge/daemon/sources.h"

#include "common/base/disk.h"
#include "common/base/hash.h"
#include "common/base/text.h"
#include "edge/daemon/words.h"
#include "edge/modbus/modbus_source.h"
#include "edge/mqtt/message.h"
#include "edge/mqtt/mqtt_source.h"
#include "edge/profile/library.h"

namespace tidemark::edge {
namespace {

constexpr std::uint64_t kCertificatesBytesMax = 16 << 20;  // a list of authorities is 200 KB

std::uint32_t id_of(const std::string& name) {
  return static_cast<std::uint32_t>(xxh3(as_bytes(name)));
}

constexpr Word<mqtt::Format> kFormats[] = {{"auto", mqtt::Format::automatic},
                                           {"json", mqtt::Format::json},
                                           {"number", mqtt::Format::number},
                                           {"packed", mqtt::Format::packed},
                                           {"csv", mqtt::Format::csv},
                                           {"influx", mqtt::Format::influx},
                                           {"sparkplug", mqtt::Format::sparkplug}};
constexpr Word<mqtt::Stamp> kStamps[] = {{"auto", mqtt::Stamp::automatic},
                                         {"device", mqtt::Stamp::device},
                                         {"edge", mqtt::Stamp::edge}};
constexpr Word<TimeUnit> kTimeUnits[] = {
    {"auto", TimeUnit::automatic}, {"unix_s", TimeUnit::s},
    {"unix_ms", TimeUnit::ms},     {"unix_us", TimeUnit::us},
    {"unix_ns", TimeUnit::ns},     {"iso8601", TimeUnit::iso8601}};
constexpr Word<TimeUnit> kIntervalUnits[] = {
    {"auto", TimeUnit::automatic}, {"s", TimeUnit::s},   {"ms", TimeUnit::ms},
    {"us", TimeUnit::us},          {"ns", TimeUnit::ns}, {"hz", TimeUnit::hz}};
constexpr Word<ValueType> kTypes[] = {{"number", ValueType::f64},
                                      {"decimal", ValueType::i64},
                                      {"boolean", ValueType::boolean},
                                      {"text", ValueType::text}};
constexpr Word<SeriesKind> kKinds[] = {{"gauge", SeriesKind::gauge},
                                       {"counter", SeriesKind::counter},
                                       {"state", SeriesKind::state}};

mqtt::Sampling sampling_of(const profile::MqttSampling& c) {
  return {c.interval_path(), value_of(c.interval_unit, kIntervalUnits), c.fixed_interval(),
          c.start};
}

void take_presence(const std::vector<profile::MqttPresence>& from, mqtt::Options& o) {
  for (const auto& p : from) {
    o.presence.push_back({p.topic, p.path, p.online, p.offline, p.device, p.all});
  }
}

// What the profile says; the source's own words win.
Result<> follow_profile(const config::MqttConfig& c, const profile::Library& profiles,
                        mqtt::Options& o) {
  TIDE_ASSIGN(const auto p, profiles.load_mqtt(c.profile));
  o.format = value_of(p.format, kFormats);
  if (o.topics.empty()) o.topics = p.topics;
  if (o.device.empty()) o.device = p.device;
  if (o.time_path.empty()) o.time_path = p.time;
  // The wall clock of a place that nobody named is no time.
  const bool local = p.time_format == "iso8601-local";
  if (local && o.zone == nullptr && o.stamp == mqtt::Stamp::automatic) o.stamp = mqtt::Stamp::edge;
  if (o.time_unit == TimeUnit::automatic) {
    o.time_unit = local ? TimeUnit::iso8601 : value_of(p.time_format, kTimeUnits);
  }
  if (c.sampling.interval.empty()) o.sampling = sampling_of(p.sampling);
  o.unit_at = p.unit_at;
  if (o.presence.empty()) take_presence(p.presence, o);
  for (const auto& i : p.inside) o.inside.push_back({i.topic, i.path});
  o.other_numbers = p.others == "numbers";
  for (const auto& point : p.points) {
    mqtt::SeriesOptions series;
    series.path = point.path;
    series.metric = point.metric;
    series.beside = point.beside;
    series.unit = point.unit;
    series.units = point.units;
    series.kind = point.kind;
    if (point.type != "auto") series.type = value_of(point.type, kTypes);
    series.sampling = sampling_of(point.sampling);
    o.series.push_back(std::move(series));
  }
  return {};
}

Result<BuiltSource> build_mqtt(const config::MqttConfig& c, const config::EdgeConfig& config,
                               const profile::Library& profiles, journal::Journal& journal,
                               Clock& clock, Random& random) {
  mqtt::Options o;
  o.index = id_of(c.name);
  o.name = c.name;
  o.plugin = c.plugin;
  o.url = c.url;
  o.version = c.mqtt_version == "5" ? mqtt::Version::v5 : mqtt::Version::v3_1_1;
  o.client_id = c.client_id;
  o.username = c.username;
  TIDE_ASSIGN(o.password, read_secret(c.password_file));
  TIDE_TRY(check_key_file(c.key_file));  // looked at here, where the source can be named
  for (const auto& file : {c.ca_file, c.cert_file}) {
    if (!file.empty()) TIDE_TRY(read_file(file, kCertificatesBytesMax));
  }
  o.ca_file = c.ca_file;
  o.cert_file = c.cert_file;
  o.key_file = c.key_file;
  o.topics = c.topics;
  o.wills = c.wills;
  o.format = value_of(c.format, kFormats);
  o.columns = c.columns;
  o.device = c.device;
  o.metric_prefix = c.metric_prefix;
  for (const auto& s : c.series) {
    mqtt::SeriesOptions series;
    series.path = s.path;
    series.metric = s.metric;
    series.unit = s.unit;
    series.kind = value_of(s.kind, kKinds);
    if (s.type != "auto") series.type = value_of(s.type, kTypes);
    series.exponent = static_cast<std::int8_t>(s.exponent);
    series.sampling = sampling_of(s.sampling);
    o.series.push_back(std::move(series));
  }
  o.stamp = value_of(c.stamp, kStamps);
  o.time_path = c.time;
  take_presence(c.presence, o);
  o.time_unit = value_of(c.time_format, kTimeUnits);
  o.sampling = sampling_of(c.sampling);
  if (!c.time_zone.empty()) {
    TIDE_ASSIGN(auto zone, TimeZone::find(c.time_zone));
    o.zone = std::make_shared<const TimeZone>(std::move(zone));
  }
  if (!c.profile.empty()) TIDE_TRY(follow_profile(c, profiles, o));
  o.lateness = c.lateness;
  o.every = c.every;
  o.durable = c.durable;
  o.payload_max = c.payload_max;
  o.folder = config.run_dir;
  TIDE_ASSIGN(auto source, mqtt::make_source(std::move(o), journal, clock, random));
  return BuiltSource{c.plugin ? mqtt::kBrokerSource : id_of(c.name), c.name, c.labels,
                     std::move(source)};
}

}  // namespace

Result<std::vector<BuiltSource>> build_sources(const config::EdgeConfig& config,
                                               journal::Journal& journal, Clock& clock,
                                               Random& random, modbus::Buses& buses) {
  const profile::Library profiles(profile::search_folders(config.profile_path));
  std::vector<BuiltSource> out;
  for (const auto& c : config.mqtt) {
    auto built = build_mqtt(c, config, profiles, journal, clock, random);
    if (!built) return std::move(built).error().within("source " + c.name + " (" + c.place + ")");
    out.push_back(std::move(built).value());
  }
  TIDE_ASSIGN(auto devices,
              modbus::make_sources(config.modbus, profiles, id_of, journal, clock, random,
                                   &buses));
  for (std::size_t i = 0; i < devices.size(); ++i) {
    const auto& c = config.modbus[i];
    out.push_back({id_of(c.name), c.name, c.labels, std::move(devices[i])});
  }
  return out;
}

}  // namespace tidemark::edge
