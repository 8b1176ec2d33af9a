#include "gateway/identity/registry_topic.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "common/kafka/consumer.h"
#include "common/kafka/producer.h"

namespace tidemark::gateway {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kTurn{2};
constexpr auto kAgain = std::chrono::seconds(5);
constexpr std::uint64_t kQueueBytes = 16 << 20;

class RegistryTopic final : public RegistryLog {
 public:
  RegistryTopic(std::string topic, std::int64_t from, milliseconds patience, const Clock& clock,
                std::unique_ptr<kafka::Consumer> consumer,
                std::unique_ptr<kafka::Producer> producer)
      : topic_(std::move(topic)), from_(from), patience_(patience), clock_(clock),
        consumer_(std::move(consumer)), producer_(std::move(producer)) {}

  Result<> append(const std::vector<RegistryEntry>& entries) override {
    if (refused_ && clock_.steady() < again_) return *refused_;
    auto done = say(entries);
    refused_.reset();
    if (!done) {
      refused_ = std::move(done).error().within("the registry of all gateways, " + topic_);
      again_ = clock_.steady() + kAgain;
      return *refused_;
    }
    return {};
  }
  std::vector<RegistryEntry> take() override {
    while (poll()) {
    }
    return std::exchange(came_, {});
  }
  Result<> catch_up(milliseconds within) override {
    TIDE_ASSIGN(const auto there, consumer_->extent_of(0, within));
    return read_to(there.end, within);
  }
  [[nodiscard]] std::int64_t next() const override {
    return came_.empty() ? consumer_->next_of(0) : came_.front().place;
  }
  [[nodiscard]] bool at_end() const override { return consumer_->at_end(); }
  [[nodiscard]] std::string problem() const override {
    return refused_ ? refused_->text() : consumer_->problem();
  }

 private:
  Result<> say(const std::vector<RegistryEntry>& entries) {
    producer_->poll();  // it may have come to an end since
    for (const auto& e : entries) {
      const auto value = e.value ? as_bytes(*e.value) : ByteSpan{};
      TIDE_TRY(producer_->send(topic_, 0, as_bytes(e.key), value, {}, 0));
    }
    std::int64_t last = -1;
    std::size_t outcomes = 0;
    for (const auto& d : producer_->finish(patience_)) {
      if (d.fault) return *d.fault;
      last = std::max(last, d.offset);
      ++outcomes;
    }
    if (outcomes < entries.size()) return Error{Fault::unavailable, "no answer in time"};
    return read_to(last + 1, patience_);
  }
  bool poll() {
    return consumer_->poll([this](const kafka::Record& r) {
      auto& e = came_.emplace_back(RegistryEntry{std::string(r.key), std::nullopt, r.offset});
      if (!r.value.empty()) e.value = std::string(as_text(r.value));
    });
  }
  Result<> read_to(std::int64_t end, milliseconds within) {
    // Where the topic ends before the place from which it is read, it is another one of that name.
    const auto there = [&] {
      return consumer_->next_of(0) >= end && (from_ <= end || consumer_->at_end());
    };
    for (const auto until = clock_.steady() + within; !there();) {
      if (poll()) continue;
      if (clock_.steady() >= until) {
        auto why = consumer_->problem();
        return Error{Fault::unavailable, "not read in time" + (why.empty() ? "" : ": " + why)};
      }
      std::this_thread::sleep_for(kTurn);
    }
    return {};
  }

  const std::string topic_;
  const std::int64_t from_;
  const milliseconds patience_;
  const Clock& clock_;
  std::unique_ptr<kafka::Consumer> consumer_;
  std::unique_ptr<kafka::Producer> producer_;
  std::vector<RegistryEntry> came_;
  std::optional<Error> refused_;
  SteadyTime again_;
};

}  // namespace

Result<std::unique_ptr<RegistryLog>> open_registry_topic(const kafka::Settings& settings,
                                                         std::int64_t from, milliseconds patience,
                                                         const Clock& clock) {
  auto one = kafka::ConsumerOptions::of_one(settings.registry(), 1, 0, from);
  TIDE_ASSIGN(auto consumer, kafka::Consumer::open(settings, std::move(one)));
  // Now, so that it is connected when the first edge asks.
  TIDE_ASSIGN(auto producer, kafka::Producer::open(settings, {.queue_bytes_max = kQueueBytes,
                                                              .patience = patience}));
  return std::unique_ptr<RegistryLog>(
      std::make_unique<RegistryTopic>(settings.registry(), from, patience, clock,
                                      std::move(consumer), std::move(producer)));
}

}  // namespace tidemark::gateway
