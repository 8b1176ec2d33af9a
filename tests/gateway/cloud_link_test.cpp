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

// Of the gateway the cloud learns the same: its pings have one number, and another start another.
TEST(CloudLink, SaysWhichStartOfTheGatewayItIs) {
  struct Pings final : Log {
    bool send(std::string_view /*edge*/, std::uint64_t session, ByteSpan /*frame*/) override {
      all.push_back(session);
      return true;
    }
    std::optional<Envelope> receive() override { return std::nullopt; }
    [[nodiscard]] int descriptor() const override { return -1; }
    std::vector<std::uint64_t> all;
  } pings;
  SeededRandom random{7};
  for (int start = 0; start < 2; ++start) {
    CloudLink link{pings, random};
    for (int second = 1; second <= 2; ++second) {
      link.on_tick(SteadyTime{} + std::chrono::seconds(second));
    }
  }
  ASSERT_EQ(pings.all.size(), 4u);
  EXPECT_NE(pings.all[0], 0u);
  EXPECT_EQ(pings.all[0], pings.all[1]);
  EXPECT_EQ(pings.all[2], pings.all[3]);
  EXPECT_NE(pings.all[0], pings.all[2]);
}

}  // namespace
}  // namespace tidemark::gateway
