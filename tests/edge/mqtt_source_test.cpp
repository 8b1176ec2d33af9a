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
#include "tests/edge/broker_process.h"

namespace tidemark::mqtt {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

bool eventually(const std::function<bool()>& condition) {
  return test::eventually(condition, seconds(20));
}

// A journal whose append() and wait_durable() do what the test says before, or instead.
class ScriptedJournal final : public journal::Journal {
 public:
  explicit ScriptedJournal(std::unique_ptr<journal::Journal> real) : real_(std::move(real)) {}
  std::function<void(const journal::Entry&)> after_append = [](const journal::Entry&) {};
  std::atomic<bool> full{false};
  std::atomic<int> waits{0};

  Result<journal::Position> append(const journal::Entry& entry, milliseconds patience) override {
    if (full) {
      ++waits;
      const auto until = std::chrono::steady_clock::now() + patience;
      eventually([&] { return !full || std::chrono::steady_clock::now() > until; });
      if (full) return Error(Fault::full, "scripted");
    }
    auto stored = real_->append(entry, patience);
    if (stored) after_append(entry);
    return stored;
  }
  void start_at(journal::Position from) override { real_->start_at(from); }
  std::optional<std::pair<journal::Entry, journal::Position>> next(milliseconds wait) override {
    return real_->next(wait);
  }
  void release(journal::Position until) override { real_->release(until); }
  bool wait_durable(journal::Position position, milliseconds patience) override {
    ++waits;
    return real_->wait_durable(position, patience);
  }
  void durable(journal::Position position) override { real_->durable(position); }
  void stop() override { real_->stop(); }
  [[nodiscard]] Bytes used() const override { return real_->used(); }
  [[nodiscard]] journal::Position end() const override { return real_->end(); }

 private:
  std::unique_ptr<journal::Journal> real_;
};

class MqttSourceTest : public testing::Test {
 protected:
  MqttSourceTest() {
    std::string name = (std::filesystem::temp_directory_path() / "tidemark-mqtt-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    options_.name = "floor";
    options_.topics = {"s/#"};
    options_.folder = folder_;
    options_.backoff_min = milliseconds(20);
    options_.backoff_max = milliseconds(100);
  }
  ~MqttSourceTest() override { std::filesystem::remove_all(folder_); }

  void open(std::uint64_t capacity = 1 << 20) {
    auto real = journal::Journal::open({folder_ / "journal", Bytes{capacity}});
    ASSERT_TRUE(real.ok());
    journal_ = std::make_unique<ScriptedJournal>(std::move(real).value());
    auto source = make_source(options_, *journal_, clock_, random_);
    ASSERT_TRUE(source.ok()) << source.error().text();
    source_ = std::move(source).value();
  }
  void start(journal::Position from = {}) {
    journal_->start_at(from);
    ASSERT_TRUE(source_->start().ok());
  }
  void close() {
    if (source_) source_->stop();
    source_.reset();
    journal_.reset();
  }
  bool connected() {
    return eventually([&] { return source_->status().state == "ok"; });
  }
  // Decodes what is in the journal until `count` readings came, into values_.
  bool take(std::size_t count) {
    return eventually([&] {
      take_one(milliseconds(1));
      return values_.size() >= count;
    });
  }
  bool take_one(milliseconds wait) {
    const auto next = journal_->next(wait);
    if (!next) return false;
    source::Decoded out;
    source_->decoder().decode(next->first, table_, out);
    for (const auto& group : out.groups) {
      for (const auto& column : group.columns) {
        values_.insert(values_.end(), column.f64.begin(), column.f64.end());
      }
    }
    for (const auto& r : out.rejected) reasons_.push_back(r.reason);
    position_ = next->second;
    journal_->release(next->second);
    return true;
  }

  std::filesystem::path folder_;
  Options options_;
  SystemClock clock_;
  SeededRandom random_{3};
  std::unique_ptr<ScriptedJournal> journal_;
  std::unique_ptr<source::Source> source_;
  source::SeriesTable table_;
  std::vector<double> values_;
  std::vector<std::string> reasons_;
  journal::Position position_;
};

#define NEEDS_MOSQUITTO() \
  if (!test::BrokerProcess::installed()) GTEST_SKIP() << "mosquitto is not installed"

TEST_F(MqttSourceTest, TakesWhatIsPublished) {
  NEEDS_MOSQUITTO();
  test::BrokerProcess broker(folder_);
  options_.url = broker.url();
  open();
  EXPECT_EQ(source_->status().state, "stopped");
  start();
  ASSERT_TRUE(connected());
  broker.publish("s/p1/temp", {"1", "2", R"({"v":3})"});
  ASSERT_TRUE(take(3));
  EXPECT_THAT(values_, ElementsAre(1, 2, 3));
  EXPECT_EQ(table_.at(0).local_name(), "p1-temp/temp");
  EXPECT_EQ(source_->status().heard, 3u);
  EXPECT_EQ(source_->status().protocol, "mqtt");
  close();
}

// Two agents, one group: the broker deals the messages out, and between them nothing is missing.
TEST_F(MqttSourceTest, ASharedSubscriptionIsDealtOutAmongItsClients) {
  NEEDS_MOSQUITTO();
  test::BrokerProcess broker(folder_);
  options_.url = broker.url();
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
  broker.publish("s/p1/temp", sent);
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
TEST_F(MqttSourceTest, ANodeThatNoBirthNamedIsAskedForOne) {
  NEEDS_MOSQUITTO();
  test::BrokerProcess broker(folder_);
  options_.url = broker.url();
  options_.topics = {"spBv1.0/#"};
  options_.format = Format::sparkplug;
  open();
  start();
  ASSERT_TRUE(connected());
  // A retained message tells that the one who listens is there.
  const auto at = fmt::format("-h 127.0.0.1 -p {}", broker.port());
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

TEST_F(MqttSourceTest, TheBrokerKeepsWhatComesWhileTheAgentIsAway) {
  NEEDS_MOSQUITTO();
  test::BrokerProcess broker(folder_);
  options_.url = broker.url();
  open();
  start();
  ASSERT_TRUE(connected());
  broker.publish("s/a", {"1"});
  ASSERT_TRUE(take(1));
  close();
  broker.publish("s/a", {"2", "3"});
  open();
  start(position_);
  ASSERT_TRUE(take(3));
  EXPECT_THAT(values_, ElementsAre(1, 2, 3));
  close();
}

// With MQTT 5 the session would end with the connection, and messages have properties.
TEST_F(MqttSourceTest, Version5KeepsItsSessionAndPassesPropertiesOver) {
  NEEDS_MOSQUITTO();
  test::BrokerProcess broker(folder_);
  options_.url = broker.url();
  options_.version = Version::v5;
  const auto send = [&](const char* value) {
    return std::system(fmt::format("mosquitto_pub -h 127.0.0.1 -p {} -V 5 -q 1 -t s/a -m {} "
                                   "-D publish user-property site plant7 -D publish "
                                   "content-type text/plain", broker.port(), value).c_str());
  };
  open();
  start();
  ASSERT_TRUE(connected()) << source_->status().error;
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

TEST_F(MqttSourceTest, WhatWasStoppedStartsAgain) {
  NEEDS_MOSQUITTO();
  test::BrokerProcess broker(folder_);
  options_.url = broker.url();
  open();
  start();
  ASSERT_TRUE(connected());
  source_->stop();
  broker.publish("s/a", {"1"});
  ASSERT_TRUE(source_->start().ok());
  ASSERT_TRUE(take(1));
  EXPECT_THAT(values_, ElementsAre(1));
  close();
}

TEST_F(MqttSourceTest, ComesBackWhenTheBrokerDoes) {
  NEEDS_MOSQUITTO();
  test::BrokerProcess broker(folder_);
  options_.url = broker.url();
  broker.stop(SIGKILL);
  open();
  start();
  ASSERT_TRUE(eventually([&] { return source_->status().failed > 1; }));
  EXPECT_EQ(source_->status().state, "connecting");
  EXPECT_THAT(source_->status().error, HasSubstr("Connection refused"));
  broker.start();
  ASSERT_TRUE(connected());
  broker.publish("s/a", {"1"});
  ASSERT_TRUE(take(1));
  broker.stop(SIGKILL);
  ASSERT_TRUE(eventually([&] { return source_->status().state == "connecting"; }));
  broker.start();  // without its sessions: subscribed again
  ASSERT_TRUE(connected());
  broker.publish("s/a", {"2"});
  ASSERT_TRUE(take(2));
  EXPECT_THAT(values_, ElementsAre(1, 2));
  close();
}

TEST_F(MqttSourceTest, TopicsOfAnEarlierConfigurationAreGivenUp) {
  NEEDS_MOSQUITTO();
  test::BrokerProcess broker(folder_);
  options_.url = broker.url();
  options_.topics = {"s/#", "old/#"};
  open();
  start();
  ASSERT_TRUE(connected());
  broker.publish("old/a", {"1"});
  ASSERT_TRUE(take(1));
  close();
  options_.topics = {"s/#"};
  open();
  start(position_);
  ASSERT_TRUE(connected());
  broker.publish("s/a", {"2"});  // the broker has answered both when this comes
  ASSERT_TRUE(take(2));
  broker.publish("old/a", {"3"});
  broker.publish("s/a", {"4"});
  ASSERT_TRUE(take(3));
  EXPECT_THAT(values_, ElementsAre(1, 2, 4));
  EXPECT_THAT(reasons_, testing::IsEmpty());
  close();
}

TEST_F(MqttSourceTest, ARefusalIsShown) {
  NEEDS_MOSQUITTO();
  test::BrokerProcess broker(folder_, "allow_anonymous false");
  options_.url = broker.url();
  open();
  start();
  ASSERT_TRUE(eventually([&] { return source_->status().state == "failing"; }));
  EXPECT_THAT(source_->status().error, HasSubstr("it refuses"));
  close();
}

// The agent dies by kill -9 right after a message is in the journal and before its PUBACK: the
// broker repeats it, and it counts once. `flushed`: its entry was read and released before that.
class KillNine : public MqttSourceTest, public testing::WithParamInterface<bool> {};

TEST_P(KillNine, CountsARepeatedMessageOnce) {
  NEEDS_MOSQUITTO();
  test::BrokerProcess broker(folder_);
  options_.url = broker.url();
  open();
  start();
  ASSERT_TRUE(connected());  // the session begins
  ASSERT_TRUE(take_one(milliseconds(1000)));
  close();
  broker.publish("s/a", {"1", "2", "3", "4"});

  const bool flushed = GetParam();
  const pid_t child = ::fork();
  if (child == 0) {
    open();
    int appended = 0;
    journal_->after_append = [&](const journal::Entry&) {
      if (++appended < 3) return;
      while (flushed && take_one(milliseconds(0))) {}
      ::kill(::getpid(), SIGKILL);
    };
    start(position_);
    for (;;) ::pause();
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

  open();
  int repeated = 0;
  std::mutex mutex;
  journal_->after_append = [&](const journal::Entry& entry) {
    const std::lock_guard lock(mutex);
    if ((entry.kind & kMessage) != 0 && (entry.kind & kDuplicate) != 0) ++repeated;
  };
  start();  // at the oldest that was never released
  broker.publish("s/a", {"5"});
  ASSERT_TRUE(take(flushed ? 2 : 5));
  while (take_one(milliseconds(100))) {}
  if (flushed) {
    EXPECT_THAT(values_, ElementsAre(4, 5));
  } else {
    EXPECT_THAT(values_, ElementsAre(1, 2, 3, 4, 5));
  }
  const std::lock_guard lock(mutex);
  EXPECT_GE(repeated, 1) << "the broker repeats, and libmosquitto lets us see it";
  source_->stop();
  close();
}

INSTANTIATE_TEST_SUITE_P(Journal, KillNine, testing::Values(false, true));

TEST_F(MqttSourceTest, AFullJournalHoldsTheBrokerBackAndLosesNothing) {
  NEEDS_MOSQUITTO();
  test::BrokerProcess broker(folder_);
  options_.url = broker.url();
  open();
  start();
  ASSERT_TRUE(connected());
  journal_->full = true;
  broker.publish("s/a", {"1", "2"});
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

TEST_F(MqttSourceTest, WhatIsTooLargeIsRejectedAndTheNextCounts) {
  NEEDS_MOSQUITTO();
  test::BrokerProcess broker(folder_);
  options_.url = broker.url();
  options_.payload_max = Bytes{100'000};
  open(64 * 1024);  // half of it is less than payload_max
  start();
  ASSERT_TRUE(connected());
  broker.publish("s/a", {std::string(50'000, '7'), std::string(100'001, '8'), "9"});
  ASSERT_TRUE(take(1));
  EXPECT_THAT(values_, ElementsAre(9));
  EXPECT_THAT(reasons_, ElementsAre(HasSubstr("50000 B"), HasSubstr("100001 B")));
  close();
}

TEST_F(MqttSourceTest, RetainedMessagesAreNoReadingsOfNow) {
  NEEDS_MOSQUITTO();
  test::BrokerProcess broker(folder_);
  options_.url = broker.url();
  const auto command = fmt::format("mosquitto_pub -p {} -q 1 -r -t s/old -m 1", broker.port());
  ASSERT_EQ(std::system(command.c_str()), 0);
  open();
  start();
  ASSERT_TRUE(connected());
  broker.publish("s/a", {"2"});
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
