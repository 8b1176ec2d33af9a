#include "edge/daemon/clock_request.h"

#include <nlohmann/json.hpp>

#include "edge/control/control.h"

namespace tidemark::edge {
namespace {

using nlohmann::json;

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

Result<> follow(const json& request, clock::DeviceClock& clock, untimed::Untimed* untimed,
                const std::function<void()>& released) {
  if (const auto text = word(request, "set"); !text.empty()) {
    TIDE_ASSIGN(const auto now, parse_utc(text));
    TIDE_TRY(clock.set_by_hand(now));
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
  auto answer = json::parse(clock_json(clock.status(),
                                       untimed == nullptr ? std::vector<untimed::Boot>{}
                                                          : untimed->boots()));
  answer["v"] = 1;
  answer["now"] = format_utc(clock.wall());
  return answer.dump();
}

}  // namespace tidemark::edge
