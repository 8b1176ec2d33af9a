// Profiles of devices that publish over MQTT: which topics, where the time is, and which values of
// a message are series, with their units.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/config/section.h"
#include "common/model/series.h"

namespace tidemark::profile {

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
};

struct MqttProfile {
  std::string id, vendor, model, source, verified;
  std::vector<std::string> topics;
  std::string device;
  std::string time;         // path; empty: the usual names
  std::string time_format;  // auto, unix_s, …, iso8601, iso8601-local
  std::string unit_at;      // path of a text that says which units are meant; empty: none
  std::vector<MqttPoint> points;  // the first that fits a value is the one
};

struct MqttProfileFile {
  std::string expected_id;  // the file's name; set before describe()
  MqttProfile profile;
};
void describe(config::Section& s, MqttProfileFile& f);

}  // namespace tidemark::profile
