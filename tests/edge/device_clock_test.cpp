// What the agent believes about the time, by an injected clock.
#include "edge/clock/device_clock.h"

#include <gtest/gtest.h>

#include "tests/edge/temporary_folder.h"

namespace tidemark::clock {
namespace {

using namespace std::chrono_literals;

constexpr EventTime kNow = event_time(1'790'000'000'000'000'000);
constexpr EventTime kPlausible = event_time(1'767'225'600'000'000'000);
constexpr EventTime k1970 = event_time(5'000'000'000);

class DeviceClockTest : public testing::Test {
 protected:
  DeviceClock make(bool trust = true) {
    return DeviceClock(system, {kPlausible, trust, folder.path() / "edge.clock", boot,
                                [this] { return ntp; }});
  }
  void pass(Nanoseconds time) { system.advance(time); }

  test::TemporaryFolder folder;
  ManualClock system{kNow};
  std::string boot = "0123456789abcdef0123456789abcdef";
  bool ntp = false;
};

TEST_F(DeviceClockTest, ABoxWithoutABatteryKnowsNothingUntilTheGatewaySays) {
  ManualClock dead(k1970);
  DeviceClock clock(dead, {kPlausible, true, {}, "", [] { return false; }});
  EXPECT_FALSE(clock.known());
  EXPECT_EQ(clock.status().state, ClockState::unknown);
  const auto asked = dead.steady();
  dead.advance(40ms);
  clock.from_gateway(kNow, asked);
  EXPECT_TRUE(clock.known());
  EXPECT_EQ(clock.wall(), kNow + 20ms) << "half of the way there and back";
  EXPECT_EQ(clock.status().from, "gateway");
  EXPECT_EQ(clock.status().error, 20ms);
  dead.advance(1h);
  EXPECT_EQ(clock.wall(), kNow + 1h + 20ms);
  dead.jump_wall(-3h);
  EXPECT_EQ(clock.wall(), kNow + 1h + 20ms) << "the system's clock says nothing to it";
}

struct Jump {
  const char* name;
  Nanoseconds by;
};
class JumpTest : public DeviceClockTest, public testing::WithParamInterface<Jump> {};

TEST_P(JumpTest, AgainstTheGatewayIsNotFollowed) {
  auto clock = make();
  clock.from_gateway(kNow, system.steady());
  pass(10s);
  system.jump_wall(GetParam().by);
  EXPECT_EQ(clock.wall(), kNow + 10s);
  EXPECT_EQ(clock.status().system_off, GetParam().by);
  ntp = true;
  pass(2s);
  const bool can_be = system.wall() >= kPlausible;
  EXPECT_EQ(clock.wall() == system.wall(), can_be) << "what NTP keeps is believed, if it can be";
  EXPECT_EQ(clock.status().from, can_be ? "ntp" : "gateway");
  EXPECT_EQ(clock.status().state, can_be ? ClockState::synchronised : ClockState::set);
}
TEST_P(JumpTest, WithoutAnybodyElseIsFollowed) {
  auto clock = make();
  EXPECT_EQ(clock.wall(), kNow);
  system.jump_wall(GetParam().by);
  EXPECT_EQ(clock.wall(), system.wall());
  EXPECT_EQ(clock.known(), system.wall() >= kPlausible);
}
INSTANTIATE_TEST_SUITE_P(Rows, JumpTest,
                         testing::Values(Jump{"BackAnHour", -1h}, Jump{"AheadAnHour", 1h},
                                         Jump{"AheadTenYears", 24h * 3652},
                                         Jump{"BackTenYears", -24h * 3652}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST_F(DeviceClockTest, ASystemClockThatAgreesIsLeftAlone) {
  auto clock = make();
  system.jump_wall(-3s);
  clock.from_gateway(kNow, system.steady());
  EXPECT_EQ(clock.wall(), system.wall());
}

TEST_F(DeviceClockTest, ATimeSetByHandHoldsUntilSomebodyKnowsBetter) {
  ManualClock dead(k1970);
  DeviceClock clock(dead, {kPlausible, true, {}, "", [this] { return ntp; }});
  EXPECT_EQ(clock.set_by_hand(k1970).error().fault(), Fault::bad_input);
  ASSERT_TRUE(clock.set_by_hand(kNow).ok());
  dead.advance(1min);
  EXPECT_EQ(clock.wall(), kNow + 1min);
  EXPECT_EQ(clock.status().from, "hand");
  clock.from_gateway(kNow + 5min, dead.steady());
  EXPECT_EQ(clock.wall(), kNow + 5min);
  EXPECT_EQ(clock.set_by_hand(kNow).error().fault(), Fault::denied);
}

TEST_F(DeviceClockTest, WhoSetsTheSystemsClockLaterIsBelieved) {
  auto clock = make(false);
  ASSERT_TRUE(clock.set_by_hand(kNow + 1h).ok());
  pass(1min);
  EXPECT_EQ(clock.wall(), kNow + 1h + 1min);
  system.jump_wall(2h);
  EXPECT_EQ(clock.wall(), system.wall());
}

TEST_F(DeviceClockTest, ConfirmedMeansThatAPlausibleClockIsNotEnough) {
  auto clock = make(false);
  EXPECT_FALSE(clock.known());
  clock.from_gateway(kNow - 9h, system.steady());
  EXPECT_TRUE(clock.known());
  EXPECT_EQ(clock.wall(), kNow - 9h) << "it woke with the time of its last shutdown";
}

TEST_F(DeviceClockTest, WhatIsKnownOutlivesTheAgentAndNotTheBoot) {
  ManualClock dead(k1970);
  const auto again = [&](const std::string& its_boot) {
    return DeviceClock(dead, {kPlausible, true, folder.path() / "edge.clock", its_boot,
                              [] { return false; }});
  };
  again(boot).from_gateway(kNow, dead.steady());
  dead.advance(1min);
  EXPECT_EQ(again(boot).wall(), kNow + 1min);
  EXPECT_EQ(again(boot).status().from, "gateway");
  EXPECT_FALSE(again("fedcba9876543210fedcba9876543210").known());
  EXPECT_FALSE(again("").known());
}

TEST_F(DeviceClockTest, AWelcomeThatTookTooLongSaysNothing) {
  ManualClock dead(k1970);
  DeviceClock clock(dead, {kPlausible, true, {}, "", [] { return false; }});
  const auto asked = dead.steady();
  dead.advance(11s);
  clock.from_gateway(kNow, asked);
  EXPECT_FALSE(clock.known());
  clock.from_gateway(k1970 + 1h, dead.steady());
  EXPECT_FALSE(clock.known()) << "nor does a cloud whose own clock is wrong";
}

struct Boot {
  const char* name;
  Nanoseconds after;  // the last sign of life of the boot before, by the system's clock
  bool battery;
  bool known;
};
class SavedClock : public DeviceClockTest, public testing::WithParamInterface<Boot> {};
INSTANTIATE_TEST_SUITE_P(Rows, SavedClock,
                         testing::Values(Boot{"SavedBeforeACut", -30s, false, false},
                                         Boot{"SavedAtTheEnd", 5s, false, false},
                                         Boot{"SetSince", 2min, false, true},
                                         Boot{"ABatteryKeptIt", 5s, true, true},
                                         Boot{"ADeadBattery", -1s, true, false}),
                         [](const auto& row) { return std::string(row.param.name); });

// Three days off, and the clock goes on from where it was: three days nobody would hear of.
TEST_P(SavedClock, IsNotBelievedUntilSomebodySetsIt) {
  const auto lived = kNow - GetParam().after;
  const auto make_it = [&] {
    return DeviceClock(system, {kPlausible, true, {}, boot, [this] { return ntp; },
                                [] { return GetParam().battery; }});
  };
  auto clock = make_it();
  pass(20s);  // of the boot
  clock.lived_until(lived);
  EXPECT_EQ(clock.known(), GetParam().known);
  EXPECT_EQ(clock.status().state, GetParam().known ? ClockState::set : ClockState::unknown);
  pass(24h);
  EXPECT_EQ(clock.known(), GetParam().known);
  auto told = make_it();
  told.lived_until(lived);
  told.from_gateway(kNow + 72h, system.steady());
  EXPECT_EQ(told.wall(), kNow + 72h);
  system.jump_wall(72h);  // by a person, or an NTP client that says nothing to the kernel
  EXPECT_EQ(clock.status().from, "system");
  EXPECT_EQ(clock.wall(), kNow + 72h + 24h + 20s);
}

TEST_F(DeviceClockTest, TheSignOfLifeOfThisBootIsNoneOfTheOneBefore) {
  const auto file = folder.path() / "edge.boot";
  const auto before = [&](const std::string& its_boot, Nanoseconds alive) {
    return lived_before(file, its_boot, kNow + alive);
  };
  const std::string next = "fedcba9876543210fedcba9876543210";
  EXPECT_EQ(before(boot, 1h), kEventTimeMin) << "it may be of this boot";
  EXPECT_EQ(before(boot, 2h), kEventTimeMin);
  EXPECT_EQ(before(next, 3h), kNow + 3h);
  EXPECT_EQ(before(next, 4h), kNow + 3h);
  EXPECT_EQ(before("", 5h), kEventTimeMin);
}

}  // namespace
}  // namespace tidemark::clock
