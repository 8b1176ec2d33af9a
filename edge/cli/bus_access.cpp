#include "edge/cli/bus_access.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/text.h"
#include "edge/config/edge_config.h"

namespace tidemark::edge {
namespace {

using modbus::Reply;
using modbus::Request;
using json = nlohmann::ordered_json;

Reply reply_of(const json& answer, std::vector<std::uint16_t>& out) {
  const auto kind = answer.value("kind", std::string("broken"));
  Reply reply;
  reply.exception = answer.value("exception", std::uint8_t{0});
  reply.text = answer.value("text", std::string());
  if (kind == "good") {
    out = answer.value("registers", std::vector<std::uint16_t>());
    return reply;
  }
  reply.kind = kind == "exception" ? Reply::Kind::exception
               : kind == "silent"  ? Reply::Kind::silent
               : kind == "garbled" ? Reply::Kind::garbled
                                   : Reply::Kind::broken;
  return reply;
}

Result<Device> configured(const std::string& name, const std::string& file) {
  const auto loaded = config::load_edge(config::edge_sources(file));
  std::vector<std::string> names;
  for (const auto& c : loaded.config.modbus) {
    names.push_back(c.name);
    if (c.name != name) continue;
    Device d;
    TIDE_ASSIGN(d.url, config::parse_bus_url(c.url));
    d.unit = static_cast<std::uint8_t>(c.unit);
    d.timeout = c.timeout;
    d.profile = c.profile;
    d.byte_order = c.byte_order;
    return d;
  }
  const auto near = nearest(name, names);
  return Error{Fault::bad_input,
               fmt::format("no [[source.modbus]] is named '{}' in {}{}", name, file,
                           near.empty() ? "" : fmt::format(", did you mean '{}'?", near))};
}

std::string url_of(const DeviceWords& w) {
  if (!w.tcp.empty()) return "tcp://" + w.tcp;
  if (!w.rtu_tcp.empty()) return "rtu+tcp://" + w.rtu_tcp;
  if (w.serial.empty()) return w.url;
  std::string url = "rtu://" + w.serial;
  if (w.baud != 0) url += fmt::format("?baud={}", w.baud);
  if (!w.parity.empty()) url += fmt::format("{}parity={}", w.baud != 0 ? "&" : "?", w.parity);
  return url;
}

}  // namespace

void DeviceWords::declare(cli::Command& c, bool with_unit) {
  c.option("--tcp", tcp, "A Modbus TCP device or converter.", "HOST:PORT");
  c.option("--rtu-tcp", rtu_tcp, "A converter that hands RTU frames through.", "HOST:PORT");
  c.option("--serial", serial, "A serial port.", "PORT");
  c.option("--baud", baud, "Its speed; 19200 when left out.");
  c.option("--parity", parity, "none, even or odd; even when left out.");
  c.option("--url", url, "As in the configuration, instead of these.", "URL");
  c.option("--source", source, "A source of the configuration, instead of these.", "NAME");
  c.option("--timeout", timeout, "For one answer; 1s when left out.", "TIME");
  if (with_unit) c.option("--unit", unit, "Unit identifier; 1 when left out.");
}

Result<Device> device_of(const DeviceWords& w, const std::string& config_file) {
  int named = 0;
  for (const auto* text : {&w.tcp, &w.rtu_tcp, &w.serial, &w.url, &w.source}) {
    named += text->empty() ? 0 : 1;
  }
  if (named != 1) {
    return Error{Fault::bad_input, "name one device: --tcp HOST:PORT, --serial PORT, "
                                   "--rtu-tcp HOST:PORT, --url URL or --source NAME"};
  }
  Device d;
  if (!w.source.empty()) {
    TIDE_ASSIGN(d, configured(w.source, config_file));
  } else {
    TIDE_ASSIGN(d.url, config::parse_bus_url(url_of(w)));
  }
  if (w.unit > 255) return Error{Fault::bad_input, "--unit: the greatest is 255"};
  if (w.unit != 0) d.unit = static_cast<std::uint8_t>(w.unit);
  if (!w.timeout.empty()) {
    TIDE_ASSIGN(d.timeout, parse_duration(w.timeout));
    if (d.timeout.count() <= 0 || d.timeout > std::chrono::minutes(1)) {
      return Error{Fault::bad_input, "--timeout: it is not from 1ms to 1min"};
    }
  }
  return d;
}

bool BusAccess::owned_by_agent(const Device& device, const Agent& agent) {
  const auto answer = agent.ask({{"command", "modbus"}, {"bus", device.url.place()}});
  return answer.ok() && answer->value("owned", false);
}

Result<BusAccess> BusAccess::open(const Device& device, const Agent& agent) {
  if (!owned_by_agent(device, agent)) return open_directly(device);
  BusAccess access;
  access.through_agent_ = true;
  access.read_ = [device, agent](const Request& r, std::vector<std::uint16_t>& out) {
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(device.timeout).count();
    const auto answer = agent.ask({{"command", "modbus"},
                                   {"bus", device.url.place()},
                                   {"unit", r.unit},
                                   {"function", r.function},
                                   {"address", r.address},
                                   {"count", r.count},
                                   {"any_unit", r.any_unit ? 1 : 0},
                                   {"timeout_ms", ms}});
    if (!answer) return Reply{Reply::Kind::broken, 0, answer.error().text()};
    return reply_of(*answer, out);
  };
  return access;
}

Result<BusAccess> BusAccess::open_directly(const Device& device) {
  static const SystemClock clock;
  std::shared_ptr<modbus::FieldBus> bus = modbus::field_bus(device.url, clock);
  TIDE_TRY(bus->connect(std::min<Nanoseconds>(device.timeout, std::chrono::seconds(5))));
  BusAccess access;
  access.read_ = [bus, timeout = device.timeout](const Request& r,
                                                 std::vector<std::uint16_t>& out) {
    out.assign(r.count, 0);
    return bus->read(r, timeout, out);
  };
  return access;
}

}  // namespace tidemark::edge
