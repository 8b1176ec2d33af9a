// What is on a bus: which units answer, at which speed and parity of a serial line, and which
// profiles they look like.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "edge/config/bus_url.h"
#include "edge/fieldbus/field_bus.h"
#include "edge/probe/probe.h"

namespace tidemark::probe {

struct FoundUnit {
  std::uint8_t unit = 0;
  bool garbled = false;                // something speaks, but not understandably
  std::vector<std::string> profiles;   // that it follows
};
// Whether anybody is there; an exception is an answer, but for those of a gateway without one.
enum class Presence : std::uint8_t { nobody, garbled, somebody, broken };
Presence look(std::uint8_t unit, const modbus::ReadRegisters& read);
FoundUnit identify(std::uint8_t unit, const std::vector<profile::Profile>& profiles,
                   const modbus::ReadRegisters& read);

// The settings of a serial line in the order in which they are worth trying, `first` first.
std::vector<config::BusUrl> line_settings(const config::BusUrl& first);

// Opens the line with each setting until one of `units` answers. `open` gives a reader for a
// setting, or why there is none, which ends the search. `tried` hears of each.
using OpenLine = std::function<Result<modbus::ReadRegisters>(const config::BusUrl&)>;
struct Sweep {
  std::optional<config::BusUrl> found;
  std::vector<config::BusUrl> garbled;  // something spoke, not understandably
};
Result<Sweep> sweep(const config::BusUrl& line, const std::vector<std::uint8_t>& units,
                    const OpenLine& open,
                    const std::function<void(const config::BusUrl&, Presence)>& tried);

}  // namespace tidemark::probe
