// What the plant does, read from a TOML file: bench/plant/README.md lists every key.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"

namespace tidemark::plant {

// A Modbus TCP slave with the register image of a real device.
struct SlaveOptions {
  std::string name;             // the device level of its series names in the log
  std::string model;            // sdm630, em340, qm30vt2
  int port = 0;                 // 0: any free one, told on stdout
  int unit = 1;
  bool swap_words = false;      // the words of wide values lie the other way round than the model's
  std::int64_t answers = 0;     // answers during the first `answers` of every `of` seconds ...
  std::int64_t of = 0;          // ... 0: always
  bool spread = false;          // ... or in every (of / answers)th second instead
  bool miss_by_exception = false;  // at other times: exception 4 instead of silence
  std::int64_t exception_every = 0;  // every n-th request gets exception 4
  std::int64_t half_every = 0;       // every n-th response is cut in half and the connection closed
  Nanoseconds down_every{};     // restarts: closes everything ...
  Nanoseconds down_for{};       // ... and comes back after this
};

enum class Format : std::uint8_t { object, array, packed, number };
enum class TimeFormat : std::uint8_t { none, unix_s, unix_ms, unix_ns };

// One device that publishes over MQTT: `channels` series on a common grid of sample times.
struct SensorOptions {
  std::string name;
  std::string topic;                  // default plant/NAME/data
  Format format = Format::object;
  TimeFormat time = TimeFormat::unix_ms;  // of objects; arrays and packed carry ns, numbers none
  std::vector<std::string> channels;  // metrics; arrays and packed have one
  std::int64_t rate = 1;              // samples a second and channel, at most 1000
  std::int64_t batch = 1;             // samples a message (array, packed)
  std::int64_t count = 0;             // messages, then silence; 0: until the end
  bool packed_f32 = false;            // packed: 32-bit floats instead of scaled 16-bit integers
  bool serial = true;                 // objects and arrays carry "serial"
  bool twice = false;                 // every message is sent twice
  std::int64_t spike_every = 0;       // samples
  std::int64_t stuck_every = 0;       // samples; then 20 equal ones
  std::int64_t nan_every = 0;         // samples: objects and arrays say null
  std::int64_t swap_every = 0;        // messages: sent after the next one
};

struct Scenario {
  std::string log;              // file: what was published and answered, the oracle's input
  std::string broker_host;      // empty: no MQTT
  int broker_port = 1883;
  std::uint64_t seed = 1;
  Nanoseconds run_for{};        // 0: until SIGTERM
  Nanoseconds start_offset{};   // of the sensors' event times, against the clock at the start
  bool paced = true;            // false: as fast as the broker acknowledges
  std::int64_t burst = 0;       // readings a second over all sensors: their rates scaled; 0: as is
  std::vector<SlaveOptions> slaves;
  std::vector<SensorOptions> sensors;
};

// Fault::bad_input names file, line and key.
Result<Scenario> read_scenario(const std::string& path);

}  // namespace tidemark::plant
