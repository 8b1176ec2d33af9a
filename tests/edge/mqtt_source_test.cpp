// The source against a real broker, and against a scripted one where the order of bytes matters.
#include "edge/mqtt/mqtt_source.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <array>
#include <cstdlib>
#include <thread>

#include "edge/mqtt/broker_client.h"
#include "edge/mqtt/message.h"
#include "tests/edge/mqtt_source_fixture.h"

namespace tidemark::mqtt {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(MqttBrokerTest, TakesWhatIsPublished) {
  open();
  EXPECT_EQ(source_->status().state, "stopped");
  start();
  ASSERT_TRUE(connected());
  broker_->publish("s/p1/temp", {"1", "2", R"({"v":3})"});
  ASSERT_TRUE(take(3));
  EXPECT_THAT(values_, ElementsAre(1, 2, 3));
  EXPECT_EQ(table_.at(0).local_name(), "p1-temp/temp");
  EXPECT_EQ(source_->status().heard, 3u);
  EXPECT_EQ(source_->status().protocol, "mqtt");
  close();
}

// Two agents, one group: the broker deals the messages out, and between them nothing is missing.
TEST_F(MqttBrokerTest, ASharedSubscriptionIsDealtOutAmongItsClients) {
  options_.topics = {"$share/agents/s/#"};
  open();
  start();
  auto other = options_;
  other.name = "floor2";
  auto real = journal::Journal::open({folder_ / "journal2", Bytes{1 << 20}});
  ASSERT_TRUE(real.ok());
  const auto journal = std::move(real).value();
  auto second = make_source(other, *journal, clock_, random_);
  ASSERT_TRUE(second.ok());
  journal->start_at({});
  ASSERT_TRUE((*second)->start().ok());
  ASSERT_TRUE(connected());
  ASSERT_TRUE(eventually([&] { return (*second)->status().state == "ok"; }));
  std::vector<std::string> sent;
  std::vector<double> expected;
  for (int i = 0; i < 100; ++i) {
    sent.push_back(std::to_string(i));
    expected.push_back(i);
  }
  broker_->publish("s/p1/temp", sent);
  source::SeriesTable others;
  std::size_t by_second = 0;
  eventually([&] {
    take_one(milliseconds(1));
    const auto next = journal->next(milliseconds(0));
    if (!next) return values_.size() >= sent.size();
    source::Decoded out;
    (*second)->decoder().decode(next->first, others, out);
    for (const auto& group : out.groups) {
      const auto& v = group.columns.at(0).f64;
      values_.insert(values_.end(), v.begin(), v.end());
      by_second += v.size();
    }
    for (const auto& r : out.rejected) reasons_.push_back(r.reason);
    return values_.size() >= sent.size();
  });
  while (take_one(milliseconds(100))) {}
  EXPECT_THAT(reasons_, testing::IsEmpty());
  EXPECT_THAT(values_, testing::UnorderedElementsAreArray(expected));
  EXPECT_GT(by_second, 0u);
  EXPECT_LT(by_second, sent.size());
  ASSERT_EQ(table_.size(), 1u);
  EXPECT_EQ(table_.at(0).local_name(), "p1-temp/temp");
  (*second)->stop();
  close();
}

// The request leaves from the thread that decodes, while the client's own waits for messages.
TEST_F(MqttBrokerTest, ANodeThatNoBirthNamedIsAskedForOne) {
  options_.topics = {"spBv1.0/#"};
  options_.format = Format::sparkplug;
  connect();
  // A retained message tells that the one who listens is there.
  const auto at = fmt::format("-h 127.0.0.1 -p {}", broker_->port());
  ASSERT_EQ(std::system(fmt::format("mosquitto_pub {} -t ready -m yes -r", at).c_str()), 0);
  const auto listen = fmt::format("mosquitto_sub {} -t ready -t 'spBv1.0/+/NCMD/+' -C 2 -W 20 "
                                  "-F '%t %x'", at);
  std::FILE* heard = ::popen(listen.c_str(), "r");
  std::array<char, 512> line{};
  ASSERT_NE(std::fgets(line.data(), line.size(), heard), nullptr);
  // time 1000, a metric of alias 5 with the value 7, sequence 0
  const std::string data("\x08\xe8\x07\x12\x04\x10\x05\x50\x07\x18\x00", 11);
  std::ofstream(folder_ / "ndata") << data;
  const auto send = fmt::format("mosquitto_pub {} -q 1 -t spBv1.0/G/NDATA/N -f {}", at,
                                (folder_ / "ndata").string());
  ASSERT_EQ(std::system(send.c_str()), 0);
  EXPECT_TRUE(eventually([&] {
    take_one(milliseconds(1));
    return !reasons_.empty();
  }));
  EXPECT_THAT(reasons_, ElementsAre(HasSubstr("birth")));
  const bool asked = std::fgets(line.data(), line.size(), heard) != nullptr;
  ::pclose(heard);
  ASSERT_TRUE(asked) << "nobody was asked within 20 s";
  const std::string request(line.data(), line.size());
  EXPECT_THAT(request, HasSubstr("spBv1.0/G/NCMD/N "));
  EXPECT_THAT(request, HasSubstr(to_hex(as_bytes("Node Control/Rebirth"))));
  close();
}

TEST_F(MqttBrokerTest, TheBrokerKeepsWhatComesWhileTheAgentIsAway) {
  connect();
  broker_->publish("s/a", {"1"});
  ASSERT_TRUE(take(1));
  close();
  broker_->publish("s/a", {"2", "3"});
  open();
  start(position_);
  ASSERT_TRUE(take(3));
  EXPECT_THAT(values_, ElementsAre(1, 2, 3));
  close();
}

// They fall into the window of this moment, and nothing else would say so.
TEST_F(MqttBrokerTest, WhatTheBrokerKeptIsNotedWhereItCountsOnArrival) {
  connect();
  close();
  broker_->publish("s/a", std::vector<std::string>(50, "1"));
  open();
  start(position_);
  ASSERT_TRUE(take(50));
  EXPECT_TRUE(eventually([&] {
    return source_->status().error.find("gave about 50 messages at once that it had kept") !=
           std::string::npos;
  })) << source_->status().error;
  EXPECT_EQ(source_->status().state, "ok");
  close();
}

// With MQTT 5 the session would end with the connection, and messages have properties.
TEST_F(MqttBrokerTest, Version5KeepsItsSessionAndPassesPropertiesOver) {
  options_.version = Version::v5;
  const auto send = [&](const char* value) {
    return std::system(fmt::format("mosquitto_pub -h 127.0.0.1 -p {} -V 5 -q 1 -t s/a -m {} "
                                   "-D publish user-property site plant7 -D publish "
                                   "content-type text/plain", broker_->port(), value).c_str());
  };
  connect();
  ASSERT_EQ(send("1"), 0);
  ASSERT_TRUE(take(1));
  close();
  ASSERT_EQ(send("2"), 0);
  open();
  start(position_);
  ASSERT_TRUE(take(2));
  EXPECT_THAT(values_, ElementsAre(1, 2));
  EXPECT_TRUE(reasons_.empty());
  close();
}

TEST_F(MqttBrokerTest, WhatWasStoppedStartsAgain) {
  connect();
  source_->stop();
  broker_->publish("s/a", {"1"});
  ASSERT_TRUE(source_->start().ok());
  ASSERT_TRUE(take(1));
  EXPECT_THAT(values_, ElementsAre(1));
  close();
}

TEST_F(MqttBrokerTest, ComesBackWhenTheBrokerDoes) {
  broker_->stop(SIGKILL);
  open();
  start();
  ASSERT_TRUE(eventually([&] { return source_->status().failed > 1; }));
  EXPECT_EQ(source_->status().state, "connecting");
  EXPECT_THAT(source_->status().error, HasSubstr("Connection refused"));
  broker_->start();
  ASSERT_TRUE(connected());
  broker_->publish("s/a", {"1"});
  ASSERT_TRUE(take(1));
  broker_->stop(SIGKILL);
  ASSERT_TRUE(eventually([&] { return source_->status().state == "connecting"; }));
  broker_->start();  // without its sessions: subscribed again
  ASSERT_TRUE(connected());
  broker_->publish("s/a", {"2"});
  ASSERT_TRUE(take(2));
  EXPECT_THAT(values_, ElementsAre(1, 2));
  close();
}

TEST_F(MqttBrokerTest, TopicsOfAnEarlierConfigurationAreGivenUp) {
  options_.topics = {"s/#", "old/#"};
  connect();
  broker_->publish("old/a", {"1"});
  ASSERT_TRUE(take(1));
  close();
  options_.topics = {"s/#"};
  connect(position_);
  broker_->publish("s/a", {"2"});  // the broker has answered both when this comes
  ASSERT_TRUE(take(2));
  broker_->publish("old/a", {"3"});
  broker_->publish("s/a", {"4"});
  ASSERT_TRUE(take(3));
  EXPECT_THAT(values_, ElementsAre(1, 2, 4));
  EXPECT_THAT(reasons_, testing::IsEmpty());
  close();
}

TEST_F(MqttBrokerTest, ARefusalIsShown) {
  serve("allow_anonymous false");
  open();
  start();
  ASSERT_TRUE(eventually([&] { return source_->status().state == "failing"; }));
  EXPECT_THAT(source_->status().error, HasSubstr("it refuses"));
  close();
}

TEST_F(MqttBrokerTest, AFullJournalHoldsTheBrokerBackAndLosesNothing) {
  connect();
  journal_->full = true;
  broker_->publish("s/a", {"1", "2"});
  ASSERT_TRUE(eventually([&] { return journal_->waits > 2; }));
  source_->stop();  // while it waits: no PUBACK may leave
  source_.reset();
  journal_->full = false;
  auto source = make_source(options_, *journal_, clock_, random_);
  ASSERT_TRUE(source.ok());
  source_ = std::move(source).value();
  ASSERT_TRUE(source_->start().ok());
  ASSERT_TRUE(take(2));
  EXPECT_THAT(values_, ElementsAre(1, 2));
  close();
}

TEST_F(MqttBrokerTest, WhatIsTooLargeIsRejectedAndTheNextCounts) {
  options_.payload_max = Bytes{100'000};
  open(64 * 1024);  // half of it is less than payload_max
  start();
  ASSERT_TRUE(connected());
  broker_->publish("s/a", {std::string(50'000, '7'), std::string(100'001, '8'), "9"});
  ASSERT_TRUE(take(1));
  EXPECT_THAT(values_, ElementsAre(9));
  EXPECT_THAT(reasons_, ElementsAre(HasSubstr("50000 B"), HasSubstr("100001 B")));
  close();
}

TEST_F(MqttBrokerTest, RetainedMessagesAreNoReadingsOfNow) {
  const auto command = fmt::format("mosquitto_pub -p {} -q 1 -r -t s/old -m 1", broker_->port());
  ASSERT_EQ(std::system(command.c_str()), 0);
  connect();
  broker_->publish("s/a", {"2"});
  ASSERT_TRUE(take(1));
  EXPECT_THAT(values_, ElementsAre(2));
  close();
}

// A broker of a few lines, to see exactly when bytes come back.
class ScriptedBroker {
 public:
  ScriptedBroker() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    auto address = test::loopback(0);
    socklen_t size = sizeof address;
    ::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(fd_, 1);
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  ~ScriptedBroker() {
    if (peer_ >= 0) ::close(peer_);
    ::close(fd_);
  }
  [[nodiscard]] std::string url() const { return fmt::format("mqtt://127.0.0.1:{}", port_); }
  void accept() { peer_ = ::accept(fd_, nullptr, nullptr); }
  void send(const ByteVector& bytes) const { ::send(peer_, bytes.data(), bytes.size(), 0); }
  // One packet of less than 128 bytes; its first byte is the type. Empty: closed.
  [[nodiscard]] ByteVector packet() const {
    ByteVector packet(2);
    if (::recv(peer_, packet.data(), 2, MSG_WAITALL) != 2) return {};
    packet.resize(2 + packet[1]);
    if (packet.size() > 2) ::recv(peer_, packet.data() + 2, packet.size() - 2, MSG_WAITALL);
    return packet;
  }
  [[nodiscard]] bool silent(int for_ms) const {
    pollfd p{.fd = peer_, .events = POLLIN, .revents = 0};
    return ::poll(&p, 1, for_ms) == 0;
  }

 private:
  int fd_;
  int peer_ = -1;
  int port_ = 0;
};

TEST_F(MqttSourceTest, DurableAcknowledgesAfterTheFlush) {
  ScriptedBroker broker;
  options_.url = broker.url();
  options_.topics = {"s/a"};
  options_.durable = true;
  open();
  start();
  std::thread pipeline([&] {  // flushes the entry of the new session, and no more
    while (!take_one(milliseconds(10))) {}
    journal_->durable(position_);
  });
  broker.accept();
  const auto connect = broker.packet();
  ASSERT_GT(connect.size(), 9u);
  EXPECT_EQ(connect[9] & 2, 0) << "clean session must be off";
  broker.send({0x20, 2, 0, 0});
  const auto subscribe = broker.packet();
  ASSERT_EQ(subscribe.at(0), 0x82);
  EXPECT_EQ(subscribe.back(), 1) << "QoS 1";
  broker.send({0x90, 3, subscribe[2], subscribe[3], 1});
  pipeline.join();
  broker.send({0x32, 8, 0, 3, 's', '/', 'a', 0, 7, '5'});  // PUBLISH, QoS 1, id 7
  ASSERT_TRUE(take(1));
  EXPECT_TRUE(broker.silent(300)) << "no PUBACK before the flush";
  journal_->durable(position_);
  EXPECT_EQ(broker.packet(), (ByteVector{0x40, 2, 0, 7}));
  close();
}

// mosquitto grants what its access list forbids and sends nothing; other brokers say so.
TEST_F(MqttSourceTest, ARefusedTopicOfPresenceIsNotedAndReadingsCome) {
  ScriptedBroker broker;
  options_.url = broker.url();
  options_.topics = {"s/a"};
  options_.presence = {{.topic = "gone", .path = "", .online = {"1"}, .offline = {"0"},
                        .device = "", .all = false}};
  open();
  start();
  broker.accept();
  (void)broker.packet();
  broker.send({0x20, 2, 0, 0});
  const auto readings = broker.packet();
  const auto presence = broker.packet();
  broker.send({0x90, 3, readings.at(2), readings.at(3), 1});
  broker.send({0x90, 3, presence.at(2), presence.at(3), 0x80});
  ASSERT_TRUE(connected()) << source_->status().error;
  EXPECT_THAT(source_->status().error, HasSubstr("refuses a topic of presence"));
  broker.send({0x30, 6, 0, 3, 's', '/', 'a', '5'});
  EXPECT_TRUE(take(1));
  close();
}

TEST_F(MqttSourceTest, ADurableMessageIsNotAcknowledgedByStopping) {
  ScriptedBroker broker;
  options_.url = broker.url();
  options_.topics = {"s/a"};
  options_.durable = true;
  open();
  start();
  broker.accept();
  (void)broker.packet();
  broker.send({0x20, 2, 1, 0});  // the session is known
  const auto subscribe = broker.packet();
  broker.send({0x90, 3, subscribe.at(2), subscribe.at(3), 1});
  broker.send({0x3a, 8, 0, 3, 's', '/', 'a', 0, 7, '5'});  // with DUP
  ASSERT_TRUE(take(1));
  close();
  EXPECT_EQ(broker.packet(), ByteVector{}) << "closed without a PUBACK";
}

TEST(BrokerUrl, IsReadOrRefused) {
  const auto read = [](std::string_view url) {
    const auto a = parse_broker_url(url);
    return a ? fmt::format("{} {} {}", a->host, a->port, a->tls) : a.error().text();
  };
  EXPECT_EQ(read("mqtt://broker"), "broker 1883 false");
  EXPECT_EQ(read("mqtt://127.0.0.1:1884/"), "127.0.0.1 1884 false");
  EXPECT_EQ(read("mqtts://b.example"), "b.example 8883 true");
  EXPECT_EQ(read("mqtt://[::1]:99"), "::1 99 false");
  EXPECT_EQ(read("mqtt://[::1]"), "::1 1883 false");
  EXPECT_THAT(read("tcp://x"), HasSubstr("expected mqtt://"));
  EXPECT_THAT(read("mqtt://u:p@x"), HasSubstr("keys of their own"));
  EXPECT_THAT(read("mqtt://x:0"), HasSubstr("port is not in"));
  EXPECT_THAT(read("mqtt://x:y"), HasSubstr("port is not in"));
  EXPECT_THAT(read("mqtt://"), HasSubstr("expected a host"));
  EXPECT_THAT(read("mqtt://x/y"), HasSubstr("expected a host"));
}

TEST(MqttOptions, AreChecked) {
  Options good;
  good.name = "floor";
  good.url = "mqtt://x";
  good.topics = {"a"};
  EXPECT_TRUE(good.check().ok());
  const auto why = [&](const std::function<void(Options&)>& change) {
    auto options = good;
    change(options);
    const auto result = options.check();
    return result.ok() ? std::string() : result.error().text();
  };
  EXPECT_THAT(why([](Options& o) { o.name = ""; }), HasSubstr("name"));
  EXPECT_THAT(why([](Options& o) { o.topics.clear(); }), HasSubstr("topics"));
  EXPECT_THAT(why([](Options& o) { o.topics = {"a#"}; }), HasSubstr("mixes"));
  EXPECT_THAT(why([](Options& o) { o.device = "topic[a]"; }), HasSubstr("topic[N]"));
  EXPECT_THAT(why([](Options& o) { o.time_path = "$.a..b"; }), HasSubstr("empty name"));
  EXPECT_THAT(why([](Options& o) { o.payload_max = Bytes{0}; }), HasSubstr("payload_max"));
  EXPECT_THAT(why([](Options& o) { o.backoff_min = seconds(60); }), HasSubstr("backoff"));
  EXPECT_THAT(why([](Options& o) { o.series.resize(2); }), HasSubstr("comes twice"));
}

}  // namespace
}  // namespace tidemark::mqtt
