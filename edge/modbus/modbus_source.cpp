#include "edge/modbus/modbus_source.h"

#include <fmt/format.h>

#include "edge/modbus/bus.h"
#include "edge/modbus/poll_decoder.h"

namespace tidemark::modbus {
namespace {

constexpr std::uint16_t kPort = 502;

class ModbusSource final : public source::Source {
 public:
  ModbusSource(std::shared_ptr<Bus> bus, std::size_t index, const DeviceOptions& options)
      : bus_(std::move(bus)), index_(index), decoder_(options.name, options.profile) {
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
  return d;
}

}  // namespace

Result<std::vector<std::unique_ptr<source::Source>>> make_sources(
    const std::vector<config::ModbusConfig>& configs, const profile::Library& profiles,
    const std::function<std::uint32_t(const std::string& name)>& id_of, journal::Journal& journal,
    Clock& clock, Random& random) {
  struct Planned {
    config::Url url;
    std::vector<DeviceOptions> devices;
    std::vector<std::size_t> positions;  // in configs
  };
  std::map<std::string, Planned> buses;
  for (std::size_t i = 0; i < configs.size(); ++i) {
    const auto& c = configs[i];
    auto url = config::parse_url(c.url, kPort);
    if (!url) return std::move(url).error().within("source " + c.name);
    auto options = device_options(c, profiles);
    if (!options) return std::move(options).error().within("source " + c.name);
    options->id = id_of(c.name);
    auto& bus = buses[fmt::format("{}:{}", url->host, url->port)];
    bus.url = *url;
    bus.devices.push_back(std::move(*options));
    bus.positions.push_back(i);
  }
  std::vector<std::unique_ptr<source::Source>> sources(configs.size());
  for (auto& [name, planned] : buses) {
    auto bus = std::make_shared<Bus>(name, tcp_bus(planned.url.host, planned.url.port),
                                     planned.devices, journal, clock, random);
    for (std::size_t k = 0; k < planned.devices.size(); ++k) {
      sources[planned.positions[k]] =
          std::make_unique<ModbusSource>(bus, k, planned.devices[k]);
    }
  }
  return sources;
}

}  // namespace tidemark::modbus
