#include "edge/uplink/uplink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "edge/uplink/budget.h"
#include "edge/uplink/identity.h"
#include "common/base/disk.h"
#include "tests/edge/fake_ring.h"
#include "tests/edge/http_proxy.h"
#include "tests/gateway/rig.h"
#include "tests/support/eventually.h"

namespace tidemark::uplink {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::FakeRing;
using test::Rig;

struct FakeSeals final : SealSource {
  std::optional<Seal> seal_since(std::uint64_t acknowledged, std::uint64_t sent,
                                 bool brief) override {
    const std::lock_guard lock(mutex);
    asked_from = acknowledged;
    asked_brief = brief;
    if (number <= sent) return std::nullopt;
    Seal s;
    s.incarnation = {1};
    s.number = number;
    if (drops) s.sources = {{"press", "", false, {}, {}, {{0, 59, number, 9}}}};
    return s;
  }
  void cloud_ledger(const Ledger& l) override {
    const std::lock_guard lock(mutex);
    ledger = l;
  }
  std::mutex mutex;
  std::uint64_t number = 0;
  std::uint64_t asked_from = 0;
  bool asked_brief = false;
  bool drops = false;  // says that counts went
  Ledger ledger;
};

class UplinkTest : public testing::Test {
 protected:
  void start(const std::string& edge = "press-07", bool enrolled = true, Bytes budget = {}) {
    Options o;
    o.budget = budget;
    o.budget_file = rig.folder.path / "uplink.budget";
    o.edge = edge;
    o.incarnation = {1};
    o.begun = clock.steady();
    o.version = "0.1.0";
    o.proxy = proxy;
    o.identity_folder = enrolled ? rig.enrolled(edge) : rig.folder.path / ("identity-" + edge);
    uplink = Uplink::make(o, ring, seals, clock, random);
    uplink->start();
  }
  // With that identity and at that time, and no more than it needs.
  void start_as(const std::string& edge, const std::filesystem::path& identity, Clock& at) {
    Options o;
    o.edge = edge;
    o.incarnation = {1};
    o.identity_folder = identity;
    uplink = Uplink::make(o, ring, seals, at, random);
    uplink->start();
  }
  bool all_released() {
    return eventually([&] { return ring.unreleased_count() == 0; });
  }
  bool reaches(const std::string& state) {
    return eventually([&] { return uplink->status().state == state; }, 20s);
  }
  std::int64_t now() { return count_ns(clock.wall()); }

  Rig rig;
  Proxy proxy;
  SystemClock clock;
  SystemRandom random;
  FakeRing ring;
  FakeSeals seals;
  std::unique_ptr<Uplink> uplink;
};

TEST_F(UplinkTest, AnAcknowledgementWithoutALedgerLeavesTheOneThatIsKnown) {
  for (int i = 0; i < 5; ++i) ring.put(now() - 3'600'000'000'000);
  start();
  ASSERT_TRUE(all_released());
  const auto answered = [&] {
    const std::lock_guard lock(seals.mutex);
    return seals.ledger.answered;
  };
  ASSERT_TRUE(eventually([&] { return answered() == 50; }));
  wire::Ack ack;  // as a gateway says it that has written to Kafka
  ack.holdings.push_back({{1}, {}, 99});
  rig.cloud.say("press-07", wire::FrameType::ack, wire::encode(ack));
  ASSERT_TRUE(eventually([&] { return ring.seals_acknowledged_of({1}) == 99; }));
  rig.cloud.say("press-07", wire::FrameType::ack, wire::encode(ack));
  ack.holdings[0].seal_number = 100;
  rig.cloud.say("press-07", wire::FrameType::ack, wire::encode(ack));
  ASSERT_TRUE(eventually([&] { return ring.seals_acknowledged_of({1}) == 100; }));
  EXPECT_EQ(answered(), 50u);
}

TEST_F(UplinkTest, CarriesEveryBlockAndLetsGoOfItWhenTheCloudHasIt) {
  for (int i = 0; i < 500; ++i) ring.put(now() - 3'600'000'000'000);
  start();
  ASSERT_TRUE(all_released());
  EXPECT_EQ(rig.cloud.edge("press-07").twice, 0u);
  EXPECT_EQ(ring.offered(), 500u);
  ASSERT_TRUE(eventually([&] { return uplink->status().blocks_acknowledged == 500; }));
  const auto s = uplink->status();
  EXPECT_EQ(s.state, "up");
  EXPECT_EQ(s.error, "");
  EXPECT_EQ(s.blocks_sent, 500u);
  EXPECT_EQ(s.readings_acknowledged, 5000u);
  EXPECT_GT(s.bytes_sent, 500u * 100u);
  EXPECT_EQ(seals.ledger.answered, 5000u);

  const auto live = ring.put(now());
  uplink->wake();
  ASSERT_TRUE(all_released());
  EXPECT_EQ(rig.cloud.edge("press-07").order.back(), std::pair(Lane::live, live));
}

// The rest of a day's budget is for alarms and seals; the backlog waits in the ring.
TEST_F(UplinkTest, ASpentBudgetLetsAlarmsThroughAndKeepsTheRest) {
  const auto today = now() / 86'400'000'000'000;
  const Bytes day{20 << 20};
  ASSERT_TRUE(save_note(rig.folder.path / "uplink.budget", {today, day.count * 19 / 20}));
  for (int i = 0; i < 10; ++i) ring.put(now() - 3'600'000'000'000);
  ring.put(now());
  const auto alarm = ring.put(now(), 1000, true);
  seals.number = 1;
  start("press-07", true, day);
  ASSERT_TRUE(eventually([&] { return uplink->status().blocks_acknowledged == 1; }));
  ASSERT_TRUE(eventually([&] { return ring.seals_acknowledged_of({1}) == 1; }));
  EXPECT_EQ(rig.cloud.edge("press-07").order,
            (std::vector{std::pair(Lane::alarm, alarm)}));
  const auto status = uplink->status();
  EXPECT_EQ(status.budget.count, day.count);
  EXPECT_GT(status.budget_spent.count, day.count * 19 / 20 + 1000);
  EXPECT_EQ(ring.unreleased_count(), 11u);
}

TEST_F(UplinkTest, NothingIsReleasedBeforeTheCloudSaysSo) {
  rig.cloud.acknowledge(false);
  for (int i = 0; i < 10; ++i) ring.put(now());
  start();
  ASSERT_TRUE(eventually([&] { return rig.cloud.edge("press-07").order.size() == 10; }));
  EXPECT_EQ(ring.unreleased_count(), 10u);
  rig.cloud.acknowledge(true);
  ASSERT_TRUE(all_released());
}

TEST_F(UplinkTest, ACreditThatIsUsedUpStopsTheBacklogAndLeavesRoomForLive) {
  rig.cloud.acknowledge(false);
  for (int i = 0; i < 100; ++i) ring.put(now() - 3'600'000'000'000, 100'000);  // 10 MB
  start();
  ASSERT_TRUE(eventually([&] { return rig.cloud.edge("press-07").order.size() >= 30; }));
  const auto live = ring.put(now(), 1000);
  uplink->wake();
  ASSERT_TRUE(eventually([&] {
    return rig.cloud.edge("press-07").order.back() == std::pair(Lane::live, live);
  }));
  EXPECT_LE(rig.cloud.edge("press-07").order.size(), 42u);
  rig.cloud.acknowledge(true);
  ASSERT_TRUE(all_released());
  EXPECT_EQ(rig.cloud.edge("press-07").twice, 0u);
}

TEST_F(UplinkTest, AfterAGatewayRestartNothingIsSentTwice) {
  for (int i = 0; i < 50; ++i) ring.put(now() - 3'600'000'000'000);
  start();
  ASSERT_TRUE(all_released());
  rig.stop();
  for (int i = 0; i < 50; ++i) ring.put(now());
  uplink->wake();
  rig.start();
  ASSERT_TRUE(all_released());
  EXPECT_EQ(rig.cloud.edge("press-07").twice, 0u);
  EXPECT_GE(rig.cloud.edge("press-07").hellos.size(), 2u);
  EXPECT_GE(rig.resumed(), 1u);
}

TEST_F(UplinkTest, WhatTheCloudHasButDidNotSayIsNotAskedForAgain) {
  rig.cloud.acknowledge(false);
  for (int i = 0; i < 20; ++i) ring.put(now());
  start();
  ASSERT_TRUE(eventually([&] { return rig.cloud.edge("press-07").order.size() == 20; }));
  rig.stop();  // the acknowledgements are lost with it
  rig.start();
  ASSERT_TRUE(all_released());
  EXPECT_EQ(rig.cloud.edge("press-07").twice, 0u);
}

TEST_F(UplinkTest, ADictionaryGoesOnceAndBeforeItsFirstBlock) {
  SeriesDescription s;
  s.source = s.device = "line1";
  s.metric = "power";
  const auto dictionary = std::make_shared<const Dictionary>(std::vector{s});
  ring.put_with({dictionary}, now());
  ring.put_with({dictionary}, now());
  start();
  ASSERT_TRUE(all_released());
  const auto e = rig.cloud.edge("press-07");
  EXPECT_THAT(e.dictionaries, testing::ElementsAre(dictionary->hash()));
  EXPECT_THAT(e.types, testing::ElementsAre(wire::FrameType::hello, wire::FrameType::dictionary,
                                            wire::FrameType::block, wire::FrameType::block));
  rig.cloud.start_anew();  // the same data, another connection: known already
  ASSERT_TRUE(eventually([&] { return rig.cloud.edge("press-07").hellos.size() == 2; }));
  ring.put_with({dictionary}, now());
  uplink->wake();
  ASSERT_TRUE(all_released());
  EXPECT_EQ(rig.cloud.edge("press-07").dictionaries.size(), 1u);
}

TEST_F(UplinkTest, WhatTheCloudAsksForAgainIsSentAgain) {
  SeriesDescription s;
  s.source = s.device = "line1";
  s.metric = "power";
  const auto dictionary = std::make_shared<const Dictionary>(std::vector{s});
  const auto name = ring.put_with({dictionary}, now());
  start();
  ASSERT_TRUE(all_released());
  wire::Request request;
  request.dictionaries.push_back(dictionary->hash());
  request.missing.push_back({name.incarnation, {{1, 1}}, 0});
  rig.cloud.say("press-07", wire::FrameType::request, wire::encode(request));
  ASSERT_TRUE(eventually([&] { return rig.cloud.edge("press-07").twice == 1; }));
  EXPECT_EQ(rig.cloud.edge("press-07").dictionaries.size(), 2u);
}

TEST_F(UplinkTest, SealsAndClosingsOfEarlierStartsGoToo) {
  ring::Past past;
  past.closing.incarnation = {9};
  past.closing.durable_through = {3};
  Seal last;
  last.incarnation = {9};
  last.number = 17;
  ring.state_past(last);
  ring.past.past.push_back(past);
  ring.put({9}, now(), ByteVector(10, 1));
  seals.number = 4;
  start();
  ASSERT_TRUE(all_released());
  ASSERT_TRUE(eventually([&] { return ring.seals_acknowledged_of({1}) == 4; }));
  ASSERT_TRUE(eventually([&] { return ring.seals_acknowledged_of({9}) == 17; }));
  EXPECT_EQ(rig.cloud.edge("press-07").hellos[0].closings, std::vector<Closing>{past.closing});
  // A block of that start is evicted while the link is up: the cloud must hear of it, or it would
  // wait for the block forever.
  last.number = 18;
  last.evicted.add(Sequence{2});
  ring.state_past(last);
  ASSERT_TRUE(eventually([&] { return ring.seals_acknowledged_of({9}) == 18; }, 20s));
}

TEST_F(UplinkTest, ACloudThatKnowsLessThanItAcknowledgedIsToldAgain) {
  seals.number = 4;
  start();
  ASSERT_TRUE(eventually([&] { return ring.seals_acknowledged_of({1}) == 4; }, 20s));
  rig.cloud.come_back_empty();
  ASSERT_TRUE(eventually([&] { return rig.cloud.edge("press-07").seals[{1}] == 4; }, 40s));
  const std::lock_guard lock(seals.mutex);
  EXPECT_EQ(seals.asked_from, 0u);
  EXPECT_TRUE(seals.asked_brief);
}

// It would take the silence for completeness. Its windows stay provisional instead.
TEST_F(UplinkTest, ACloudTooOldForDroppedCountsHearsNothingBehindThem) {
  rig.cloud.speak(2);
  seals.number = 4;
  seals.drops = true;
  const auto block = ring.put(now());
  start();
  ASSERT_TRUE(eventually([&] { return ring.is_released(block); }, 20s)) << "blocks go all the same";
  EXPECT_EQ(rig.cloud.edge("press-07").seals[{1}], 0u);
  rig.cloud.speak(3);
  rig.cloud.come_back_empty();
  ASSERT_TRUE(eventually([&] { return ring.seals_acknowledged_of({1}) == 4; }, 40s));
}

// So that one that was put back to what it had been earlier knows what it will never hear.
TEST_F(UplinkTest, EachConnectionBeginsWithWhatTheEdgeKnowsOfItsStarts) {
  ring::Past past;
  past.closing.incarnation = {9};
  past.acknowledged = 17;
  ring.past.past.push_back(past);
  ring.past.settled = {8};
  ring.past.uncounted_from = event_time(77);
  Seal last;
  last.incarnation = {9};
  last.number = 18;
  ring.state_past(last);
  seals.number = 4;
  const auto before = clock.wall();
  start();
  ASSERT_TRUE(eventually([&] { return ring.seals_acknowledged_of({1}) == 4; }, 20s));
  ASSERT_TRUE(eventually([&] { return ring.seals_acknowledged_of({9}) == 18; }, 20s));
  for (int connection = 0; connection < 2; ++connection) {
    const auto said = rig.cloud.edge("press-07").openings;
    ASSERT_GE(said.size(), 2u);
    const auto& early = said[said.size() - 2];
    const auto& own = said.back();
    EXPECT_EQ(early.begun, kEventTimeMin) << "with a seal of an earlier start";
    const auto known = connection == 0 ? 17u : 18u;
    EXPECT_EQ(early.told, (std::vector<Opening::Told>{{{9}, known}}));
    EXPECT_EQ(own.told.size(), 1u);
    EXPECT_GE(own.begun, before - 1s);
    EXPECT_LE(own.begun, clock.wall());
    EXPECT_EQ(own.settled, (Incarnation{8}));
    EXPECT_EQ(own.uncounted_from, event_time(77));
    EXPECT_EQ(own.uncounted_until, own.begun);
    if (connection == 1) break;
    last.number = 19;
    ring.state_past(last);
    rig.cloud.come_back_empty();
    ASSERT_TRUE(eventually([&] { return rig.cloud.edge("press-07").openings.size() >= 2; }, 40s));
  }
}

TEST_F(UplinkTest, AnOlderCloudIsNotToldOfStarts) {
  rig.cloud.speak(3);
  seals.number = 4;
  start();
  ASSERT_TRUE(eventually([&] { return ring.seals_acknowledged_of({1}) == 4; }, 20s));
  EXPECT_TRUE(rig.cloud.edge("press-07").openings.empty());
}

TEST_F(UplinkTest, ABlockThatIsAskedForAndIsNoLongerHereIsGivenUp) {
  const auto gone = ring.put(now());
  start();
  ASSERT_TRUE(all_released());
  ring.evict(gone);
  wire::Request request;
  request.missing.push_back({gone.incarnation, {{1, 1}}, 0});
  rig.cloud.say("press-07", wire::FrameType::request, wire::encode(request));
  ASSERT_TRUE(eventually([&] { return ring.gave_up(gone); }));
}

TEST_F(UplinkTest, AnEvictedBlockIsPassedOver) {
  const auto first = ring.put(now() - 3'600'000'000'000);
  for (int i = 0; i < 5; ++i) ring.put(now() - 3'600'000'000'000);
  ring.evict(first);
  start();
  ASSERT_TRUE(all_released());
  EXPECT_EQ(rig.cloud.edge("press-07").order.size(), 5u);
  EXPECT_FALSE(ring.gave_up(first)) << "the ring knows";
}

TEST_F(UplinkTest, ABlockThatReplacesOthersGoesBehindASealAndInTheirPlace) {
  const auto old = ring.put(now() - 3'600'000'000'000);
  const auto merged = ring.put_replacing(now() - 3'600'000'000'000, {{1, 1}});
  seals.number = 4;
  start();
  ASSERT_TRUE(eventually([&] { return ring.is_released(merged); }));
  const auto edge = rig.cloud.edge("press-07");
  ASSERT_EQ(edge.order.size(), 1u) << "the one that gave way stays here";
  EXPECT_EQ(edge.order[0].second, merged);
  EXPECT_EQ(edge.seal_at_block[0], 4u) << "said before the block";
  EXPECT_FALSE(ring.is_released(old));
}

TEST_F(UplinkTest, AnEdgeThatIsEnrolledLaterNeedsNoRestart) {
  ring.put(now());
  start("press-09", false);
  ASSERT_TRUE(reaches("not enrolled"));
  EXPECT_NE(uplink->status().error.find("tidemark enroll"), std::string::npos);
  rig.enrolled("press-09");
  ASSERT_TRUE(reaches("up"));
  ASSERT_TRUE(all_released());
}

TEST_F(UplinkTest, ARevokedEdgeSaysWhatToDo) {
  start();
  ASSERT_TRUE(reaches("up"));
  ASSERT_TRUE(rig.other_registry()->revoke("press-07").value());
  ASSERT_TRUE(reaches("refused"));
  EXPECT_NE(uplink->status().error.find("revoked"), std::string::npos);
}

TEST_F(UplinkTest, ACertificateOfAnotherEdgeIsNotUsed) {
  start_as("press-08", rig.enrolled("press-07"), clock);
  ASSERT_TRUE(reaches("refused"));
  EXPECT_NE(uplink->status().error.find("press-07"), std::string::npos);
  EXPECT_TRUE(rig.cloud.edge("press-08").hellos.empty());
}

TEST_F(UplinkTest, AnOldCertificateIsRenewedOnTheWay) {
  const auto folder = rig.enrolled("press-07");
  const auto before = load_identity(folder).value();
  auto order = tls::CertificateOrder{};
  order.name = "press-07";
  order.site = "plant7";
  order.not_before = clock.wall() - 80 * 24h;
  order.not_after = clock.wall() + 10 * 24h;
  const auto key = tls::PrivateKey::load(rig.folder.path / "ca" / "key.pem").value();
  const auto csr = before.credentials.key.request("press-07").value();
  const auto old = tls::issue(key, rig.authority->certificate(), csr, order).value();
  ASSERT_TRUE(replace_certificate(folder, before.credentials.key, old));
  ring.put(now());
  start();
  ASSERT_TRUE(eventually([&] {
    const auto after = load_identity(folder);
    return after && after->facts.spki != before.facts.spki;
  }));
  ASSERT_TRUE(all_released());
  ASSERT_TRUE(eventually([&] { return rig.cloud.edge("press-07").hellos.size() == 2; }));
}

struct LaterClock final : Clock {
  [[nodiscard]] SteadyTime steady() const override {
    return system.steady() + 24h * days.load();
  }
  [[nodiscard]] EventTime wall() const override {
    return system.wall() + 24h * days.load();
  }
  [[nodiscard]] Nanoseconds thread_cpu() const override { return system.thread_cpu(); }
  SystemClock system;
  std::atomic<int> days{0};
};

// It was looked at when a connection began: one that lived from day 50 to day 91 was the last.
TEST_F(UplinkTest, ACertificateIsRenewedOnAConnectionThatStays) {
  const auto folder = rig.enrolled("press-07");
  const auto before = load_identity(folder).value();
  LaterClock later;
  start_as("press-07", folder, later);
  ASSERT_TRUE(reaches("up"));
  EXPECT_EQ(load_identity(folder)->facts.spki, before.facts.spki);
  later.days = 61;
  uplink->wake();
  EXPECT_TRUE(eventually([&] {
    const auto after = load_identity(folder);
    return after && after->facts.spki != before.facts.spki;
  }, 20s));
  uplink->stop();
}

// Else its ticket would be too old on the day when the gateway restarts.
TEST_F(UplinkTest, AConnectionThatStaysHasANewTicketWithinAWeek) {
  LaterClock later;
  start_as("press-07", rig.enrolled("press-07"), later);
  ASSERT_TRUE(reaches("up"));
  later.days = 6;
  uplink->wake();
  EXPECT_TRUE(eventually([&] { return rig.cloud.edge("press-07").hellos.size() == 2; }));
  EXPECT_EQ(rig.resumed(), 0u);
  uplink->stop();
}

TEST_F(UplinkTest, GoesThroughAProxyWithItsLogin) {
  const test::HttpProxy way("YWxpY2U6c2VjcmV0");  // alice:secret
  const auto login_file = rig.folder.path / "login";
  ASSERT_TRUE(write_file(login_file, "alice:secret\n", 0600));
  proxy = {way.address(), login_file};
  for (int i = 0; i < 3; ++i) ring.put(now());
  start();
  EXPECT_TRUE(all_released());
  EXPECT_EQ(way.led_to(), rig.address());
}

TEST_F(UplinkTest, AProxyThatRefusesIsNamedWithWhatToDo) {
  const test::HttpProxy way("YWxpY2U6c2VjcmV0");
  proxy = {way.address(), {}};
  start();
  ASSERT_TRUE(eventually([&] { return !uplink->status().error.empty(); }));
  EXPECT_THAT(uplink->status().error, testing::HasSubstr("through proxy " + way.address()));
  EXPECT_THAT(uplink->status().error, testing::HasSubstr("407"));
  EXPECT_THAT(uplink->status().error, testing::HasSubstr("uplink.proxy_login_file"));
}

TEST_F(UplinkTest, AProxyThatCannotReachTheGatewayIsAskedAgain) {
  const test::HttpProxy way;
  proxy = {way.address(), {}};
  const auto identity = rig.enrolled("press-07");
  rig.stop();
  ring.put(now());
  start();
  ASSERT_TRUE(eventually([&] {
    return uplink->status().error.find("502") != std::string::npos;
  }));
  rig.start();
  EXPECT_TRUE(all_released());
}

TEST_F(UplinkTest, StoppingIsQuickWhateverItWaitsFor) {
  start();
  rig.stop();
  ASSERT_TRUE(reaches("connecting"));
  const auto begin = std::chrono::steady_clock::now();
  uplink->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s);
  EXPECT_EQ(uplink->status().state, "stopped");
}

}  // namespace
}  // namespace tidemark::uplink
