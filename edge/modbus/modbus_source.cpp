#include "edge/modbus/modbus_source.h"

#include <fmt/format.h>

#include "edge/modbus/bus.h"
#include "edge/modbus/poll_decoder.h"

namespace tidemark::modbus {
namespace {

// A port that is plugged in again shall be read again soon; opening it costs nothing.
constexpr Nanoseconds kReopenLongest = std::chrono::seconds(2);

class ModbusSource final : public source::Source {
 public:
  ModbusSource(std::shared_ptr<Bus> bus, std::size_t index, const DeviceOptions& options)
      : bus_(std::move(bus)), index_(index),
        decoder_(options.name, {bus_, &bus_->profile(index)}) {
    for (const auto& [poll_class, period] : options.periods) {
      for (const auto& p : options.profile.points) {
        if (p.poll_class != poll_class) continue;
        schedules_.push_back({poll_class, period});
        break;
      }
    }
  }
  ~ModbusSource() override { ModbusSource::stop(); }

  Result<> start() override {
    bus_->start(index_);
    return {};
  }
  void stop() override { bus_->stop(index_); }
  [[nodiscard]] source::Status status() const override { return bus_->status(index_); }
  [[nodiscard]] source::Decoder& decoder() override { return decoder_; }
  [[nodiscard]] std::vector<source::Schedule> schedules() const override { return schedules_; }
  [[nodiscard]] bool device_stamped() const override { return false; }
  [[nodiscard]] Nanoseconds lateness() const override { return {}; }

 private:
  std::shared_ptr<Bus> bus_;
  std::size_t index_;
  PollDecoder decoder_;
  std::vector<source::Schedule> schedules_;
};

Result<DeviceOptions> device_options(const config::ModbusConfig& c,
                                     const profile::Library& profiles) {
  DeviceOptions d;
  d.name = c.name;
  d.unit = static_cast<std::uint8_t>(c.unit);
  TIDE_ASSIGN(d.profile, profiles.load(c.profile));
  if (!c.byte_order.empty()) {
    const auto order = profile::byte_order_of(c.byte_order);
    if (!order) return Error{Fault::bad_input, "unknown byte_order '" + c.byte_order + "'"};
    d.profile.set_byte_order(*order);
  }
  d.periods = {{"fast", c.poll.fast}, {"normal", c.poll.normal}, {"slow", c.poll.slow}};
  d.timeout = c.timeout;
  d.retries = static_cast<unsigned>(c.retries);
  auto& p = d.profile;
  if (c.max_gap) p.max_gap = static_cast<std::uint16_t>(*c.max_gap);
  if (c.max_registers) p.max_registers = static_cast<std::uint16_t>(*c.max_registers);
  if (c.pause_after_connect) p.pause_after_connect = *c.pause_after_connect;
  if (c.pause_between_requests) p.pause_between_requests = *c.pause_between_requests;
  for (const auto& point : p.points) {
    if (point.registers <= p.max_registers) continue;
    return Error{Fault::bad_input,
                 fmt::format("max_registers {} is too small for point '{}' of {} registers",
                             p.max_registers, point.name, point.registers)};
  }
  return d;
}

}  // namespace

Result<std::vector<std::unique_ptr<source::Source>>> make_sources(
    const std::vector<config::ModbusConfig>& configs, const profile::Library& profiles,
    const std::function<std::uint32_t(const std::string& name)>& id_of, journal::Journal& journal,
    Clock& clock, Random& random, Buses* owned) {
  struct Planned {
    config::BusUrl url;
    std::vector<DeviceOptions> devices;
    std::vector<std::size_t> positions;  // in configs
  };
  std::map<std::string, Planned> buses;
  for (std::size_t i = 0; i < configs.size(); ++i) {
    const auto& c = configs[i];
    auto url = config::parse_bus_url(c.url);
    if (!url) return std::move(url).error().within("source " + c.name);
    auto options = device_options(c, profiles);
    if (!options) return std::move(options).error().within("source " + c.name);
    options->id = id_of(c.name);
    auto& bus = buses[url->place()];
    if (!bus.devices.empty() && bus.url != *url) {
      return Error{Fault::bad_input, fmt::format("source {}: another source has the same bus as {}",
                                                 c.name, bus.url.text())};
    }
    bus.url = *url;
    bus.devices.push_back(std::move(*options));
    bus.positions.push_back(i);
  }
  std::vector<std::unique_ptr<source::Source>> sources(configs.size());
  for (auto& [name, planned] : buses) {
    BusOptions options;
    options.name = name;
    if (planned.url.kind == config::BusUrl::Kind::rtu) options.reconnect_longest = kReopenLongest;
    auto bus = std::make_shared<Bus>(options, field_bus(planned.url, clock), planned.devices,
                                     journal, clock, random);
    if (owned != nullptr) owned->emplace(name, bus);
    for (std::size_t k = 0; k < planned.devices.size(); ++k) {
      sources[planned.positions[k]] =
          std::make_unique<ModbusSource>(bus, k, planned.devices[k]);
    }
  }
  return sources;
}

}  // namespace tidemark::modbus
