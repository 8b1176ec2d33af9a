// Devices that say whether they are there: wills, topics of availability, deaths of Sparkplug.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/edge/mqtt_bench.h"

namespace tidemark::mqtt {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

Options home(bool all = false) {
  Options o;
  o.topics = {"plant/+/vib", "sensors/#"};
  o.presence = {{.topic = "plant/+/online", .path = "$.state", .online = {"online", "true"},
                 .offline = {"offline", "false"}, .device = "", .all = all}};
  return o;
}

class PresenceTest : public testing::Test {
 protected:
  explicit PresenceTest(const Options& options = home()) : bench(options) {
    bench.arrived = event_time(1'700'000'000'000'000'000);
  }
  [[nodiscard]] std::vector<std::string> away() const {
    std::vector<std::string> out;
    for (const auto& a : bench.away()) out.push_back(a.device + ": " + a.reason);
    return out;
  }
  Bench bench;
};

TEST_F(PresenceTest, WhatWasReadLastOfADeviceThatIsAwayIsBad) {
  bench.lines("plant/p1/vib", R"({"a":1,"b":2})");
  bench.lines("plant/p1/vib", R"({"a":3})");
  bench.lines("sensors/p1", "7");  // another topic of the same device
  bench.lines("plant/p2/vib", "5");
  EXPECT_THAT(bench.lines("plant/p1/online", "false", kRetained),
              ElementsAre("p1/a=3 bad", "p1/b=2 bad", "p1/p1=7 bad"));
  EXPECT_THAT(bench.reason(), IsEmpty());
  EXPECT_THAT(away(), ElementsAre("p1: 'plant/p1/online' says 'false'"));
  EXPECT_EQ(bench.away().at(0).since, bench.arrived);
  EXPECT_THAT(bench.lines("plant/p1/online", "false"), IsEmpty()) << "it is said once";
}

TEST_F(PresenceTest, WhatWasReadBeforeAReloadIsKnownAfterIt) {
  bench.lines("plant/p1/vib", R"({"a":1,"b":2})");
  bench.table().owners().keep_if(
      [](const std::string& series, const auto&) { return series == "p1/a"; });
  EXPECT_THAT(bench.lines("plant/p1/online", "false"), ElementsAre("p1/a=1 bad"));
}

TEST_F(PresenceTest, WhatIsSaidOfADeviceThatIsAwayIsMarkedAsSuch) {
  EXPECT_EQ(bench.decode("plant/p1/vib", "5").away_from, source::Decoded::kNone);
  EXPECT_EQ(bench.decode("plant/p1/online", "offline").away_from, 0u);
}

TEST_F(PresenceTest, ADeviceComesBackByItsWordOrByAReading) {
  bench.lines("plant/p1/online", "OFFLINE");
  bench.lines("plant/p2/online", R"({"state":"offline"})");
  bench.lines("plant/p3/online", R"("offline")");
  EXPECT_THAT(away(), SizeIs(3));
  bench.lines("plant/p1/online", R"({"since":3,"state":"online"})");
  bench.lines("plant/p2/vib", "1", kRetained);
  EXPECT_THAT(away(), SizeIs(2)) << "what was retained says nothing of now";
  bench.lines("plant/p2/vib", "1");
  EXPECT_THAT(away(), ElementsAre(HasSubstr("p3: ")));
}

TEST_F(PresenceTest, WhatCannotBeReadIsRefusedAndChangesNothing) {
  bench.lines("plant/p1/online", "offline");
  for (const auto& [payload, reason] : std::vector<std::pair<const char*, const char*>>{
           {"perhaps", "presence cannot be read: 'perhaps' is neither online (online, true) nor "
                       "offline (offline, false)"},
           {R"({"state":7})", "'7' is neither"},
           {R"({"status":"online"})", "presence cannot be read: there is no $.state"},
           {R"({"state":)", "presence cannot be read: JSON is malformed"}}) {
    EXPECT_THAT(bench.lines("plant/p1/online", payload), IsEmpty()) << payload;
    EXPECT_THAT(bench.reason(), HasSubstr(reason)) << payload;
    EXPECT_THAT(away(), SizeIs(1)) << payload;
  }
  EXPECT_THAT(bench.lines("plant/p1/online", ""), IsEmpty());
  EXPECT_THAT(bench.reason(), IsEmpty()) << "the broker forgets what was retained";
  EXPECT_THAT(away(), IsEmpty()) << "and nobody says any more that it is away";
}

Options both(std::string path) {
  Options o;
  o.topics = {"sensors/+"};
  o.presence = {{.topic = "sensors/+", .path = std::move(path), .online = {"online", "1"},
                 .offline = {"offline", "0"}, .device = "", .all = false}};
  return o;
}

TEST(PresenceBesideReadings, TheReadingsOfTheMessageCount) {
  Bench bench(both("$.status"));
  EXPECT_THAT(bench.lines("sensors/p1", R"({"status":"online","temp":21})"),
              ElementsAre("p1/temp=21"));
  EXPECT_THAT(bench.lines("sensors/p1", R"({"temp":22})"), ElementsAre("p1/temp=22"));
  EXPECT_THAT(bench.reason(), IsEmpty()) << "it says nothing of the device";
  EXPECT_THAT(bench.lines("sensors/p1", R"({"status":"offline","temp":23})"),
              ElementsAre("p1/temp=23", "p1/temp=23 bad"));
  EXPECT_THAT(bench.away(), SizeIs(1));
  EXPECT_THAT(bench.lines("sensors/p1", R"({"status":)"), IsEmpty());
  EXPECT_THAT(bench.rejected, SizeIs(1));
}

TEST(PresenceBesideReadings, WhatIsNoWordIsAReading) {
  Bench bench(both(""));
  EXPECT_THAT(bench.lines("sensors/p1", "21.5"), ElementsAre("p1/p1=21.5"));
  EXPECT_THAT(bench.lines("sensors/p1", "offline"), ElementsAre("p1/p1=21.5 bad"));
  EXPECT_THAT(bench.reason(), IsEmpty());
}

class BridgePresenceTest : public PresenceTest {
 protected:
  BridgePresenceTest() : PresenceTest(home(true)) {}
};

TEST_F(BridgePresenceTest, ABridgeSpeaksOfAllDevices) {
  bench.lines("plant/p1/vib", "1");
  bench.lines("plant/p2/vib", "2");
  EXPECT_THAT(bench.lines("plant/bridge/online", "offline"),
              UnorderedElementsAre("p1/vib=1 bad", "p2/vib=2 bad"));
  EXPECT_THAT(away(), ElementsAre("all devices: 'plant/bridge/online' says 'offline'"));
  bench.lines("plant/bridge/online", "online");
  EXPECT_THAT(away(), IsEmpty());
  bench.lines("plant/bridge/online", "offline");
  bench.lines("plant/p1/vib", "3", kRetained);
  EXPECT_THAT(away(), SizeIs(1)) << "what was retained says nothing of now";
  bench.lines("plant/p1/vib", "3");
  EXPECT_THAT(away(), IsEmpty()) << "what comes by the bridge shows that it is there";
}

TEST_F(PresenceTest, TheListIsBoundedAndTheSeriesAreMarkedAllTheSame) {
  for (std::size_t i = 0; i <= PresenceTable::kDevicesMax; ++i) {
    bench.lines(fmt::format("plant/d{}/online", i), "offline");
  }
  EXPECT_THAT(bench.away(), SizeIs(PresenceTable::kDevicesMax));
  bench.lines("plant/last/vib", "1");
  EXPECT_THAT(bench.lines("plant/last/online", "offline"), ElementsAre("last/vib=1 bad"));
}

}  // namespace
}  // namespace tidemark::mqtt
