// The best that this device knows about the time. It is the agent's Clock: its wall() is what event
// times are made of, whatever the system's clock says.
//
// Belief     in this order: the system's clock while the kernel says that NTP keeps it; the cloud's
//            clock, as the authenticated gateway handed it on with its welcome; a time that a
//            person set by hand; the system's clock when it says a plausible time (a gateway
//            without a battery wakes in 1970) and Options::trust_plausible. Else the time is
//            unknown, and wall() is whatever the system says.
// Saved      a box without a battery that saves its clock goes on where it was cut off, however
//            long that was. So a system clock by which this boot began no later than the agent's
//            last sign of life in an earlier one is not believed until somebody sets it; nor one by
//            which it began within kSavedWithin of that, if no battery kept the time meanwhile.
// Steps      a plausible system clock that is within kAgree of the gateway's time is left alone: it
//            runs more evenly. A time set by hand is given up when somebody sets the system's.
// Restarts   what is believed lies in Options::file (on tmpfs) for the agent's next start in this
//            boot; after a boot it means nothing and is not read.
// Threads    any.
#pragma once

#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/model/seal.h"

namespace tidemark::clock {

// The kernel's word (adjtimex): some NTP or PTP daemon keeps the clock, and within a second.
bool kernel_synchronised();

// The kernel set the system's clock by one with a battery (/sys/class/rtc/*/hctosys).
bool kept_by_battery();

// Until when an agent lived here before this boot; kEventTimeMin: unknown. `alive` is its last sign
// of life of any boot, which is of this one from the second start in it on: so the answer of a
// boot's first start is kept in `file`.
EventTime lived_before(const std::filesystem::path& file, const std::string& boot,
                       EventTime alive);

class DeviceClock final : public Clock {
 public:
  static constexpr Nanoseconds kAgree = std::chrono::seconds(5);
  static constexpr Nanoseconds kLook = std::chrono::seconds(1);  // at the kernel's word
  // A welcome that took longer says too little about now.
  static constexpr Nanoseconds kErrorMax = std::chrono::seconds(10);
  // Clocks are saved at an orderly end, and each minute or so; the agent ends some seconds earlier.
  static constexpr Nanoseconds kSavedWithin = std::chrono::minutes(1);

  struct Options {
    EventTime plausible_from = {};
    bool trust_plausible = true;   // false: only what NTP, the gateway or a person confirms
    std::filesystem::path file;    // empty: forgotten at the end
    std::string boot;              // of this boot; empty: unknown, nothing is read or kept
    std::function<bool()> synchronised = kernel_synchronised;
    std::function<bool()> battery = kept_by_battery;
  };
  DeviceClock(const Clock& system, Options options);

  // lived_before(); to be said before anybody stamps by this clock.
  void lived_until(EventTime before);

  [[nodiscard]] SteadyTime steady() const override { return system_.steady(); }
  [[nodiscard]] EventTime wall() const override;
  [[nodiscard]] Nanoseconds thread_cpu() const override { return system_.thread_cpu(); }

  [[nodiscard]] bool known() const;

  // The cloud said `now` some time between `asked` and this moment.
  void from_gateway(EventTime now, SteadyTime asked);
  // Fault::bad_input before `plausible_from`; denied while NTP keeps the clock.
  Result<> set_by_hand(EventTime now);

  struct Status {
    ClockState state = ClockState::unknown;
    std::string from;        // "ntp", "gateway", "hand", "system"; empty: unknown
    Nanoseconds system_off{};  // the system's clock minus what is believed
    Nanoseconds error{};     // of the gateway's time, at most, when it was told
  };
  [[nodiscard]] Status status() const;

 private:
  struct Told {
    Nanoseconds base{};         // time = steady + base
    Nanoseconds error{};
    Nanoseconds system_base{};  // of the system's clock then
  };
  enum class From : std::uint8_t { nobody, system, hand, gateway, ntp };
  struct Belief {
    From from = From::nobody;
    EventTime now{};
  };
  [[nodiscard]] Belief believed() const;  // under the lock
  // What the system's clock says may be a saved time that goes on.
  [[nodiscard]] bool may_be_saved(EventTime wall, SteadyTime steady) const;
  void read();
  void keep() const;

  const Clock& system_;
  const Options options_;
  mutable std::mutex mutex_;
  mutable bool synchronised_ = false;
  mutable std::optional<SteadyTime> looked_;
  std::optional<Told> gateway_;
  std::optional<Told> hand_;
  std::optional<EventTime> not_before_;  // this boot began later, or the system's clock is wrong
};

}  // namespace tidemark::clock
