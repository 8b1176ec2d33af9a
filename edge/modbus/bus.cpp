#include "edge/modbus/bus.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/base/log.h"

namespace tidemark::modbus {
namespace {

using namespace std::chrono_literals;

constexpr auto kFullPause = 20ms;        // before a full journal is tried again
constexpr unsigned kSilentPollsMax = 4;  // of any device: then the connection itself is doubted
constexpr Nanoseconds kConnectTimeoutMax = 5s;
constexpr Nanoseconds kIdle = 1s;

}  // namespace

Bus::Bus(BusOptions bus, std::unique_ptr<FieldBus> field_bus, std::vector<DeviceOptions> devices,
         journal::Journal& journal, Clock& clock, Random& random)
    : name_(std::move(bus.name)),
      field_bus_(std::move(field_bus)),
      journal_(journal),
      clock_(clock),
      random_(random),
      turn_{*field_bus_, clock, clock.steady()},
      reconnect_(500ms, bus.reconnect_longest) {
  for (auto& options : devices) {
    Member member;
    member.status.name = options.name;
    member.status.protocol = "modbus";
    member.status.state = "connecting";
    member.device = std::make_unique<Device>(std::move(options), name_);
    members_.push_back(std::move(member));
  }
}

Bus::~Bus() {
  for (std::size_t i = 0; i < members_.size(); ++i) stop(i);
}

void Bus::begin() {
  const auto now = clock_.steady();
  const std::scoped_lock lock(mutex_);
  for (std::size_t i = 0; i < members_.size(); ++i) {
    members_[i].device->begin(now, i, members_.size());
    members_[i].running = true;
  }
}

void Bus::start(std::size_t device) {
  const std::scoped_lock lock(mutex_);
  auto& member = members_[device];
  if (member.running) return;
  member.device->begin(clock_.steady(), device, members_.size());
  member.running = true;
  member.status.state = "connecting";
  if (!thread_.joinable()) {
    stopping_ = false;
    thread_ = std::thread([this] { run(); });
  }
  wake_.notify_all();
}

void Bus::stop(std::size_t device) {
  std::thread ended;
  {
    const std::scoped_lock lock(mutex_);
    members_[device].running = false;
    members_[device].status.state = "stopped";
    const bool any = std::any_of(members_.begin(), members_.end(),
                                 [](const Member& m) { return m.running; });
    if (any || !thread_.joinable()) return;
    stopping_ = true;
    ended = std::move(thread_);
    wake_.notify_all();
  }
  field_bus_->interrupt();  // a device that is silent just now shall not hold up the stop
  ended.join();
  field_bus_->close();
  connected_ = false;
}

source::Status Bus::status(std::size_t device) const {
  const std::scoped_lock lock(mutex_);
  auto status = members_[device].status;
  const auto& r = members_[device].refusals;
  status.refused = {{"exception", r.exceptions}, {"silent", r.silent}, {"garbled", r.garbled},
                    {"lost", r.lost},            {"stray", strays_}};
  return status;
}

void Bus::run() {
  while (true) {
    answer_one();
    const auto idle = step();
    std::unique_lock lock(mutex_);
    const auto wanted = [&] { return stopping_ || asked_ != nullptr; };
    if (idle.count() > 0) wake_.wait_for(lock, idle, wanted);
    if (stopping_) return;
  }
}

Reply Bus::ask(const Request& request, Nanoseconds timeout, Nanoseconds patience,
               std::vector<std::uint16_t>& out) {
  Asked asked{request, timeout, &out, std::nullopt};
  std::unique_lock lock(mutex_);
  const auto until = std::chrono::steady_clock::now() + patience;
  const auto broken = [](std::string why) { return Reply{Reply::Kind::broken, 0, std::move(why)}; };
  // One at a time: commands are rare.
  if (!answered_.wait_until(lock, until, [&] { return asked_ == nullptr; })) {
    return broken(name_ + " is busy with other commands");
  }
  if (!thread_.joinable()) return broken(name_ + " is stopped");
  asked_ = &asked;
  wake_.notify_all();
  answered_.wait_until(lock, until, [&] { return asked.reply.has_value(); });
  answered_.wait(lock, [&] { return !answering_; });  // it has begun: its timeout bounds this
  asked_ = nullptr;
  answered_.notify_all();
  return asked.reply.value_or(broken(name_ + " is busy with its own polls"));
}

void Bus::answer_one() {
  Asked* asked = nullptr;
  {
    const std::scoped_lock lock(mutex_);
    if (asked_ == nullptr || asked_->reply) return;
    asked = asked_;
    answering_ = true;
  }
  Reply reply{Reply::Kind::broken, 0, ""};
  if (connected(clock_.steady(), true)) {
    asked->out->resize(asked->request.count);
    const auto read = [&] {
      reply = field_bus_->read(asked->request, asked->timeout, *asked->out);
      turn_.quiet_since = clock_.steady();
    };
    const bool fresh = std::exchange(fresh_, false);
    read();
    if (reply.kind == Reply::Kind::broken && !fresh) {
      hang_up();  // closed while it was idle, as in poll()
      if (connected(clock_.steady(), true)) {
        fresh_ = false;
        read();
      } else {
        reply.text = why_not_;
      }
    }
    if (reply.kind == Reply::Kind::broken && connected_) lose(reply.text, turn_.quiet_since);
    const bool closes = std::any_of(members_.begin(), members_.end(), [](const Member& m) {
      return m.device->options().profile.close_after_poll;
    });
    if (closes && connected_) hang_up();
  } else {
    reply.text = why_not_;
  }
  const std::scoped_lock lock(mutex_);
  asked->reply = std::move(reply);
  answering_ = false;
  answered_.notify_all();
}

Bus::Member* Bus::earliest() {
  const std::scoped_lock lock(mutex_);
  Member* best = nullptr;
  for (auto& m : members_) {
    if (!m.running || m.device->earliest() == nullptr) continue;
    if (best == nullptr || m.device->earliest()->due < best->device->earliest()->due) best = &m;
  }
  return best;
}

std::size_t Bus::dead() const {
  const auto count = std::count_if(members_.begin(), members_.end(),
                                   [](const Member& m) { return m.device->is_dead(); });
  return std::max<std::size_t>(1, static_cast<std::size_t>(count));
}

Nanoseconds Bus::step() {
  auto* member = earliest();
  if (member == nullptr) return kIdle;
  auto& device = *member->device;
  auto& slot = *device.earliest();
  const auto now = clock_.steady();
  if (slot.due > now) return slot.due - now;

  const auto first = slot.due;
  const auto missed = Device::take(slot, now);
  const auto due = slot.due - slot.period;
  const auto poll_class = slot.poll_class;
  if (missed > 0) append_missed(*member, poll_class, slot.period, first, missed);

  PollEntry entry;
  bool asked = false;
  if (auto rest = device.resting(now)) {
    entry.reason = std::move(*rest);
  } else if (!connected(now)) {
    entry.reason = why_not_;
  } else {
    entry = poll(*member, slot);
    asked = true;
    if (device.options().profile.close_after_poll) hang_up();
  }
  entry.poll_class = poll_class;
  append(*member, std::move(entry), due, 0, asked);
  return Nanoseconds(0);
}

void Bus::append_missed(Member& member, const std::string& poll_class, Nanoseconds period,
                        SteadyTime first, std::uint64_t missed) {
  PollEntry entry;
  entry.poll_class = poll_class;
  entry.count = std::min(missed, PollEntry::kCountMax);
  entry.period = entry.count > 1 ? period : Nanoseconds(0);
  entry.reason = fmt::format("{} was busy with other polls; poll less often, or shorten timeouts",
                             name_);
  append(member, std::move(entry), first, missed, false);
}

PollEntry Bus::poll(Member& member, Device::Slot& slot) {
  auto& device = *member.device;
  bool lost = false;
  const bool fresh = std::exchange(fresh_, false);
  auto entry = device.poll(turn_, slot, lost);
  if (lost && !fresh && entry.ranges.empty()) {
    // Devices close a connection that was idle for a while: that is no failed poll yet.
    hang_up();
    if (connected(clock_.steady())) {
      fresh_ = lost = false;
      entry = device.poll(turn_, slot, lost);
    }
  }
  const auto after = clock_.steady();
  if (!entry.ranges.empty()) reconnect_.succeeded();
  if (lost) {
    if (connected_) lose(entry.reason, after);
    return entry;
  }
  device.judge(entry, after, random_, dead());
  silent_in_a_row_ = device.answered_last() ? 0 : silent_in_a_row_ + 1;
  // A pulled cable leaves a connection that nobody answers on.
  if (silent_in_a_row_ >= kSilentPollsMax) lose(entry.reason, after);
  return entry;
}

bool Bus::connected(SteadyTime now, bool at_once) {
  if (connected_) return true;
  const bool early = reconnect_.waiting(now);
  if (early && !at_once) return false;
  Nanoseconds timeout{}, pause{};
  for (const auto& m : members_) {
    timeout = std::max(timeout, m.device->options().timeout);
    pause = std::max(pause, m.device->options().profile.pause_after_connect);
  }
  if (auto done = field_bus_->connect(std::min(timeout, kConnectTimeoutMax)); !done) {
    why_not_ = done.error().text();
    if (!early) reconnect_.failed(clock_.steady(), random_);
    return false;
  }
  connected_ = fresh_ = true;
  silent_in_a_row_ = 0;
  if (pause.count() > 0) field_bus_->pause(pause);
  turn_.quiet_since = clock_.steady();
  return true;
}

void Bus::hang_up() {
  field_bus_->close();
  connected_ = false;
  silent_in_a_row_ = 0;
}

void Bus::lose(std::string why, SteadyTime now) {
  hang_up();
  why_not_ = std::move(why);
  reconnect_.failed(now, random_);
}

void Bus::append(Member& member, PollEntry poll, SteadyTime due, std::uint64_t late, bool asked) {
  journal::Entry entry;
  entry.source = member.device->options().id;
  entry.kind = kPollKind;
  entry.arrived = clock_.wall();
  const auto now = clock_.steady();
  entry.steady = now.time_since_epoch().count();
  poll.ago = std::max(now - due, SteadyTime::duration(0));
  ByteVector payload;
  ByteWriter writer(payload);
  poll.encode(writer);
  entry.payload = payload;
  // Under the lock, so that nothing is appended after stop(); waiting lets go of it.
  std::unique_lock lock(mutex_);
  while (member.running) {
    const auto done = journal_.append(entry, std::chrono::milliseconds(0));
    if (done) return note(member, poll, late, asked);
    if (done.error().fault() != Fault::full) return;
    wake_.wait_for(lock, kFullPause);
  }
}

void Bus::note(Member& member, const PollEntry& poll, std::uint64_t late, bool asked) {
  auto& status = member.status;
  member.refusals = member.device->refusals();
  strays_ = field_bus_->strays();
  status.late += late;
  if (poll.good) {
    status.heard += poll.count;
    member.faults.erase(poll.poll_class);
  } else {
    status.failed += poll.count;
    if (late == 0) member.faults[poll.poll_class] = {poll.reason, clock_.wall(), asked};
  }
  // The device answers: what kept it from being asked is over for all classes.
  if (!poll.ranges.empty()) {
    std::erase_if(member.faults, [](const auto& fault) { return !fault.second.asked; });
  }
  // A class that always fails must not hide behind one that is polled more often.
  const bool failing = !member.faults.empty();
  if (failing && status.state != "failing") {
    log::warning("modbus device fails", "source={} error=\"{}\"", status.name, poll.reason);
  } else if (!failing && status.state != "ok") {
    log::info("modbus device answers", "source={}", status.name);
  }
  status.state = failing ? "failing" : "ok";
  status.error = "";
  if (!failing) return;
  const auto& [poll_class, fault] = *std::ranges::max_element(
      member.faults, {}, [](const auto& one) { return one.second.at; });
  status.error = fault.reason;
  // Others may have been read since: whose fault it is, and of when.
  if (fault.asked && member.device->classes() > member.faults.size()) {
    status.error += fmt::format(" (class {}, at {})", poll_class,
                                format_utc(std::chrono::floor<std::chrono::seconds>(fault.at)));
  }
}

}  // namespace tidemark::modbus
