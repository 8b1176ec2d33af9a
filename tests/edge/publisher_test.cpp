#include "edge/publish/publisher.h"

#include <gtest/gtest.h>
#include <mosquitto.h>

#include <mutex>
#include <string>
#include <vector>

#include "tests/edge/broker_process.h"
#include "tests/edge/temporary_folder.h"
#include "tests/support/eventually.h"

namespace tidemark::publish {
namespace {

// What a panel hears.
class Panel {
 public:
  Panel(int port, const char* filter) : filter_(filter) {
    mosquitto_lib_init();
    client_ = mosquitto_new("panel", true, this);
    mosquitto_connect_callback_set(client_, [](mosquitto* m, void* self, int) {
      mosquitto_subscribe(m, nullptr, static_cast<Panel*>(self)->filter_.c_str(), 0);
    });
    mosquitto_subscribe_callback_set(client_, [](mosquitto*, void* self, int, int, const int*) {
      static_cast<Panel*>(self)->ready_ = true;
    });
    mosquitto_message_callback_set(client_, [](mosquitto*, void* self, const mosquitto_message* m) {
      auto& me = *static_cast<Panel*>(self);
      const std::lock_guard lock(me.mutex_);
      me.heard_.push_back(std::string(m->topic) + " " +
                          std::string(static_cast<const char*>(m->payload),
                                      static_cast<std::size_t>(m->payloadlen)));
    });
    mosquitto_connect(client_, "127.0.0.1", port, 30);
    mosquitto_loop_start(client_);
    EXPECT_TRUE(test::eventually([this] { return ready_.load(); }));
  }
  ~Panel() {
    mosquitto_disconnect(client_);
    mosquitto_loop_stop(client_, true);
    mosquitto_destroy(client_);
  }
  std::vector<std::string> heard() {
    const std::lock_guard lock(mutex_);
    return heard_;
  }

 private:
  std::string filter_;
  mosquitto* client_ = nullptr;
  std::atomic<bool> ready_{false};
  std::mutex mutex_;
  std::vector<std::string> heard_;
};

Options options_for(int port) {
  Options o;
  o.url = "mqtt://127.0.0.1:" + std::to_string(port);
  o.client_id = "tidemark-test-publish";
  o.backoff_min = std::chrono::milliseconds(10);
  o.backoff_max = std::chrono::milliseconds(50);
  return o;
}

class PublisherTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!test::BrokerProcess::installed()) GTEST_SKIP() << "no mosquitto";
  }
  test::TemporaryFolder folder_;
};

TEST_F(PublisherTest, MessagesReachAPanelInOrder) {
  test::BrokerProcess broker(folder_.path());
  Panel panel(broker.port(), "tidemark/#");
  auto publisher = Publisher::start(options_for(broker.port()));
  ASSERT_TRUE(publisher);
  for (int i = 0; i < 500; ++i) {
    (*publisher)->publish("tidemark/press-07/line1/power", std::to_string(i));
  }
  ASSERT_TRUE(test::eventually([&] { return panel.heard().size() == 500; }));
  EXPECT_EQ(panel.heard().front(), "tidemark/press-07/line1/power 0");
  EXPECT_EQ(panel.heard().back(), "tidemark/press-07/line1/power 499");
  const auto status = (*publisher)->status();
  EXPECT_EQ(status.state, "ok");
  EXPECT_EQ(status.published, 500u);
  EXPECT_EQ(status.dropped, 0u);
}

TEST_F(PublisherTest, WhileTheBrokerIsAwayTheNewestWaitAndTheRestIsCounted) {
  test::BrokerProcess broker(folder_.path());
  const auto port = broker.port();
  broker.stop(SIGTERM);
  auto publisher = Publisher::start(options_for(port));
  ASSERT_TRUE(publisher);
  for (std::size_t i = 0; i < Publisher::kMessagesMax + 10; ++i) {
    (*publisher)->publish("t", std::to_string(i));
  }
  ASSERT_TRUE(test::eventually([&] { return !(*publisher)->status().error.empty(); }));
  EXPECT_EQ((*publisher)->status().state, "connecting");
  EXPECT_EQ((*publisher)->status().dropped, 10u);
  EXPECT_EQ((*publisher)->status().queued, Publisher::kMessagesMax);
  broker.start();
  ASSERT_TRUE(test::eventually([&] { return (*publisher)->status().queued == 0; }));
  EXPECT_EQ((*publisher)->status().state, "ok");
}

TEST_F(PublisherTest, ALatePanelGetsWhatIsRetained) {
  test::BrokerProcess broker(folder_.path());
  auto options = options_for(broker.port());
  options.retain = true;
  {
    auto publisher = Publisher::start(options);
    ASSERT_TRUE(publisher);
    ASSERT_TRUE(test::eventually([&] { return (*publisher)->status().state == "ok"; }));
    (*publisher)->publish("tidemark/a", "1");
    (*publisher)->publish("tidemark/a", "2");
  }  // hands over what is queued
  Panel panel(broker.port(), "tidemark/#");
  ASSERT_TRUE(test::eventually([&] { return !panel.heard().empty(); }));
  EXPECT_EQ(panel.heard().front(), "tidemark/a 2");
}

TEST(Publisher, RefusesAUrlThatCannotBeMeant) {
  Options o;
  o.url = "http://x";
  const auto started = Publisher::start(o);
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().text().find("publish.url"), std::string::npos);
}

}  // namespace
}  // namespace tidemark::publish
