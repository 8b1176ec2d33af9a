// Which registers are read in which request: neighbours together, small holes read along.
#pragma once

#include <vector>

#include "edge/modbus/sunspec.h"
#include "edge/profile/profile.h"

namespace tidemark::modbus {

struct Range {
  std::uint8_t function = 3;
  std::uint16_t address = 0;
  std::uint16_t count = 0;
  bool has_hole = false;  // reads registers that no point asked for
  std::uint16_t model = 0;  // of SunSpec, which `address` counts from; 0: none
  friend bool operator==(const Range&, const Range&) = default;
};

// The fewest ranges that hold every point of the class, none over max_registers, no hole over
// max_gap, and as the profile's quirks say. A point is never split, nor from its dynamic scale.
// Points of SunSpec models that `sunspec` has not, or that are too short, are left out.
std::vector<Range> plan_requests(const profile::Profile& profile, std::string_view poll_class,
                                 std::uint16_t max_gap, const SunSpecMap& sunspec = {});

}  // namespace tidemark::modbus
