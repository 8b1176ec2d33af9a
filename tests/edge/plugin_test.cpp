// The broker's plug-in in a real mosquitto: what was acknowledged is in the journal, whoever dies.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <mosquitto.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <atomic>
#include <cstring>
#include <mutex>
#include <set>

#include "common/base/random.h"
#include "edge/journal/journal.h"
#include "edge/mqtt/message.h"
#include "edge/mqtt/mqtt_source.h"
#include "tests/edge/broker_process.h"
#include "tests/edge/temporary_folder.h"

namespace tidemark::plugin {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

bool eventually(const std::function<bool()>& condition) {
  return test::eventually(condition, 30s);
}

// A client that publishes numbers with QoS 1 and knows which of them the broker acknowledged.
class Sender {
 public:
  explicit Sender(int port) : client_(mosquitto_new(nullptr, true, this)) {
    mosquitto_int_option(client_, MOSQ_OPT_SEND_MAXIMUM, 50);
    mosquitto_reconnect_delay_set(client_, 1, 1, false);
    mosquitto_publish_callback_set(client_, [](mosquitto*, void* self, int id) {
      auto& me = *static_cast<Sender*>(self);
      const std::lock_guard lock(me.mutex_);
      me.acknowledged_.insert(me.number_of_[id]);
    });
    mosquitto_disconnect_callback_set(client_, [](mosquitto*, void* self, int) {
      ++static_cast<Sender*>(self)->cut_;
    });
    EXPECT_EQ(mosquitto_connect(client_, "127.0.0.1", port, 10), MOSQ_ERR_SUCCESS);
    mosquitto_loop_start(client_);
  }
  ~Sender() {
    mosquitto_disconnect(client_);
    mosquitto_loop_stop(client_, true);
    mosquitto_destroy(client_);
  }
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  void publish(int number, std::size_t bytes = 0) {
    auto text = std::to_string(number);
    text.resize(std::max(text.size(), bytes), ' ');
    int id = 0;
    const std::lock_guard lock(mutex_);
    mosquitto_publish(client_, &id, "s/a", static_cast<int>(text.size()), text.data(), 1, false);
    number_of_[id] = number;
  }
  std::set<int> acknowledged() {
    const std::lock_guard lock(mutex_);
    return acknowledged_;
  }
  [[nodiscard]] int cut() const { return cut_; }

 private:
  mosquitto* client_;
  std::mutex mutex_;
  std::map<int, int> number_of_;
  std::set<int> acknowledged_;
  std::atomic<int> cut_{0};
};

class PluginTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!test::BrokerProcess::installed()) GTEST_SKIP() << "mosquitto is not installed";
    mosquitto_lib_init();
  }
  std::string lines(std::string_view more = "") const {
    return fmt::format("allow_anonymous true\nuser root\nmax_inflight_messages 50\nplugin {}\n"
                       "plugin_opt_topic s/#\nplugin_opt_journal {}\nplugin_opt_journal_bytes {}\n"
                       "{}", TIDEMARK_PLUGIN, file_.string(), kBytes, more);
  }
  std::unique_ptr<journal::Journal> agent(const std::string& boot = journal::boot_id()) const {
    auto j = journal::Journal::open({file_, Bytes{kBytes}, false, boot});
    EXPECT_TRUE(j.ok());
    return j.ok() ? std::move(j).value() : nullptr;
  }
  // Reads on until nothing comes for a moment; `got` gathers the numbers.
  static journal::Position read(journal::Journal& j, std::set<int>& got, journal::Position last) {
    while (const auto e = j.next(200ms)) {
      EXPECT_EQ(e->first.source, mqtt::kBrokerSource);
      const auto message = mqtt::from_entry(e->first);
      EXPECT_TRUE(message.ok());
      got.insert(std::stoi(std::string(as_text(message->payload))));
      j.release(last = e->second);
    }
    return last;
  }

  static constexpr std::uint64_t kBytes = 128 * 1024;
  test::TemporaryFolder folder_;
  std::filesystem::path file_ = folder_ / "intake.journal";
};

std::set<int> up_to(int n) {
  std::set<int> all;
  for (int i = 0; i < n; ++i) all.insert(i);
  return all;
}

TEST_F(PluginTest, MessagesOfItsTopicsGoToTheJournalAndToSubscribers) {
  test::BrokerProcess broker(folder_.path(), lines());
  broker.publish("s/p1/t", {"1"});  // before there is an agent
  auto j = agent();
  EXPECT_TRUE(j->has_guest());
  broker.publish("elsewhere", {"2"});
  broker.publish("s/p1/t", {"3"});
  std::set<int> got;
  const auto first = j->next(10s);
  ASSERT_TRUE(first);
  EXPECT_EQ(as_text(first->first.topic), "s/p1/t");
  EXPECT_GT(count_ns(first->first.arrived), 0);
  EXPECT_GT(first->first.steady, 0);
  read(*j, got, {});
  EXPECT_THAT(got, ElementsAre(3));
  broker.stop(SIGTERM);
  EXPECT_FALSE(j->has_guest());
}

TEST_F(PluginTest, AFullJournalClosesConnectionsAndAcknowledgesNothingThatItDoesNotHold) {
  test::BrokerProcess broker(folder_.path(), lines("plugin_opt_wait_ms 50"));
  auto j = agent();
  Sender sender(broker.port());
  constexpr int kMessages = 300;  // some 900 B each: more than twice the journal
  for (int i = 0; i < kMessages; ++i) sender.publish(i, 900);
  ASSERT_TRUE(eventually([&] { return sender.cut() > 1; })) << "refused, and refused again";
  const auto acknowledged = sender.acknowledged();
  EXPECT_LT(acknowledged.size(), 150u);
  EXPECT_GT(acknowledged.size(), 50u);
  std::set<int> got;
  journal::Position last;
  ASSERT_TRUE(eventually([&] {
    last = read(*j, got, last);
    return sender.acknowledged().size() == kMessages;
  }));
  read(*j, got, last);
  EXPECT_EQ(got, up_to(kMessages));
  for (const int n : acknowledged) EXPECT_TRUE(got.contains(n));
}

// It was refused for ever, with the sender's connection each time, and all behind it waited.
TEST_F(PluginTest, WhatNoJournalOfThisSizeHoldsIsCutAndTheNextCounts) {
  test::BrokerProcess broker(folder_.path(), lines());  // payload_max: 256 KiB, twice the journal
  auto j = agent();
  Sender sender(broker.port());
  sender.publish(1, 100'000);
  sender.publish(2);
  ASSERT_TRUE(eventually([&] { return sender.acknowledged().size() == 2; }));
  EXPECT_EQ(sender.cut(), 0);
  const auto first = j->next(10s);
  ASSERT_TRUE(first);
  const auto cut = mqtt::from_entry(first->first);
  ASSERT_TRUE(cut);
  EXPECT_TRUE(cut->has(mqtt::kCut));
  EXPECT_EQ(cut->size, 100'000u);
  EXPECT_EQ(cut->payload.size(), mqtt::kCutBytes);
  std::set<int> got;
  read(*j, got, first->second);
  EXPECT_THAT(got, ElementsAre(2));
}

TEST_F(PluginTest, WhatABrokerAcknowledgedBeforeItsKillNineIsThere) {
  test::BrokerProcess broker(folder_.path(), lines());
  auto j = agent();
  std::set<int> got;
  journal::Position last;
  SeededRandom random(9);
  int number = 0;
  for (int life = 0; life < 5; ++life) {
    Sender sender(broker.port());
    const auto enough = random.below(400) + 1;
    std::set<int> acknowledged;
    while (acknowledged.size() < enough) {
      for (int i = 0; i < 20; ++i) sender.publish(number++);
      while (const auto e = j->next(1ms)) {
        got.insert(std::stoi(std::string(as_text(mqtt::from_entry(e->first)->payload))));
        j->release(last = e->second);
      }
      acknowledged = sender.acknowledged();
    }
    broker.stop(SIGKILL);
    acknowledged = sender.acknowledged();
    last = read(*j, got, last);
    for (const int n : acknowledged) ASSERT_TRUE(got.contains(n)) << "life " << life << ": " << n;
    broker.start();
  }
}

// What the agent had flushed when it died, in memory that outlives it.
struct Flushed {
  std::atomic<std::uint64_t> journal, offset, numbers;
  std::atomic<std::uint8_t> seen[100'000];
};

TEST_F(PluginTest, TheAgentsKillNineLosesNothing) {
  test::BrokerProcess broker(folder_.path(), lines("plugin_opt_wait_ms 20000"));
  void* shared = ::mmap(nullptr, sizeof(Flushed), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(shared, MAP_FAILED);
  auto& flushed = *new (shared) Flushed{};
  SeededRandom random(10);
  Sender sender(broker.port());
  int number = 0;
  for (int life = 0; life < 6; ++life) {
    const auto child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto j = agent();
      j->start_at({flushed.journal, flushed.offset});
      for (;;) {  // a flush names a position behind everything that it holds
        const auto e = j->next(1s);
        if (!e) continue;
        const auto n = std::stoi(std::string(as_text(mqtt::from_entry(e->first)->payload)));
        flushed.seen[n] = static_cast<std::uint8_t>(flushed.seen[n] + 1);
        flushed.journal = e->second.journal;
        flushed.offset = e->second.offset;
        ++flushed.numbers;
        j->release(e->second);
      }
    }
    const auto enough = flushed.numbers + random.below(1500) + 1;
    while (flushed.numbers < enough) {
      for (int i = 0; i < 10; ++i) sender.publish(number++);
      const auto due = static_cast<std::size_t>(number);
      eventually([&] { return sender.acknowledged().size() + 200 > due; });
    }
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child failed by itself";
  }
  ASSERT_TRUE(eventually([&] {
    return sender.acknowledged().size() == static_cast<std::size_t>(number) || sender.cut() > 0;
  }));
  EXPECT_EQ(sender.cut(), 0) << "the journal took all";
  auto j = agent();
  j->start_at({flushed.journal, flushed.offset});
  std::set<int> got;
  read(*j, got, {});
  for (int n = 0; n < number; ++n) {
    // Before the position, or after it; both only what was killed between two statements.
    ASSERT_TRUE(flushed.seen[n] > 0 || got.contains(n)) << n << " of " << number;
  }
  ::munmap(shared, sizeof(Flushed));
}

TEST_F(PluginTest, AJournalThatIsReplacedIsOpenedAgain) {
  test::BrokerProcess broker(folder_.path(), lines());
  broker.publish("s/a", {"1"});
  auto j = agent("another boot");
  EXPECT_FALSE(j->has_guest());
  int number = 2;
  EXPECT_TRUE(eventually([&] {
    broker.publish("s/a", {std::to_string(number++)});
    return j->has_guest();
  }));
  std::set<int> got;
  read(*j, got, {});
  EXPECT_FALSE(got.contains(1));
  EXPECT_TRUE(got.contains(number - 1));
}

// A client that dies without a word, with a last will.
void die_with_will(int port, const std::string& topic, const std::string& text) {
  const auto child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto* const client = mosquitto_new(nullptr, true, nullptr);
    mosquitto_will_set(client, topic.c_str(), static_cast<int>(text.size()), text.data(), 1, false);
    bool connected = false;
    mosquitto_user_data_set(client, &connected);
    mosquitto_connect_callback_set(client, [](mosquitto*, void* done, int) {
      *static_cast<bool*>(done) = true;
    });
    if (mosquitto_connect(client, "127.0.0.1", port, 10) != MOSQ_ERR_SUCCESS) ::_exit(1);
    while (!connected) mosquitto_loop(client, 100, 1);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
}

TEST_F(PluginTest, WillsComeByTheSubscriptionBesideItAndNothingComesTwice) {
  test::BrokerProcess broker(folder_.path(), lines());
  auto j = agent();
  mqtt::Options options;
  options.name = "floor";
  options.plugin = true;
  options.url = fmt::format("mqtt://127.0.0.1:{}", broker.port());
  options.topics = {"s/+/v"};
  options.wills = {"s/+/state"};
  options.folder = folder_.path();
  SystemClock clock;
  SeededRandom random(3);
  auto source = mqtt::make_source(options, *j, clock, random);
  ASSERT_TRUE(source.ok()) << source.error().text();
  ASSERT_TRUE((*source)->start().ok());
  ASSERT_TRUE(eventually([&] { return (*source)->status().state == "ok"; }));
  broker.publish("s/p1/state", {"\"here\""});  // heard by both, taken once
  broker.publish("s/p1/v", {"1"});
  die_with_will(broker.port(), "s/p1/state", "\"gone\"");

  source::SeriesTable series;
  std::vector<std::string> got;
  EXPECT_TRUE(eventually([&] {
    while (const auto e = j->next(100ms)) {
      EXPECT_EQ(e->first.source, mqtt::kBrokerSource);
      source::Decoded out;
      (*source)->decoder().decode(e->first, series, out);
      for (const auto& g : out.groups) {
        const auto& c = g.columns.at(0);
        got.push_back(series.at(c.series).local_name() + "=" +
                      (c.type == ValueType::text ? c.text.at(0) : fmt::to_string(c.f64.at(0))));
      }
      EXPECT_TRUE(out.rejected.empty());
    }
    return got.size() >= 3;
  }));
  EXPECT_THAT(got, testing::UnorderedElementsAre("p1/state=here", "p1/v=1", "p1/state=gone"));
  (*source)->stop();
}

TEST_F(PluginTest, DurableAcknowledgesAfterTheSync) {
  test::BrokerProcess broker(folder_.path(), lines("plugin_opt_durable true"));
  auto j = agent();
  Sender sender(broker.port());
  sender.publish(1);
  const auto e = j->next(10s);
  ASSERT_TRUE(e);
  ASSERT_TRUE(eventually([&] { return j->durable_awaited(); }));
  EXPECT_TRUE(sender.acknowledged().empty());
  j->durable(e->second);
  EXPECT_TRUE(eventually([&] { return sender.acknowledged().size() == 1; }));
}

TEST_F(PluginTest, DurableWaitsOnceForAnAgentThatIsAway) {
  test::BrokerProcess broker(folder_.path(), lines("plugin_opt_durable true"));
  auto j = agent();  // which syncs nothing
  Sender sender(broker.port());
  sender.publish(1);
  ASSERT_TRUE(eventually([&] { return sender.cut() > 2; })) << "after 10 s, and then at once";
  int appended = 0;
  journal::Position last;
  while (const auto e = j->next(200ms)) {
    ++appended;
    last = e->second;
  }
  EXPECT_EQ(appended, 1);
  EXPECT_TRUE(sender.acknowledged().empty());
  j->durable(last);
  EXPECT_TRUE(eventually([&] {
    while (const auto e = j->next(1ms)) j->durable(e->second);
    return sender.acknowledged().size() == 1;
  }));
}

}  // namespace
}  // namespace tidemark::plugin
