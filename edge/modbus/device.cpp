#include "edge/modbus/device.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/log.h"

namespace tidemark::modbus {
namespace {

using namespace std::chrono_literals;

// A single lost answer is ordinary; a device that is off shall cost its bus little. After three
// silent polls in a row it rests, at first for five timeouts.
constexpr unsigned kSilentPollsMax = 3;
constexpr Nanoseconds kRestLongest = 60s;
// With a rest of 20 to 40 timeouts a dead device costs its bus some 3 %; several share that, until
// coming back would take too long.
constexpr int kRestTimeouts = 40;
constexpr Nanoseconds kRestShared = 10min;

std::string_view exception_name(std::uint8_t code) {
  switch (code) {
    case 1: return "illegal function";
    case 2: return "illegal data address";
    case 3: return "illegal data value";
    case 4: return "server device failure";
    case 5: return "acknowledge, in progress";
    case 6: return "server device busy";
    case 8: return "memory parity error";
    case 10: return "gateway path unavailable";
    case 11: return "gateway target did not respond";
    default: return "unknown";
  }
}

std::string exception_advice(const Request& range, std::uint8_t code, const std::string& profile) {
  const int other = range.function == 3 ? 4 : range.function == 4 ? 3 : range.function == 1 ? 2 : 1;
  switch (code) {
    case 1:
      return fmt::format("the device does not serve function {}; try function {} in profile {}",
                         range.function, other, profile);
    case 2:
      return fmt::format("it has no such registers; check profile {} against its manual and "
                         "firmware, or try function {}", profile, other);
    case 3: return fmt::format("lower max_registers in profile {}", profile);
    case 6: return "poll it less often";
    case 10:
    case 11: return "check unit, wiring and baud rate behind the converter";
    default: return "look at the device itself";
  }
}

// The unit behind a converter is silent, although the converter speaks.
bool means_silent(const Reply& reply) {
  return reply.kind == Reply::Kind::silent || reply.kind == Reply::Kind::garbled ||
         (reply.kind == Reply::Kind::exception &&
          (reply.exception == 10 || reply.exception == 11));
}

}  // namespace

void Refusals::count(Reply::Kind kind) {
  switch (kind) {
    case Reply::Kind::good: break;
    case Reply::Kind::exception: ++exceptions; break;
    case Reply::Kind::silent: ++silent; break;
    case Reply::Kind::garbled: ++garbled; break;
    case Reply::Kind::broken: ++lost; break;
  }
}

Device::Device(DeviceOptions options, std::string bus_name)
    : options_(std::move(options)),
      bus_name_(std::move(bus_name)),
      is_sunspec_(options_.profile.is_sunspec()),
      max_gap_(options_.profile.max_gap),
      backoff_(std::max<Nanoseconds>(1s, 5 * options_.timeout),
               std::max(kRestLongest, kRestTimeouts * options_.timeout)) {
  options_.timeout = std::max(options_.timeout, options_.profile.timeout_least);
  for (const auto& [poll_class, period] : options_.periods) {
    const auto& points = options_.profile.points;
    const bool any = std::any_of(points.begin(), points.end(), [&](const profile::Point& p) {
      return p.poll_class == poll_class;
    });
    if (any) slots_.push_back({poll_class, period, {}, {}});
  }
  plan();
}

void Device::plan() {
  const auto sunspec = sunspec_.value_or(SunSpecMap{});
  for (auto& slot : slots_) {
    slot.ranges = plan_requests(options_.profile, slot.poll_class, max_gap_, sunspec);
  }
}

void Device::begin(SteadyTime start, std::size_t index, std::size_t of) {
  for (auto& slot : slots_) {
    const auto share = slot.period / static_cast<std::int64_t>(of);
    slot.due = start + share * static_cast<std::int64_t>(index);
  }
}

Device::Slot* Device::earliest() {
  const auto first = std::min_element(slots_.begin(), slots_.end(),
                                      [](const Slot& a, const Slot& b) { return a.due < b.due; });
  return first == slots_.end() ? nullptr : &*first;
}

std::uint64_t Device::take(Slot& slot, SteadyTime now) {
  const auto passed = (now - slot.due) / slot.period;
  slot.due += (passed + 1) * slot.period;
  return static_cast<std::uint64_t>(passed);
}

std::optional<std::string> Device::resting(SteadyTime now) const {
  if (!backoff_.waiting(now)) return std::nullopt;
  return fmt::format("not asked for another {}: {}",
                     format_duration(std::chrono::ceil<std::chrono::seconds>(backoff_.left(now))),
                     silent_reason_);
}

Reply Device::read(Turn& turn, Request request, std::vector<std::uint16_t>& registers) {
  registers.resize(request.count);
  request.any_unit = options_.profile.any_unit;
  // A device that was silent a moment ago gets one try: its bus has others to ask.
  const auto tries = silent_ ? 1 : 1 + options_.retries;
  Reply reply;
  for (unsigned i = 0; i < tries; ++i) {
    const auto pause = turn.quiet_since + options_.profile.pause_between_requests -
                       turn.clock.steady();
    if (pause.count() > 0) turn.bus.pause(pause);
    reply = turn.bus.read(request, options_.timeout, registers);
    turn.quiet_since = turn.clock.steady();
    refusals_.count(reply.kind);
    const bool again = reply.kind == Reply::Kind::silent || reply.kind == Reply::Kind::garbled;
    if (!again) break;
  }
  return reply;
}

std::string Device::tell(const Request& range, const Reply& reply) const {
  const auto where = fmt::format("{} unit {}, function {}, {} from {:#06x}", bus_name_,
                                 options_.unit, range.function, range.count, range.address);
  switch (reply.kind) {
    case Reply::Kind::exception:
      return fmt::format("{}: exception {}, {}; {}", where, reply.exception,
                         exception_name(reply.exception),
                         exception_advice(range, reply.exception, options_.profile.id));
    case Reply::Kind::silent:
      return fmt::format("{}: no answer within {}; check unit, wiring and power, or raise timeout",
                         where, format_duration(options_.timeout));
    case Reply::Kind::garbled:
      return fmt::format("{}: half or a wrong answer ({}); is another master on the line?", where,
                         reply.text);
    default: return fmt::format("{}: connection lost: {}", where, reply.text);
  }
}

void Device::avoid_holes() {
  max_gap_ = 0;
  plan();
  log::warning("modbus device refuses registers between its points; reading them apart",
               "source={} profile={}", options_.name, options_.profile.id);
}

bool Device::discover(Turn& turn, PollEntry& entry, bool& lost) {
  if (sunspec_ || !is_sunspec_) return true;
  auto map = find_sunspec(options_.unit, [&](const Request& r, std::vector<std::uint16_t>& out) {
    return read(turn, r, out);
  });
  if (!map.fault) {
    sunspec_ = std::move(map);
    plan();
    return true;
  }
  const auto& fault = *map.fault;
  lost = fault.kind == Reply::Kind::broken;
  silent_ = means_silent(fault);
  entry.reason = fault.kind == Reply::Kind::good
                     ? fmt::format("{} unit {}: no SunSpec map at 40000, 50000 or 0; is SunSpec "
                                   "switched on in the device?", bus_name_, options_.unit)
                     : tell(map.asked, fault);
  return false;
}

PollEntry Device::poll(Turn& turn, Slot& slot, bool& lost) {
  PollEntry entry;
  entry.poll_class = slot.poll_class;
  silent_reason_.clear();
  if (!discover(turn, entry, lost)) return entry;
  entry.good = !slot.ranges.empty();
  if (!entry.good) {
    entry.reason = fmt::format("{} unit {} has no SunSpec model of class {} in profile {}",
                               bus_name_, options_.unit, slot.poll_class, options_.profile.id);
  }
  bool hole_refused = false;
  bool silent = false;
  for (const auto& range : slot.ranges) {
    ReadRange answer{range.function, range.address, range.model, {}};
    Request request{options_.unit, range.function, range.address, range.count};
    if (range.model != 0) {
      const auto* model = sunspec_->find({range.model}, 0u + range.address + range.count);
      request.address = static_cast<std::uint16_t>(request.address + model->address);
    }
    const auto reply = read(turn, request, answer.registers);
    if (reply.kind == Reply::Kind::good) {
      silent_ = false;
      entry.ranges.push_back(std::move(answer));
      continue;
    }
    entry.good = false;
    if (entry.reason.empty()) entry.reason = tell(request, reply);
    if (reply.kind == Reply::Kind::broken) {
      lost = true;
      break;
    }
    if (means_silent(reply)) {  // the rest would only cost more timeouts
      silent = true;
      break;
    }
    const bool address_refused = reply.exception == 2 || reply.exception == 3;
    hole_refused = hole_refused || (range.has_hole && address_refused);
  }
  silent_ = silent;
  if (hole_refused) avoid_holes();
  if (!entry.good) sunspec_.reset();
  return entry;
}

bool Device::is_dead() const { return silent_polls_ >= kSilentPollsMax; }

void Device::judge(const PollEntry& entry, SteadyTime now, Random& random, std::size_t resting) {
  if (!silent_) {
    silent_polls_ = 0;
    backoff_.succeeded();
    return;
  }
  silent_reason_ = entry.reason;
  ++silent_polls_;
  if (!is_dead()) return;
  const auto shared = kRestTimeouts * static_cast<std::int64_t>(resting) * options_.timeout;
  backoff_.failed(now, random, std::min(shared, kRestShared));
}

}  // namespace tidemark::modbus
