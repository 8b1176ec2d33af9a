#include "edge/daemon/clock_request.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "edge/control/control.h"

namespace tidemark::edge {
namespace {

using json = nlohmann::ordered_json;

// A person who corrects a clock means minutes; more than this is a slip of the year or the zone.
constexpr Nanoseconds kBigStep = std::chrono::hours(1);

double milliseconds(Nanoseconds d) { return static_cast<double>(d.count()) / 1e6; }

std::string word(const json& request, const char* key) {
  const auto at = request.find(key);
  return at != request.end() && at->is_string() ? at->get<std::string>() : std::string();
}

std::string name_of(ClockState state) {
  switch (state) {
    case ClockState::unknown: return "unknown";
    case ClockState::set: return "set";
    case ClockState::synchronised: return "synchronised";
  }
  return "unknown";
}

Result<> set_by_hand(const json& request, const std::string& text, clock::DeviceClock& clock) {
  TIDE_ASSIGN(const auto now, parse_utc(text));
  const auto yes = request.find("yes");
  const bool sure = yes != request.end() && yes->is_boolean() && yes->get<bool>();
  const auto step = now - clock.wall();
  if (clock.known() && !sure && (step > kBigStep || step < -kBigStep)) {
    const auto by = std::chrono::floor<std::chrono::seconds>(step < Nanoseconds{} ? -step : step);
    return Error{Fault::bad_input,
                 fmt::format("{} is {} {} what the agent believes, {} (by {}); if that is right, "
                             "say it again with --yes", format_utc(now), format_duration(by),
                             step < Nanoseconds{} ? "before" : "after", format_utc(clock.wall()),
                             clock.status().from)};
  }
  return clock.set_by_hand(now);
}

Result<> follow(const json& request, clock::DeviceClock& clock, untimed::Untimed* untimed,
                const std::function<void()>& released) {
  if (const auto text = word(request, "set"); !text.empty()) {
    TIDE_TRY(set_by_hand(request, text, clock));
  }
  const auto boot = word(request, "release");
  if (boot.empty()) return {};
  if (untimed == nullptr) return Error{Fault::bad_input, "no boot is held"};
  TIDE_ASSIGN(const auto ended, parse_utc(word(request, "ended")));
  if (!clock.known()) {
    return Error{Fault::unavailable, "the time is not known yet: set it first (edge clock set)"};
  }
  if (ended > clock.wall()) {
    return Error{Fault::bad_input, format_utc(ended) + " is still to come; it is " +
                                       format_utc(clock.wall())};
  }
  TIDE_TRY(untimed->release(boot, ended));
  released();
  return {};
}

}  // namespace

std::string clock_json(const clock::DeviceClock::Status& clock,
                       const std::vector<untimed::Boot>& boots) {
  json held = json::array();
  for (const auto& b : boots) {
    const auto lasted = static_cast<double>(b.last - b.first) / 1e9;
    held.push_back({{"boot", b.boot},
                    {"current", b.current},
                    {"counted", b.counted},
                    {"ended", b.ended ? json(format_utc(*b.ended)) : json(nullptr)},
                    {"entries", b.entries},
                    {"bytes", b.bytes.count},
                    {"lasted_s", lasted}});
  }
  return json{{"state", name_of(clock.state)},
              {"from", clock.from.empty() ? json(nullptr) : json(clock.from)},
              {"system_off_ms", milliseconds(clock.system_off)},
              {"error_ms", milliseconds(clock.error)},
              {"held", std::move(held)}}
      .dump();
}

std::string answer_clock_request(const std::string& request, clock::DeviceClock& clock,
                                 untimed::Untimed* untimed,
                                 const std::function<void()>& released) {
  const auto asked = json::parse(request, nullptr, false);
  if (auto done = follow(asked, clock, untimed, released); !done) {
    return control::failure(done.error().text());
  }
  json answer = {{"v", 1}};
  answer.update(json::parse(clock_json(
      clock.status(), untimed == nullptr ? std::vector<untimed::Boot>{} : untimed->boots())));
  answer["now"] = format_utc(clock.wall());
  return answer.dump();
}

}  // namespace tidemark::edge
