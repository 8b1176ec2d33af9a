#include "edge/modbus/sunspec.h"

#include <algorithm>
#include <array>

namespace tidemark::modbus {
namespace {

constexpr std::array<std::uint16_t, 3> kBases = {40'000, 50'000, 0};
constexpr std::uint16_t kMark1 = 0x5375, kMark2 = 0x6E53;  // "SunS"
constexpr std::uint16_t kEnd = 0xFFFF;

// An address that the device does not have is an answer; anything else ends the search.
bool is_no(const Reply& reply) {
  return reply.kind == Reply::Kind::exception && reply.exception != 10 && reply.exception != 11;
}

void follow(std::uint32_t at, const std::function<bool(std::uint16_t)>& read,
            const std::vector<std::uint16_t>& out, SunSpecMap& map) {
  while (map.models.size() < SunSpecMap::kModelsMax && at + 1 <= 0xFFFF) {
    if (!read(static_cast<std::uint16_t>(at))) return;
    if (out[0] == kEnd || out[1] == 0) return;
    const std::uint32_t registers = std::uint32_t{out[1]} + 2;
    if (at + registers > 0x10000) return;
    map.models.push_back({out[0], static_cast<std::uint16_t>(at),
                          static_cast<std::uint16_t>(registers)});
    at += registers;
  }
}

}  // namespace

const SunSpecModel* SunSpecMap::find(const std::vector<std::uint16_t>& ids,
                                     std::uint32_t registers) const {
  for (const auto& m : models) {
    const bool wanted = std::find(ids.begin(), ids.end(), m.id) != ids.end();
    if (wanted && m.registers >= registers) return &m;
  }
  return nullptr;
}

SunSpecMap find_sunspec(std::uint8_t unit, const ReadRegisters& read) {
  SunSpecMap map;
  std::vector<std::uint16_t> out;
  const auto take = [&](std::uint16_t address) {
    map.asked = {unit, 3, address, 2};
    const auto reply = read(map.asked, out);
    if (reply.kind == Reply::Kind::good) return true;
    if (!is_no(reply)) map.fault = reply;
    return false;
  };
  for (const auto base : kBases) {
    const bool answered = take(base);
    if (map.fault) return map;
    if (!answered || out[0] != kMark1 || out[1] != kMark2) continue;
    follow(base + std::uint32_t{2}, take, out, map);
    return map;
  }
  map.fault = Reply{};
  return map;
}

}  // namespace tidemark::modbus
