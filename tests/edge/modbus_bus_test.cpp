// The poller with a scripted bus and a clock that moves when told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "edge/modbus/bus.h"
#include "edge/fieldbus/field_bus.h"
#include "tests/edge/modbus_journal.h"

namespace tidemark::modbus {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Kind = Reply::Kind;

// Answers by unit; silence costs the timeout on the clock, as it does on a real bus.
class ScriptedBus final : public FieldBus {
 public:
  explicit ScriptedBus(ManualClock& clock) : clock_(clock) {}
  Result<> connect(Nanoseconds timeout) override {
    ++connects;
    if (refuse) {
      return Error{Fault::unavailable, "connect plant:502: Connection refused; is the device on?"};
    }
    (void)timeout;
    open = true;
    return {};
  }
  void close() override { open = false; }
  Reply read(const Request& request, Nanoseconds timeout, std::span<std::uint16_t> out) override {
    EXPECT_TRUE(open);
    requests.push_back(request);
    times.push_back(clock_.steady());
    Reply reply;
    if (answer.contains(request.unit)) reply = answer.at(request.unit)(request);
    if (reply.kind == Kind::silent) {
      clock_.advance(timeout);
      waited += timeout;
    }
    clock_.advance(duration);
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = static_cast<std::uint16_t>(request.address + i);
    }
    return reply;
  }
  void pause(Nanoseconds time) override { clock_.advance(time); }
  void interrupt() override {}

  std::map<int, std::function<Reply(const Request&)>> answer;
  std::vector<Request> requests;
  std::vector<SteadyTime> times;
  Nanoseconds waited{};
  Nanoseconds duration = 1ms;
  bool refuse = false;
  bool open = false;
  int connects = 0;

 private:
  ManualClock& clock_;
};

profile::Point point(std::string name, std::uint16_t address, std::string poll_class) {
  profile::Point p;
  p.name = std::move(name);
  p.address = address;
  p.function = 4;
  p.poll_class = std::move(poll_class);
  return p;
}

class BusTest : public ::testing::Test {
 protected:
  DeviceOptions device(std::uint32_t id, std::vector<profile::Point> points) {
    DeviceOptions d;
    d.id = id;
    d.name = "line" + std::to_string(id);
    d.unit = static_cast<std::uint8_t>(id);
    d.profile.id = "meter";
    d.profile.max_gap = 8;
    d.profile.points = std::move(points);
    d.periods = {{"fast", 1s}, {"normal", 10s}, {"slow", 60s}};
    d.timeout = 1s;
    return d;
  }
  void build(std::vector<DeviceOptions> devices) {
    auto field_bus = std::make_unique<ScriptedBus>(clock_);
    script_ = field_bus.get();
    bus_ = std::make_unique<Bus>(BusOptions{"plant:502"}, std::move(field_bus),
                                 std::move(devices), journal_, clock_, random_);
    bus_->begin();
  }
  void run_for(Nanoseconds span) {
    const auto end = clock_.steady() + span;
    while (clock_.steady() < end) {
      const auto idle = bus_->step();
      clock_.advance(std::min<Nanoseconds>(idle, end - clock_.steady()));
    }
  }
  static std::uint64_t due(const std::vector<MemoryJournal::Kept>& entries,
                           std::string_view poll_class) {
    std::uint64_t n = 0;
    for (const auto& e : entries) n += e.poll.poll_class == poll_class ? e.poll.count : 0;
    return n;
  }
  static std::uint64_t good(const std::vector<MemoryJournal::Kept>& entries) {
    std::uint64_t n = 0;
    for (const auto& e : entries) n += e.poll.good ? e.poll.count : 0;
    return n;
  }

  ManualClock clock_{event_time(1'700'000'000'000'000'000)};
  SeededRandom random_{7};
  MemoryJournal journal_;
  ScriptedBus* script_ = nullptr;
  std::unique_ptr<Bus> bus_;
};

TEST_F(BusTest, EveryClassComesInItsPeriod) {
  build({device(1, {point("a", 0, "fast"), point("b", 1, "normal"), point("c", 2, "slow")})});
  run_for(60s);
  const auto entries = journal_.of(1);
  EXPECT_EQ(due(entries, "fast"), 60u);
  EXPECT_EQ(due(entries, "normal"), 6u);
  EXPECT_EQ(due(entries, "slow"), 1u);
  EXPECT_EQ(good(entries), 67u);
  EXPECT_EQ(entries[0].poll.ranges.at(0).registers.size(), 1u);
  EXPECT_EQ(bus_->status(0).state, "ok");
  EXPECT_EQ(bus_->status(0).heard, 67u);
  EXPECT_EQ(script_->connects, 1);
}

TEST_F(BusTest, DevicesOfABusAreStaggered) {
  build({device(1, {point("a", 0, "fast")}), device(2, {point("a", 0, "fast")})});
  run_for(10s);
  const auto first = journal_.of(1), second = journal_.of(2);
  ASSERT_EQ(first.size(), 10u);
  ASSERT_EQ(second.size(), 10u);
  EXPECT_EQ(second[0].arrived - first[0].arrived, 500ms);
}

TEST_F(BusTest, AnExceptionIsToldWithFunctionAddressAndNextStep) {
  build({device(1, {point("a", 0x34, "fast"), point("b", 0x100, "fast")})});
  script_->answer[1] = [](const Request& r) {
    return r.address == 0x100 ? Reply{Kind::exception, 2, ""} : Reply{};
  };
  run_for(1s);
  const auto entries = journal_.of(1);
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_FALSE(entries[0].poll.good);
  EXPECT_EQ(entries[0].poll.ranges.size(), 1u);  // what answered is kept
  EXPECT_THAT(bus_->status(0).error,
              AllOf(HasSubstr("plant:502 unit 1, function 4, 1 from 0x0100: exception 2, illegal "
                              "data address; it has no such registers"),
                    HasSubstr("try function 3")));
  EXPECT_EQ(bus_->status(0).state, "failing");
  EXPECT_EQ(script_->requests.size(), 2u);  // an exception is an answer: no retry
}

TEST_F(BusTest, ARefusedHoleIsReadApartFromThenOn) {
  build({device(1, {point("a", 0, "fast"), point("b", 4, "fast")})});
  script_->answer[1] = [](const Request& r) {
    return r.count > 1 ? Reply{Kind::exception, 2, ""} : Reply{};
  };
  run_for(3s);
  EXPECT_EQ(due(journal_.of(1), "fast"), 3u);
  EXPECT_EQ(good(journal_.of(1)), 2u);
}

TEST_F(BusTest, AClassThatFailsDoesNotHideBehindOneThatAnswers) {
  build({device(1, {point("a", 0, "fast"), point("b", 0x100, "slow")})});
  script_->answer[1] = [](const Request& r) {
    return r.address == 0x100 ? Reply{Kind::exception, 4, ""} : Reply{};
  };
  run_for(30s);
  EXPECT_EQ(bus_->status(0).state, "failing");
  EXPECT_THAT(bus_->status(0).error, HasSubstr("exception 4, server device failure"));
  EXPECT_EQ(bus_->status(0).heard, 30u);
  EXPECT_EQ(bus_->status(0).failed, 1u);
}

TEST_F(BusTest, AnErrorOfOneClassSaysWhoseAndWhen) {
  build({device(1, {point("a", 0, "fast"), point("b", 0x100, "slow")})});
  script_->answer[1] = [](const Request& r) {
    return r.address == 0x100 ? Reply{Kind::exception, 4, ""} : Reply{};
  };
  run_for(30s);
  EXPECT_THAT(bus_->status(0).error, HasSubstr("(class slow, at 2023-11-14T22:13:20Z)"));
  script_->answer.clear();
  run_for(40s);
  EXPECT_EQ(bus_->status(0).error, "");
}

TEST_F(BusTest, ADeviceThatIsBackIsNotFailingUntilItsSlowestClassComes) {
  build({device(1, {point("a", 0, "fast"), point("b", 1, "slow")})});
  script_->refuse = true;
  run_for(10s);
  EXPECT_THAT(bus_->status(0).error, AllOf(HasSubstr("Connection refused"),
                                           Not(HasSubstr("class"))));
  script_->refuse = false;
  run_for(20s);  // the slow class is due again only after a minute
  EXPECT_EQ(bus_->status(0).state, "ok") << bus_->status(0).error;
}

TEST_F(BusTest, ALostAnswerIsAskedAgain) {
  build({device(1, {point("a", 0, "fast")})});
  int n = 0;
  script_->answer[1] = [&](const Request&) {
    return ++n % 3 == 1 ? Reply{Kind::garbled, 0, "half"} : Reply{};
  };
  run_for(10s);
  EXPECT_EQ(good(journal_.of(1)), 10u);
}

TEST_F(BusTest, ASilentDeviceRestsAndEverySlotIsDue) {
  auto options = device(1, {point("a", 0, "fast")});
  options.timeout = 100ms;
  build({options});
  script_->answer[1] = [](const Request&) { return Reply{Kind::silent, 0, ""}; };
  run_for(600s);
  const auto entries = journal_.of(1);
  EXPECT_EQ(due(entries, "fast"), 600u);
  EXPECT_EQ(good(entries), 0u);
  EXPECT_LT(script_->requests.size(), 40u);
  EXPECT_GT(script_->requests.size(), 10u);  // but it is never given up
  EXPECT_THAT(bus_->status(0).error, HasSubstr("no answer within 100ms"));
  EXPECT_EQ(bus_->status(0).failed, 600u);
  script_->answer.clear();
  run_for(120s);
  EXPECT_EQ(bus_->status(0).state, "ok");
}

TEST_F(BusTest, ADeadDeviceDoesNotSlowTheOthers) {
  build({device(1, {point("a", 0, "fast")}), device(2, {point("a", 0, "fast")}),
         device(3, {point("a", 0, "fast")})});
  script_->answer[2] = [](const Request&) { return Reply{Kind::silent, 0, ""}; };
  run_for(600s);
  for (const std::uint32_t id : {1u, 3u}) {
    EXPECT_EQ(due(journal_.of(id), "fast"), 600u) << id;
    EXPECT_GE(good(journal_.of(id)), 570u) << id;
  }
  EXPECT_EQ(due(journal_.of(2), "fast"), 600u);
  EXPECT_EQ(script_->connects, 1);  // the others answer, so the connection is not doubted
}

// The share of the bus's time that waits for a device that does not answer.
TEST_F(BusTest, DeadDevicesTakeLessThanATwentiethOfTheirBus) {
  for (const auto timeout : {200ms, 1000ms, 5000ms}) {
    for (const std::uint32_t dead : {1u, timeout > 1s ? 2u : 4u}) {
      std::vector<DeviceOptions> devices;
      for (std::uint32_t id = 1; id <= 8; ++id) {
        devices.push_back(device(id, {point("a", 0, "fast")}));
        devices.back().timeout = timeout;
      }
      build(std::move(devices));
      for (std::uint32_t id = 1; id <= dead; ++id) {
        script_->answer[static_cast<int>(id)] = [](const Request&) {
          return Reply{Kind::silent, 0, ""};
        };
      }
      run_for(3h);
      const auto waited = static_cast<double>(script_->waited.count());
      EXPECT_LT(waited / Nanoseconds(3h).count(), 0.05) << timeout.count() << " ms, " << dead;
      EXPECT_GT(script_->waited, 20 * timeout);  // none is given up
    }
  }
}

TEST_F(BusTest, ADeviceThatNeedsPausesGetsThem) {
  auto slow = device(1, {point("a", 0, "fast"), point("b", 100, "fast")});
  slow.profile.pause_after_connect = 300ms;
  slow.profile.pause_between_requests = 50ms;
  build({slow});
  run_for(3s);
  const auto& at = script_->times;
  ASSERT_GE(at.size(), 4u);
  EXPECT_GE(at[0] - SteadyTime{}, 300ms);
  EXPECT_EQ(at[1] - at[0], 51ms);              // an answer takes 1 ms
  EXPECT_EQ(at[2] - at[0], 1s - 350ms + 0ms);  // no pause when the bus was silent long enough
}

// Coverage is by minute: a poll that was missed belongs to the minute in which it was due.
TEST_F(BusTest, ADeviceThatIsSlowGetsItsTime) {
  auto slow = device(1, {point("a", 0, "fast")});
  slow.profile.timeout_least = 15s;
  slow.retries = 0;
  build({std::move(slow)});
  script_->answer[1] = [](const Request&) { return Reply{Kind::silent, 0, ""}; };
  run_for(1s);
  EXPECT_EQ(script_->waited, 15s) << "whatever the source says";
}

TEST_F(BusTest, WhatWasNotReadSaysWhenItWasDue) {
  build({device(1, {point("a", 0, "fast")})});
  (void)bus_->step();
  clock_.advance(150s);  // something held the thread up
  (void)bus_->step();
  const auto missed = journal_.of(1).at(1);
  EXPECT_EQ(missed.poll.count, 149u);
  EXPECT_EQ(missed.poll.period, 1s);
  EXPECT_EQ(missed.poll.ago, 149s + 1ms);  // the first was due 1 s after the start;
  script_->answer[1] = [](const Request&) { return Reply{Kind::silent, 0, ""}; };
  run_for(3s);
  const auto silent = journal_.of(1).at(3);
  EXPECT_EQ(silent.poll.count, 1u);
  EXPECT_GE(silent.poll.ago, 2s);  // two tries of a second
}

TEST_F(BusTest, SlotsThatPassUnaskedAreOneEntryWithTheirCount) {
  build({device(1, {point("a", 0, "fast")})});
  (void)bus_->step();
  clock_.advance(5500ms);  // something held the thread up
  (void)bus_->step();
  const auto entries = journal_.of(1);
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[1].poll.count, 4u);
  EXPECT_FALSE(entries[1].poll.good);
  EXPECT_THAT(entries[1].poll.reason, HasSubstr("busy"));
  EXPECT_TRUE(entries[2].poll.good);
  EXPECT_EQ(bus_->status(0).late, 4u);
  EXPECT_EQ(due(entries, "fast"), 6u);
}

TEST_F(BusTest, ARefusedConnectionIsTriedAgainWithRests) {
  build({device(1, {point("a", 0, "fast")})});
  script_->refuse = true;
  run_for(300s);
  EXPECT_EQ(due(journal_.of(1), "fast"), 300u);
  EXPECT_LT(script_->connects, 30);
  EXPECT_THAT(bus_->status(0).error, HasSubstr("Connection refused; is the device on"));
  script_->refuse = false;
  run_for(40s);
  EXPECT_EQ(bus_->status(0).state, "ok");
}

TEST_F(BusTest, ACommandIsAnsweredByHowItIsNowAlsoWhileTheBusRests) {
  build({device(1, {point("a", 0, "fast")})});
  script_->refuse = true;
  run_for(300s);  // rests for long by now
  const auto connects = script_->connects;
  script_->refuse = false;
  int idle_closed = 0;
  script_->answer[1] = [&](const Request&) {
    return idle_closed-- == 1 ? Reply{Kind::broken, 0, "Connection reset"} : Reply{};
  };
  bus_->stop(0);
  bus_->start(0);  // on its thread; the clock stands, so that it goes on resting
  std::vector<std::uint16_t> out;
  const Request request{1, 4, 7, 1};
  EXPECT_EQ(bus_->ask(request, 1s, 20s, out).kind, Kind::good);
  EXPECT_THAT(out, testing::ElementsAre(7));
  EXPECT_EQ(script_->connects, connects + 1);
  idle_closed = 1;
  EXPECT_EQ(bus_->ask(request, 1s, 20s, out).kind, Kind::good);
  EXPECT_EQ(script_->connects, connects + 2);
  bus_->stop(0);
}

TEST_F(BusTest, AConnectionThatWasClosedWhileIdleIsNoFailedPoll) {
  build({device(1, {point("a", 0, "fast")})});
  bool dropped = false;
  script_->answer[1] = [&](const Request&) {
    return std::exchange(dropped, false) ? Reply{Kind::broken, 0, "Connection reset"} : Reply{};
  };
  run_for(3s);
  dropped = true;
  run_for(3s);
  EXPECT_EQ(good(journal_.of(1)), 6u);
  EXPECT_EQ(script_->connects, 2);
}

TEST_F(BusTest, ALostConnectionIsMadeAgain) {
  build({device(1, {point("a", 0, "fast")})});
  bool down = false;
  script_->answer[1] = [&](const Request&) {
    return down ? Reply{Kind::broken, 0, "Connection reset"} : Reply{};
  };
  run_for(3s);
  down = true;
  run_for(5s);
  EXPECT_THAT(bus_->status(0).error, HasSubstr("connection lost: Connection reset"));
  down = false;
  run_for(40s);
  EXPECT_EQ(bus_->status(0).state, "ok");
  EXPECT_EQ(due(journal_.of(1), "fast"), 48u);
}

TEST_F(BusTest, NothingIsAppendedAfterStop) {
  build({device(1, {point("a", 0, "fast")}), device(2, {point("a", 0, "fast")})});
  run_for(2s);
  bus_->stop(0);
  const auto before = journal_.of(1).size();
  run_for(5s);
  EXPECT_EQ(journal_.of(1).size(), before);
  EXPECT_EQ(journal_.of(2).size(), 7u);
  EXPECT_EQ(bus_->status(0).state, "stopped");
}

}  // namespace
}  // namespace tidemark::modbus
