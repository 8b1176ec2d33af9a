#include "edge/clock/device_clock.h"

#include <fmt/format.h>
#include <sys/timex.h>

#include <cstdio>

#include "common/base/disk.h"
#include "common/base/log.h"

namespace tidemark::clock {
namespace {

constexpr std::uint64_t kFileBytesMax = 4096;
constexpr long kErrorMaxUs = 1'000'000;

Nanoseconds base_of(EventTime wall, SteadyTime steady) {
  return wall.time_since_epoch() - std::chrono::duration_cast<Nanoseconds>(
                                       steady.time_since_epoch());
}

Nanoseconds distance(Nanoseconds a, Nanoseconds b) { return a < b ? b - a : a - b; }

}  // namespace

bool kernel_synchronised() {
  timex t{};
  const int state = ::adjtimex(&t);
  return state >= 0 && state != TIME_ERROR && (t.status & STA_UNSYNC) == 0 &&
         t.maxerror < kErrorMaxUs;
}

bool kept_by_battery() {
  std::error_code none;
  for (const auto& rtc : std::filesystem::directory_iterator("/sys/class/rtc", none)) {
    const auto set_by_it = read_file(rtc.path() / "hctosys", 16);
    if (set_by_it && set_by_it->starts_with('1')) return true;
  }
  return false;
}

EventTime lived_before(const std::filesystem::path& file, const std::string& boot,
                       EventTime alive) {
  if (boot.empty()) return kEventTimeMin;
  char of[65] = {};
  long long lived = 0;
  // Without the file nobody knows of which boot the sign of life is.
  if (const auto text = read_file(file, kFileBytesMax); !text) {
    alive = kEventTimeMin;
  } else if (std::sscanf(text->c_str(), "boot=%64s lived=%lld", of, &lived) == 2 && of == boot) {
    return event_time(lived);
  }
  if (auto kept = write_file(file, fmt::format("boot={} lived={}\n", boot, count_ns(alive)));
      !kept) {
    log::warning("what this boot knows of the time is not kept", "error={}", kept.error().text());
  }
  return alive;
}

DeviceClock::DeviceClock(const Clock& system, Options options)
    : system_(system), options_(std::move(options)) {
  read();
}

DeviceClock::Belief DeviceClock::believed() const {
  const auto wall = system_.wall();
  const auto steady = system_.steady();
  const auto at = [&](const Told& told) {
    return EventTime(std::chrono::duration_cast<Nanoseconds>(steady.time_since_epoch()) +
                     told.base);
  };
  if (!looked_ || steady - *looked_ >= kLook) {
    looked_ = steady;
    synchronised_ = options_.synchronised();
  }
  const bool plausible = wall >= options_.plausible_from;
  if (synchronised_ && plausible) return {From::ntp, wall};
  if (gateway_) {
    const bool agrees = plausible &&
                        distance(base_of(wall, steady), gateway_->base) <= kAgree + gateway_->error;
    return {From::gateway, agrees ? wall : at(*gateway_)};
  }
  if (hand_) {
    const auto system_base = base_of(wall, steady);
    const bool set_since = plausible && distance(system_base, hand_->system_base) > kAgree;
    if (!set_since) return {From::hand, at(*hand_)};
  }
  const bool trusted = options_.trust_plausible && !may_be_saved(wall, steady);
  if (plausible && (trusted || hand_)) return {From::system, wall};
  return {From::nobody, wall};
}

bool DeviceClock::may_be_saved(EventTime wall, SteadyTime steady) const {
  // The steady clock begins with the boot.
  return not_before_ && base_of(wall, steady) <= not_before_->time_since_epoch();
}

void DeviceClock::lived_until(EventTime before) {
  if (before == kEventTimeMin) return;
  const std::lock_guard lock(mutex_);
  not_before_ = before + (options_.battery() ? Nanoseconds{} : kSavedWithin);
  if (believed().from == From::nobody && system_.wall() >= options_.plausible_from) {
    log::warning("the system's clock may have been saved and gone on: the time is not known",
                 "system={} lived_until={}", format_utc(system_.wall()), format_utc(before));
  }
}

EventTime DeviceClock::wall() const {
  const std::lock_guard lock(mutex_);
  return believed().now;
}

bool DeviceClock::known() const {
  const std::lock_guard lock(mutex_);
  return believed().from != From::nobody;
}

void DeviceClock::from_gateway(EventTime now, SteadyTime asked) {
  const auto steady = system_.steady();
  const auto took = std::chrono::duration_cast<Nanoseconds>(steady - asked);
  if (now < options_.plausible_from || took > kErrorMax) return;
  const std::lock_guard lock(mutex_);
  const bool first = !gateway_;
  // Half way: neither half can be longer than the whole.
  gateway_ = Told{base_of(now, steady) + took / 2, took / 2,
                  base_of(system_.wall(), steady)};
  if (first) {
    log::info("the time is known from the gateway", "now={} error={} system={}", format_utc(now),
              format_duration(took / 2), format_utc(system_.wall()));
  }
  keep();
}

Result<> DeviceClock::set_by_hand(EventTime now) {
  if (now < options_.plausible_from) {
    return Error{Fault::bad_input, format_utc(now) + " is before " +
                                       format_utc(options_.plausible_from) +
                                       ": no reading of this program can be that old"};
  }
  const std::lock_guard lock(mutex_);
  const auto before = believed();
  if (before.from == From::ntp) {
    return Error{Fault::denied, "NTP keeps this clock: nothing was set"};
  }
  if (before.from == From::gateway) {
    return Error{Fault::denied, "the gateway has told the time: nothing was set"};
  }
  const auto steady = system_.steady();
  hand_ = Told{base_of(now, steady), {}, base_of(system_.wall(), steady)};
  log::warning("the time was set by hand", "now={} before={}", format_utc(now),
               before.from == From::nobody ? "unknown" : format_utc(before.now));
  keep();
  return {};
}

DeviceClock::Status DeviceClock::status() const {
  const std::lock_guard lock(mutex_);
  static constexpr const char* kNames[] = {"", "system", "hand", "gateway", "ntp"};
  const auto belief = believed();
  Status s;
  s.from = kNames[static_cast<std::size_t>(belief.from)];
  if (belief.from == From::nobody) return s;
  s.state = belief.from == From::ntp ? ClockState::synchronised : ClockState::set;
  s.system_off = system_.wall() - belief.now;
  if (gateway_) s.error = gateway_->error;
  return s;
}

void DeviceClock::read() {
  if (options_.file.empty() || options_.boot.empty()) return;
  const auto text = read_file(options_.file, kFileBytesMax);
  if (!text) return;  // the first start of this boot
  char boot[65] = {};
  char from[16] = {};
  long long base = 0;
  long long error = 0;
  long long system_base = 0;
  if (std::sscanf(text->c_str(), "boot=%64s from=%15s base=%lld error=%lld system=%lld", boot,
                  from, &base, &error, &system_base) != 5 ||
      options_.boot != boot) {
    return;
  }
  const Told told{Nanoseconds(base), Nanoseconds(error), Nanoseconds(system_base)};
  (std::string(from) == "gateway" ? gateway_ : hand_) = told;
}

void DeviceClock::keep() const {
  if (options_.file.empty() || options_.boot.empty()) return;
  const auto& told = gateway_ ? *gateway_ : *hand_;
  const auto text = fmt::format("boot={} from={} base={} error={} system={}\n", options_.boot,
                                gateway_ ? "gateway" : "hand", told.base.count(),
                                told.error.count(), told.system_base.count());
  if (auto kept = write_file(options_.file, text); !kept) {
    log::warning("the time will not outlive a restart", "error={}", kept.error().text());
  }
}

}  // namespace tidemark::clock
