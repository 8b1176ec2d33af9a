// One connection and the devices behind it, polled in the order in which they are due.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "edge/modbus/backoff.h"
#include "edge/modbus/device.h"
#include "edge/fieldbus/field_bus.h"
#include "edge/modbus/modbus_source.h"
#include "edge/modbus/poll_entry.h"

namespace tidemark::modbus {

struct BusOptions {
  std::string name;  // for people: "127.0.0.1:1502"
  Nanoseconds reconnect_longest = std::chrono::seconds(30);
};

class Bus {
 public:
  Bus(BusOptions options, std::unique_ptr<FieldBus> field_bus, std::vector<DeviceOptions> devices,
      journal::Journal& journal, Clock& clock, Random& random);
  ~Bus();
  Bus(const Bus&) = delete;
  Bus& operator=(const Bus&) = delete;

  // The first start starts the thread, the last stop ends it. After stop() nothing of that device
  // is appended any more.
  void start(std::size_t device);
  void stop(std::size_t device);
  [[nodiscard]] source::Status status(std::size_t device) const;
  // Does not change as long as the bus lives.
  [[nodiscard]] const profile::Profile& profile(std::size_t device) const {
    return members_[device].device->options().profile;
  }

  // Asks on behalf of a command, between two polls: a second master would collide. Any thread;
  // broken when the bus is stopped, cannot be connected now or has no turn for it within
  // `patience`.
  Reply ask(const Request& request, Nanoseconds timeout, Nanoseconds patience,
            std::vector<std::uint16_t>& out);

  // What the thread does, one poll at a time: returns how long nothing is due. For tests without
  // the thread: begin() first.
  void begin();
  Nanoseconds step();

 private:
  struct Member {
    std::unique_ptr<Device> device;
    bool running = false;
    source::Status status;  // but for `refused`, which status() fills in
    Refusals refusals;
    struct Fault {
      std::string reason;
      EventTime at{};
      bool asked = false;  // else the device was not reached or rested: no word about the class
    };
    std::map<std::string, Fault> faults;  // by poll class, of its last poll
  };
  struct Asked {
    Request request;
    Nanoseconds timeout{};
    std::vector<std::uint16_t>* out;
    std::optional<Reply> reply;
  };
  void run();
  void answer_one();
  Member* earliest();
  [[nodiscard]] std::size_t dead() const;  // members that rest
  // `at_once`: also while it is left alone because it failed; that does not lengthen the rest.
  bool connected(SteadyTime now, bool at_once = false);
  void hang_up();
  void lose(std::string why, SteadyTime now);
  // `late` of the slots passed unasked: a busy bus, which is no fault of the device.
  // `asked`: the device was.
  void append(Member& member, PollEntry poll, SteadyTime due, std::uint64_t late, bool asked);
  void append_missed(Member& member, const std::string& poll_class, Nanoseconds period,
                     SteadyTime first, std::uint64_t missed);
  PollEntry poll(Member& member, Device::Slot& slot);
  // Under the lock.
  void note(Member& member, const PollEntry& poll, std::uint64_t late, bool asked);

  const std::string name_;
  std::unique_ptr<FieldBus> field_bus_;
  journal::Journal& journal_;
  Clock& clock_;
  Random& random_;

  // Of the thread.
  Turn turn_;
  bool connected_ = false;
  bool fresh_ = false;  // nothing was asked on this connection yet
  std::string why_not_;
  Backoff reconnect_;
  unsigned silent_in_a_row_ = 0;  // polls of any device

  mutable std::mutex mutex_;  // members' running and status, stopping
  std::condition_variable wake_;
  std::vector<Member> members_;
  std::uint64_t strays_ = 0;  // FieldBus::strays(), as of the last poll
  bool stopping_ = false;
  // The one that is waited for; the asker owns it and takes it back when its patience ends.
  Asked* asked_ = nullptr;
  bool answering_ = false;  // the thread has it: it must not be taken back
  std::condition_variable answered_;
  std::thread thread_;
};

}  // namespace tidemark::modbus
