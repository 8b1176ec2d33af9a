#include "edge/probe/scan.h"

#include <algorithm>
#include <array>
#include <utility>

namespace tidemark::probe {
namespace {

using config::BusUrl;
using modbus::Reply;
using Parity = BusUrl::Parity;

// Most meters leave the works with the first ones.
constexpr std::array kBauds = {9600, 19'200, 38'400, 115'200, 57'600, 4800, 2400, 1200};
// Without parity the standard asks for a second stop bit, and most devices do not.
constexpr std::array<std::pair<Parity, int>, 4> kFrames = {
    {{Parity::none, 1}, {Parity::even, 1}, {Parity::odd, 1}, {Parity::none, 2}}};

}  // namespace

Presence look(std::uint8_t unit, const modbus::ReadRegisters& read) {
  std::vector<std::uint16_t> out;
  const auto reply = read({unit, 3, 0, 1}, out);
  switch (reply.kind) {
    case Reply::Kind::good: return Presence::somebody;
    case Reply::Kind::exception:
      return reply.exception == 10 || reply.exception == 11 ? Presence::nobody
                                                            : Presence::somebody;
    case Reply::Kind::garbled: return Presence::garbled;
    case Reply::Kind::silent: return Presence::nobody;
    case Reply::Kind::broken: return Presence::broken;
  }
  return Presence::nobody;
}

FoundUnit identify(std::uint8_t unit, const std::vector<profile::Profile>& profiles,
                   const modbus::ReadRegisters& read) {
  FoundUnit found;
  found.unit = unit;
  for (const auto& p : profiles) {
    const auto* point = p.find(p.probe);
    if (point == nullptr) continue;
    if (point->models.empty()) {  // one cheap read before all of them
      std::vector<std::uint16_t> out;
      const auto first = static_cast<std::uint16_t>(point->begin());
      const auto count = static_cast<std::uint16_t>(point->end() - point->begin());
      if (read({unit, point->function, first, count}, out).kind != Reply::Kind::good) continue;
    }
    if (probe(p, unit, read).verdict == Verdict::follows) found.profiles.push_back(p.id);
  }
  return found;
}

std::vector<BusUrl> line_settings(const BusUrl& first) {
  std::vector<BusUrl> out = {first};
  for (const auto baud : kBauds) {
    for (const auto& [parity, stop_bits] : kFrames) {
      auto url = first;
      url.baud = baud;
      url.parity = parity;
      url.stop_bits = stop_bits;
      if (url != first) out.push_back(url);
    }
  }
  return out;
}

Result<Sweep> sweep(const BusUrl& line, const std::vector<std::uint8_t>& units,
                    const OpenLine& open,
                    const std::function<void(const BusUrl&, Presence)>& tried) {
  Sweep out;
  for (const auto& setting : line_settings(line)) {
    TIDE_ASSIGN(const auto read, open(setting));
    auto best = Presence::nobody;
    for (const auto unit : units) {
      const auto presence = look(unit, read);
      if (presence == Presence::broken) {
        return Error{Fault::unavailable, setting.place() + " went away while it was searched"};
      }
      best = std::max(best, presence);
      if (best == Presence::somebody) break;
    }
    tried(setting, best);
    if (best == Presence::garbled) out.garbled.push_back(setting);
    if (best != Presence::somebody) continue;
    out.found = setting;
    return out;
  }
  return out;
}

}  // namespace tidemark::probe
