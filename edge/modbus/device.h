// One device on a bus: what it is asked, when, and how it has been doing. Private to the folder.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "edge/modbus/backoff.h"
#include "edge/fieldbus/field_bus.h"
#include "edge/modbus/modbus_source.h"
#include "edge/modbus/poll_entry.h"
#include "edge/modbus/request_plan.h"

namespace tidemark::modbus {

// Requests that brought nothing, by why.
struct Refusals {
  std::uint64_t exceptions = 0, silent = 0, garbled = 0, lost = 0;
  void count(Reply::Kind kind);
};

// The bus while a device has it.
struct Turn {
  FieldBus& bus;
  const Clock& clock;
  SteadyTime quiet_since{};  // the end of the last answer, of any device
};

class Device {
 public:
  // Polls begin at `start`, shifted so that the `of` devices of a bus do not all come at once.
  Device(DeviceOptions options, std::string bus_name);
  void begin(SteadyTime start, std::size_t index, std::size_t of);

  struct Slot {
    std::string poll_class;
    Nanoseconds period{};
    SteadyTime due{};
    std::vector<Range> ranges;
  };
  [[nodiscard]] Slot* earliest();
  // Takes the slot that is due now; answers how many before it passed unasked.
  static std::uint64_t take(Slot& slot, SteadyTime now);

  // Why the device is not asked now, or nothing.
  [[nodiscard]] std::optional<std::string> resting(SteadyTime now) const;
  // Asks for everything of the slot. `lost` is set when the connection broke.
  PollEntry poll(Turn& turn, Slot& slot, bool& lost);
  // What the poll says of the device: silence in a row is what makes it rest, the longer the more
  // devices of the bus (`resting` with this one) do.
  void judge(const PollEntry& entry, SteadyTime now, Random& random, std::size_t resting);

  [[nodiscard]] std::size_t classes() const { return slots_.size(); }
  [[nodiscard]] const DeviceOptions& options() const { return options_; }
  [[nodiscard]] bool answered_last() const { return !silent_; }
  [[nodiscard]] bool is_dead() const;  // silent so often that it rests
  [[nodiscard]] const Refusals& refusals() const { return refusals_; }

 private:
  Reply read(Turn& turn, Request request, std::vector<std::uint16_t>& registers);
  [[nodiscard]] std::string tell(const Request& request, const Reply& reply) const;
  void avoid_holes();
  void plan();
  // Finds the device's SunSpec models, once a connection; why not is in `entry` then.
  bool discover(Turn& turn, PollEntry& entry, bool& lost);

  DeviceOptions options_;
  std::string bus_name_;
  bool is_sunspec_;
  Refusals refusals_;
  std::vector<Slot> slots_;
  std::optional<SunSpecMap> sunspec_;  // until something fails: it may be another device then
  std::uint16_t max_gap_;
  bool silent_ = false;        // in its last poll
  unsigned silent_polls_ = 0;  // in a row
  std::string silent_reason_;
  Backoff backoff_;
};

}  // namespace tidemark::modbus
