// What an outbox says of itself, with a producer whose outcomes are given.
#include "cloud/cluster/outbox.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "cloud/store/store.h"
#include "tests/support/eventually.h"
#include "tests/support/folder.h"

namespace tidemark::test {
namespace {

class GivenProducer final : public kafka::Producer {
 public:
  void answer_commits(Result<kafka::Attempt> with) {
    const std::lock_guard lock(mutex_);
    commits_ = std::move(with);
    changed_.notify_all();
  }

  Result<> send(const std::string& /*topic*/, int /*partition*/, ByteSpan /*key*/,
                ByteSpan /*value*/, std::span<const kafka::Header> /*headers*/,
                std::uintptr_t tag) override {
    deliveries_.push_back({tag, std::nullopt, 0});
    return {};
  }
  std::vector<kafka::Delivery> poll() override { return std::exchange(deliveries_, {}); }
  std::vector<kafka::Delivery> finish(std::chrono::milliseconds /*within*/) override {
    return poll();
  }
  [[nodiscard]] int descriptor() const override { return -1; }
  [[nodiscard]] std::size_t waiting() const override { return 0; }
  Result<kafka::Attempt> be_owner(std::chrono::milliseconds /*within*/) override {
    return kafka::Attempt{.done = true};
  }
  Result<> begin() override { return {}; }
  void give_up(const Error& /*why*/) override {}
  Result<kafka::Attempt> commit(std::chrono::milliseconds within) override {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, within, [this] { return !commits_ || commits_->done; });
    return commits_;
  }
  Result<Found> probe(const std::string& /*topic*/, std::chrono::milliseconds /*within*/) override {
    return Found{1, 0};
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  Result<kafka::Attempt> commits_ = kafka::Attempt{.done = true};
  std::vector<kafka::Delivery> deliveries_;  // of the outbox's thread
};

class OutboxTest : public testing::Test {
 protected:
  // One record is to be said.
  std::unique_ptr<cluster::Outbox> say_one(cluster::Outbox::OpenReader open) {
    const auto next = [](query::Reader& /*reader*/,
                         std::uint64_t after) -> Result<cluster::Outbox::Batch> {
      cluster::Outbox::Batch batch;
      if (after > 0) return batch;
      batch.records.push_back({.topic = "answers", .key = "k", .value = {1}});
      batch.to = 1;
      return batch;
    };
    cluster::Outbox::Options o;
    o.open = std::move(open);
    o.feeds = {{"answers", next}};
    o.voice = voice_;
    return std::make_unique<cluster::Outbox>(std::move(o));
  }
  Result<std::unique_ptr<query::Reader>> reader() {
    SystemDisk disk;
    { const auto made = store::Store::open(disk, folder_.path).value(); }
    return query::Reader::open(folder_.path);
  }
  static bool has_said(cluster::Outbox& outbox) {
    return eventually([&] { return !outbox.moved().empty(); });
  }

  Folder folder_;
  std::shared_ptr<GivenProducer> voice_ = std::make_shared<GivenProducer>();
};

TEST_F(OutboxTest, ACommitWhoseEndIsNotKnownIsAProblemUntilItIs) {
  voice_->answer_commits(kafka::Attempt{.why = "no coordinator"});
  const auto outbox = say_one([this] { return reader(); });
  ASSERT_TRUE(eventually([&] { return outbox->problem() == "answers: no coordinator"; }))
      << outbox->problem();
  EXPECT_FALSE(outbox->silenced());
  voice_->answer_commits(kafka::Attempt{.done = true});
  EXPECT_TRUE(has_said(*outbox));
  EXPECT_TRUE(eventually([&] { return outbox->problem().empty(); })) << outbox->problem();
}

// Of a medium that cannot be written, or rights that a person gives: the brokers said nothing.
TEST_F(OutboxTest, AReaderThatIsDeniedItsFileIsAProblemAndSilencesNobody) {
  std::atomic<bool> may{false};
  const auto outbox = say_one([&]() -> Result<std::unique_ptr<query::Reader>> {
    if (!may) return Error{Fault::denied, "cloud.db: no rights"};
    return reader();
  });
  ASSERT_TRUE(eventually([&] { return outbox->problem() == "cloud.db: no rights"; }));
  EXPECT_FALSE(outbox->silenced());
  may = true;
  EXPECT_TRUE(has_said(*outbox));
  EXPECT_TRUE(eventually([&] { return outbox->problem().empty(); })) << outbox->problem();
  EXPECT_FALSE(outbox->silenced());
}

TEST_F(OutboxTest, WhoIsRefusedByTheBrokersIsSilenced) {
  voice_->answer_commits(Error{Fault::denied, "another has begun"});
  const auto outbox = say_one([this] { return reader(); });
  EXPECT_TRUE(eventually([&] { return outbox->silenced(); }));
  EXPECT_EQ(outbox->problem(), "another has begun");
}

}  // namespace
}  // namespace tidemark::test
