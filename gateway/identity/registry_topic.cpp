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
constexpr std::size_t kTakenMax = 10'000;  // at once

class RegistryTopic final : public RegistryLog {
 public:
  RegistryTopic(kafka::Settings settings, std::int64_t from, milliseconds patience,
                const Clock& clock)
      : settings_(std::move(settings)), topic_(settings_.registry()), from_(from),
        patience_(patience), clock_(clock) {}
  Result<> open() {
    TIDE_TRY(open_consumer());
    // Now, so that it is connected when the first edge asks.
    TIDE_ASSIGN(producer_, kafka::Producer::open(settings_, {.queue_bytes_max = kQueueBytes,
                                                             .patience = patience_,
                                                             .topics = {topic_}}));
    return {};
  }

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
    while (came_.size() < kTakenMax && poll()) {
    }
    return std::exchange(came_, {});
  }
  void again() override {
    from_ = 0;
    came_.clear();
    // These settings have worked before.
    if (const auto opened = open_consumer(); !opened) refused_ = opened.error();
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
    ++said_;
    for (const auto& e : entries) {
      const auto value = e.value ? as_bytes(*e.value) : ByteSpan{};
      TIDE_TRY(producer_->send(topic_, 0, as_bytes(e.key), value, {}, said_));
    }
    std::int64_t last = -1;
    std::size_t outcomes = 0;
    for (const auto& d : producer_->finish(patience_)) {
      if (d.tag != said_) continue;  // of one that was given up
      if (d.fault) return *d.fault;
      last = std::max(last, d.offset);
      ++outcomes;
    }
    if (outcomes < entries.size()) return Error{Fault::unavailable, "no answer in time"};
    return read_to(last + 1, patience_);
  }
  Result<> open_consumer() {
    TIDE_ASSIGN(consumer_, kafka::Consumer::open(
                               settings_, kafka::ConsumerOptions::of_one(topic_, 1, 0, from_)));
    return {};
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

  const kafka::Settings settings_;
  const std::string topic_;
  std::int64_t from_;
  const milliseconds patience_;
  const Clock& clock_;
  std::unique_ptr<kafka::Consumer> consumer_;
  std::unique_ptr<kafka::Producer> producer_;
  std::vector<RegistryEntry> came_;
  std::uintptr_t said_ = 0;
  std::optional<Error> refused_;
  SteadyTime again_;
};

}  // namespace

Result<std::unique_ptr<RegistryLog>> open_registry_topic(const kafka::Settings& settings,
                                                         std::int64_t from, milliseconds patience,
                                                         const Clock& clock) {
  auto topic = std::make_unique<RegistryTopic>(settings, from, patience, clock);
  TIDE_TRY(topic->open());
  return std::unique_ptr<RegistryLog>(std::move(topic));
}

}  // namespace tidemark::gateway
