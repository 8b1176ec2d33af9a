// edge.toml as plain structs. The schema (keys, presets, limits, help) is in the describe()
// functions beside this file; the reference page comes from it: config::reference<EdgeConfig>().
//
// Whatever is read here is built: a key that does nothing yet is not in the schema, so that it is
// an unknown key and not a promise.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/strong.h"
#include "common/base/time.h"
#include "common/config/section.h"
#include "edge/filter/series_filter.h"
#include "edge/profile/mqtt_profile.h"

namespace tidemark::config {

struct RingConfig {
  Bytes size{};
  std::string write;  // always, unacked
  Nanoseconds sync_interval{};
};

struct UplinkConfig {
  std::vector<std::string> gateway;  // host:port; empty: nothing is sent, the ring keeps
  std::string proxy;                 // http://host:port; empty: none
  std::string proxy_login_file;
  Bytes budget{};                    // of a UTC day; 0: unlimited
  std::string tier;                  // fast, standard, dense, auto
  double cpu_share = 0.1;            // of one CPU, for packing with tier = "auto"
  double backlog_share = 0.2;
  Nanoseconds live_interval{};
  Nanoseconds skew{};

  [[nodiscard]] std::string proxy_address() const;  // host:port; empty: none
};

struct JournalConfig {
  Bytes capacity{};
};

// One value of a JSON message: [[source.mqtt.series]].
struct MqttSeriesConfig {
  std::string path;    // "$.temperature"
  std::string metric;  // empty: the path joined by '_'
  std::string unit;
  std::string kind;    // gauge, counter, state
  std::string type;    // auto, number, decimal, boolean, text
  std::int64_t exponent = 0;  // of decimals: values are multiples of 10^exponent
  profile::MqttSampling sampling;  // of an array at path
};

struct MqttConfig {
  std::string name;
  bool plugin = false;  // the broker's plug-in hands over: no url, but for wills
  std::string url;  // mqtt://host:port, mqtts://host:port
  std::string mqtt_version;  // 3.1.1, 5
  std::string client_id;  // empty: "tidemark-EDGE-NAME", filled in by load
  std::string username;
  std::string password_file;
  std::string ca_file;
  std::string cert_file;
  std::string key_file;
  std::vector<std::string> topics;
  std::vector<std::string> wills;  // with plugin: topics that the agent subscribes to itself
  std::string format;   // auto, json, number, packed, csv, influx, sparkplug
  std::vector<std::string> columns;  // of csv
  std::string profile;  // of firmware-profiles, or empty
  std::string metric_prefix;  // the same forms as device; empty: none
  std::string device;   // "topic[1]", or a plain name; empty: what the wildcards stand for
  std::string time;     // path of the device's time stamp; empty: the usual names
  std::string stamp;    // auto, device, edge
  std::string time_format;  // auto, unix_s, unix_ms, unix_us, unix_ns, iso8601
  std::string time_zone;    // of times that name none; empty: not said
  profile::MqttSampling sampling;  // of all arrays; start is `time`
  Nanoseconds lateness{};
  bool durable = false;
  Nanoseconds every{};  // a message is due so often; 0: no schedule
  Bytes payload_max{};
  std::map<std::string, std::string> labels;  // with those of the edge
  std::vector<MqttSeriesConfig> series;
  std::vector<profile::MqttPresence> presence;
  std::string place;  // "edge.toml:12:1"
};

struct PollConfig {
  Nanoseconds fast{};
  Nanoseconds normal{};
  Nanoseconds slow{};
};

struct ModbusConfig {
  std::string name;
  std::string url;  // bus_url.h
  std::int64_t unit = 1;
  std::string profile;
  std::string byte_order;  // empty: the profile's
  PollConfig poll;
  Nanoseconds timeout{};
  std::int64_t retries = 1;
  // Instead of what the profile says.
  std::optional<std::int64_t> max_gap, max_registers;
  std::optional<Nanoseconds> pause_after_connect, pause_between_requests;
  std::map<std::string, std::string> labels;  // with those of the edge
  std::string place;
};

struct WindowConfig {
  std::string type;  // tumbling, hopping, sliding, session, count
  Nanoseconds size{};
  Nanoseconds hop{};       // size when tumbling
  Nanoseconds gap{};       // session
  std::int64_t count = 0;  // count
  Nanoseconds lateness{};  // 0: as of pipeline::WindowRule
  Nanoseconds carrier{};
  std::string group;       // series, device, source, rule
  std::string name;        // of groups
  Nanoseconds max_hold{};
  double rollover = 0;
};

struct ContextConfig {
  Nanoseconds before{};
  Nanoseconds after{};
};

struct RuleConfig {
  std::string select;
  std::string forward;  // raw, windows, both, windows+context, nothing
  std::optional<WindowConfig> window;
  std::vector<std::string> aggregates;  // that the windows have to be able to answer
  filter::FilterOptions filter;         // detectors, hold and thin; passed its check()
  std::optional<ContextConfig> context;
  std::string publish;                  // topic with {series} and the like; empty: none
  std::string place;
};

// The broker that windows and events are published to.
struct PublishConfig {
  std::string url;
  std::string client_id;  // empty: "tidemark-EDGE-publish", filled in by load
  std::string username;
  std::string password_file;
  std::string ca_file;
  std::string cert_file;
  std::string key_file;
  bool retain = false;
};

struct HistoryConfig {
  Bytes size{};  // 0: none
  Nanoseconds keep{};
  Nanoseconds commit_interval{};
  Bytes budget{};
};

struct ClockConfig {
  std::string trust;  // plausible, always, confirmed
  Bytes untimed{};    // room for what comes before the time is known
};

struct RecorderConfig {
  Bytes memory{};
};

struct EdgeConfig {
  std::string edge;
  std::string site;
  std::map<std::string, std::string> labels;
  std::filesystem::path data_dir;
  std::filesystem::path run_dir;
  std::vector<std::string> profile_path;
  std::string log_level;
  RingConfig ring;
  UplinkConfig uplink;
  JournalConfig journal;
  std::vector<MqttConfig> mqtt;
  std::vector<ModbusConfig> modbus;
  std::vector<RuleConfig> rules;
  PublishConfig publish;
  HistoryConfig history;
  RecorderConfig recorder;
  ClockConfig clock;

  // Whether any rule has something to say locally: windows or detectors.
  [[nodiscard]] bool says_locally() const;
  [[nodiscard]] std::filesystem::path control_socket() const { return run_dir / "edge.sock"; }
  [[nodiscard]] std::filesystem::path identity_folder() const { return data_dir / "identity"; }
};
void describe(Section& s, EdgeConfig& c);

struct Loaded {
  EdgeConfig config;
  std::vector<Problem> problems;  // warnings too
  std::vector<Setting> settings;
  bool ok = false;
  // Nothing is wrong but profiles: an agent that starts leaves out the sources that name them.
  bool runs = false;
  // Whatever else is wrong: the files could be read, and run_dir and data_dir are what they say.
  bool located = false;
};
// /etc/tidemark/edge.toml stands for its folder's edge.d and TIDEMARK_EDGE__ variables too.
Sources edge_sources(const std::filesystem::path& file);
Loaded load_edge(const Sources& sources);
Loaded parse_edge(std::string_view toml, std::string name);
// The configuration, or Fault::bad_input with every problem rendered.
Result<EdgeConfig> load(const std::filesystem::path& file);

struct Url {
  std::string scheme;
  std::string host;
  std::uint16_t port = 0;
};
// "tcp://127.0.0.1:1502", "mqtt://[::1]"; `port` when it names none.
Result<Url> parse_url(std::string_view text, std::uint16_t port);

}  // namespace tidemark::config
