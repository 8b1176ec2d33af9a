#include "edge/modbus/request_plan.h"

#include <algorithm>
#include <tuple>

namespace tidemark::modbus {
namespace {

struct Wanted {
  std::uint16_t model;
  std::uint8_t function;
  std::uint32_t begin, end;
  [[nodiscard]] auto place() const { return std::tuple(model, function, begin); }
};

std::vector<Wanted> wanted(const profile::Profile& profile, std::string_view poll_class,
                           const SunSpecMap& sunspec) {
  std::vector<Wanted> out;
  for (const auto& p : profile.points) {
    if (p.poll_class != poll_class) continue;
    std::uint16_t model = 0;
    if (!p.models.empty()) {
      const auto* found = sunspec.find(p.models, p.end());
      if (found == nullptr) continue;
      model = found->id;
    }
    const bool whole = profile.coils_from_zero && p.function <= 2;
    out.push_back({model, p.function, whole ? 0 : p.begin(), p.end()});
  }
  std::sort(out.begin(), out.end(),
            [](const Wanted& a, const Wanted& b) { return a.place() < b.place(); });
  return out;
}

}  // namespace

std::vector<Range> plan_requests(const profile::Profile& profile, std::string_view poll_class,
                                 std::uint16_t max_gap, const SunSpecMap& sunspec) {
  std::vector<Range> ranges;
  for (const auto& w : wanted(profile, poll_class, sunspec)) {
    if (!ranges.empty() && ranges.back().function == w.function &&
        ranges.back().model == w.model) {
      auto& last = ranges.back();
      const std::uint32_t last_end = last.address + std::uint32_t{last.count};
      const auto joined = std::max(w.end, last_end) - last.address;
      // The same registers are not asked twice, whatever the device takes at once.
      const bool alone = profile.one_point_per_request && w.end > last_end;
      const bool near = w.begin <= last_end + max_gap;
      if (near && !alone && joined <= profile.max_registers) {
        if (w.begin > last_end) last.has_hole = true;
        last.count = static_cast<std::uint16_t>(joined);
        continue;
      }
    }
    ranges.push_back({w.function, static_cast<std::uint16_t>(w.begin),
                      static_cast<std::uint16_t>(w.end - w.begin), false, w.model});
  }
  return ranges;
}

}  // namespace tidemark::modbus
