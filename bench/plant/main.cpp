// tidemark-plant: a simulated plant of real Modbus TCP slaves and MQTT sensors (README.md).
//   tidemark-plant SCENARIO.toml
// Prints one JSON line with the slaves' ports when ready; ends on SIGTERM, after `for`, or when
// every sensor has reached its count and there are no slaves. Exits 0 when all was acknowledged.
#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "bench/plant/plant_log.h"
#include "bench/plant/publisher.h"
#include "bench/plant/scenario.h"
#include "bench/plant/sensor.h"
#include "bench/plant/slave.h"
#include "common/base/exit_code.h"
#include "common/base/log.h"
#include "common/base/stop_signal.h"
#include "common/base/text.h"

namespace tidemark::plant {
namespace {

constexpr auto kSettleLimit = std::chrono::seconds(30);

// Sleeps until the wall clock says `until_ns`; false when asked to stop first.
bool sleep_until(std::int64_t until_ns, const StopSignal& stop) {
  for (;;) {
    const auto left = until_ns - wall_ns();
    if (stop.asked()) return false;
    if (left <= 0) return true;
    const timespec wait{left / 1'000'000'000, left % 1'000'000'000};
    pollfd waiting{stop.descriptor(), POLLIN, 0};
    ::ppoll(&waiting, 1, &wait, nullptr);
  }
}

// Messages of all sensors by due time, until the end of the run or of all counts.
void publish_all(const Scenario& scenario, std::int64_t start_ns, std::vector<Sensor>& sensors,
                 Publisher& publisher, PlantLog& log, const StopSignal& stop) {
  std::uint64_t serial = 0;
  const auto offset = scenario.start_offset.count();
  for (;;) {
    Sensor* next = nullptr;
    for (auto& sensor : sensors) {
      if (!sensor.more()) continue;
      if (next == nullptr || sensor.next_due_ns() < next->next_due_ns()) next = &sensor;
    }
    if (next == nullptr) return;
    const auto due_ns = next->next_due_ns() - offset;
    if (scenario.run_for.count() > 0 && due_ns > start_ns + scenario.run_for.count()) return;
    if (scenario.paced && !sleep_until(due_ns, stop)) return;
    if (stop.asked() || !publisher.wait_for_room(stop)) return;
    const auto message = next->next(serial);
    log.write(message.lines);
    for (int copy = 0; copy < message.copies; ++copy) {
      publisher.publish(message.topic, message.payload);
    }
  }
}

void announce(const std::vector<std::unique_ptr<Slave>>& slaves) {
  std::string ports;
  for (const auto& slave : slaves) {
    ports += fmt::format("{}{}:{}", ports.empty() ? "" : ",", json_quote(slave->name()),
                         slave->port());
  }
  fmt::print("{{\"v\":1,\"ready\":true,\"slaves\":{{{}}}}}\n", ports);
  std::fflush(stdout);
}

Result<bool> run(const Scenario& scenario, StopSignal& stop) {
  PlantLog log;
  TIDE_TRY(PlantLog::create(scenario.log, log));
  log.write(fmt::format("#\tplant\t1\t{}\t{}\n", wall_ns(), scenario.seed));
  std::vector<std::unique_ptr<Slave>> slaves;
  for (const auto& options : scenario.slaves) {
    TIDE_ASSIGN(auto slave, Slave::start(options, scenario.seed + 100 * slaves.size(), log));
    slaves.push_back(std::move(slave));
  }
  std::unique_ptr<Publisher> publisher;
  if (!scenario.sensors.empty()) {
    TIDE_ASSIGN(publisher, Publisher::connect(scenario.broker_host, scenario.broker_port,
                                              fmt::format("tidemark-plant-{}", scenario.seed)));
  }
  announce(slaves);
  const auto start_ns = wall_ns();
  std::vector<Sensor> sensors;
  for (const auto& options : scenario.sensors) {
    sensors.emplace_back(options, scenario.seed + 1000 * (sensors.size() + 1),
                         start_ns + scenario.start_offset.count());
  }
  bool all = true;
  if (publisher) {
    publish_all(scenario, start_ns, sensors, *publisher, log, stop);
    all = publisher->settle(kSettleLimit);
  }
  if (!slaves.empty()) {
    const auto length = scenario.run_for.count();
    static_cast<void>(sleep_until(length > 0 ? start_ns + length : INT64_MAX / 2, stop));
  }
  slaves.clear();
  log.write(fmt::format("end\t{}\t{}\t{}\n", wall_ns(), publisher ? publisher->published() : 0,
                        publisher ? publisher->acknowledged() : 0));
  return all;
}

constexpr std::string_view kHelp =
    "usage: tidemark-plant SCENARIO.toml\n"
    "A simulated plant: Modbus TCP devices that answer and sensors that publish over MQTT, with\n"
    "the faults that real ones have. What it says it writes to its log first.\n\n"
    "  log = \"plant.log\"          where\n"
    "  broker = \"127.0.0.1:1883\"  needed with sensors\n"
    "  for = \"60s\"               else until SIGTERM\n"
    "  [[slave]]                 name = \"line1\", model = \"sdm630\" (or em340, qm30vt2)\n"
    "  [[sensor]]                name = \"m00\", channels = [\"a\"], rate = 10\n\n"
    "All keys: bench/plant/README.md. When ready it prints one line with the devices' ports.\n\n"
    "Exit codes: 0 ok · 64 usage · 69 no broker · 75 not all was acknowledged · 78 scenario\n";

}  // namespace
}  // namespace tidemark::plant

int main(int argc, char** argv) {
  using namespace tidemark;
  const std::string_view word = argc == 2 ? argv[1] : "";
  if (word == "--help" || word == "-h") {
    fmt::print("{}", plant::kHelp);
    return kExitOk;
  }
  if (argc != 2 || word.starts_with('-')) {
    fmt::print(stderr, "error: expected one scenario\n  try: tidemark-plant --help\n");
    return kExitUsage;
  }
  const auto scenario = plant::read_scenario(argv[1]);
  if (!scenario) {
    fmt::print(stderr, "{}\n", scenario.error().text());
    return kExitConfig;
  }
  StopSignal stop;
  const auto done = plant::run(scenario.value(), stop);
  if (!done) {
    log::error("plant", "error={}", json_quote(done.error().text()));
    return kExitUnreachable;
  }
  if (!done.value()) log::error("the broker did not acknowledge all that was published");
  return done.value() ? kExitOk : kExitTryAgain;
}
