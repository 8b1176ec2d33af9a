#include "bench/plant/scenario.h"

#include <fmt/format.h>

#include <set>
#include <toml++/toml.h>

namespace tidemark::plant {
namespace {

// Reads the keys of one table and remembers the first that is wrong, so that calls can be chained.
class Keys {
 public:
  Keys(const toml::table& table, std::string place) : table_(table), place_(std::move(place)) {}

  template <typename T>
  void get(const char* key, T& value) {
    known_.insert(key);
    const auto* node = table_.get(key);
    if (node == nullptr) return;
    if (const auto found = node->value_exact<T>()) {
      value = *found;
    } else {
      fail(key, "has the wrong type");
    }
  }
  void get(const char* key, int& value) {
    std::int64_t wide = value;
    get(key, wide);
    value = static_cast<int>(wide);
  }
  void get(const char* key, Nanoseconds& value) {
    std::string text;
    get(key, text);
    if (text.empty()) return;
    const bool negative = text[0] == '-';
    const auto parsed = parse_duration(negative ? text.substr(1) : text);
    if (!parsed) return fail(key, parsed.error().text());
    value = negative ? -parsed.value() : parsed.value();
  }
  void get(const char* key, std::vector<std::string>& value) {
    known_.insert(key);
    const auto* list = table_.get_as<toml::array>(key);
    if (list == nullptr) return;
    value.clear();
    for (const auto& item : *list) value.push_back(item.value_or(std::string()));
  }
  void skip(const char* key) { known_.insert(key); }
  void fail(const char* key, const std::string& why) {
    if (error_.empty()) error_ = fmt::format("{}: {}: {}", place_, key, why);
  }
  // The first problem, or that of a key nobody asked for.
  std::string finish() {
    for (const auto& [key, node] : table_) {
      if (known_.contains(std::string(key.str()))) continue;
      fail(std::string(key.str()).c_str(), fmt::format("unknown key, line {}",
                                                       node.source().begin.line));
    }
    return error_;
  }

 private:
  const toml::table& table_;
  std::string place_;
  std::set<std::string, std::less<>> known_;
  std::string error_;
};

std::string read_slave(const toml::table& table, std::size_t index, SlaveOptions& slave) {
  Keys keys(table, fmt::format("slave {}", index));
  keys.get("name", slave.name);
  keys.get("model", slave.model);
  keys.get("port", slave.port);
  keys.get("unit", slave.unit);
  keys.get("swap_words", slave.swap_words);
  keys.get("answers", slave.answers);
  keys.get("of", slave.of);
  keys.get("spread", slave.spread);
  keys.get("miss_by_exception", slave.miss_by_exception);
  keys.get("exception_every", slave.exception_every);
  keys.get("half_every", slave.half_every);
  keys.get("down_every", slave.down_every);
  keys.get("down_for", slave.down_for);
  if (slave.name.empty()) keys.fail("name", "is missing");
  if (slave.spread && (slave.answers < 1 || slave.of % slave.answers != 0)) {
    keys.fail("spread", "of must be a multiple of answers");
  }
  return keys.finish();
}

std::string read_sensor(const toml::table& table, std::size_t index, SensorOptions& sensor) {
  Keys keys(table, fmt::format("sensor {}", index));
  std::string format = "object";
  std::string time = "unix_ms";
  keys.get("name", sensor.name);
  keys.get("topic", sensor.topic);
  keys.get("format", format);
  keys.get("time", time);
  keys.get("channels", sensor.channels);
  keys.get("rate", sensor.rate);
  keys.get("batch", sensor.batch);
  keys.get("count", sensor.count);
  keys.get("packed_f32", sensor.packed_f32);
  keys.get("serial", sensor.serial);
  keys.get("twice", sensor.twice);
  keys.get("spike_every", sensor.spike_every);
  keys.get("stuck_every", sensor.stuck_every);
  keys.get("nan_every", sensor.nan_every);
  keys.get("swap_every", sensor.swap_every);
  if (sensor.name.empty()) keys.fail("name", "is missing");
  if (sensor.rate < 1 || sensor.rate > 1000) keys.fail("rate", "must be in 1..1000");
  if (sensor.batch < 1 || sensor.batch > 10'000) keys.fail("batch", "must be in 1..10000");
  if (sensor.topic.empty()) sensor.topic = "plant/" + sensor.name + "/data";
  if (sensor.channels.empty()) sensor.channels = {"value"};
  if (format == "object") {
    sensor.format = Format::object;
  } else if (format == "array") {
    sensor.format = Format::array;
  } else if (format == "packed") {
    sensor.format = Format::packed;
  } else if (format == "number") {
    sensor.format = Format::number;
  } else {
    keys.fail("format", "must be object, array, packed or number");
  }
  if (time == "none") {
    sensor.time = TimeFormat::none;
  } else if (time == "unix_s") {
    sensor.time = TimeFormat::unix_s;
  } else if (time == "unix_ms") {
    sensor.time = TimeFormat::unix_ms;
  } else if (time == "unix_ns") {
    sensor.time = TimeFormat::unix_ns;
  } else {
    keys.fail("time", "must be none, unix_s, unix_ms or unix_ns");
  }
  if (sensor.format != Format::object && sensor.channels.size() != 1) {
    keys.fail("channels", "this format has one");
  }
  return keys.finish();
}

template <typename T, typename Read>
std::string read_all(const toml::table& root, const char* name, std::vector<T>& out, Read read) {
  const auto* list = root.get_as<toml::array>(name);
  if (list == nullptr) return {};
  for (const auto& item : *list) {
    const auto* table = item.as_table();
    if (table == nullptr) return fmt::format("{}: must be tables", name);
    if (auto error = read(*table, out.size(), out.emplace_back()); !error.empty()) return error;
  }
  return {};
}

// Rates in the proportion they have, so that all sensors together make `burst` readings a second.
void scale_to_burst(Scenario& scenario) {
  std::int64_t total = 0;
  for (const auto& s : scenario.sensors) {
    total += s.rate * static_cast<std::int64_t>(s.channels.size());
  }
  if (scenario.burst == 0 || total == 0) return;
  for (auto& s : scenario.sensors) {
    s.rate = std::min<std::int64_t>(1000, (s.rate * scenario.burst + total - 1) / total);
  }
}

std::string read_root(const toml::table& root, Scenario& scenario) {
  Keys keys(root, "plant");
  std::string broker;
  auto seed = static_cast<std::int64_t>(scenario.seed);
  keys.get("log", scenario.log);
  keys.get("broker", broker);
  keys.get("seed", seed);
  keys.get("for", scenario.run_for);
  keys.get("start", scenario.start_offset);
  keys.get("paced", scenario.paced);
  keys.get("burst", scenario.burst);
  keys.skip("slave");
  keys.skip("sensor");
  scenario.seed = static_cast<std::uint64_t>(seed);
  if (scenario.log.empty()) keys.fail("log", "is missing");
  if (!broker.empty()) {
    const auto colon = broker.rfind(':');
    scenario.broker_host = broker.substr(0, colon);
    if (colon != std::string::npos) scenario.broker_port = std::stoi(broker.substr(colon + 1));
  }
  if (auto error = keys.finish(); !error.empty()) return error;
  if (auto error = read_all(root, "slave", scenario.slaves, read_slave); !error.empty()) {
    return error;
  }
  return read_all(root, "sensor", scenario.sensors, read_sensor);
}

}  // namespace

Result<Scenario> read_scenario(const std::string& path) {
  try {
    Scenario scenario;
    const auto root = toml::parse_file(path);
    if (auto error = read_root(root, scenario); !error.empty()) {
      return Error{Fault::bad_input, path + ": " + error};
    }
    scale_to_burst(scenario);
    return scenario;
  } catch (const toml::parse_error& error) {
    return Error{Fault::bad_input, fmt::format("{}:{}: {}", path, error.source().begin.line,
                                               error.description())};
  } catch (const std::exception& error) {
    return Error{Fault::bad_input, fmt::format("{}: {}", path, error.what())};
  }
}

}  // namespace tidemark::plant
