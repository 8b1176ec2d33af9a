#include "edge/daemon/bus_request.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "edge/modbus/bus.h"

namespace tidemark::edge {
namespace {

using json = nlohmann::ordered_json;

constexpr std::int64_t kTimeoutMsMax = 60'000;
constexpr auto kPatience = std::chrono::seconds(20);  // for a turn between polls

std::int64_t number_of(const json& j, const char* key, std::int64_t low, std::int64_t high) {
  const auto at = j.find(key);
  return at == j.end() || !at->is_number_integer()
             ? low
             : std::clamp(at->get<std::int64_t>(), low, high);
}

std::string_view kind_name(modbus::Reply::Kind kind) {
  switch (kind) {
    case modbus::Reply::Kind::good: return "good";
    case modbus::Reply::Kind::exception: return "exception";
    case modbus::Reply::Kind::silent: return "silent";
    case modbus::Reply::Kind::garbled: return "garbled";
    case modbus::Reply::Kind::broken: return "broken";
  }
  return "broken";
}

}  // namespace

std::string answer_bus_request(const std::string& request, const modbus::Buses& buses) {
  const auto j = json::parse(request, nullptr, false);
  const auto name = j.is_object() && j.contains("bus") && j["bus"].is_string()
                        ? j["bus"].get<std::string>()
                        : std::string();
  const auto bus = buses.find(name);
  if (bus == buses.end()) return json{{"v", 1}, {"owned", false}}.dump();
  json out = {{"v", 1}, {"owned", true}};
  if (!j.contains("unit")) return out.dump();
  modbus::Request asked;
  asked.unit = static_cast<std::uint8_t>(number_of(j, "unit", 0, 255));
  asked.function = static_cast<std::uint8_t>(number_of(j, "function", 1, 4));
  asked.address = static_cast<std::uint16_t>(number_of(j, "address", 0, 65'535));
  asked.count = static_cast<std::uint16_t>(number_of(j, "count", 1, 125));
  asked.any_unit = number_of(j, "any_unit", 0, 1) != 0;
  const std::chrono::milliseconds timeout(number_of(j, "timeout_ms", 1, kTimeoutMsMax));
  std::vector<std::uint16_t> registers;
  const auto reply = bus->second->ask(asked, timeout, timeout + kPatience, registers);
  out["kind"] = kind_name(reply.kind);
  out["exception"] = reply.exception;
  out["text"] = reply.text;
  if (reply.kind == modbus::Reply::Kind::good) out["registers"] = registers;
  return out.dump();
}

}  // namespace tidemark::edge
