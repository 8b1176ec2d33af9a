#include "edge/modbus/request_plan.h"

#include <algorithm>

namespace tidemark::modbus {

std::vector<Range> plan_requests(const profile::Profile& profile, std::string_view poll_class,
                                 std::uint16_t max_gap) {
  std::vector<const profile::Point*> points;
  for (const auto& p : profile.points) {
    if (p.poll_class == poll_class) points.push_back(&p);
  }
  std::sort(points.begin(), points.end(), [](const auto* a, const auto* b) {
    return std::pair(a->function, a->address) < std::pair(b->function, b->address);
  });
  std::vector<Range> ranges;
  for (const auto* p : points) {
    const std::uint32_t end = p->address + std::uint32_t{p->registers};
    if (!ranges.empty() && ranges.back().function == p->function) {
      auto& last = ranges.back();
      const std::uint32_t last_end = last.address + std::uint32_t{last.count};
      const auto joined = std::max(end, last_end) - last.address;
      const bool near = p->address <= last_end + max_gap;
      if (near && joined <= profile.max_registers) {
        if (p->address > last_end) last.has_hole = true;
        last.count = static_cast<std::uint16_t>(joined);
        continue;
      }
    }
    ranges.push_back({p->function, p->address, p->registers, false});
  }
  return ranges;
}

}  // namespace tidemark::modbus
