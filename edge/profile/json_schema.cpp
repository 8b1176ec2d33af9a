// What editors check a profile against while it is written: tidemark profile schema.
#include <nlohmann/json.hpp>

#include "common/config/json_schema.h"
#include "edge/profile/library.h"
#include "edge/profile/schema.h"

namespace tidemark::profile {
namespace {

using json = nlohmann::ordered_json;

// One of the kinds of files, told from the others by the protocol.
json kind_of(const std::string& schema, const char* title, const std::vector<std::string>& of) {
  auto kind = json::parse(schema);
  kind["title"] = title;
  kind["properties"]["profile"]["properties"]["protocol"]["enum"] = of;
  return kind;
}

}  // namespace

std::string json_schema() {
  const json schema = {
      {"$schema", "http://json-schema.org/draft-07/schema#"},
      {"title", "Profile of a device that Tidemark reads"},
      {"oneOf",
       {kind_of(config::json_schema<ProfileFile>(), "A Modbus device", {"modbus"}),
        kind_of(config::json_schema<MqttProfileFile>(), "Devices that publish over MQTT",
                {"mqtt-json", "mqtt-raw", "sparkplug"})}}};
  return schema.dump(1) + "\n";
}

}  // namespace tidemark::profile
