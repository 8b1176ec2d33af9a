#include <gtest/gtest.h>

#include "gateway/listener/cloud_link.h"
#include "tests/gateway/fake_cloud.h"

namespace tidemark::gateway {
namespace {

using namespace std::chrono_literals;
using Change = CloudLink::Change;

struct World {
  Change hear() {
    auto change = Change::none;
    while (const auto e = cloud.receive()) {
      if (const auto c = link.on_envelope(*e, clock.steady()); c != Change::none) change = c;
    }
    return change;
  }
  Change second() {
    clock.advance(1s);
    const auto lost = link.on_tick(clock.steady());
    const auto heard = hear();
    return heard != Change::none ? heard : lost;
  }
  test::FakeCloud cloud;
  SeededRandom random{7};
  ManualClock clock{event_time(0)};
  CloudLink link{cloud, random};
};

TEST(CloudLink, IsUpWithTheFirstPong) {
  World w;
  EXPECT_FALSE(w.link.up());
  EXPECT_EQ(w.second(), Change::up);
  EXPECT_TRUE(w.link.up());
  EXPECT_EQ(w.second(), Change::none);
}

TEST(CloudLink, IsLostFiveSecondsAfterTheLastPong) {
  World w;
  w.second();
  w.cloud.be_there(false);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(w.second(), Change::none) << i;
  EXPECT_EQ(w.second(), Change::lost);
  EXPECT_EQ(w.second(), Change::none);
  w.cloud.be_there(true);
  EXPECT_EQ(w.second(), Change::up);
}

TEST(CloudLink, TellsAnotherStartOfTheCloud) {
  World w;
  w.second();
  w.cloud.start_anew();
  EXPECT_EQ(w.second(), Change::restarted);
  EXPECT_TRUE(w.link.up());
  EXPECT_EQ(w.second(), Change::none);
}

}  // namespace
}  // namespace tidemark::gateway
