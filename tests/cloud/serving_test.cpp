// A node that serves, on librdkafka's mock brokers.
#include "cloud/serve/serving.h"

#include <mutex>

#include "common/kafka/producer.h"
#include "tests/cloud/served_double.h"
#include "tests/support/eventually.h"
#include "tests/support/mock_kafka.h"

namespace tidemark::test {
namespace {

class ServingNode : public testing::Test {
 protected:
  Result<kafka::Layout> layout() {
    const std::lock_guard lock(mutex_);
    return kafka::Layout{.id = layout_, .partitions = MockKafka::kPartitions};
  }
  void make_anew(const std::string& id) {
    const std::lock_guard lock(mutex_);
    layout_ = id;
  }
  void start() {
    serving_.reset();
    served_.open();
    serving_ = serve::Serving::open({kafka_.settings, std::chrono::milliseconds(20),
                                     std::chrono::milliseconds(20),
                                     [this](const kafka::Settings& /*settings*/) {
                                       return layout();
                                     }},
                                    *served_.store, clock_).value();
  }
  bool until(const std::function<bool(const serve::Condition&)>& condition) {
    return eventually([&] {
      EXPECT_TRUE(serving_->turn().ok());
      return condition(serving_->condition());
    });
  }
  void produce(const std::string& topic, int partition, const std::string& value) {
    ASSERT_TRUE(producer_->send(topic, partition, as_bytes("key"), as_bytes(value), {}, 1).ok());
    const auto outcome = producer_->finish(std::chrono::seconds(10));
    ASSERT_EQ(outcome.size(), 1u);
    ASSERT_FALSE(outcome[0].fault.has_value()) << outcome[0].fault->text();
  }
  // Into both topics, as a node does that makes answers.
  void publish(const answers::Answer& answer, int partition = 1) {
    produce(kafka_.settings.answers(), partition, to_json(answer));
    produce(kafka_.settings.history(), partition, to_json(answer));
  }

  std::mutex mutex_;  // of layout_, which the watching thread reads
  std::string layout_ = "mock";
  MockKafka kafka_;
  SystemClock clock_;
  Served served_;
  std::unique_ptr<kafka::Producer> producer_ =
      kafka::Producer::open(kafka_.settings, {}).value();
  std::unique_ptr<serve::Serving> serving_;
};

TEST_F(ServingNode, IsReadyOnceItHasReadWhatWasThere) {
  for (std::uint64_t r = 0; r < 3; ++r) publish(some_revision(0, r));
  publish(some_revision(0, 0, "press-08/line1/power"), 3);
  start();
  EXPECT_FALSE(serving_->condition().ready);
  EXPECT_NE(serving_->condition().not_ready(), "");
  ASSERT_TRUE(until([](const auto& c) { return c.ready; }));
  EXPECT_EQ(served_.revisions(), (std::vector<std::uint64_t>{2, 0}));
  EXPECT_EQ(served_.reader()->revisions(of_view())->size(), 4u);
  const auto counts = serving_->condition().counts;
  EXPECT_EQ(counts.records, 8u);
  EXPECT_EQ(counts.repeated, 4u) << "each lies in both topics";
  publish(some_revision(1, 0));
  ASSERT_TRUE(until([&](const auto&) { return served_.revisions().size() == 3; }));
  EXPECT_EQ(serving_->condition().problem, "");
}

TEST_F(ServingNode, GoesOnWhereItWas) {
  publish(some_revision(0, 0));
  start();
  ASSERT_TRUE(until([](const auto& c) { return c.ready && c.counts.records == 2; }));
  serving_.reset();
  publish(some_revision(0, 1));
  start();
  EXPECT_EQ(serving_->condition().counts.records, 2u);
  ASSERT_TRUE(until([](const auto& c) { return c.ready && c.counts.records == 4; }));
  EXPECT_EQ(served_.revisions(), std::vector<std::uint64_t>{1});
  EXPECT_EQ(serving_->condition().counts.repeated, 2u) << "nothing was read twice";
}

TEST_F(ServingNode, TopicsThatAreMadeAnewAreReadIntoAnEmptyStore) {
  publish(some_revision(0, 5));
  start();
  ASSERT_TRUE(until([](const auto& c) { return c.ready && c.counts.records == 2; }));
  const auto position = served_.reader()->position().value();
  make_anew("other");  // while it runs; here with the records that are there
  ASSERT_TRUE(until([](const auto& c) { return c.ready && c.counts.records == 4; }));
  EXPECT_EQ(served_.revisions(), std::vector<std::uint64_t>{5});
  EXPECT_GT(served_.reader()->position().value(), position) << "listeners hear of it";
  EXPECT_EQ(served_.reader()->revisions(of_view())->size(), 1u);

  serving_.reset();  // and while it does not
  make_anew("third");
  start();
  ASSERT_TRUE(until([](const auto& c) { return c.ready && c.counts.records == 6; }));
  EXPECT_EQ(served_.reader()->revisions(of_view())->size(), 1u);
  EXPECT_EQ(serving_->condition().counts.repeated, 3u) << "only by the other topic";
}

TEST_F(ServingNode, ADamagedRecordIsNamedAndTheRestGoesOn) {
  produce(kafka_.settings.answers(), 2, "no answer");
  produce(kafka_.settings.history(), 2, R"({"view":"power_1m"})");
  publish(some_revision(0, 0), 2);
  start();
  ASSERT_TRUE(until([](const auto& c) { return c.ready && c.counts.records == 2; }));
  EXPECT_EQ(served_.revisions().size(), 1u);
  const auto state = served_.reader()->serving().value();
  ASSERT_EQ(state->refused, 2u);
  std::vector<std::string> names;
  for (const auto& r : state->newest_refused) names.push_back(r.record);
  std::ranges::sort(names);
  EXPECT_EQ(names, (std::vector<std::string>{kafka_.settings.history() + "/2/0",
                                             kafka_.settings.answers() + "/2/0"}));
}

TEST_F(ServingNode, WhileBrokersAreAwayItSaysSoAndGoesOnWhenTheyAreBack) {
  publish(some_revision(0, 0));
  start();
  ASSERT_TRUE(until([](const auto& c) { return c.ready; }));
  kafka_.be_there(false);
  ASSERT_TRUE(until([](const auto& c) { return !c.problem.empty(); }));
  EXPECT_EQ(served_.revisions().size(), 1u);
  EXPECT_TRUE(serving_->condition().ready) << "what was there at its start has been read";
  EXPECT_EQ(serving_->condition().not_ready(), "") << "it answers from its own store";
  kafka_.be_there(true);
  publish(some_revision(1, 0));
  ASSERT_TRUE(until([&](const auto& c) {
    return c.problem.empty() && served_.revisions().size() == 2;
  }));
}

}  // namespace
}  // namespace tidemark::test
