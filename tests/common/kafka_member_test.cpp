// A member of a consumer group over librdkafka's mock brokers: what it may do is a lease, and a
// coordinator that stands still does not end it.
#include "common/kafka/member.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/support/eventually.h"
#include "tests/support/mock_kafka.h"

namespace tidemark::test {
namespace {

constexpr auto kLong = std::chrono::seconds(60);  // the group's first members are waited for

struct Events : kafka::MemberEvents {
  void taken(const std::vector<int>& partitions) override { has = partitions.size(); }
  void dropped(const std::vector<int>& partitions, bool by_time) override {
    has -= partitions.size();
    lost = lost || by_time;
  }
  [[nodiscard]] std::int64_t position(int /*partition*/) const override { return 0; }
  std::size_t has = 0;
  bool lost = false;
};

kafka::MemberOptions options_for(const MockKafka& kafka, std::chrono::seconds session) {
  return {"cloud", kafka.settings.live(), "hall-1", session, false};
}

// Found out within the session: whoever coordinates the group now knows its members.
TEST(Member, LeavesACoordinatorThatStandsStillForTheOneAfterIt) {
  constexpr auto kSession = std::chrono::seconds(6);
  MockKafka kafka(3);
  kafka.coordinate("cloud", 1);
  const SystemClock clock;
  Events events;
  const auto member = kafka::Member::open(kafka.settings, options_for(kafka, kSession), events,
                                          clock).value();
  const auto turn_until = [&](const std::function<bool()>& reached) {
    return eventually([&] {
      member->turn(std::chrono::milliseconds(10));
      return reached();
    }, kLong);
  };
  ASSERT_TRUE(turn_until([&] { return member->holds(); }));
  kafka.coordinate("cloud", 2);
  kafka.stand_still(1);
  const auto late = clock.steady() + 2 * kSession;  // an old lease would have ended
  EXPECT_TRUE(turn_until([&] { return clock.steady() > late && member->holds(); }));
  EXPECT_EQ(events.has, 4u);
  EXPECT_FALSE(events.lost);
}

// Of a member that joins nothing else asks the coordinator, and a join may take its time.
TEST(Member, LeavesACoordinatorThatStandsStillWhileItJoins) {
  MockKafka kafka(3);
  kafka.coordinate("cloud", 1);
  kafka.stand_still_at_join(1);
  const SystemClock clock;
  Events events;
  const auto member = kafka::Member::open(
      kafka.settings, options_for(kafka, std::chrono::seconds(6)), events, clock).value();
  EXPECT_TRUE(eventually([&] {
    member->turn(std::chrono::milliseconds(10));
    return member->holds();
  }, kLong));
  EXPECT_EQ(events.has, 4u);
}

// What it had before it stood still gives it no right afterwards.
TEST(Member, HoldsItsPartitionsForAsLongAsItsLeaseIsNew) {
  MockKafka kafka;
  ManualClock clock(event_time(0));
  Events events;
  const auto member = kafka::Member::open(
      kafka.settings, options_for(kafka, std::chrono::seconds(10)), events, clock).value();
  const auto turn_until = [&](bool holds) {
    return eventually([&] {
      member->turn(std::chrono::milliseconds(10));
      return member->holds() == holds;
    }, kLong);
  };
  EXPECT_FALSE(member->holds());
  ASSERT_TRUE(turn_until(true));
  EXPECT_EQ(events.has, 4u);
  clock.advance(std::chrono::milliseconds(7'999));
  EXPECT_TRUE(member->holds());
  clock.advance(std::chrono::milliseconds(1));
  EXPECT_FALSE(member->holds());
  ASSERT_TRUE(turn_until(true)) << "the brokers say that it still is one";

  kafka.refuse_heartbeat(RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID);
  ASSERT_TRUE(turn_until(false)) << "a loss ends it at once";
  EXPECT_EQ(events.has, 0u);
  ASSERT_TRUE(turn_until(true));
  EXPECT_EQ(events.has, 4u);
  member->leave();
  EXPECT_EQ(events.has, 0u);
}

}  // namespace
}  // namespace tidemark::test
