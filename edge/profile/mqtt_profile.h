// Profiles of devices that publish over MQTT: which topics, where the time is, and which values of
// a message are series, with their units.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/time.h"
#include "common/config/section.h"
#include "common/model/series.h"

namespace tidemark::profile {

// When the samples of an array were taken: of a point, a [[source.mqtt.series]], or all arrays.
struct MqttSampling {
  std::string interval;       // path, or a length of time; empty: as the message says
  std::string interval_unit;  // of a number at that path: auto, s, ms, us, ns, hz
  std::string start;          // path; empty: the record's time

  [[nodiscard]] std::string interval_path() const;  // empty: there is none
  [[nodiscard]] Nanoseconds fixed_interval() const;  // 0: it is in the message
};
// The keys interval and interval_unit; start beside them.
void describe_interval(config::Section& s, MqttSampling& c);
void describe_start(config::Section& s, MqttSampling& c);

// Messages of these topics are what those of other topics hold at this path.
struct MqttInside {
  std::string topic;
  std::string path;  // "$.params.{topic[2]}"
};
void describe(config::Section& s, MqttInside& p);

// A topic that says whether a device is there: [[source.mqtt.presence]], and of a profile.
struct MqttPresence {
  std::string topic;
  std::string path;    // of the word in an object; empty: the message is the word
  std::vector<std::string> online, offline;
  std::string device;  // empty: as for readings
  bool all = false;    // it speaks of all devices of the source
};
void describe(config::Section& s, MqttPresence& p);

// A path may hold wildcards: '*' for any text within one name, '?' for one character of it, and
// "[*]" for the index of an array's element. A metric names what they stood for: "{1}", "{2}".
struct MqttPoint {
  std::string metric;
  std::string path;
  std::string beside;  // only in messages that also hold this path; empty: in all
  std::string unit;
  std::map<std::string, std::string> units;  // by the text at MqttProfile::unit_at
  SeriesKind kind = SeriesKind::gauge;
  std::string type;  // auto, number, boolean, text
  MqttSampling sampling;
};

struct MqttProfile {
  std::string id, vendor, model, source, verified;
  std::string protocol;  // mqtt-json, mqtt-raw, sparkplug
  std::string format;    // of mqtt::Options, by its word in edge.toml
  std::vector<std::string> topics;  // empty: the source has to say
  std::string device;
  std::string time;         // path; empty: the usual names
  std::string time_format;  // auto, unix_s, …, iso8601, iso8601-local
  std::string unit_at;      // path of a text that says which units are meant; empty: none
  MqttSampling sampling;    // of all arrays; start is `time`
  // The first that fits a value is the one. Empty: every value is a series, by its own path.
  std::vector<MqttPoint> points;
  std::vector<MqttPresence> presence;
  std::vector<MqttInside> inside;
  std::string others;  // none, numbers: what becomes of values that no point fits
};
bool is_mqtt(std::string_view protocol);

struct MqttProfileFile {
  std::string expected_id;  // the file's name; set before describe()
  MqttProfile profile;
};
void describe(config::Section& s, MqttProfileFile& f);

}  // namespace tidemark::profile
