// What one device publishes, message by message: payload bytes and the log's lines for them. No
// clock and no broker inside: the same options and seed give the same messages.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/plant/scenario.h"

namespace tidemark::plant {

struct Message {
  std::string topic;
  std::string payload;
  std::string lines;      // of the log
  std::int64_t due_ns;    // event time of its last sample
  int copies = 1;
};

class Sensor {
 public:
  // Sample times are start_ns + i * period; start_ns is rounded down to whole milliseconds.
  Sensor(const SensorOptions& options, std::uint64_t seed, std::int64_t start_ns);

  // False when its count is reached.
  [[nodiscard]] bool more() const;
  [[nodiscard]] std::int64_t next_due_ns() const;
  // Serial numbers come from the caller's counter, one a message, so that they are the plant's.
  Message next(std::uint64_t& serial);

 private:
  struct Sample {
    std::int64_t time_ns;
    std::int64_t milli;   // the value in thousandths
    bool missing;
  };
  [[nodiscard]] Sample sample(std::size_t channel, std::uint64_t index) const;
  [[nodiscard]] std::int64_t time_of(std::uint64_t index) const;
  Message make(std::uint64_t serial);
  void fill_object(std::uint64_t serial, Message& message);
  void fill_array(std::uint64_t serial, Message& message);
  void fill_packed(std::uint64_t serial, Message& message);
  void fill_number(std::uint64_t serial, Message& message);
  void tell(std::uint64_t serial, std::size_t channel, std::int64_t event_ns,
            const std::string& value, bool good, Message& message) const;

  SensorOptions options_;
  std::uint64_t seed_;
  std::int64_t start_ns_;
  std::int64_t period_ns_;
  std::uint64_t samples_ = 0;   // of each channel so far
  std::int64_t messages_ = 0;
  std::vector<Message> held_;   // at most one: the message that its successor overtakes
};

}  // namespace tidemark::plant
